/** Invalid UTF-8 becomes U+FFFD and nothing throws; a BOM is kept, because only the first one of a stream is none of the text. */
const utf8 = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })

const byteOrderMark = 0xfeff
const nothing = new Uint8Array(0)

/**
 * Reads a stream of UTF-8 as text, one leading BOM taken off. The text is the
 * same for every cut of the bytes: a last character that is not complete waits
 * for its rest. It is held here and not in a decoder with `stream: true`, which
 * is slower for the usual push that ends with a line end.
 */
export class Utf8Reader {
  #held: Uint8Array = nothing
  #isBeginning = true

  read(bytes: Uint8Array): string {
    const whole = this.#held.length === 0 ? bytes : concatenated(this.#held, bytes)
    const tail = incompleteTailBytes(whole)
    this.#held = tail === 0 ? nothing : whole.slice(whole.length - tail)
    const complete = tail === 0 ? whole : whole.subarray(0, whole.length - tail)
    return complete.length === 0 ? '' : this.#withoutMark(utf8.decode(complete))
  }

  /** The bytes have ended: a character that was cut becomes U+FFFD. */
  end(): string {
    const held = this.#held
    this.#held = nothing
    return held.length === 0 ? '' : utf8.decode(held)
  }

  #withoutMark(text: string): string {
    if (!this.#isBeginning) return text
    this.#isBeginning = false
    return text.charCodeAt(0) === byteOrderMark ? text.slice(1) : text
  }
}

/** Reads a whole text, one leading BOM taken off. */
export function readUtf8(bytes: Uint8Array): string {
  const text = utf8.decode(bytes)
  return text.charCodeAt(0) === byteOrderMark ? text.slice(1) : text
}

function concatenated(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length)
  whole.set(first)
  whole.set(second, first.length)
  return whole
}

/**
 * Length of a character that begins in the last three bytes and may go on: 0 to 3.
 * The cut is before a lead byte, where a decoder carries no state, so the text
 * is the same as without the cut, for invalid bytes too.
 */
function incompleteTailBytes(bytes: Uint8Array): number {
  const length = bytes.length
  for (let tail = 1; tail <= 3 && tail <= length; tail += 1) {
    const byte = bytes[length - tail] ?? 0
    if (byte < 0x80) return 0
    if (byte >= 0xc0) {
      const characterBytes = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
      return characterBytes > tail ? tail : 0
    }
  }
  return 0
}
