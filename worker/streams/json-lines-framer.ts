import { type Framer, type FramingFault, maxMessageBytes, type WireMessage } from './framer.ts'
import { TextBuffer } from './text-buffer.ts'
import { Utf8Reader } from './utf8-reader.ts'

type Sink = (message: WireMessage) => void

/**
 * One JSON text per line, ended by LF or CRLF; the last line needs no end, and
 * blank lines are ignored (a CR is white space in JSON, so it needs no care).
 * The limit counts UTF-16 code units of a line.
 */
export class JsonLinesFramer implements Framer {
  readonly #limit: number
  readonly #utf8 = new Utf8Reader()
  readonly #partialLine = new TextBuffer()
  #fault: FramingFault | null = null

  constructor(maxBytes: number = maxMessageBytes) {
    this.#limit = maxBytes
  }

  get heldLength(): number {
    return this.#partialLine.length
  }

  push(bytes: Uint8Array, sink: Sink): FramingFault | null {
    if (this.#fault === null) this.#readText(this.#utf8.read(bytes), sink)
    return this.#fault
  }

  end(sink: Sink): FramingFault | null {
    if (this.#fault !== null) return this.#fault
    this.#readText(this.#utf8.end(), sink)
    if (this.#fault === null) emitLine(this.#partialLine.take(), sink)
    return this.#fault
  }

  #readText(text: string, sink: Sink): void {
    let at = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', at)) {
      if (!this.#keep(text, at, end)) return
      at = end + 1
      emitLine(this.#partialLine.take(), sink)
    }
    this.#keep(text, at, text.length)
  }

  /** False when the line is too large. */
  #keep(text: string, start: number, end: number): boolean {
    if (start < end) this.#partialLine.append(text.slice(start, end))
    if (this.#partialLine.length <= this.#limit) return true
    this.#partialLine.clear()
    this.#fault = { reason: `a line of the stream is larger than ${this.#limit} bytes` }
    return false
  }
}

function emitLine(line: string, sink: Sink): void {
  const data = line.trim()
  if (data !== '') sink({ event: '', data })
}
