/** Capacity that is paid for whether it is used or not. */
export interface ReservedRate {
  readonly requestsPerMinute: number | null
  /** Tokens of prompt and output together. */
  readonly tokensPerMinute: number | null
}

/** What is left of it at a moment: two token buckets that hold a minute's worth at most. Plain data. */
export interface ReserveBucket {
  readonly requests: number
  /** Below 0 when answers were longer than what was set aside for them. */
  readonly tokens: number
  readonly atMs: number
}

const minuteMs = 60_000

/** A bucket that nothing was taken from. */
export function fullBucket(rate: ReservedRate, nowMs: number, share = 1): ReserveBucket {
  return {
    requests: capacity(rate.requestsPerMinute, share),
    tokens: capacity(rate.tokensPerMinute, share),
    atMs: nowMs,
  }
}

/** The bucket as it is now. `share`: of the declared rate, that of who asks, 0 to 1. A clock that goes back adds nothing. */
export function refilled(
  bucket: ReserveBucket,
  rate: ReservedRate,
  nowMs: number,
  share = 1,
): ReserveBucket {
  const minutes = Math.max(0, nowMs - bucket.atMs) / minuteMs
  // Nothing times endless is no number.
  const grown = (left: number, most: number) =>
    most === Infinity ? most : Math.min(most, left + minutes * most)
  return {
    requests: grown(bucket.requests, capacity(rate.requestsPerMinute, share)),
    tokens: grown(bucket.tokens, capacity(rate.tokensPerMinute, share)),
    atMs: Math.max(bucket.atMs, nowMs),
  }
}

/** A call of so many tokens fits in. One that is larger than the bucket ever gets fits into a full one: else it never would. */
export function hasRoom(
  bucket: ReserveBucket,
  rate: ReservedRate,
  tokens: number,
  share = 1,
): boolean {
  const most = capacity(rate.tokensPerMinute, share)
  return (
    bucket.requests >= Math.min(1, capacity(rate.requestsPerMinute, share)) &&
    bucket.tokens >= Math.min(tokens, most)
  )
}

/** One call of so many tokens taken out. */
export function taken(bucket: ReserveBucket, tokens: number): ReserveBucket {
  return { ...bucket, requests: bucket.requests - 1, tokens: bucket.tokens - tokens }
}

/** The answer was longer than what was set aside, by so many tokens; shorter when negative. */
export function corrected(bucket: ReserveBucket, byTokens: number): ReserveBucket {
  return { ...bucket, tokens: bucket.tokens - byTokens }
}

/** Infinite where no rate is declared. */
function capacity(perMinute: number | null, share: number): number {
  return perMinute === null ? Infinity : perMinute * share
}
