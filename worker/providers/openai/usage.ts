import { tokenCount, usageOf, type Usage } from '../../canonical/usage.ts'
import { numberOf, objectOf } from './wire.ts'

/** Names under which vendors report what OpenAI keeps in the two `..._details` objects. */
interface WireUsage {
  readonly prompt_tokens?: unknown
  readonly completion_tokens?: unknown
  readonly total_tokens?: unknown
  readonly prompt_tokens_details?: unknown
  readonly completion_tokens_details?: unknown
  /** DeepSeek. */
  readonly prompt_cache_hit_tokens?: unknown
  /** Together, Moonshot. */
  readonly cached_tokens?: unknown
  /** Venice, Doubleword, Vercel: Anthropic's names, counted inside `prompt_tokens`. */
  readonly cache_read_input_tokens?: unknown
  readonly cache_creation_input_tokens?: unknown
  readonly cache_creation?: unknown
  /** Perplexity's reasoning models. */
  readonly reasoning_tokens?: unknown
  readonly num_search_queries?: unknown
  /** OpenRouter. */
  readonly server_tool_use_details?: unknown
  readonly server_tool_use?: unknown
  readonly cost?: unknown
  readonly cost_details?: unknown
  readonly is_byok?: unknown
  /** xAI. */
  readonly cost_in_usd_ticks?: unknown
}

interface WirePromptDetails {
  readonly cached_tokens?: unknown
  readonly cache_write_tokens?: unknown
  readonly audio_tokens?: unknown
  readonly image_tokens?: unknown
}

interface WireCompletionDetails {
  readonly reasoning_tokens?: unknown
  readonly audio_tokens?: unknown
  readonly image_tokens?: unknown
  readonly accepted_prediction_tokens?: unknown
  readonly rejected_prediction_tokens?: unknown
}

/** One xAI tick, USD: ten billion to the dollar (docs.x.ai, 2026-11-20; agrees with the token prices of corpus xai/chat/json-parallel-*). */
const usdPerTick = 1e-10

/**
 * Reads a usage object; undefined when there is nothing in it.
 *
 * @param statesCost the vendor's own cost is the price of the call. Elsewhere
 *   it is not read: Azure's Grok says 0 (corpus azure-foundry/chat/stream-prompt-cache-*).
 */
export function decodeUsage(value: unknown, statesCost: boolean): Usage | undefined {
  const wire = objectOf<WireUsage>(value)
  if (wire === null) return undefined
  const prompt = objectOf<WirePromptDetails>(wire.prompt_tokens_details) ?? {}
  const completion = objectOf<WireCompletionDetails>(wire.completion_tokens_details) ?? {}
  const cacheCreation = objectOf<{ ephemeral_1h_input_tokens?: unknown }>(wire.cache_creation)
  const reasoningTokens = tokenCount(completion.reasoning_tokens ?? wire.reasoning_tokens)
  const usage = usageOf({
    inputTokens: tokenCount(wire.prompt_tokens),
    outputTokens: outputTokens(wire, reasoningTokens),
    reasoningTokens,
    cacheReadTokens: firstCount(
      prompt.cached_tokens,
      wire.prompt_cache_hit_tokens,
      wire.cached_tokens,
      wire.cache_read_input_tokens,
    ),
    cacheWriteTokens: firstCount(prompt.cache_write_tokens, wire.cache_creation_input_tokens),
    cacheWrite1hTokens: tokenCount(cacheCreation?.ephemeral_1h_input_tokens),
    audioInputTokens: tokenCount(prompt.audio_tokens),
    imageInputTokens: tokenCount(prompt.image_tokens),
    audioOutputTokens: tokenCount(completion.audio_tokens),
    imageOutputTokens: tokenCount(completion.image_tokens),
    acceptedPredictionTokens: tokenCount(completion.accepted_prediction_tokens),
    rejectedPredictionTokens: tokenCount(completion.rejected_prediction_tokens),
    totalTokens: tokenCount(wire.total_tokens),
    webSearchRequests: searches(wire),
    providerCostUsd: statesCost ? costUsd(wire) : undefined,
  })
  return Object.keys(usage).length === 0 ? undefined : usage
}

/**
 * `completion_tokens` includes thinking at OpenAI and excludes it at xAI, where
 * only the total tells (corpus xai/chat/*: 470 + 68 + 185 = 723, billed as 253).
 * A gateway in front of xAI inherits either. Thinking that is larger than the
 * whole cannot be inside it (corpus vercel-gateway/chat/stream-parallel-*).
 */
function outputTokens(wire: WireUsage, reasoning: number | undefined): number | undefined {
  const completion = tokenCount(wire.completion_tokens)
  if (completion === undefined || reasoning === undefined || reasoning === 0) return completion
  const input = tokenCount(wire.prompt_tokens)
  const total = tokenCount(wire.total_tokens)
  const isBeside = input !== undefined && total === input + completion + reasoning
  return isBeside || reasoning > completion ? completion + reasoning : completion
}

function firstCount(...values: readonly unknown[]): number | undefined {
  for (const value of values) {
    const count = tokenCount(value)
    if (count !== undefined) return count
  }
  return undefined
}

function searches(wire: WireUsage): number | undefined {
  const tools =
    objectOf<{ web_search_requests?: unknown }>(wire.server_tool_use_details) ??
    objectOf<{ web_search_requests?: unknown }>(wire.server_tool_use)
  return firstCount(tools?.web_search_requests, wire.num_search_queries)
}

/** OpenRouter and Vercel give a number, Perplexity an object, xAI ticks. */
function costUsd(wire: WireUsage): number | undefined {
  const ticks = numberOf(wire.cost_in_usd_ticks)
  if (ticks !== undefined) return ticks * usdPerTick
  const total = numberOf(objectOf<{ total_cost?: unknown }>(wire.cost)?.total_cost)
  if (total !== undefined) return total
  const cost = numberOf(wire.cost)
  if (cost === undefined) return undefined
  // With the operator's own key at the upstream, `cost` is only OpenRouter's fee.
  const upstream = numberOf(
    objectOf<{ upstream_inference_cost?: unknown }>(wire.cost_details)?.upstream_inference_cost,
  )
  return wire.is_byok === true && upstream !== undefined ? cost + upstream : cost
}
