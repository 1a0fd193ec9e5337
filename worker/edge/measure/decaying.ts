/** Counts that lose half of their weight in each half-life: what was long ago says little of now. */
export class Decaying {
  readonly #halfLifeMs: number
  #count = 0
  #sum = 0
  #atMs = -Infinity

  constructor(halfLifeMs: number) {
    this.#halfLifeMs = halfLifeMs
  }

  /** One more, with its value. */
  note(value: number, nowMs: number): void {
    this.#decay(nowMs)
    this.#count += 1
    this.#sum += value
  }

  /** So many as are left of those noted. */
  count(nowMs: number): number {
    this.#decay(nowMs)
    return this.#count
  }

  /** Mean of the values, or null when next to nothing is left of them. */
  mean(nowMs: number): number | null {
    this.#decay(nowMs)
    return this.#count < leastCount ? null : this.#sum / this.#count
  }

  /** A clock that goes back takes nothing away. */
  #decay(nowMs: number): void {
    const passedMs = nowMs - this.#atMs
    if (passedMs < decayEveryMs) return
    const kept = passedMs === Infinity ? 0 : 0.5 ** (passedMs / this.#halfLifeMs)
    this.#count *= kept
    this.#sum *= kept
    this.#atMs = nowMs
  }
}

/** Not with every note: a power costs more than an addition. */
const decayEveryMs = 1000

/** Less than this of one single value is left: it is not known any more. */
export const leastCount = 0.25
