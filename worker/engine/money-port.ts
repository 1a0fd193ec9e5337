import type { GatewayError } from '../canonical/errors.ts'
import type { FailureClass } from '../canonical/failure.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import type { Usage } from '../canonical/usage.ts'
import type { Target } from '../edge/runtime.ts'
import type { Caller } from './caller.ts'
import type { Continued } from './record.ts'

/** Who pays for a request. */
export interface Payer {
  readonly caller: Caller
  readonly route: string | null
  /** Those of the key over those of the caller. */
  readonly tags: Readonly<Record<string, string>>
}

/** Who pays for a request, and under what it is written down. */
export interface Billing extends Payer {
  readonly requestId: string
  /** Absent: its calls begin answers of their own. */
  readonly continues?: Continued
}

/** What the engine asks and tells of money. */
export interface MoneyPort {
  /**
   * Whether a budget has crossed a threshold that asks for cheaper targets, as far as it is known here: asked before a
   * request is planned, and never waits.
   */
  asksToDegrade(payer: Payer): boolean
  /**
   * Sets the worst case of one attempt aside, before it is sent. At once where the isolate has credit; a promise where
   * the ledger has to be asked, which is over by `deadlineAtMs` at the latest.
   */
  admit(ask: AdmissionAsk): Admission | Promise<Admission>
  /** What every answer says of budgets and limits: headers as they are known now. */
  headers(): readonly (readonly [name: string, value: string])[]
  /** How long calls of this request waited for money, ms. */
  readonly waitedMs: number
}

export interface AdmissionAsk {
  readonly request: CanonicalRequest
  readonly target: Target
  readonly billing: Billing
  /** 1 for the first call of the request. */
  readonly attempt: number
  /** One sentence: why this target. */
  readonly reason: string
  /** Epoch ms. */
  readonly deadlineAtMs: number
}

export type Admission =
  | {
      readonly kind: 'admitted'
      readonly account: AttemptAccount
      /** The longest answer that was paid for, tokens: it must be sent as the limit. Null: what the request says stands. */
      readonly maxOutputTokens: number | null
      /** The answer is held shorter than was asked for, because that is what the money is for. */
      readonly isShorter: boolean
    }
  | {
      readonly kind: 'refused'
      readonly error: GatewayError
      /** Another target of the plan is not asked either: the reason is not what this one costs. */
      readonly isFinal: boolean
    }

/** The money of one attempt. Whoever was admitted ends it, once, on every path; a second word changes nothing. */
export interface AttemptAccount {
  settle(seen: CallSeen): void
}

/** What was seen of a call, as far as its bill goes. */
export interface CallSeen {
  /**
   * `not_sent`: it never went out; `rejected`: the provider answered with an error, before any token; `complete`: its
   * own end mark came; `aborted`: a stream was broken off while it was read; `unknown`: nobody knows what was made.
   */
  readonly ending: 'not_sent' | 'rejected' | 'complete' | 'aborted' | 'unknown'
  readonly usage?: Usage | undefined
  /** UTF-8 bytes of everything generated that came, or more. */
  readonly receivedBytes: number
  /** What the provider says it served. */
  readonly servedModel?: string | undefined
  /** How it ended, for the books; what it costs does not depend on it. */
  readonly outcome?: 'ok' | FailureClass
  /** From when it was sent to its end, ms. */
  readonly durationMs?: number
  readonly firstTokenMs?: number
  /** Of HTTP, as the provider answered it. */
  readonly status?: number
}

/** A call that a fault of ours has lost sight of. */
export const lostCall: CallSeen = { ending: 'unknown', receivedBytes: 0 }

const noAccount: AttemptAccount = { settle: () => undefined }

/** Where nobody keeps books: an object's own probes, a deployment that turned its ledger off. */
export const unmetered: MoneyPort = {
  admit: () => ({ kind: 'admitted', account: noAccount, maxOutputTokens: null, isShorter: false }),
  asksToDegrade: () => false,
  headers: () => [],
  waitedMs: 0,
}
