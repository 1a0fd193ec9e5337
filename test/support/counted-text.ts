import type { Characters } from '../../worker/policy/glob.ts'

/** A text that counts how often a character of it is read: the measure of work that no clock disturbs. */
export class CountedText implements Characters {
  reads = 0
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  get length(): number {
    return this.#text.length
  }

  charCodeAt(index: number): number {
    this.reads += 1
    return this.#text.charCodeAt(index)
  }
}
