import type { Feature } from '../canonical/features.ts'
import type { CallPrices } from './expected-cost.ts'
import type { Measured } from './measured.ts'

export type { Measured } from './measured.ts'
import type { DataClass } from './request-facts.ts'

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
  readonly health?: TargetHealth | undefined
  /** Why it cannot be called at all here (a missing secret), or null. */
  readonly unavailable: string | null
  /** Macro-regions in which it may process what it is sent; absent or empty: nobody has declared any. */
  readonly regions?: readonly string[]
  /** What its provider declares to do with what it is sent; absent: nothing is declared. */
  readonly data?: DataFacts
  /** Declared quality, from 1 upwards; absent: none is declared. */
  readonly qualityTier?: number
  /** What has been measured of it from here; absent while nothing has, or nobody asks. */
  readonly measured?: Measured
  /** Of the catalog; absent or null: nobody knows. */
  readonly prices?: CallPrices | null
  /** Whether leaving a call stops the provider's meter; absent: unknown. */
  readonly abortBilling?: 'stops' | 'continues' | 'unknown'
  /** How long the provider's prompt cache keeps what nobody asks for, ms; absent or null: it has none, or says nothing. */
  readonly cacheLifetimeMs?: number | null
  /** Share of its prompts that is expected in the provider's cache until it is measured, 0 to 1; absent: none. */
  readonly declaredCachedShare?: number
  /** It has capacity that is paid for anyway, and whether this call fits into it now; absent: none is declared. */
  readonly reserved?: 'room' | 'spent'
}

/** How a provider handles what it is sent, as the configuration declares it. Null: it declares nothing of that. */
export interface DataFacts {
  /** How long it may keep what it is sent, days; 0 with zero data retention. */
  readonly retentionDays: number | null
  readonly training: boolean | null
  readonly zeroDataRetention: boolean | null
  /** Lower-case names such as `hipaa`, `iso27001`. */
  readonly certifications: readonly string[]
  /** The most careful class of data that may be sent there; absent: any. */
  readonly maxDataClass?: DataClass | undefined
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
  /** It could answer, and may not because of where it is. */
  readonly region?: true
  /** The operator's constraints leave it out. */
  readonly constraint?: true
}
