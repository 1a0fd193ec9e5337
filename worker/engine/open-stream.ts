import { isMeaningful, type CanonicalEvent } from '../canonical/events.ts'
import { failure, type Failure } from '../canonical/failure.ts'
import type { Usage } from '../canonical/usage.ts'
import type { ProviderAdapter } from '../providers/adapter.ts'
import type { EventDecoder } from '../streams/event-decoder.ts'
import { StreamDecoder } from '../streams/stream-decoder.ts'
import type { AttemptControl } from './attempt-control.ts'
import { BodyReader } from './body-reader.ts'
import { usageOf } from './call-seen.ts'

/** A stream that has given its first meaningful token, and waits to be carried to the client. */
export interface OpenStream {
  readonly control: AttemptControl
  /** Everything decoded so far, the first meaningful event among them. */
  readonly events: readonly CanonicalEvent[]
  readonly eventDecoder: EventDecoder
  readonly decoder: Pick<StreamDecoder, 'push' | 'end'>
  readonly source: StreamSource
}

export type StreamSource = { readonly kind: 'translate'; readonly reader: BodyReader } | RelaySource

/** A stream of which the runtime moves the bytes, while a second branch of it is looked at. */
export interface RelaySource {
  readonly kind: 'relay'
  /** Every byte from the beginning. */
  readonly client: ReadableStream<Uint8Array>
  /** The same bytes, less those already read. */
  readonly meter: ReadableStreamBYOBReader
  /** The last that were read there: gone with the next read, which takes their buffer. */
  readonly lastRead: Uint8Array
}

type Opened =
  | { readonly kind: 'stream'; readonly stream: OpenStream }
  | {
      readonly kind: 'failed'
      readonly failure: Failure
      readonly status: number
      readonly usage?: Usage | undefined
    }

/**
 * What a stream may bring before its first token, bytes: heartbeats, comments and filter results have a hundredth of
 * it. On a relay all of it is kept for the client. An event under way is not counted, because a picture is one event;
 * its own limit is `maxMessageBytes`.
 */
const mostBytesBeforeToken = 1_048_576

/** Reads until the first meaningful token; that is the moment of commit. */
export async function openStream(
  response: Response,
  adapter: ProviderAdapter,
  relay: boolean,
  control: AttemptControl,
): Promise<Opened> {
  const { body, status } = response
  if (body === null)
    return {
      kind: 'failed',
      failure: failure('truncated', 'the provider sent an empty answer'),
      status,
    }
  const eventDecoder = adapter.createDecoder()
  const decoder = new StreamDecoder(adapter.framing, eventDecoder)
  const { sourceAfter, read } = relay ? relaySource(body) : translateSource(body)
  const events: CanonicalEvent[] = []
  let readBytes = 0
  for (;;) {
    const bytes = await read()
    const fresh = bytes === null ? decoder.end() : decoder.push(bytes)
    events.push(...fresh)
    const last = fresh.at(-1)
    const meaningful = fresh.some(isMeaningful)
    if (last?.type === 'failure' && !meaningful && !events.some(isMeaningful)) {
      const usage = usageOf(events)
      return { kind: 'failed', failure: control.failure(last.failure), status, usage }
    }
    if (meaningful || last?.type === 'finish' || last?.type === 'failure') {
      control.disarm()
      const source = sourceAfter(bytes ?? new Uint8Array(), last?.type === 'failure')
      return { kind: 'stream', stream: { control, events, decoder, eventDecoder, source } }
    }
    readBytes += bytes?.byteLength ?? 0
    if (readBytes - decoder.heldLength > mostBytesBeforeToken)
      return { kind: 'failed', failure: tooMuch, status }
  }
}

const tooMuch = failure(
  'malformed',
  `the provider sent more than ${mostBytesBeforeToken} bytes before its first token`,
)

interface Opening {
  read(): Promise<Uint8Array | null>
  /** The stream behind `lastRead`, the bytes that were read last, of which some broke it or none. */
  sourceAfter(lastRead: Uint8Array, isBroken: boolean): StreamSource
}

function translateSource(body: ReadableStream<Uint8Array>): Opening {
  const reader = new BodyReader(body)
  return { read: () => reader.read(), sourceAfter: () => ({ kind: 'translate', reader }) }
}

/** Bytes read at once from the metering branch. */
export const meterBufferBytes = 16_384

function relaySource(body: ReadableStream<Uint8Array>): Opening {
  const [client, branch] = body.tee()
  const meter = branch.getReader({ mode: 'byob' })
  let buffer = new ArrayBuffer(meterBufferBytes)
  return {
    async read() {
      const { done, value } = await meter.read(new Uint8Array(buffer))
      if (done || value === undefined) return null
      // What was read before has been decoded, and what of it is held is held as text.
      buffer = value.buffer as ArrayBuffer
      return value
    },
    sourceAfter(lastRead, isBroken) {
      if (!isBroken) return { kind: 'relay', client, meter, lastRead }
      // Nothing has gone out yet: what was decoded is told, and no end mark behind what broke.
      client.cancel().catch(() => undefined)
      meter.cancel().catch(() => undefined)
      return { kind: 'translate', reader: new BodyReader(emptyStream()) }
    },
  }
}

/** A body that has ended. */
export function emptyStream(): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({ start: (controller) => controller.close() })
}
