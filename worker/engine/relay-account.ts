import type { CanonicalEvent, ChoiceFinish } from '../canonical/events.ts'
import { failure, type Failure } from '../canonical/failure.ts'
import { mergeUsage, type Usage } from '../canonical/usage.ts'
import type { Dialect } from '../dialects/dialect.ts'
import type { WireMessage } from '../streams/framer.ts'
import { SseFramer } from '../streams/sse-framer.ts'
import { StreamDecoder } from '../streams/stream-decoder.ts'
import type { OpenStream } from './open-stream.ts'
import { generatedBytes } from './call-seen.ts'
import type { CarryEnding } from './carry.ts'

/** What is kept of the end of a stream: the usage block, the finish and the end mark are in it, bytes. */
const tailBytes = 16_384
/** Longest event that is looked at before it is let go, bytes: a relay holds no more of a stream than this and its tail. */
const lookedAtBytes = 65_536

/** What the metered bytes add up to: counts from the first events, and from the kept tail. */
export class RelayAccount {
  readonly #stream: OpenStream
  readonly #dialect: Dialect
  #usage: Usage | undefined
  #choices: readonly ChoiceFinish[] | undefined
  #failure: Failure | undefined
  #tail: Uint8Array[] = []
  #tailBytes = 0
  /** The middle of the stream is no longer kept. */
  #hasLetGo = false
  readonly #passed: PassedEvents
  /** Of what was decoded, and of all that was only counted. */
  #receivedBytes = 0

  constructor(stream: OpenStream, dialect: Dialect) {
    this.#stream = stream
    this.#dialect = dialect
    this.#receivedBytes = generatedBytes(stream.events)
    this.#passed = new PassedEvents(stream, dialect)
    this.#take(stream.events)
  }

  /** What has passed after which nothing good follows, and nothing more should pass; null while there is none. */
  get over(): Over | null {
    return this.#passed.over
  }

  saw(bytes: Uint8Array): void {
    if (this.over === 'ended' || this.over === 'error') return
    this.#passed.push(bytes)
    // The buffer is reused: what is kept must be a copy.
    this.#tail.push(bytes.slice())
    this.#receivedBytes += bytes.byteLength
    this.#tailBytes += bytes.byteLength
    while (this.#tailBytes - (this.#tail[0]?.byteLength ?? 0) >= tailBytes) {
      const gone = this.#tail.shift()
      if (gone === undefined) return
      this.#tailBytes -= gone.byteLength
      this.#hasLetGo = true
    }
  }

  /** What brings the client to the beginning of an event: nothing where the last one is known to be whole. */
  get boundary(): string {
    let end = ''
    for (let at = this.#tail.length - 1; at >= 0 && end.length < 4; at--)
      end = String.fromCharCode(...(this.#tail[at]?.subarray(-4) ?? [])) + end
    return /(?:\n\n|\r\r|\r\n\r\n)$/.test(end) ? '' : '\n\n'
  }

  /** The ending that the end mark decides. */
  close(): CarryEnding {
    if (this.#choices === undefined && this.#failure === undefined) this.#readTail()
    const counts = {
      receivedBytes: this.#receivedBytes,
      ...(this.#usage === undefined ? {} : { usage: this.#usage }),
    }
    const broken = this.#brokenBefore() ?? this.#failure
    if (this.#choices !== undefined && broken === undefined)
      return { kind: 'finished', choices: this.#choices, ...counts }
    const cut = failure('truncated', 'the provider ended its answer early')
    return { kind: 'failed', failure: broken ?? cut, ...counts }
  }

  /**
   * True when the mark that ends an answer for clients of the dialect has gone
   * out, whatever stood before it: after it nothing may follow.
   */
  get hasEndMark(): boolean {
    const isMark = endMarks[this.#dialect.id]
    let found = false
    // An event without its blank line has not gone out: what is written behind it is what closes it.
    new SseFramer().push(join(this.#tail, this.#tailBytes), (message) => {
      found ||= isMark(message)
    })
    return found
  }

  /** Something that is no JSON among the events let go: the client has it, and the record must say so. */
  #brokenBefore(): Failure | undefined {
    const isUnexplained = this.#failure === undefined || this.#failure.class === 'truncated'
    return this.over === 'broken' && isUnexplained
      ? failure('malformed', 'the provider sent an event that is no JSON')
      : undefined
  }

  /**
   * Goes on with the decoder that has seen the beginning. Where the middle was
   * let go, it is fed from the first event that stands whole in the tail.
   */
  #readTail(): void {
    const tail = join(this.#tail, this.#tailBytes)
    if (!this.#hasLetGo)
      return this.#take([...this.#stream.decoder.push(tail), ...this.#stream.decoder.end()])
    const { error } = this.#passed
    if (error !== null) {
      const events: CanonicalEvent[] = []
      this.#stream.eventDecoder.decode(error, events)
      return this.#take(events)
    }
    const start = firstEventStart(tail)
    const decoder = new StreamDecoder('sse', this.#stream.eventDecoder)
    this.#take([...decoder.push(tail.subarray(start)), ...decoder.end()])
  }

  #take(events: readonly CanonicalEvent[]): void {
    for (const event of events) {
      if (event.type === 'usage') this.#usage = mergeUsage(this.#usage, event.usage)
      else if (event.type === 'finish') this.#choices = event.choices
      else if (event.type === 'failure') this.#failure = event.failure
    }
  }
}

/** After which message a client of a dialect reads no further. */
const endMarks: Readonly<Record<Dialect['id'], (message: WireMessage) => boolean>> = {
  'openai-chat': ({ data }) => data.trim() === '[DONE]',
  // By what is in it: the SDKs look at the name of an event first, and end by its type alone.
  'anthropic-messages': ({ data }) =>
    /^\{\s*"type"\s*:\s*"message_stop"/.test(data) || typeOf(data) === 'message_stop',
}

function typeOf(data: string): unknown {
  try {
    return (JSON.parse(data) as { readonly type?: unknown } | null)?.type
  } catch {
    return undefined
  }
}

/** What ends a stream: the end mark, an error event of the provider's own, or an event that is no JSON. */
type Over = 'ended' | 'error' | 'broken'

/**
 * Looks at every event that passes. Framing costs 0.1 us an event (Node 24,
 * 2026-11-26) and parsing each would cost ten times that: JSON that was cut
 * shows in its last character, and only what ends in another, or speaks of an
 * error or the end, is parsed.
 */
class PassedEvents {
  over: Over | null = null
  /** The provider's own error event. */
  error: WireMessage | null = null
  readonly #framer = new SseFramer(lookedAtBytes)
  readonly #isMark: (message: WireMessage) => boolean

  constructor({ source, events }: OpenStream, dialect: Dialect) {
    this.#isMark = endMarks[dialect.id]
    if (events.at(-1)?.type === 'finish') this.over = 'ended'
    // Its last event may be the first half of one; whatever is whole in it has been decoded.
    if (source.kind === 'relay') this.#framer.push(source.lastRead, ignore)
  }

  push(bytes: Uint8Array): void {
    this.#framer.push(bytes, this.#look)
  }

  readonly #look = (message: WireMessage): void => {
    if (this.over !== null) return
    const { event, data } = message
    if (event === 'error' || (data.includes('"error"') && isError(data))) {
      this.over = 'error'
      this.error = message
    } else if (mayBeMark(message)) {
      if (this.#isMark(message)) this.over = 'ended'
    } else if (!data.endsWith('}') && !isJson(data)) this.over = 'broken'
  }
}

function ignore(): void {}

/** Cheaper than to ask every event whether it is the mark. */
function mayBeMark({ data }: WireMessage): boolean {
  return data.length < 16 ? data.trim() === '[DONE]' : data.includes('message_stop')
}

/** OpenAI's `{"error": {...}}`, in a chunk or alone, and Anthropic's `{"type":"error"}`. */
function isError(data: string): boolean {
  try {
    const { type, error } = JSON.parse(data) as {
      readonly type?: unknown
      readonly error?: unknown
    }
    return type === 'error' || (typeof error === 'object' && error !== null)
  } catch {
    return false
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return text.trim() === ''
  }
}

function join(pieces: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes)
  let offset = 0
  for (const piece of pieces) {
    whole.set(piece, offset)
    offset += piece.byteLength
  }
  return whole
}

/** Where the first event after a blank line begins. */
function firstEventStart(bytes: Uint8Array): number {
  const lineFeed = 10
  const carriageReturn = 13
  for (let index = 1; index < bytes.length; index++) {
    if (bytes[index] !== lineFeed) continue
    if (bytes[index - 1] === lineFeed) return index + 1
    if (bytes[index - 1] === carriageReturn && bytes[index - 2] === lineFeed) return index + 1
  }
  return bytes.length
}
