import type { JsonObject } from '../../canonical/request.ts'
import { tokenCount, type Usage, usageOf } from '../../canonical/usage.ts'
import { objectOf } from '../json-values.ts'

/**
 * Anthropic reports the three parts of the prompt beside each other:
 * `input_tokens` is only what neither came from the cache nor went into it.
 *
 * The totals are those of the answer itself. What a server-side compaction or
 * an advisor model used is listed in `iterations` only, at prices of its own.
 */
export function usageFromWire(wire: JsonObject): Usage {
  const fresh = tokenCount(wire['input_tokens'])
  const read = tokenCount(wire['cache_read_input_tokens'])
  const written = tokenCount(wire['cache_creation_input_tokens'])
  const cost = wire['cost']
  return usageOf({
    inputTokens: fresh === undefined ? undefined : fresh + (read ?? 0) + (written ?? 0),
    outputTokens: tokenCount(wire['output_tokens']),
    reasoningTokens: tokenCount(objectOf(wire['output_tokens_details'])?.['thinking_tokens']),
    cacheReadTokens: read,
    cacheWriteTokens: written,
    cacheWrite1hTokens: tokenCount(objectOf(wire['cache_creation'])?.['ephemeral_1h_input_tokens']),
    webSearchRequests: tokenCount(objectOf(wire['server_tool_use'])?.['web_search_requests']),
    // Gateways of this wire (OpenRouter, Vercel) state the price beside the tokens.
    providerCostUsd: typeof cost === 'number' && cost >= 0 ? cost : undefined,
  })
}

/** Lays a later, cumulative report over an earlier one; null and absent fields say nothing. */
export function overlayUsage(earlier: JsonObject, later: JsonObject): JsonObject {
  const said = Object.entries(later).filter(([, value]) => value !== null && value !== undefined)
  return { ...earlier, ...Object.fromEntries(said) }
}
