import type { FinishReason } from '../../canonical/events.ts'

export type WireFinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'function_call'

/**
 * `finish_reason` has five words. A refusal is `stop` at OpenAI, with the text
 * in `refusal`; a pause (Anthropic's server tools) has no word and is a stop
 * that the client may go on from.
 */
const words: Readonly<Record<FinishReason, WireFinishReason>> = {
  stop: 'stop',
  length: 'length',
  toolCalls: 'tool_calls',
  contentFilter: 'content_filter',
  refusal: 'stop',
  pause: 'stop',
  contextWindow: 'length',
  other: 'stop',
}

/**
 * @param hasRefusal a refusal text was written; without one a refusal would
 *   look like an ordinary end, so it is told as `content_filter`
 */
export function finishReason(
  reason: FinishReason,
  hasRefusal: boolean,
  legacyFunctions: boolean,
): WireFinishReason {
  if (reason === 'toolCalls' && legacyFunctions) return 'function_call'
  if (reason === 'refusal' && !hasRefusal) return 'content_filter'
  return words[reason]
}
