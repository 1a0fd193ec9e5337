import { type Framer, type FramingFault, maxMessageBytes, type WireMessage } from './framer.ts'
import { TextBuffer } from './text-buffer.ts'
import { Utf8Reader } from './utf8-reader.ts'

type Sink = (message: WireMessage) => void

const quote = 0x22
const comma = 0x2c
const openBracket = 0x5b
const backslash = 0x5c
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/** Where the reader stands: outside of an element, or in one of its three kinds. */
type Place =
  | 'before-array'
  | 'before-first-element'
  | 'before-element'
  | 'nested'
  | 'string'
  | 'scalar'
  | 'after-element'
  | 'after-array'

/**
 * One JSON array whose elements arrive one by one: Gemini's
 * `streamGenerateContent` without `alt=sse`
 * (https://ai.google.dev/api/generate-content, read 2026-11-20).
 *
 * Hands over the text of each top-level element as soon as it is complete, not
 * when the comma comes, which waits for the next one. Elements are cut out, not
 * checked: that is for the JSON parser behind. The limit counts UTF-16 code
 * units of an element.
 */
export class JsonArrayFramer implements Framer {
  readonly #limit: number
  readonly #utf8 = new Utf8Reader()
  /** What came of the current element in earlier pushes. */
  readonly #partialElement = new TextBuffer()
  #place: Place = 'before-array'
  /** Open brackets and braces inside the current element. */
  #depth = 0
  /** Inside a string of a nested element. */
  #inString = false
  /** The last character was a backslash that escapes the next one. */
  #isEscaped = false
  #fault: FramingFault | null = null

  constructor(maxBytes: number = maxMessageBytes) {
    this.#limit = maxBytes
  }

  get heldLength(): number {
    return this.#partialElement.length
  }

  push(bytes: Uint8Array, sink: Sink): FramingFault | null {
    if (this.#fault === null) this.#readText(this.#utf8.read(bytes), sink)
    return this.#fault
  }

  end(sink: Sink): FramingFault | null {
    if (this.#fault !== null) return this.#fault
    this.#readText(this.#utf8.end(), sink)
    if (this.#fault === null && this.#place !== 'after-array') {
      this.#fail('the array of the stream was not closed')
    }
    return this.#fault
  }

  #readText(text: string, sink: Sink): void {
    let at = 0
    let elementStart = 0
    while (at < text.length) {
      if (this.#isInElement()) {
        const end = this.#readElement(text, at)
        if (end === -1) break
        if (!this.#endElement(text.slice(elementStart, end), sink)) return
        at = end
      } else {
        this.#readBetween(text.charCodeAt(at))
        if (this.#fault !== null) return
        if (this.#isInElement()) elementStart = at
        at += this.#place === 'scalar' ? 0 : 1
      }
    }
    if (this.#isInElement()) this.#keep(text.slice(elementStart))
  }

  #isInElement(): boolean {
    return this.#place === 'nested' || this.#place === 'string' || this.#place === 'scalar'
  }

  #keep(piece: string): boolean {
    if (piece !== '') this.#partialElement.append(piece)
    if (this.#partialElement.length <= this.#limit) return true
    this.#fail(`an element of the stream is larger than ${this.#limit} bytes`)
    return false
  }

  #endElement(lastPiece: string, sink: Sink): boolean {
    if (!this.#keep(lastPiece)) return false
    this.#place = 'after-element'
    sink({ event: '', data: this.#partialElement.take() })
    return true
  }

  /** Reads one character outside of an element. */
  #readBetween(code: number): void {
    if (isWhiteSpace(code)) return
    const place = this.#place
    if (place === 'after-array') this.#fail('there is text after the array of the stream')
    else if (place === 'before-array') {
      if (code === openBracket) this.#place = 'before-first-element'
      else this.#fail('the stream is not a JSON array')
    } else if (place === 'after-element') {
      if (code === comma) this.#place = 'before-element'
      else if (code === closeBracket) this.#place = 'after-array'
      else this.#fail('two elements of the stream have no comma between them')
    } else if (code === closeBracket && place === 'before-first-element') {
      this.#place = 'after-array'
    } else this.#beginElement(code)
  }

  #beginElement(code: number): void {
    this.#depth = 1
    if (code === openBrace || code === openBracket) this.#place = 'nested'
    else if (code === quote) this.#place = 'string'
    else if (code === comma || code === closeBracket || code === closeBrace) {
      this.#fail('an element of the stream is missing')
    } else this.#place = 'scalar'
  }

  /** Offset after the element's last character; -1 when it goes on. */
  #readElement(text: string, start: number): number {
    if (this.#place === 'scalar') return endOfScalar(text, start)
    if (this.#place === 'string') return this.#endOfString(text, start)
    let at = start
    while (at < text.length) {
      if (this.#inString) {
        at = this.#endOfString(text, at)
        if (at === -1) return -1
        this.#inString = false
        continue
      }
      const code = text.charCodeAt(at)
      at += 1
      if (code === quote) this.#inString = true
      else if (code === openBrace || code === openBracket) this.#depth += 1
      else if (code === closeBrace || code === closeBracket) {
        this.#depth -= 1
        if (this.#depth === 0) return at
      }
    }
    return -1
  }

  /** Offset after the closing quote; -1 when the string goes on. */
  #endOfString(text: string, start: number): number {
    for (let at = start; at < text.length; at += 1) {
      const code = text.charCodeAt(at)
      if (this.#isEscaped) this.#isEscaped = false
      else if (code === backslash) this.#isEscaped = true
      else if (code === quote) return at + 1
    }
    return -1
  }

  #fail(reason: string): void {
    this.#fault = { reason }
    this.#partialElement.clear()
  }
}

function isWhiteSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
}

/** A number or a word ends where anything else begins; -1 when the text does not show it. */
function endOfScalar(text: string, start: number): number {
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (isWhiteSpace(code) || code === comma || code === closeBracket) return at
  }
  return -1
}
