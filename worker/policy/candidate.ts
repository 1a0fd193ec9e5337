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
  /** USD per million tokens; null when the catalog does not know. */
  readonly inputUsdPerMillion: number | null
  readonly outputUsdPerMillion: number | null
  /** The wire format the provider speaks: requests hold parts that only one format can carry. */
  readonly wire: string
  /** The provider asked to be left alone until then (`retry-after`), epoch ms; 0 when it did not. */
  readonly notBeforeMs: number
  /** Why it cannot be called at all here (a missing secret), or null. */
  readonly unavailable: string | null
}

/** A target that the plan leaves out, and why. */
export interface Exclusion {
  readonly target: string
  readonly reason: string
  /** The target is out of service here; it is not the request's fault. */
  readonly unavailable?: true
}
