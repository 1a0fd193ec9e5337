import type { CanonicalEvent } from '../../canonical/events.ts'
import { AnswerReader } from './answer-reader.ts'
import type { OpenAiQuirks } from './quirks.ts'

/** Reads a whole answer into the events a stream of it would give. */
export function decodeResponse(quirks: OpenAiQuirks, body: unknown): CanonicalEvent[] {
  const events: CanonicalEvent[] = []
  const reader = new AnswerReader(quirks, 'message')
  if (!reader.add(body, events)) reader.finish(events)
  return events
}
