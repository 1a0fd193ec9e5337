import type { Usage } from '../../worker/canonical/usage.ts'
import type { NanoUsd } from './money.ts'

/**
 * What an isolate (or a `Run` object) and the ledger of its tenant say to each other. Plain JSON. One `Exchange` is
 * one transaction: what was settled is told first, what is wanted is asked for second. Every message may be lost,
 * doubled, late or out of order; the safety of the money depends on none of it, and on no clock.
 *
 * Waits and lifetimes are durations, never times of day: no clock has to agree with another.
 */

/** What a budget or a limit is for. A tag is `tag:feature=search`. */
export type ScopeId =
  | 'tenant'
  | `team:${string}`
  | `key:${string}`
  | `route:${string}`
  | `tag:${string}`

/** `epoch.number`: the life of the ledger that granted it, and its number there. Never used twice. */
export type LeaseId = `${number}.${number}`

/** How an amount was found. `worst_case`: what was held, because nobody knows better. */
export type Basis = 'exact' | 'estimated' | 'worst_case'

/** One call of a provider and what it cost. Written once, never changed. */
export interface AttemptLine {
  /** 1 for the first of its lease, then one more for each: what was sent twice is counted once. */
  readonly number: number
  readonly attemptId: string
  readonly requestId: string
  readonly route: string
  /** `model@provider`. */
  readonly target: string
  /** What the provider says it served. */
  readonly servedModel: string | null
  /** The catalog that priced it. */
  readonly priceVersion: string
  readonly usage: Usage
  /** What was held for it. */
  readonly worstNanoUsd: NanoUsd
  /** What it cost. More than `worstNanoUsd` only when the price table or the bound was wrong. */
  readonly amountNanoUsd: NanoUsd
  readonly basis: Basis
  /** Usage that cannot be true: settled at the worst case, and somebody should look. */
  readonly isImpossible?: true
  /** On the isolate's clock. */
  readonly atMs: number
  /** Whose call it was: the id of the caller's key, for chargeback. */
  readonly keyId?: string
  readonly tags?: Readonly<Record<string, string>>
  /** One sentence: why this target. At most 1000 characters. */
  readonly reason?: string
  /** How it ended. */
  readonly outcome?: string
  /** From when it was sent, ms. */
  readonly durationMs?: number
  readonly firstTokenMs?: number
  /** Of HTTP, as the provider answered it. */
  readonly status?: number
  /** Of a call that went on with an answer which broke: whose it was, how it broke, how the target was told of it. */
  readonly continues?: { readonly from: string; readonly because: string; readonly mode: string }
}

/** What a lease may be used for beside money: requests and tokens of a rate window, places for calls at once. */
export interface Units {
  readonly requests: number
  readonly tokens: number
  readonly slots: number
}

/** All a ledger needs to take in a lease that it granted and lost in a restore. Sent when its epoch is not the lease's. */
export interface Adoption {
  readonly grantNanoUsd: NanoUsd
  readonly accounts: readonly string[]
  readonly scopes: readonly ScopeId[]
}

interface AboutLease {
  readonly leaseId: LeaseId
  /** One higher for each statement of this lease; only the advisory numbers of the latest are kept. */
  readonly sequence: number
  /** Settled, each attempt counted at no more than was held for it. */
  readonly spentNanoUsd: NanoUsd
  /** Set aside for attempts that run. */
  readonly heldNanoUsd: NanoUsd
  /** All that were not acknowledged, in order. */
  readonly lines: readonly AttemptLine[]
  readonly adopt?: Adoption
}

export type Statement =
  /** For dashboards, and for the lines: moves no charge down. */
  | ({ readonly kind: 'report' } & AboutLease)
  /** Nothing will be admitted under this lease again: it costs at most spent and held. */
  | ({ readonly kind: 'seal' } & AboutLease)
  /** Everything is settled: it cost `spentNanoUsd`. */
  | ({ readonly kind: 'close'; readonly usedUnits?: Units } & AboutLease)
  /** A hold is settled: it cost what the line says. */
  | { readonly kind: 'post'; readonly leaseId: LeaseId; readonly line: AttemptLine }
  /** An attempt that was made while the ledger was out of reach, as far as its soft budgets allow that. */
  | {
      readonly kind: 'book'
      readonly askId: string
      readonly scopes: readonly ScopeId[]
      readonly line: AttemptLine
    }
  /** Whatever was asked for under this id was never used: no call went out, and none will. */
  | { readonly kind: 'void'; readonly askId: string }

interface AnyAsk {
  /** Made by the isolate, never used for anything else, the same when it asks again: the same id is the same lease. */
  readonly askId: string
  /** Every scope the request counts in; those without a budget or limit drop out. */
  readonly scopes: readonly ScopeId[]
}

export type Ask =
  /** A slice to spend from without asking. */
  | ({
      readonly kind: 'grant'
      readonly wantNanoUsd: NanoUsd
      /** The least that is of use: the worst case of a large request (p99) of this isolate. */
      readonly leastNanoUsd: NanoUsd
      readonly units: Units
    } & AnyAsk)
  /** The worst case of one attempt. */
  | ({
      readonly kind: 'hold'
      readonly worstNanoUsd: NanoUsd
      /** With a shorter answer. Less than this is a refusal. */
      readonly leastNanoUsd: NanoUsd
      /** Its worst case in tokens. */
      readonly tokens: number
    } & AnyAsk)
  /**
   * A small slice for the first request of an isolate, asked for with its key and before its body is read. While plenty
   * is left of everything it is granted like any slice; otherwise as a hold, for that one request.
   */
  | ({
      readonly kind: 'advance'
      readonly wantNanoUsd: NanoUsd
      /** The same where no budget is hard: nobody limits its answer then. */
      readonly softNanoUsd: NanoUsd
      readonly leastNanoUsd: NanoUsd
      readonly tokens: number
      /** Left out: nothing is granted near a cap or a limit. */
      readonly once?: OnceWant
    } & AnyAsk)

/** What the one request that brings a key may cost, where no slice can be had. */
export interface OnceWant {
  readonly nanoUsd: NanoUsd
  /** A bound by its headers, and not what its key asked for lately: it takes half of what is left at most. */
  readonly isGuess: boolean
}

export interface Exchange {
  readonly holder: string
  readonly statements: readonly Statement[]
  readonly asks: readonly Ask[]
}

/** `lost` stays charged, and may still be sealed or closed by its holder. */
export type LeaseState = 'active' | 'sealed' | 'closed' | 'lost'

export interface Acknowledgement {
  readonly leaseId: LeaseId
  /** `unknown`: not of this ledger's memory; say it again with `adopt` when its epoch is another. */
  readonly state: LeaseState | 'unknown'
  /** Lines up to this number are stored. */
  readonly lineCount: number
}

/** What a crossed threshold asks the edge to do. `block` is an answer of its own. */
export type ThresholdAction = 'warn' | 'degrade' | 'clamp' | 'block'

/** `sync`: ask for a hold for each request, because little is left. */
export type Mode = 'lease' | 'sync'

export type LimitKind = 'requests' | 'tokens' | 'concurrency'

/** For `x-ratelimit-*`. */
export interface LimitStanding {
  readonly limitId: string
  readonly scope: ScopeId
  readonly kind: LimitKind
  readonly limit: number
  readonly remaining: number
  /** Until all of it is there again if nobody asks meanwhile, ms; 0 for `concurrency`. */
  readonly resetMs: number
}

interface Standing {
  readonly askId: string
  readonly mode: Mode
  /** Of the tightest hard budget; null when there is none. */
  readonly remainingNanoUsd: NanoUsd | null
  readonly actions: readonly ('degrade' | 'clamp')[]
  readonly limits: readonly LimitStanding[]
}

export interface Granted extends Standing {
  readonly kind: 'granted'
  readonly leaseId: LeaseId
  readonly grantNanoUsd: NanoUsd
  /** Of the scopes that were asked for, those that have a budget or a limit. Requests that share them may share the lease. */
  readonly scopes: readonly ScopeId[]
  readonly accounts: readonly string[]
  /** Nothing is admitted later than this after the ask was first *sent*, ms. */
  readonly validForMs: number
  /** What the limits allow; null where there is no limit of the kind. */
  readonly units: { readonly [K in keyof Units]: number | null }
  /**
   * The latest when it was granted. The same ask gets the same lease, however old: whoever knows a later version does
   * not admit under it. Left out by a ledger of the version before.
   */
  readonly killVersion?: number
  /** An advance that is a hold: the first request that is paid from it is the last, and the rest goes back at once. */
  readonly isForOne?: true
  /** What an isolate may spend, and book later, while it cannot reach the ledger; zero when any budget is hard. */
  readonly failOpenNanoUsd: NanoUsd
}

export type DenyReason =
  /** Spent, or promised to attempts that will spend it. */
  | 'budget_exceeded'
  /** It would fit if leases and holds that are out came back unspent. */
  | 'budget_reserved'
  /** A threshold with `block`. */
  | 'budget_blocked'
  | 'rate_limited'
  | 'revoked'
  | 'frozen'
  /** After a restore, until what was granted before it can no longer be spent, and is accounted for. */
  | 'restoring'
  /** Too little is left to hand out slices. */
  | 'use_holds'
  /** The id was voided before it was asked for. */
  | 'voided'
  | 'malformed'

export interface Denied extends Standing {
  readonly kind: 'denied'
  readonly reason: DenyReason
  /** When asking again can help, ms; null: not by waiting. */
  readonly retryAfterMs: number | null
  /** The budget or limit that said no. */
  readonly by: string | null
}

export type Answer = Granted | Denied

export interface ExchangeReply {
  /** Another one: every lease of the old is only good for being settled. */
  readonly epoch: number
  /** Higher after a revocation, a freeze, or a change of what has a budget: older leases are sealed at once. */
  readonly killVersion: number
  readonly acknowledgements: readonly Acknowledgement[]
  /** Of voids and bookings: they are stored and need not be said again. */
  readonly noted: readonly string[]
  readonly answers: readonly Answer[]
}

/** The same scopes, whatever order they came in. */
export function scopeSetKey(scopes: readonly ScopeId[]): string {
  return [...new Set(scopes)].sort().join(' ')
}
