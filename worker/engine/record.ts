import type { ChoiceFinish } from '../canonical/events.ts'
import type { FailureClass } from '../canonical/failure.ts'
import type { Usage } from '../canonical/usage.ts'
import type { DecisionRecord } from './decision.ts'

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
  readonly plumbing?: 'relay' | 'translate' | 'json'
  /** Nobody was asked for this answer: it came from the cache, or is the route's fixed text. */
  readonly servedFrom?: 'cache' | 'template'
  /** In what the answer is less than what was asked for. */
  readonly degraded?: readonly string[]
  readonly requestedModel: string | null
  readonly route: string | null
  readonly target: string | null
  readonly provider: string | null
  readonly model: string | null
  readonly region: string | null
  readonly attempts: readonly AttemptRecord[]
  readonly ending: Ending
  readonly status: number
  readonly errorCode?: string
  readonly finishReasons?: readonly ChoiceFinish['reason'][]
  readonly usage?: Usage
  readonly costNanoUsd?: number
  readonly durationMs: number
  readonly firstTokenMs?: number
  readonly reason: string | null
  /** What the plan was made of; absent where there was none, or the configuration keeps none. */
  readonly decision?: DecisionRecord
  readonly configVersion: string
  readonly colo: string | null
}
