import type { JsonObject } from '../../canonical/request.ts'
import type { Usage } from '../../canonical/usage.ts'
import { compact } from '../shared/compact.ts'

/**
 * `CompletionUsage`, or undefined: the three counts are required (OpenAI's OpenAPI
 * document), so an answer whose provider gave one alone has no usage. A count that
 * no provider gave is never written as 0; of prompt, completion and total, two
 * that are known give the third.
 */
export function renderUsage(usage: Usage | undefined): JsonObject | undefined {
  if (usage === undefined) return undefined
  const inputTokens = usage.inputTokens ?? rest(usage.totalTokens, usage.outputTokens)
  const outputTokens = usage.outputTokens ?? rest(usage.totalTokens, usage.inputTokens)
  if (inputTokens === undefined || outputTokens === undefined) return undefined
  return compact<JsonObject>({
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: usage.totalTokens ?? inputTokens + outputTokens,
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
}

function rest(total: number | undefined, part: number | undefined): number | undefined {
  return total === undefined || part === undefined || part > total ? undefined : total - part
}

function filled(counts: Readonly<Record<string, number | undefined>>): JsonObject | undefined {
  const known = compact<JsonObject>(counts)
  return Object.keys(known).length === 0 ? undefined : known
}
