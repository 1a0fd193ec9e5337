import { ttftBucketCount, ttftBucketOf } from '../../../durable-objects/provider-health/protocol.ts'
import { quantileOf } from '../../../durable-objects/provider-health/rules/histogram.ts'
import { ttftScale } from '../../../durable-objects/provider-health/rules/speed.ts'
import { leastCount } from './decaying.ts'

/** Times to the first token on the scale that reports use; each loses half of its weight in a half-life. */
export class DecayingHistogram {
  readonly #halfLifeMs: number
  readonly #buckets = new Float64Array(ttftBucketCount)
  #count = 0
  #atMs = -Infinity

  constructor(halfLifeMs: number) {
    this.#halfLifeMs = halfLifeMs
  }

  note(ms: number, nowMs: number): void {
    this.#decay(nowMs)
    const bucket = ttftBucketOf(ms)
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1
    this.#count += 1
  }

  /** So many as are left of those noted. */
  count(nowMs: number): number {
    this.#decay(nowMs)
    return this.#count
  }

  /** Null when next to nothing is left. */
  quantile(share: number, nowMs: number): number | null {
    this.#decay(nowMs)
    if (this.#count < leastCount) return null
    const value = quantileOf(this.#buckets, share, ttftScale)
    return value === null ? null : Math.round(value)
  }

  #decay(nowMs: number): void {
    const passedMs = nowMs - this.#atMs
    if (passedMs < 1000) return
    const kept = passedMs === Infinity ? 0 : 0.5 ** (passedMs / this.#halfLifeMs)
    for (let at = 0; at < this.#buckets.length; at += 1)
      this.#buckets[at] = (this.#buckets[at] ?? 0) * kept
    this.#count *= kept
    this.#atMs = nowMs
  }
}
