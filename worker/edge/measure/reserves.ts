import {
  corrected,
  fullBucket,
  hasRoom,
  refilled,
  taken,
  type ReserveBucket,
  type ReservedRate,
} from '../../policy/reserve.ts'

/**
 * What is left of reserved capacities, as far as one isolate may use them: each takes its share of the declared rate,
 * one over the isolates that the object of the region has heard of lately. No isolate knows what the others took.
 */
export class Reserves {
  readonly #buckets = new Map<string, ReserveBucket>()

  /** Whether a call of so many tokens fits in now. Takes nothing. */
  hasRoom(
    target: string,
    rate: ReservedRate,
    tokens: number,
    isolates: number,
    nowMs: number,
  ): boolean {
    const share = 1 / Math.max(1, isolates)
    return hasRoom(this.#bucket(target, rate, share, nowMs), rate, tokens, share)
  }

  take(target: string, rate: ReservedRate, tokens: number, isolates: number, nowMs: number): void {
    const share = 1 / Math.max(1, isolates)
    this.#buckets.set(target, taken(this.#bucket(target, rate, share, nowMs), tokens))
  }

  /** A call took so many tokens more than were set aside for it. */
  correct(target: string, byTokens: number): void {
    const bucket = this.#buckets.get(target)
    if (bucket !== undefined) this.#buckets.set(target, corrected(bucket, byTokens))
  }

  #bucket(target: string, rate: ReservedRate, share: number, nowMs: number): ReserveBucket {
    const before = this.#buckets.get(target)
    const now =
      before === undefined ? fullBucket(rate, nowMs, share) : refilled(before, rate, nowMs, share)
    this.#buckets.set(target, now)
    return now
  }
}
