import type { CanonicalEvent, FinishReason } from '../../canonical/events.ts'
import { type FailureClass, failure } from '../../canonical/failure.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { cleanMessage } from '../failures.ts'
import { textOf } from '../json-values.ts'

/** `finish_reason` (https://docs.cohere.com/reference/chat, 2026-11-20); `ERROR_...` are older spellings. */
const reasons: Readonly<Record<string, FinishReason>> = {
  COMPLETE: 'stop',
  STOP_SEQUENCE: 'stop',
  MAX_TOKENS: 'length',
  TOOL_CALL: 'toolCalls',
  ERROR_TOXIC: 'contentFilter',
}

/** Reasons that end an answer without finishing it. */
const breakOffs: Readonly<Record<string, FailureClass>> = {
  ERROR: 'server_error',
  TIMEOUT: 'timeout',
  ERROR_LIMIT: 'context_length',
  USER_CANCEL: 'server_error',
}

/** The terminal event of an answer whose last message is `ending`; the answer is choice 0, Cohere gives one. */
export function terminalEvent(ending: JsonObject): CanonicalEvent {
  const raw = textOf(ending['finish_reason'])
  const broken = raw === undefined ? undefined : breakOffs[raw]
  if (broken !== undefined) return failureEvent(broken, raw, ending)
  const reason = reasons[raw ?? ''] ?? 'other'
  const isPlain = raw === undefined || ['COMPLETE', 'MAX_TOKENS', 'TOOL_CALL'].includes(raw)
  return { type: 'finish', choices: [{ choice: 0, reason, ...(isPlain ? {} : { raw }) }] }
}

/** An invalid tool generation is the model's failure, not the service's (corpus cohere/chat/stream-midstream-error-*). */
function failureEvent(
  failureClass: FailureClass,
  raw: string | undefined,
  ending: JsonObject,
): CanonicalEvent {
  const type = textOf(ending['error_type'])
  const said = cleanMessage(textOf(ending['error']) ?? '')
  return {
    type: 'failure',
    failure: failure(
      type === 'INVALID_TOOL_GENERATION' ? 'malformed' : failureClass,
      said === '' ? 'the provider broke the answer off' : said,
      { providerCode: type ?? raw ?? 'ERROR' },
    ),
  }
}
