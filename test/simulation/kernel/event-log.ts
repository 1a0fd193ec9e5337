/**
 * What happened, as lines: their hash tells whether a replay was the same run, and the last of them are kept
 * for whoever has to read why it failed.
 */
export class EventLog {
  readonly #kept: number
  readonly #lines: string[] = []
  #first = 0x811c9dc5 | 0
  #second = 0x01000193 | 0
  #count = 0

  /** `kept`: how many of the last lines can be read; `Infinity` for all. */
  constructor(kept: number) {
    this.#kept = kept
  }

  get count(): number {
    return this.#count
  }

  /** Two FNV-1a of 32 bits, the second over the units in another alphabet. */
  get hash(): string {
    return [this.#first, this.#second]
      .map((half) => (half >>> 0).toString(16).padStart(8, '0'))
      .join('')
  }

  get lines(): readonly string[] {
    return this.#lines
  }

  write(line: string): void {
    this.#count += 1
    for (let at = 0; at < line.length; at += 1) {
      const unit = line.charCodeAt(at)
      this.#first = Math.imul(this.#first ^ unit, 0x01000193)
      this.#second = Math.imul(this.#second ^ (unit + 0x9e37), 0x01000193)
    }
    if (this.#kept === 0) return
    this.#lines.push(line)
    if (this.#lines.length > 2 * this.#kept) this.#lines.splice(0, this.#lines.length - this.#kept)
  }
}
