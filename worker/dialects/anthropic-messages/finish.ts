import type { ChoiceFinish, FinishReason } from '../../canonical/events.ts'
import type { JsonObject } from '../../canonical/request.ts'

/** `stop_reason`; a filter that cut the answer is what Anthropic calls a refusal. */
const words: Readonly<Record<FinishReason, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  toolCalls: 'tool_use',
  contentFilter: 'refusal',
  refusal: 'refusal',
  pause: 'pause_turn',
  contextWindow: 'model_context_window_exceeded',
  other: 'end_turn',
}

/** The fields of a message that say why it ended. */
export function renderFinish(finish: ChoiceFinish | undefined): JsonObject {
  const stopSequence = finish?.reason === 'stop' ? finish.stopSequence : undefined
  const reason = stopSequence === undefined ? words[finish?.reason ?? 'other'] : 'stop_sequence'
  return {
    stop_reason: reason,
    stop_sequence: stopSequence ?? null,
    stop_details:
      reason === 'refusal' ? { type: 'refusal', category: null, explanation: null } : null,
  }
}
