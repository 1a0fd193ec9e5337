import type { JsonObject } from '../../canonical/request.ts'
import type { Usage } from '../../canonical/usage.ts'

/**
 * `usage` of a message. Anthropic counts cached tokens beside `input_tokens`;
 * canonical counts hold them inside, so they are taken out.
 *
 * Clients of this wire format read `input_tokens` and `output_tokens` as
 * numbers without looking, so there (and there only) an unknown count is 0;
 * everything else unknown is `null`, as Anthropic writes it.
 */
export function renderUsage(usage: Usage | undefined): JsonObject {
  const { cacheWriteTokens, cacheWrite1hTokens } = usage ?? {}
  return {
    ...renderDeltaUsage(usage),
    input_tokens: uncachedInput(usage) ?? 0,
    cache_creation:
      cacheWriteTokens === undefined || cacheWrite1hTokens === undefined
        ? null
        : {
            ephemeral_5m_input_tokens: Math.max(0, cacheWriteTokens - cacheWrite1hTokens),
            ephemeral_1h_input_tokens: cacheWrite1hTokens,
          },
    inference_geo: null,
    service_tier: null,
    speed: null,
  }
}

/** `usage` of a `message_delta`: the totals, which replace those of `message_start` where they are known. */
export function renderDeltaUsage(usage: Usage | undefined): JsonObject {
  return {
    input_tokens: uncachedInput(usage) ?? null,
    cache_creation_input_tokens: usage?.cacheWriteTokens ?? null,
    cache_read_input_tokens: usage?.cacheReadTokens ?? null,
    output_tokens: usage?.outputTokens ?? 0,
    output_tokens_details:
      usage?.reasoningTokens === undefined ? null : { thinking_tokens: usage.reasoningTokens },
    server_tool_use:
      usage?.webSearchRequests === undefined
        ? null
        : { web_search_requests: usage.webSearchRequests, web_fetch_requests: 0 },
  }
}

function uncachedInput(usage: Usage | undefined): number | undefined {
  if (usage?.inputTokens === undefined) return undefined
  const cached = (usage.cacheReadTokens ?? 0) + (usage.cacheWriteTokens ?? 0)
  return Math.max(0, usage.inputTokens - cached)
}
