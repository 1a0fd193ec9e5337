/**
 * What is known of how a target answers from this region, for prompts of about this size. Null: too little is known
 * of that. Plain data: it stands in the record of a decision.
 */
export interface Measured {
  /** Time to the first token, ms. */
  readonly firstTokenP50Ms: number | null
  readonly firstTokenP95Ms: number | null
  /**
   * What the next first token is expected to take, ms: the median, or longer right after slower answers, which are
   * believed at once and forgotten gradually.
   */
  readonly firstTokenNowMs?: number | null
  /** Tokens of output per second, after the first. */
  readonly tokensPerSecond: number | null
  /** Share of calls that failed by the target's own fault, 0 to 1. */
  readonly failureRate: number | null
  /** Of all calls, those that failed after the model had begun to work, which may be billed, 0 to 1. Absent: all that failed. */
  readonly abortRate?: number | null
  /** Share of answers whose JSON parsed where JSON was asked for, 0 to 1, and of how many answers that is. */
  readonly schemaValidity: number | null
  readonly schemaSamples?: number
  /** Share of answers whose tool calls all parsed, 0 to 1, and of how many answers that is. */
  readonly toolCallValidity: number | null
  readonly toolCallSamples?: number
  /** Share of the prompt that the provider read from its cache where it had seen the session before, 0 to 1. */
  readonly cachedShare?: number | null
  /** Share of all prompts that the provider read from its cache, by its own usage reports, 0 to 1. */
  readonly promptCachedShare?: number | null
  /** Calls that this speaks of; those of long ago count less. */
  readonly samples: number
}

export const unmeasured: Measured = {
  firstTokenP50Ms: null,
  firstTokenP95Ms: null,
  tokensPerSecond: null,
  failureRate: null,
  schemaValidity: null,
  toolCallValidity: null,
  samples: 0,
}
