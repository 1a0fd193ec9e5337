import type { CanonicalEvent } from '../../canonical/events.ts'
import { failure } from '../../canonical/failure.ts'
import { objectOf, objectsOf } from '../json-values.ts'
import { AnthropicDecoder } from './decoder.ts'
import { failureOfError } from './failure.ts'

/** Reads a whole answer as the stream it would have been: every block begins with all it has. */
export function decodeResponse(body: unknown): CanonicalEvent[] {
  const message = objectOf(body)
  if (message?.['type'] === 'error' || (message !== undefined && objectOf(message['error'])))
    return [{ type: 'failure', failure: failureOfError(objectOf(message['error']) ?? {}) }]
  if (message === undefined || !Array.isArray(message['content']))
    return [{ type: 'failure', failure: failure('malformed', 'the answer is not a message') }]
  const events: CanonicalEvent[] = []
  new AnthropicDecoder().takeWhole(message, objectsOf(message['content']), events)
  return events
}

/** `input_tokens` of a count; null when the answer has none. */
export function decodeCountTokens(body: unknown): number | null {
  const count = objectOf(body)?.['input_tokens']
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : null
}
