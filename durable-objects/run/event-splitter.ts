import { joined } from './joined.ts'
import { eventId } from './protocol.ts'

const lineFeed = 10
const carriageReturn = 13
const colon = 58

/**
 * Cuts a stream of server-sent events into its events, wherever its bytes are cut, and gives each an id to attach again
 * with. A frame is an event with the empty line that ends it.
 */
export class EventSplitter {
  readonly #runId: string
  #number = 0
  #parts: Uint8Array[] = []
  /** Of the line that has begun; a lone carriage return does not count. */
  #lineLength = 0

  constructor(runId: string) {
    this.#runId = runId
  }

  push(bytes: Uint8Array): Uint8Array[] {
    const frames: Uint8Array[] = []
    let from = 0
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at]
      if (byte === lineFeed) {
        if (this.#lineLength === 0) {
          const frame = this.#cut(bytes.subarray(from, at + 1))
          from = at + 1
          if (frame !== null) frames.push(frame)
        }
        this.#lineLength = 0
      } else if (byte !== carriageReturn) this.#lineLength += 1
    }
    if (from < bytes.length) this.#parts.push(bytes.slice(from))
    return frames
  }

  /** What is left when the stream has ended: an event without its end, as it came. */
  end(): Uint8Array | null {
    const rest = joined(this.#parts)
    this.#parts = []
    return rest.length === 0 ? null : rest
  }

  #cut(last: Uint8Array): Uint8Array | null {
    const frame = joined([...this.#parts, last])
    this.#parts = []
    const content = withoutEmptyLine(frame)
    // Empty lines between events mean nothing.
    if (content.length === 0) return null
    this.#number += 1
    // Without its empty line: with one, and once ids have been sent, the OpenAI SDK for Python takes it for an event
    // without data and fails (openai-python, src/openai/_streaming.py, SSEDecoder.decode, read 2026-11-26).
    if (isComment(content)) return content
    const ending = frame.at(-2) === carriageReturn ? '\r\n' : '\n'
    return joined([content, ascii(`id: ${eventId(this.#runId, this.#number)}${ending}${ending}`)])
  }
}

/** The frame without the line that is empty. */
function withoutEmptyLine(frame: Uint8Array): Uint8Array {
  let length = frame.length - 1
  if (frame[length - 1] === carriageReturn) length -= 1
  return frame.subarray(0, length)
}

/** Nothing but comments: every line begins with a colon. */
function isComment(content: Uint8Array): boolean {
  let isStart = true
  for (const byte of content) {
    if (isStart && byte !== colon) return false
    isStart = byte === lineFeed
  }
  return true
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}
