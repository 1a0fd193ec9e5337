import { tokenCount, type Usage } from '../../canonical/usage.ts'
import { objectOf } from '../json-values.ts'
import { decodeUsage } from '../openai/usage.ts'

/**
 * Mistral's usage is OpenAI's, with two departures: audio is counted beside
 * `prompt_tokens` (corpus mistral/chat/stream-audio-in-streaming-agent-sends-audio-7125fe:
 * 11 + 375 + 15 = 401), and older answers have `num_cached_tokens`.
 */
export function readUsage(value: unknown): Usage | undefined {
  const wire = objectOf(value)
  const usage = wire === undefined ? undefined : decodeUsage(wire, false)
  if (wire === undefined || usage === undefined) return usage
  const cacheReadTokens = usage.cacheReadTokens ?? tokenCount(wire['num_cached_tokens'])
  return {
    ...usage,
    ...audioBeside(usage),
    ...(cacheReadTokens === undefined ? {} : { cacheReadTokens }),
  }
}

function audioBeside(usage: Usage): Usage {
  const { inputTokens, outputTokens, audioInputTokens, totalTokens } = usage
  if (inputTokens === undefined || audioInputTokens === undefined || totalTokens === undefined)
    return {}
  const withAudio = inputTokens + audioInputTokens
  return totalTokens === withAudio + (outputTokens ?? 0) ? { inputTokens: withAudio } : {}
}
