import type { ChoiceFinish, FinishReason } from '../../canonical/events.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { objectOf, textOf } from '../json-values.ts'

/** `stopReason` (API reference, ConverseResponse, 2026-11-20). `malformed_*` are among the others: the answer is what it is. */
const reasons: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  tool_use: 'toolCalls',
  max_tokens: 'length',
  content_filtered: 'contentFilter',
  guardrail_intervened: 'contentFilter',
  refusal: 'refusal',
  model_context_window_exceeded: 'contextWindow',
}
/** Reasons that ours say exactly. */
const exact = new Set([
  'end_turn',
  'tool_use',
  'max_tokens',
  'content_filtered',
  'refusal',
  'model_context_window_exceeded',
])

/** Why the answer ended; reads `messageStop` and a whole answer alike. */
export function finishFromWire(wire: JsonObject): ChoiceFinish {
  const raw = textOf(wire['stopReason'])
  const reason = raw === undefined ? undefined : reasons[raw]
  // Only there when the caller asked for it with `additionalModelResponseFieldPaths`.
  const stopSequence = textOf(objectOf(wire['additionalModelResponseFields'])?.['stop_sequence'])
  return {
    choice: 0,
    reason: reason ?? 'other',
    ...(stopSequence === undefined ? {} : { stopSequence }),
    ...(raw === undefined || exact.has(raw) ? {} : { raw }),
  }
}
