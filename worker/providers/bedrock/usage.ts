import type { JsonObject } from '../../canonical/request.ts'
import { tokenCount, type Usage, usageOf } from '../../canonical/usage.ts'
import { objectsOf } from '../json-values.ts'

/**
 * `inputTokens` is only what neither came from the cache nor went into it:
 * `totalTokens` is the sum of all four (corpus
 * json-document-in-bedrock-cache-messages-with-document-as-last-content:
 * 3 + 1712 + 236 + 121 = 2072).
 */
export function usageFromWire(wire: JsonObject): Usage {
  const fresh = tokenCount(wire['inputTokens'])
  const read = tokenCount(wire['cacheReadInputTokens'])
  const written = tokenCount(wire['cacheWriteInputTokens'])
  return usageOf({
    inputTokens: fresh === undefined ? undefined : fresh + (read ?? 0) + (written ?? 0),
    outputTokens: tokenCount(wire['outputTokens']),
    cacheReadTokens: read,
    cacheWriteTokens: written,
    cacheWrite1hTokens: longLived(wire),
    totalTokens: tokenCount(wire['totalTokens']),
  })
}

/** `cacheDetails` splits the writes by lifetime. */
function longLived(wire: JsonObject): number | undefined {
  if (!Array.isArray(wire['cacheDetails'])) return undefined
  return objectsOf(wire['cacheDetails'])
    .filter(({ ttl }) => ttl === '1h')
    .reduce((sum, { inputTokens }) => sum + (tokenCount(inputTokens) ?? 0), 0)
}
