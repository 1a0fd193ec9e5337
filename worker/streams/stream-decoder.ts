import { type CanonicalEvent, isTerminal } from '../canonical/events.ts'
import { failure, type FailureClass } from '../canonical/failure.ts'
import { createFramer, type FramerLimits } from './create-framer.ts'
import type { EventDecoder } from './event-decoder.ts'
import type { Framer, Framing, FramingFault, WireMessage } from './framer.ts'

/**
 * Bytes of one streamed answer in, canonical events out: one call for each read
 * of the network. Never throws, and gives exactly one terminal event, after
 * which everything is ignored.
 *
 * What cannot be read while bytes still come is `malformed`. What cannot be read
 * because they stopped (a frame without its end, a last line that is half a JSON
 * text) is `truncated`: the same bytes would have been good with their rest.
 */
export class StreamDecoder {
  readonly #framer: Framer
  readonly #decoder: EventDecoder
  #out: CanonicalEvent[] = []
  #ended = false

  constructor(framing: Framing, decoder: EventDecoder, limits: FramerLimits = {}) {
    this.#framer = createFramer(framing, limits)
    this.#decoder = decoder
  }

  /** True when the terminal event was given. */
  get ended(): boolean {
    return this.#ended
  }

  /** What is kept of a message that is not whole yet, bytes or UTF-16 code units. */
  get heldLength(): number {
    return this.#framer.heldLength
  }

  /** The events of these bytes; the array is the caller's own. */
  push(bytes: Uint8Array): CanonicalEvent[] {
    if (this.#ended) return []
    const fault = this.#framer.push(bytes, this.#decodeMessage)
    if (fault !== null) this.#failWith(fault, 'malformed')
    return this.#takeEvents()
  }

  /** The upstream has ended: the last events, one of them terminal if there was none before. */
  end(): CanonicalEvent[] {
    if (this.#ended) return []
    const fault = this.#framer.end(this.#decodeMessage)
    this.#malformedIsTruncated()
    if (fault !== null) this.#failWith(fault, 'truncated')
    else if (!this.#ended) this.#decode((out) => this.#decoder.end(out))
    if (!this.#ended) this.#emitFailure('truncated', 'the stream stopped before its end mark')
    return this.#takeEvents()
  }

  readonly #decodeMessage = (message: WireMessage): void => {
    if (!this.#ended) this.#decode((out) => this.#decoder.decode(message, out))
  }

  #decode(step: (out: CanonicalEvent[]) => void): void {
    const out = this.#out
    const before = out.length
    try {
      step(out)
    } catch {
      // A decoder must not throw. What the error says may hold the provider's text, so it is not passed on.
      out.length = before
      this.#emitFailure('malformed', 'the stream has a message that could not be decoded')
      return
    }
    for (let at = before; at < out.length; at += 1) {
      const event = out[at]
      if (event === undefined || !isTerminal(event)) continue
      this.#ended = true
      out.length = at + 1
    }
  }

  /** A last message that came without its terminator and cannot be decoded was cut, not garbled. */
  #malformedIsTruncated(): void {
    const last = this.#out.at(-1)
    if (last?.type !== 'failure' || last.failure.class !== 'malformed') return
    this.#out.pop()
    this.#emitFailure('truncated', 'the stream stopped in the middle of a message')
  }

  #failWith(fault: FramingFault, failureClass: FailureClass): void {
    if (!this.#ended) this.#emitFailure(failureClass, fault.reason)
  }

  #emitFailure(failureClass: FailureClass, message: string): void {
    this.#ended = true
    this.#out.push({ type: 'failure', failure: failure(failureClass, message) })
  }

  #takeEvents(): CanonicalEvent[] {
    const events = this.#out
    this.#out = []
    return events
  }
}
