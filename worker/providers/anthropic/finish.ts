import type { ChoiceFinish, FinishReason } from '../../canonical/events.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { textOf } from '../json-values.ts'

/** `stop_reason` (SDK 1.11.0 `StopReason`, `BetaStopReason`). */
const reasons: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  tool_use: 'toolCalls',
  pause_turn: 'pause',
  refusal: 'refusal',
  model_context_window_exceeded: 'contextWindow',
}

/** Why the answer ended; undefined while the wire has not said so. */
export function finishFromWire(wire: JsonObject): ChoiceFinish | undefined {
  const raw = textOf(wire['stop_reason'])
  if (raw === undefined) return undefined
  const stopSequence = textOf(wire['stop_sequence'])
  const reason = reasons[raw]
  if (reason !== undefined && stopSequence === undefined && raw !== 'stop_sequence')
    return { choice: 0, reason }
  return {
    choice: 0,
    reason: reason ?? 'other',
    ...(stopSequence === undefined ? {} : { stopSequence }),
    ...(reason === undefined || raw === 'stop_sequence' ? { raw } : {}),
  }
}
