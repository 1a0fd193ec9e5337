import { createParser } from 'eventsource-parser'
import {
  type Framer,
  type FramingFault,
  maxMessageBytes,
  type WireMessage,
} from '../worker/streams/framer.ts'

/** `eventsource-parser` behind our interface: the other side of the comparison, not used by the worker (`docs/decisions/0003-sse-parser.md`). */
export class LibrarySseFramer implements Framer {
  /** The parser does not say. */
  readonly heldLength = 0
  readonly #utf8 = new TextDecoder()
  #fault: FramingFault | null = null
  #sink: (message: WireMessage) => void = () => {}
  readonly #parser

  constructor(maxBytes: number = maxMessageBytes) {
    this.#parser = createParser({
      maxBufferSize: maxBytes,
      onEvent: (event) => this.#sink({ event: event.event ?? '', data: event.data }),
      onError: (error) => {
        if (error.type === 'max-buffer-size-exceeded') this.#fault = { reason: error.message }
      },
    })
  }

  push(bytes: Uint8Array, sink: (message: WireMessage) => void): FramingFault | null {
    if (this.#fault !== null) return this.#fault
    this.#sink = sink
    this.#parser.feed(this.#utf8.decode(bytes, { stream: true }))
    return this.#fault
  }

  end(sink: (message: WireMessage) => void): FramingFault | null {
    if (this.#fault !== null) return this.#fault
    this.#sink = sink
    this.#parser.feed(`${this.#utf8.decode()}\n\n`)
    return this.#fault
  }
}
