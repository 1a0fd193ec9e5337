import { tokenCount, type Usage, usageOf } from '../../canonical/usage.ts'
import { objectOf } from '../json-values.ts'

/**
 * `usage.tokens` as canonical counts. `billed_units` leaves Cohere's own prompt
 * template out, so it is smaller, and is no count of tokens.
 *
 * `image_tokens` are inside `input_tokens` for Command A Vision and beside it
 * for Command A+, where they are more than the whole input
 * (corpus cohere/chat/json-image-in-*: 499 with 259, and 34 with 259).
 */
export function readUsage(value: unknown): Usage | undefined {
  const wire = objectOf(value)
  const tokens = objectOf(wire?.['tokens'])
  const input = tokenCount(tokens?.['input_tokens'])
  const images = tokenCount(tokens?.['image_tokens'])
  const isBeside = input !== undefined && images !== undefined && images > input
  const usage = usageOf({
    inputTokens: isBeside ? input + images : input,
    outputTokens: tokenCount(tokens?.['output_tokens']),
    reasoningTokens: tokenCount(tokens?.['reasoning_tokens']),
    cacheReadTokens: tokenCount(wire?.['cached_tokens']),
    imageInputTokens: images,
  })
  return Object.keys(usage).length === 0 ? undefined : usage
}
