/** One message of a provider's stream, whatever carried it. */
export interface WireMessage {
  /** SSE `event:` field, AWS `:event-type` (`exception:<type>` for an exception frame); empty when there is none. */
  readonly event: string
  readonly data: string
}

/** How a provider cuts its stream into messages. */
export type Framing = 'sse' | 'json-lines' | 'json-array' | 'aws-event-stream'

/** A stream that cannot be read further: too large a message, a bad checksum, bytes that are no frame. */
export interface FramingFault {
  readonly reason: string
}

/**
 * Cuts bytes into messages. Gives the same messages for every split of the same
 * bytes. After a fault it stays silent.
 */
export interface Framer {
  /** What is kept of a message that is not whole yet, bytes or UTF-16 code units. */
  readonly heldLength: number
  /** Reads `bytes` and hands each complete message to `sink`; answers the fault that ends the stream, if any. */
  push(bytes: Uint8Array, sink: (message: WireMessage) => void): FramingFault | null
  /** The bytes have ended: hands over a last message that needs no terminator (JSON lines), or answers a fault when a frame was cut. */
  end(sink: (message: WireMessage) => void): FramingFault | null
}

/** Bytes of one message; 8 MiB holds an inline image and bounds what a hostile upstream can make us keep. */
export const maxMessageBytes = 8 * 1024 * 1024
