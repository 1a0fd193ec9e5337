import type { Feature } from '../canonical/features.ts'

/** What a target has to be. All fields that stand here have to be met; an absent one asks for nothing. */
export interface Constraint {
  /** Macro-regions. A target that processes anywhere else, or does not say where, is out. */
  readonly regions?: readonly string[] | undefined
  /** Globs over `model@provider`; one of them has to match. */
  readonly allow?: readonly string[] | undefined
  /** Globs over `model@provider`; none of them may match. */
  readonly deny?: readonly string[] | undefined
  /** Longest time that a provider may keep what it is sent, days; unknown is too long. */
  readonly maxRetentionDays?: number | undefined
  /** The provider has to declare that it keeps nothing at all. */
  readonly zeroDataRetention?: true | undefined
  /** The provider has to declare that it trains on nothing it is sent. */
  readonly noTraining?: true | undefined
  /** Names such as `hipaa`, all of which the provider has to declare. */
  readonly certifications?: readonly string[] | undefined
  /** USD per million tokens of the prompt; an unknown price is too high. */
  readonly maxInputUsdPerMillion?: number | undefined
  /** USD per million tokens of the answer; an unknown price is too high. */
  readonly maxOutputUsdPerMillion?: number | undefined
  /** Measured 95th percentile to the first token, ms; what nobody measured is let through. */
  readonly maxFirstTokenP95Ms?: number | undefined
  /** What nobody has measured is out as well. */
  readonly requireMeasured?: true | undefined
  /** Declared quality, from 1; a target that declares none is out. */
  readonly minQualityTier?: number | undefined
  /** Features that the target has to have, whether this request uses them or not. */
  readonly features?: readonly Feature[] | undefined
  /** Features that the target has to have where this request asks for them, also those that are else only warned of. */
  readonly require?: readonly Feature[] | undefined
  /** Tokens that have to fit into its context; an unknown context is too small. */
  readonly minContextTokens?: number | undefined
  /** The prompt has to fit into its context, even where no other target is left. */
  readonly fitsContext?: true | undefined
}

/** A constraint and who laid it down, in words for the reason of an exclusion: `the route`, `the rule "legal"`, `the tenant`. */
export interface SourcedConstraint {
  readonly source: string
  readonly constraint: Constraint
}
