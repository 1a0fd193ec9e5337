/**
 * Tokens of one attempt. What the provider did not say is absent, never zero.
 *
 * `inputTokens` counts every prompt token, cached or not; `outputTokens` counts
 * every generated token, thinking included. Providers that report these parts
 * beside each other (Anthropic's cache classes, Gemini's thoughts) are added up
 * by their decoder, so that prices and budgets see one meaning.
 */
export interface Usage {
  readonly inputTokens?: number
  readonly outputTokens?: number
  /** Part of `outputTokens`. */
  readonly reasoningTokens?: number
  /** Part of `inputTokens`. */
  readonly cacheReadTokens?: number
  /** Part of `inputTokens`: all cache writes. */
  readonly cacheWriteTokens?: number
  /** Part of `cacheWriteTokens`: those with a lifetime of one hour. */
  readonly cacheWrite1hTokens?: number
  /** Part of `inputTokens`. */
  readonly audioInputTokens?: number
  /** Part of `outputTokens`. */
  readonly audioOutputTokens?: number
  /** Part of `inputTokens`. */
  readonly imageInputTokens?: number
  /** Part of `outputTokens`. */
  readonly imageOutputTokens?: number
  /** Part of `outputTokens`: OpenAI's accepted and rejected predictions. */
  readonly acceptedPredictionTokens?: number
  readonly rejectedPredictionTokens?: number
  /** The provider's own total, where it states one. */
  readonly totalTokens?: number
  /** Searches the provider ran and bills by the piece. */
  readonly webSearchRequests?: number
  /** What the provider itself says the call cost, USD (OpenRouter, xAI, Perplexity). */
  readonly providerCostUsd?: number
}

/** True for what may be counted as money: a non-negative safe integer. */
export function isTokenCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** `value` as a token count, or undefined when it is not one. */
export function tokenCount(value: unknown): number | undefined {
  return isTokenCount(value) ? value : undefined
}

/** Drops the absent fields, so that `exactOptionalPropertyTypes` and equality both see what is there. */
export function usageOf(fields: { readonly [K in keyof Usage]: Usage[K] | undefined }): Usage {
  const usage: Record<string, number> = {}
  for (const key in fields) {
    const value = fields[key as keyof Usage]
    if (value !== undefined) usage[key] = value
  }
  return usage
}

/** Lays a later report over an earlier one: providers repeat and complete their counts while they stream. */
export function mergeUsage(earlier: Usage | undefined, later: Usage): Usage {
  return earlier === undefined ? later : { ...earlier, ...later }
}
