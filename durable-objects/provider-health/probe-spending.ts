/**
 * What probes may cost: a cap for each UTC day. A call is charged before it is sent, at what such a call cost the
 * last time, and settled when its price is known. One that is never heard of again stays charged.
 */
export interface ProbeSpending {
  /** Days since 1970, UTC. */
  readonly day: number
  readonly spentNanoUsd: number
  /** What the last call with a known price cost; null before there was one. */
  readonly priceNanoUsd: number | null
}

export const nothingSpent: ProbeSpending = { day: 0, spentNanoUsd: 0, priceNanoUsd: null }

/** A cent in a hundred calls, nano-USD: for a call whose price nobody knows, some twenty tokens at 5 USD a million. */
export const assumedPriceNanoUsd = 100_000

const dayMs = 86_400_000

export function priceOf({ priceNanoUsd }: ProbeSpending): number {
  return priceNanoUsd ?? assumedPriceNanoUsd
}

/** When the next call is paid for: now, or when the next day begins. */
export function affordableAtMs(
  spending: ProbeSpending,
  maxNanoUsdPerDay: number,
  nowMs: number,
): number {
  const { day, spentNanoUsd } = onDayOf(spending, nowMs)
  return spentNanoUsd + priceOf(spending) <= maxNanoUsdPerDay ? nowMs : (day + 1) * dayMs
}

export function charged(spending: ProbeSpending, nowMs: number): ProbeSpending {
  const today = onDayOf(spending, nowMs)
  return { ...today, spentNanoUsd: today.spentNanoUsd + priceOf(spending) }
}

/** Puts the price in the place of what was charged; without a price the charge stands. */
export function settled(
  spending: ProbeSpending,
  chargedNanoUsd: number,
  costNanoUsd: number | undefined,
  nowMs: number,
): ProbeSpending {
  if (costNanoUsd === undefined || !(costNanoUsd >= 0)) return spending
  const today = onDayOf(spending, nowMs)
  // A call that was charged yesterday gives nothing back today.
  const backNanoUsd = today.day === spending.day ? chargedNanoUsd : 0
  const spentNanoUsd = Math.max(0, today.spentNanoUsd - backNanoUsd) + costNanoUsd
  return { day: today.day, spentNanoUsd, priceNanoUsd: costNanoUsd }
}

function onDayOf(spending: ProbeSpending, nowMs: number): ProbeSpending {
  const day = Math.floor(nowMs / dayMs)
  // A clock that goes back does not buy a second day.
  return day <= spending.day ? spending : { ...spending, day, spentNanoUsd: 0 }
}
