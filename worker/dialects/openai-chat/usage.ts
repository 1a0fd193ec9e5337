import type { JsonObject } from '../../canonical/request.ts'
import type { Usage } from '../../canonical/usage.ts'
import { compact } from '../shared/compact.ts'

/**
 * `CompletionUsage` with what is known; undefined when nothing is. A count that
 * no provider gave is left out, never written as 0.
 */
export function renderUsage(usage: Usage | undefined): JsonObject | undefined {
  if (usage === undefined) return undefined
  const { inputTokens, outputTokens } = usage
  const sum =
    inputTokens === undefined || outputTokens === undefined ? undefined : inputTokens + outputTokens
  const rendered = compact<JsonObject>({
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: usage.totalTokens ?? sum,
    prompt_tokens_details: filled({
      cached_tokens: usage.cacheReadTokens,
      cache_write_tokens: usage.cacheWriteTokens,
      audio_tokens: usage.audioInputTokens,
      image_tokens: usage.imageInputTokens,
    }),
    completion_tokens_details: filled({
      reasoning_tokens: usage.reasoningTokens,
      audio_tokens: usage.audioOutputTokens,
      image_tokens: usage.imageOutputTokens,
      accepted_prediction_tokens: usage.acceptedPredictionTokens,
      rejected_prediction_tokens: usage.rejectedPredictionTokens,
    }),
  })
  return Object.keys(rendered).length === 0 ? undefined : rendered
}

function filled(counts: Readonly<Record<string, number | undefined>>): JsonObject | undefined {
  const known = compact<JsonObject>(counts)
  return Object.keys(known).length === 0 ? undefined : known
}
