import { readStringHeaders } from './aws-event-stream-headers.ts'
import { crc32 } from './crc32.ts'
import { type Framer, type FramingFault, maxMessageBytes, type WireMessage } from './framer.ts'
import { readUtf8 } from './utf8-reader.ts'

type Sink = (message: WireMessage) => void

/** Total length, headers length, CRC of these two; 4 bytes each, big-endian. */
const preludeBytes = 12
const checksumBytes = 4

/**
 * AWS event stream (`application/vnd.amazon.eventstream`,
 * https://smithy.io/2.0/aws/amazon-eventstream.html, read 2026-11-20): prelude,
 * headers, payload, CRC-32 of everything before. Both checksums are verified,
 * and nothing of a message is handed over before its own.
 *
 * `event` is `:event-type`. An exception gives `exception:<:exception-type>`; an
 * unmodelled error `exception:<:error-code>`, with `{"message": <:error-message>}`
 * as data when it has no payload, which is how an exception's payload looks.
 * The limit counts the bytes of a whole message.
 */
export class AwsEventStreamFramer implements Framer {
  readonly #maxBytes: number
  readonly #prelude = new Uint8Array(preludeBytes)
  /** The message being collected: the prelude until its length is known. */
  #frame = this.#prelude
  #collected = 0
  #fault: FramingFault | null = null

  constructor(maxBytes: number = maxMessageBytes) {
    this.#maxBytes = maxBytes
  }

  get heldLength(): number {
    return this.#collected
  }

  push(bytes: Uint8Array, sink: Sink): FramingFault | null {
    let at = 0
    while (at < bytes.length && this.#fault === null) {
      const frame = this.#frame
      const taken = Math.min(frame.length - this.#collected, bytes.length - at)
      frame.set(bytes.subarray(at, at + taken), this.#collected)
      this.#collected += taken
      at += taken
      if (this.#collected < frame.length) break
      if (frame === this.#prelude) this.#readPrelude()
      else this.#readMessage(frame, sink)
    }
    return this.#fault
  }

  end(_sink: Sink): FramingFault | null {
    if (this.#fault === null && this.#collected > 0) this.#fail('a frame of the stream was cut')
    return this.#fault
  }

  #readPrelude(): void {
    const prelude = viewOf(this.#prelude)
    const totalBytes = prelude.getUint32(0)
    const headerBytes = prelude.getUint32(4)
    if (crc32(this.#prelude.subarray(0, 8)) !== prelude.getUint32(8)) {
      this.#fail('the prelude of a frame fails its checksum')
    } else if (totalBytes > this.#maxBytes) {
      this.#fail(`a frame of the stream is larger than ${this.#maxBytes} bytes`)
    } else if (totalBytes < preludeBytes + headerBytes + checksumBytes) {
      this.#fail('a frame of the stream is shorter than its headers')
    } else {
      this.#frame = new Uint8Array(totalBytes)
      this.#frame.set(this.#prelude)
    }
  }

  #readMessage(frame: Uint8Array, sink: Sink): void {
    this.#frame = this.#prelude
    this.#collected = 0
    const view = viewOf(frame)
    const payloadEnd = frame.length - checksumBytes
    if (crc32(frame.subarray(0, payloadEnd)) !== view.getUint32(payloadEnd)) {
      this.#fail('a frame of the stream fails its checksum')
      return
    }
    const payloadStart = preludeBytes + view.getUint32(4)
    const headers = readStringHeaders(frame.subarray(preludeBytes, payloadStart))
    if (headers === null) {
      this.#fail('a frame of the stream has unreadable headers')
      return
    }
    sink(messageOf(headers, readUtf8(frame.subarray(payloadStart, payloadEnd))))
  }

  #fail(reason: string): void {
    this.#fault = { reason }
    this.#frame = this.#prelude
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function messageOf(headers: ReadonlyMap<string, string>, payload: string): WireMessage {
  switch (headers.get(':message-type')) {
    case 'exception':
      return { event: `exception:${headers.get(':exception-type') ?? 'unknown'}`, data: payload }
    case 'error': {
      const message = headers.get(':error-message') ?? ''
      const data = payload === '' ? JSON.stringify({ message }) : payload
      return { event: `exception:${headers.get(':error-code') ?? 'unknown'}`, data }
    }
    default:
      return { event: headers.get(':event-type') ?? '', data: payload }
  }
}
