/** So many pieces in a row are joined on the way when they are this small on average. */
const piecesBeforeJoin = 1024
const smallPieceLength = 64

/**
 * Collects the text of a message that arrives in pieces and joins it once, so
 * the time is linear. Only very small pieces are joined on the way: in a list, a
 * piece of one byte would cost eight.
 */
export class TextBuffer {
  #pieces: string[] = []
  /** Pieces at the beginning of the list that need no more joining. */
  #joined = 0
  #lengthSinceJoin = 0
  #length = 0

  /** UTF-16 code units collected. */
  get length(): number {
    return this.#length
  }

  append(piece: string): void {
    this.#pieces.push(piece)
    this.#length += piece.length
    this.#lengthSinceJoin += piece.length
    if (this.#pieces.length - this.#joined < piecesBeforeJoin) return
    if (this.#lengthSinceJoin < piecesBeforeJoin * smallPieceLength) {
      this.#pieces.push(this.#pieces.splice(this.#joined).join(''))
    }
    this.#joined = this.#pieces.length
    this.#lengthSinceJoin = 0
  }

  /** Everything collected; the buffer is empty afterwards. */
  take(): string {
    const text = this.#pieces.join('')
    this.clear()
    return text
  }

  clear(): void {
    if (this.#pieces.length > 0) this.#pieces = []
    this.#joined = 0
    this.#length = 0
    this.#lengthSinceJoin = 0
  }
}
