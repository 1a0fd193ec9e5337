/** How a log ended: with all there was, or in the middle. */
export type LogEnd = 'whole' | 'broken'

interface Place {
  /** Frames that it has had. */
  at: number
  isLost: boolean
}

/**
 * What a request is answered with, piece by piece, for all who read it. It is kept as long as it is not too large; beyond
 * that only what somebody has yet to read is there, and whoever stays too far behind loses it. The largest frame of that
 * does not count: a whole JSON answer is one frame, and nobody can have read it before it came.
 */
export class EventLog {
  readonly #most: number
  #frames: Uint8Array[] = []
  /** Of the first that is still there. */
  #first = 0
  #bytes = 0
  #total = 0
  #end: LogEnd | null = null
  #isWhole = true
  readonly #places = new Set<Place>()
  #waiting: (() => void)[] = []

  constructor(mostBytes: number) {
    this.#most = mostBytes
  }

  get end(): LogEnd | null {
    return this.#end
  }

  get readers(): number {
    return this.#places.size
  }

  /** Everything is there, from the first frame on; it may be kept. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  get totalBytes(): number {
    return this.#total
  }

  get frames(): readonly Uint8Array[] {
    return this.#frames
  }

  append(frame: Uint8Array): void {
    if (this.#end !== null) return
    this.#frames.push(frame)
    this.#bytes += frame.length
    this.#total += frame.length
    if (this.#bytes > this.#most) this.#shrink()
    this.#wake()
  }

  close(end: LogEnd): void {
    this.#end ??= end
    this.#wake()
  }

  /** A reader of what comes after the first `after` frames; null when some of that is gone. */
  reader(after: number): LogReader | null {
    if (after < this.#first) return null
    const place: Place = { at: after, isLost: false }
    this.#places.add(place)
    return {
      next: async () => {
        for (;;) {
          if (place.isLost) return 'lost'
          const from = place.at - this.#first
          if (from < this.#frames.length) {
            place.at = this.#first + this.#frames.length
            return this.#frames.slice(Math.max(0, from))
          }
          if (this.#end !== null) return this.#end
          await this.#changed()
        }
      },
      leave: () => void this.#places.delete(place),
    }
  }

  #shrink(): void {
    this.#isWhole = false
    for (;;) {
      this.#drop(Math.min(this.#first + this.#frames.length, ...this.#positions()))
      if (this.#bytes - this.#largestBytes() <= this.#most) return
      const behind = Math.min(...this.#positions())
      for (const place of this.#places) if (place.at === behind) this.#lose(place)
    }
  }

  #largestBytes(): number {
    return this.#frames.reduce((most, { length }) => Math.max(most, length), 0)
  }

  #positions(): readonly number[] {
    return [...this.#places].map(({ at }) => at)
  }

  #lose(place: Place): void {
    place.isLost = true
    this.#places.delete(place)
  }

  #drop(before: number): void {
    const gone = this.#frames.splice(0, before - this.#first)
    this.#first = before
    for (const { length } of gone) this.#bytes -= length
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
    })
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }
}

export interface LogReader {
  /** Everything that has come since; how it ended; or that it stayed too far behind. */
  next(): Promise<readonly Uint8Array[] | LogEnd | 'lost'>
  leave(): void
}
