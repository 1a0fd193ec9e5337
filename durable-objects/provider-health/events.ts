import type { TrialCounts } from './rules/trial.ts'
import type {
  Cause,
  DomainKey,
  DomainState,
  Evidence,
  HealthReply,
  HealthReport,
  OutcomeRow,
  Permit,
  ProbeOutcome,
} from './protocol.ts'

export type HealthEvent =
  /** From an isolate: counted once, answered by a `reply`. */
  | { readonly kind: 'report'; readonly report: HealthReport }
  | OwnOutcomes
  | { readonly kind: 'tick' }
  | Force
  | { readonly kind: 'reset'; readonly key: DomainKey }

/**
 * One's own outcomes, counted as they come: an isolate's local core, or a synthetic probe of the object.
 * With `wants` it is answered by `permits`.
 */
export interface OwnOutcomes {
  readonly kind: 'outcomes'
  readonly rows: readonly OutcomeRow[]
  readonly probes?: readonly ProbeOutcome[]
  readonly wants?: readonly string[]
  readonly credential?: string
}

/** By an operator, for circuits (edge and targets); `auto` ends it. */
export interface Force {
  readonly kind: 'force'
  readonly key: DomainKey
  readonly state: 'open' | 'closed' | 'auto'
  /** At most a day; without meaning for `auto`. */
  readonly forMs: number
}

export type TransitionCause =
  | Cause
  | 'wait_over'
  | 'probes_lost'
  | 'recovered'
  | 'forced'
  | 'force_over'
  | 'reset'

/** The state that holds for isolates became another. */
export interface Transition {
  readonly kind: 'transition'
  readonly key: DomainKey
  readonly from: DomainState
  readonly to: DomainState
  readonly epoch: number
  readonly cause: TransitionCause
  readonly evidence: Evidence | null
}

export interface TrialStopped {
  readonly kind: 'trial_stopped'
  readonly trial: string
  readonly target: string
  readonly counts: TrialCounts
}

export type HealthEffect =
  | { readonly kind: 'reply'; readonly reply: HealthReply }
  | { readonly kind: 'permits'; readonly permits: readonly Permit[] }
  /** Store `durable(state)` before anything of this step is told to anybody. */
  | { readonly kind: 'persist' }
  /** Send a `tick` then. It replaces the alarm asked for before. */
  | { readonly kind: 'alarm'; readonly atMs: number }
  | Transition
  /** Send a small call of one's own; its outcome comes back as `outcomes` with these permits. */
  | {
      readonly kind: 'synthetic_probe'
      readonly target: string
      readonly permits: readonly Permit[]
    }
  /** The canary of a trial is worse than what it stands beside: nobody sends it anything for that trial any more. */
  | TrialStopped
  | { readonly kind: 'refused'; readonly reason: Refusal }

export type Refusal =
  | 'malformed_report'
  | 'unknown_key'
  | 'not_a_circuit'
  | 'bad_duration'
  | 'too_many_targets'
