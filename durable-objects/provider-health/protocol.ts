import type { FailureClass } from '../../worker/canonical/failure.ts'
import type { TrialCounts } from './rules/trial.ts'

/**
 * What an isolate and the health object of one provider in one region say to each other.
 * ASCII JSON, a report at most 64 KB. Ages and waits, never times of day: no clock has to agree with another.
 */

/** Prompt under 1k, 1k to 8k, 8k to 32k, over 32k tokens. */
export type SizeClass = 0 | 1 | 2 | 3

export const sizeClasses: readonly SizeClass[] = [0, 1, 2, 3]

/** The provider's edge, a target's circuit, a target's rate gate, the credential's spent quota, a credential. */
export type DomainKey =
  | 'edge'
  | `target:${string}`
  | `quota:${string}`
  | 'quota:*'
  | `credential:${string}`

export type DomainState = 'closed' | 'open' | 'half_open'

/**
 * `broken_output`: the answer came whole, but its tool call or schema does not parse. `priced`: the cost of an
 * answer that was counted as `ok` with its first token, told when it is known.
 */
export type Outcome = 'ok' | 'broken_output' | 'priced' | FailureClass

/** [bucket, count] of a log histogram; a bucket that is not named counts nothing. */
export type SparseHistogram = readonly (readonly [bucket: number, count: number])[]

/** Like outcomes of one target at about one moment, added up. */
export interface OutcomeRow {
  /** `model@provider`. */
  readonly target: string
  readonly size: SizeClass
  readonly outcome: Outcome
  readonly count: number
  /** How long ago it happened, when the report is sent, ms. */
  readonly ageMs: number
  /** Time to the first meaningful token: buckets of `ttftBucketOf`. */
  readonly ttft?: SparseHistogram
  /** Price of good answers: buckets of `costBucketOf`. */
  readonly cost?: SparseHistogram
  /** `cancelled` only: how long the shortest of them had waited without a token, ms. */
  readonly elapsedMs?: number
  /** The longest wait that the provider asked for, ms. Outcomes with and without one go in rows of their own. */
  readonly retryAfterMs?: number
  /** `rate_limited` because traffic grew too fast. */
  readonly ramp?: true
  /** Fingerprint of the credential that was used. Without it an `auth` outcome disables nothing. */
  readonly credential?: string
}

/** How a call with a permit went. The call is in `rows` as well: rows are evidence, probes move a half-open circuit. */
export interface ProbeOutcome {
  readonly permitId: string
  readonly outcome: Outcome
  readonly size: SizeClass
  readonly ttftMs?: number
  readonly costNanoUsd?: number
  readonly retryAfterMs?: number
}

/** Calls of both sides of the trial of a canary, since the last report. */
export interface TrialRow extends TrialCounts {
  /** Names the trial: the route and a fingerprint of what it declares. */
  readonly trial: string
  /** The target on trial. */
  readonly target: string
}

/** A trial that was stopped, and why. */
export interface TrialState {
  readonly trial: string
  readonly stopped: string
}

export interface HealthReport {
  readonly isolate: string
  /** Drawn when the isolate starts, so that a new life of the same id begins a new sequence. */
  readonly bootNonce: string
  /** One higher for each report of this isolate; the same again when a report is sent again. */
  readonly sequence: number
  readonly rows: readonly OutcomeRow[]
  readonly probes: readonly ProbeOutcome[]
  /** Targets this isolate has traffic for and would send a probe to now. */
  readonly wants: readonly string[]
  /** Trials of this provider's targets; absent where there is none. */
  readonly trials?: readonly TrialRow[]
  /** Fingerprint of the credential it would use; only then it may be given the probe of a disabled one. */
  readonly credential?: string
  readonly haveVersion: number
  readonly haveBoot: string
}

/** Leave to send one live request to a half-open domain, with a fallback armed. */
export interface Permit {
  readonly permitId: string
  readonly key: DomainKey
  readonly epoch: number
  /** It lapses when its outcome is not heard of within, ms. */
  readonly forMs: number
}

/** Why a domain is not closed. Selection may use a target that is open for `slow` when no other is closed. */
export type Cause =
  | 'blackout'
  | 'brownout'
  | 'broken_output'
  | 'slow'
  | 'cost'
  | 'probe_failed'
  | 'quota'
  | 'credential'

/** Counts of one window. `judged` = good + failed. */
export interface Evidence {
  readonly windowMs: number
  readonly judged: number
  readonly failed: number
  /** Of the failed: broken outputs. */
  readonly broken: number
  /** Good answers whose time to first token is known. Absent in what a version without it wrote: all that were judged. */
  readonly timed?: number
  /** Answers over T_slow, and callers who left after as long without a token. */
  readonly slow: number
  /** Of the slow: callers who left. They are not in `judged`. */
  readonly hung: number
  /** Good answers whose cost could be compared with a baseline, and those of them beyond the band. */
  readonly priced: number
  readonly dear: number
}

/** Of how many the slow ones are: answers that were timed, and callers who left without a token. */
export function slowTrials({ timed, judged, hung }: Evidence): number {
  return (timed ?? judged) + hung
}

/** One number for each size class. */
export type PerSize<T> = readonly [T, T, T, T]

export interface Speed {
  /** T_slow: a first token later than this is slow, ms. */
  readonly slowAfterMs: PerSize<number>
  /** T_ttft_abort: a call without a token for so long is given up, ms. */
  readonly abortAfterMs: PerSize<number>
  /** Of the last window that had answers, ms. */
  readonly ttftP50Ms: PerSize<number | null>
  readonly ttftP95Ms: PerSize<number | null>
}

/** What is known of one domain. All times count from the moment the reply was made. */
export interface DomainSnapshot {
  readonly key: DomainKey
  /** What holds now: a forced state hides the circuit's own. */
  readonly state: DomainState
  /** One higher for each time it opens. */
  readonly epoch: number
  readonly cause: Cause | null
  /** Open: until it may be probed, ms; otherwise 0. */
  readonly openForMs: number
  /** How long it has been in this state, ms. */
  readonly sinceMs: number
  /** Degraded: a tenth of its weight. */
  readonly slow: boolean
  /** f of the weight (1 - f)^2, 0 to 1. */
  readonly failRate: number
  /** How long ago it closed after an outage, ms; null when its ramp is over. */
  readonly rampAgeMs: number | null
  /** Quota: nothing may be sent before, ms. */
  readonly notBeforeForMs: number
  /** Quota: requests per second that all isolates together may send, growing by 5 % each second; null: no limit. */
  readonly ratePerS: number | null
  /** Targets only. */
  readonly speed: Speed | null
  /** Open and half-open: what tripped it. Closed: the last 30 s. Circuits only. */
  readonly evidence: Evidence | null
  readonly forced: { readonly state: 'open' | 'closed'; readonly forMs: number } | null
}

export interface HealthReply {
  /** Names this life of the object: another one means that versions start again. */
  readonly boot: string
  readonly version: number
  readonly nextFlushMs: number
  /** Isolates heard of lately: each may use its share of a `ratePerS`. */
  readonly activeIsolates: number
  /** Changed since `haveVersion`; all when `haveBoot` is another. A domain never named is closed. */
  readonly domains: readonly DomainSnapshot[]
  readonly permits: readonly Permit[]
  /** All trials that were stopped; absent where there is none. */
  readonly stoppedTrials?: readonly TrialState[]
}

export const ttftBucketCount = 24
export const ttftFromMs = 50
/** 50 ms x 1.38^24 is some 114 s; what is slower falls in the last bucket. */
export const ttftGrowth = 1.38

export const costBucketCount = 24
export const costFromNanoUsd = 1000
export const costGrowth = 2

function bucketOf(value: number, from: number, growth: number, count: number): number {
  if (!(value > from)) return 0
  // An end belongs to the bucket it ends, whatever the logarithm makes of its last digit.
  const bucket = Math.ceil(Math.log(value / from) / Math.log(growth) - 1e-9) - 1
  return Math.min(Math.max(bucket, 0), count - 1)
}

/** The bucket of a time to first token: bucket i ends at 50 ms x 1.38^(i+1), its end included. */
export function ttftBucketOf(ms: number): number {
  return bucketOf(ms, ttftFromMs, ttftGrowth, ttftBucketCount)
}

/** The bucket of a cost: bucket i ends at 1,000 nano-USD x 2^(i+1), its end included. */
export function costBucketOf(nanoUsd: number): number {
  return bucketOf(nanoUsd, costFromNanoUsd, costGrowth, costBucketCount)
}

/** The slowest time that falls in a bucket, ms. */
export function ttftUpperMs(bucket: number): number {
  return ttftFromMs * ttftGrowth ** (bucket + 1)
}

/** The highest cost that falls in a bucket, nano-USD. */
export function costUpperNanoUsd(bucket: number): number {
  return costFromNanoUsd * costGrowth ** (bucket + 1)
}

export function sizeClassOf(promptTokens: number): SizeClass {
  if (promptTokens < 1000) return 0
  if (promptTokens < 8000) return 1
  return promptTokens <= 32_000 ? 2 : 3
}
