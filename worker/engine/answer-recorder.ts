import { type CanonicalEvent, isMeaningful } from '../canonical/events.ts'
import type { OpenStream } from './open-stream.ts'
import { generatedBytes } from './call-seen.ts'

/**
 * Remembers the events of a stream on their way to the client, up to a size, and says when they have come to a clean
 * end. A stream that breaks, that its client leaves, or that grows too large is never whole.
 */
export function recordStream(
  stream: OpenStream,
  mostBytes: number,
  whenWhole: (events: readonly CanonicalEvent[]) => void,
): OpenStream {
  const recorder = new Recorder(mostBytes, whenWhole)
  recorder.take(stream.events)
  const { decoder } = stream
  return {
    ...stream,
    decoder: {
      push: (bytes) => recorder.take(decoder.push(bytes)),
      end: () => recorder.take(decoder.end()),
    },
  }
}

class Recorder {
  readonly #mostBytes: number
  readonly #whenWhole: (events: readonly CanonicalEvent[]) => void
  #events: CanonicalEvent[] | null = []
  #bytes = 0

  constructor(mostBytes: number, whenWhole: (events: readonly CanonicalEvent[]) => void) {
    this.#mostBytes = mostBytes
    this.#whenWhole = whenWhole
  }

  take<Events extends readonly CanonicalEvent[]>(events: Events): Events {
    if (this.#events === null) return events
    this.#bytes += generatedBytes(events)
    if (this.#bytes > this.#mostBytes) {
      this.#events = null
      return events
    }
    this.#events.push(...events)
    const last = events.at(-1)
    if (last?.type !== 'finish' && last?.type !== 'failure') return events
    const whole = this.#events
    this.#events = null
    if (last.type === 'finish') this.#whenWhole(whole)
    return events
  }
}

/** Pieces of one text that stand side by side are one; what nobody reads is left out. */
export function compacted(events: readonly CanonicalEvent[]): CanonicalEvent[] {
  const out: CanonicalEvent[] = []
  for (const event of events) {
    const last = out.at(-1)
    const joined = last === undefined ? null : join(last, event)
    if (joined === null) out.push(event)
    else out[out.length - 1] = joined
  }
  return out.filter((event) => event.type !== 'text' || isMeaningful(event))
}

function join(before: CanonicalEvent, event: CanonicalEvent): CanonicalEvent | null {
  if (before.type === 'text' && event.type === 'text')
    return isOneText(before, event) ? { ...before, text: before.text + event.text } : null
  if (before.type === 'toolCallArguments' && event.type === 'toolCallArguments')
    return before.choice === event.choice && before.index === event.index
      ? { ...before, text: before.text + event.text }
      : null
  return null
}

type TextEvent = Extract<CanonicalEvent, { type: 'text' }>

/** Probabilities belong to their own piece. */
function isOneText(a: TextEvent, b: TextEvent): boolean {
  const plain = a.logprobs === undefined && b.logprobs === undefined
  return plain && a.choice === b.choice && a.block === b.block
}
