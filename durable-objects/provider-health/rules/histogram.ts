/** A row of buckets with ends at from x growth^1, ^2, ...: what is below falls in the first, what is above in the last. */
export interface LogScale {
  readonly from: number
  readonly growth: number
  readonly bucketCount: number
}

/**
 * The value below which the share `quantile` of the counts lies, between the ends of its bucket as if the
 * values were spread evenly on the log scale; null without counts.
 */
export function quantileOf(
  counts: ArrayLike<number>,
  quantile: number,
  { from, growth, bucketCount }: LogScale,
): number | null {
  let left = 0
  for (let bucket = 0; bucket < bucketCount; bucket += 1) left += quantile * (counts[bucket] ?? 0)
  let value: number | null = null
  for (let bucket = 0; bucket < bucketCount; bucket += 1) {
    const count = counts[bucket] ?? 0
    if (count === 0) continue
    value = from * growth ** (bucket + Math.min(1, left / count))
    if (left <= count) break
    left -= count
  }
  return value
}

/** The first bucket that holds nothing below `limit`; one past the last when each may hold less. */
export function firstBucketFrom(limit: number, { from, growth, bucketCount }: LogScale): number {
  for (let bucket = 1; bucket < bucketCount; bucket += 1) {
    if (from * growth ** bucket >= limit) return bucket
  }
  return bucketCount
}
