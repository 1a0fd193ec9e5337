import { type Framer, type FramingFault, maxMessageBytes, type WireMessage } from './framer.ts'
import { TextBuffer } from './text-buffer.ts'
import { Utf8Reader } from './utf8-reader.ts'

type Sink = (message: WireMessage) => void

const lineFeed = 10
const space = 32
const colon = 58
const letterD = 100
const letterE = 101

/**
 * Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html,
 * read 2026-11-20): LF, CR and CRLF, one BOM, comments, unknown fields and
 * multi-line data as the specification says. `id` and `retry` are not for us.
 *
 * One departure: the specification drops an event whose blank line is missing
 * when the stream ends. Some providers leave out the last blank line, so
 * `end()` hands over what has data. An event that was cut looks the same;
 * `StreamDecoder` tells them apart by whether it can be decoded.
 *
 * The limit counts UTF-16 code units (never more than the bytes) between two
 * blank lines, comments included, and one for each line end, so that an endless
 * comment is a fault too.
 */
export class SseFramer implements Framer {
  readonly #limit: number
  readonly #utf8 = new Utf8Reader()
  /** The line that has no end yet. */
  readonly #partialLine = new TextBuffer()
  #hasPartialLine = false
  /** Length of the complete lines since the last blank one. */
  #eventLength = 0
  #event = ''
  #data: string | null = null
  /** Data lines after the first. Joined once: appending to a text costs up to 64 bytes for each line. */
  #moreData: string[] = []
  /** The last character was a CR, which ended a line: an LF that comes next belongs to it. */
  #skipLineFeed = false
  #fault: FramingFault | null = null

  constructor(maxBytes: number = maxMessageBytes) {
    this.#limit = maxBytes
  }

  get heldLength(): number {
    return this.#eventLength + this.#partialLine.length
  }

  push(bytes: Uint8Array, sink: Sink): FramingFault | null {
    if (this.#fault === null) this.#readText(this.#utf8.read(bytes), sink)
    return this.#fault
  }

  end(sink: Sink): FramingFault | null {
    if (this.#fault !== null) return this.#fault
    this.#readText(this.#utf8.end(), sink)
    if (this.#fault !== null) return this.#fault
    if (this.#hasPartialLine) {
      const line = this.#partialLine.take()
      this.#readLine(line, 0, line.length)
    }
    if (this.#data !== '' || this.#moreData.length > 0) this.#dispatch(sink)
    return null
  }

  #readText(text: string, sink: Sink): void {
    if (text === '') return
    let at = this.#skipLineFeed && text.charCodeAt(0) === lineFeed ? 1 : 0
    this.#skipLineFeed = false
    let nextReturn = text.indexOf('\r', at)
    let nextFeed = text.indexOf('\n', at)
    while (nextFeed !== -1 || nextReturn !== -1) {
      const endsByReturn = nextReturn !== -1 && (nextFeed === -1 || nextReturn < nextFeed)
      const end = endsByReturn ? nextReturn : nextFeed
      if (end === at && !this.#hasPartialLine) this.#dispatch(sink)
      else if (!this.#endLine(text, at, end)) return
      at = end + 1
      if (endsByReturn) {
        if (nextFeed === at) at += 1
        else this.#skipLineFeed = at === text.length
        nextReturn = text.indexOf('\r', at)
      }
      if (nextFeed !== -1 && nextFeed < at) nextFeed = text.indexOf('\n', at)
    }
    if (at < text.length) this.#keep(at === 0 ? text : text.slice(at))
  }

  #keep(piece: string): void {
    this.#partialLine.append(piece)
    this.#hasPartialLine = true
    if (this.#eventLength + this.#partialLine.length > this.#limit) this.#fail()
  }

  /** Reads a line that is not blank and has its end; false when the event is too large. */
  #endLine(text: string, start: number, end: number): boolean {
    let line = text
    let from = start
    let to = end
    if (this.#hasPartialLine) {
      this.#partialLine.append(text.slice(start, end))
      this.#hasPartialLine = false
      from = 0
      to = this.#partialLine.length
      line = this.#partialLine.take()
    }
    this.#eventLength += to - from + 1
    if (this.#eventLength > this.#limit) {
      this.#fail()
      return false
    }
    this.#readLine(line, from, to)
    return true
  }

  #readLine(text: string, start: number, end: number): void {
    const first = text.charCodeAt(start)
    if (first === letterD && isData(text, start)) {
      const value = fieldValue(text, start + 4, end)
      if (value === null) return
      if (this.#data === null) this.#data = value
      else this.#moreData.push(value)
    } else if (first === letterE && text.startsWith('event', start)) {
      this.#event = fieldValue(text, start + 5, end) ?? this.#event
    }
  }

  #dispatch(sink: Sink): void {
    const event = this.#event
    let data = this.#data
    this.#eventLength = 0
    this.#event = ''
    this.#data = null
    if (data === null) return
    if (this.#moreData.length > 0) {
      data = `${data}\n${this.#moreData.join('\n')}`
      this.#moreData = []
    }
    sink({ event, data })
  }

  #fail(): void {
    this.#fault = { reason: `an event of the stream is larger than ${this.#limit} bytes` }
    this.#partialLine.clear()
    this.#data = null
    this.#moreData = []
  }
}

/** Value of a field whose name ends at `nameEnd`; null when the name goes on. */
function fieldValue(text: string, nameEnd: number, end: number): string | null {
  if (nameEnd === end) return ''
  if (text.charCodeAt(nameEnd) !== colon) return null
  const start = nameEnd + 1
  return text.slice(start < end && text.charCodeAt(start) === space ? start + 1 : start, end)
}

/** `text.startsWith('data', start)`, which is a call out of compiled code. The caller has seen the first letter. */
function isData(text: string, start: number): boolean {
  return (
    text.charCodeAt(start + 1) === 97 &&
    text.charCodeAt(start + 2) === 116 &&
    text.charCodeAt(start + 3) === 97
  )
}
