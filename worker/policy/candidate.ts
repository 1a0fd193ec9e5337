import type { Feature } from '../canonical/features.ts'

/** What the policy knows of a target: plain data, gathered by whoever asks for a plan. */
export interface Candidate {
  /** `model@provider`. */
  readonly target: string
  readonly provider: string
  readonly model: string
  /** Position of its tier in the route, from 0. */
  readonly tier: number
  readonly weight: number
  readonly features: ReadonlySet<Feature>
  /** Null when the catalog does not know. */
  readonly contextTokens: number | null
  readonly maxOutputTokens: number | null
  /** How many stop sequences its wire takes; absent when no number is known. */
  readonly maxStopSequences?: number
  /** USD per million tokens; null when the catalog does not know. */
  readonly inputUsdPerMillion: number | null
  readonly outputUsdPerMillion: number | null
  /** The wire format the provider speaks: requests hold parts that only one format can carry. */
  readonly wire: string
  /** Not asked before then while there is another (`retry-after`, an open circuit), epoch ms; 0 when it may be. */
  readonly notBeforeMs: number
  /** How it has been doing; absent while nothing speaks against it. */
  readonly health?: TargetHealth
  /** Why it cannot be called at all here (a missing secret), or null. */
  readonly unavailable: string | null
}

/** What is known of a target's health at this moment, in this isolate. */
export interface TargetHealth {
  /**
   * `closed`: may be asked. `probe`: its circuit is half-open, and this request
   * may try it. `barred`: asked only when there is no other.
   */
  readonly state: 'closed' | 'probe' | 'barred'
  /** Why it is not closed, for the reason of the plan; null when it is. */
  readonly why: string | null
  /** It is only slow: better than nothing when all others are barred. */
  readonly slow: boolean
  /** Share of its usual traffic that it should get, 0 to 1: it is degraded, recovering, or fails now and then. */
  readonly weight: number
  /** Time to first token times the calls on their way, ms; null while nobody has measured it. */
  readonly loadMs: number | null
  /** As many calls are on their way as it takes well. */
  readonly full: boolean
}

/** A target that the plan leaves out, and why. */
export interface Exclusion {
  readonly target: string
  readonly reason: string
  /** The target is out of service here; it is not the request's fault. */
  readonly unavailable?: true
}
