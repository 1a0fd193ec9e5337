import { isTerminal, type CanonicalEvent } from '../../worker/canonical/events.ts'
import type { ProviderAdapter } from '../../worker/providers/adapter.ts'
import type { Framing } from '../../worker/streams/framer.ts'
import { StreamDecoder } from '../../worker/streams/stream-decoder.ts'
import { isJsonArray } from './oracles/gemini.ts'
import { pieces, same, seededRandom, splitsOf, type SplitEffort } from './splits.ts'

/** Decodes a streamed body that arrives in `chunks`. */
export function decodeStream(
  adapter: ProviderAdapter,
  framing: Framing,
  chunks: readonly Uint8Array[],
): CanonicalEvent[] {
  const decoder = new StreamDecoder(framing, adapter.createDecoder())
  const events: CanonicalEvent[] = []
  for (const chunk of chunks) for (const event of decoder.push(chunk)) events.push(event)
  events.push(...decoder.end())
  return events
}

/** How a recorded stream is cut: Gemini answers with a JSON array when it was not asked for SSE. */
export function framingOf(adapter: ProviderAdapter, bytes: Uint8Array): Framing {
  return adapter.wire === 'gemini' && isJsonArray(bytes) ? 'json-array' : adapter.framing
}

/** Decodes a whole JSON body. */
export function decodeJson(adapter: ProviderAdapter, bytes: Uint8Array): CanonicalEvent[] {
  return adapter.decodeResponse(JSON.parse(new TextDecoder().decode(bytes)))
}

/** Exactly one terminal event, and it is the last. */
export function endingFaults(events: readonly CanonicalEvent[]): string[] {
  const ends = events.filter(isTerminal).length
  const last = events.at(-1)
  if (ends !== 1) return [`${ends} terminal events`]
  return last === undefined || !isTerminal(last) ? ['events follow the terminal event'] : []
}

export interface SplitResult {
  readonly faults: readonly string[]
  readonly splits: number
}

/** Checks that every split gives the events of the whole, event by event; stops at the first that does not. */
export function checkSplits(
  adapter: ProviderAdapter,
  framing: Framing,
  bytes: Uint8Array,
  effort: SplitEffort,
  seed: number,
): SplitResult {
  const whole = decodeStream(adapter, framing, [bytes])
  let splits = 0
  for (const cuts of splitsOf(bytes.length, effort, seededRandom(seed))) {
    splits += 1
    const events = decodeStream(adapter, framing, pieces(bytes, cuts))
    if (same(whole, events)) continue
    const shown = cuts.length > 8 ? `${cuts.length} places` : cuts.join(', ')
    return {
      faults: [`split at ${shown} of ${bytes.length}: ${firstDifference(whole, events)}`],
      splits,
    }
  }
  return { faults: [], splits }
}

function firstDifference(
  whole: readonly CanonicalEvent[],
  events: readonly CanonicalEvent[],
): string {
  const length = Math.max(whole.length, events.length)
  for (let index = 0; index < length; index += 1) {
    if (same(whole[index], events[index])) continue
    const [want, got] = [JSON.stringify(whole[index]), JSON.stringify(events[index])]
    return `event ${index}: expected ${want?.slice(0, 160) ?? 'none'}, got ${got?.slice(0, 160) ?? 'none'}`
  }
  return 'no difference'
}
