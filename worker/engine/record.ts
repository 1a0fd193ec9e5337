import type { ChoiceFinish } from '../canonical/events.ts'
import type { FailureClass } from '../canonical/failure.ts'
import type { Usage } from '../canonical/usage.ts'
import type { DecisionRecord } from './decision.ts'

/** Of a call that went on with an answer which broke in the middle (`reliability.md` 2): what it went on with. */
export interface Continued {
  /** The target whose call had told the beginning. */
  readonly from: string
  /** How that call broke. */
  readonly because: FailureClass
  /** How the target was told what there was already. */
  readonly mode: 'prefill' | 'user_turn'
}

/** One upstream call, as it is remembered. */
export interface AttemptRecord {
  readonly target: string
  readonly outcome: 'ok' | FailureClass
  /** From sending to the end of the attempt, ms. */
  readonly durationMs: number
  /** From sending to the first meaningful token, ms; absent when none came. */
  readonly firstTokenMs?: number
  readonly status?: number
  readonly providerCode?: string
  /** Absent: the call began an answer of its own. */
  readonly continues?: Continued
}

export type Ending = 'finished' | 'failed' | 'client_gone' | 'refused'

/** What one request was: the record that later rooms extend. No text, no key, no header of the caller. */
export interface RequestRecord {
  readonly requestId: string
  readonly tenant: string | null
  readonly keyId: string | null
  readonly dialect: string
  readonly operation: 'chat' | 'count_tokens' | 'explain'
  readonly stream: boolean
  /** How a stream was carried; absent when it never began. */
  readonly plumbing?: 'relay' | 'translate' | 'json' | undefined
  /** Nobody was asked for this answer: it came from the cache, or is the route's fixed text. */
  readonly servedFrom?: 'cache' | 'template' | undefined
  /** In what the answer is less than what was asked for. */
  readonly degraded?: readonly string[] | undefined
  readonly requestedModel: string | null
  readonly route: string | null
  readonly target: string | null
  readonly provider: string | null
  readonly model: string | null
  readonly region: string | null
  readonly attempts: readonly AttemptRecord[]
  readonly ending: Ending
  readonly status: number
  readonly errorCode?: string | undefined
  /** The field or header at fault, by its name, as short as the dialects clip it; absent where the error names none. */
  readonly errorParam?: string | undefined
  readonly finishReasons?: readonly ChoiceFinish['reason'][] | undefined
  readonly usage?: Usage | undefined
  readonly costNanoUsd?: number | undefined
  readonly durationMs: number
  readonly firstTokenMs?: number | undefined
  readonly reason: string | null
  /** What the plan was made of; absent where there was none, or the configuration keeps none. */
  readonly decision?: DecisionRecord | undefined
  readonly configVersion: string
  readonly colo: string | null
}
