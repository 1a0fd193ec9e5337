import type { LimitRow, UsageRow } from '../rows.ts'

/**
 * A sliding window in parts. A count belongs to the part in which it was made and leaves with the whole part, so no
 * span of `windowMs` ever holds more than the limit; the price is that a count may stay up to one part too long.
 */

export function partMsOf({ windowMs }: LimitRow, windowParts: number): number {
  return Math.max(1, Math.ceil(windowMs / windowParts))
}

/** The parts that may hold something of the last `windowMs`; also those of a clock that went back since. */
function livingParts(usage: UsageRow, windowMs: number, partMs: number, nowMs: number) {
  return usage.parts.filter(([startMs]) => startMs + partMs + windowMs > nowMs)
}

export interface WindowView {
  readonly remaining: number
  /** Until all of it is there again, ms. */
  readonly resetMs: number
}

export function viewWindow(
  limit: LimitRow,
  usage: UsageRow,
  windowParts: number,
  nowMs: number,
): WindowView {
  if (limit.kind === 'concurrency')
    return { remaining: Math.max(0, limit.limit - usage.inUse), resetMs: 0 }
  const partMs = partMsOf(limit, windowParts)
  const parts = livingParts(usage, limit.windowMs, partMs, nowMs)
  const used = parts.reduce((sum, [, count]) => sum + count, 0)
  const last = parts.at(-1)?.[0]
  const resetMs = last === undefined ? 0 : last + partMs + limit.windowMs - nowMs
  return { remaining: Math.max(0, limit.limit - used), resetMs }
}

/** When so many will be there if nobody else takes any, ms from now; null: never. */
export function waitForMs(
  limit: LimitRow,
  usage: UsageRow,
  count: number,
  windowParts: number,
  nowMs: number,
): number | null {
  if (count > limit.limit) return null
  const partMs = partMsOf(limit, windowParts)
  const parts = livingParts(usage, limit.windowMs, partMs, nowMs)
  let used = parts.reduce((sum, [, taken]) => sum + taken, 0)
  for (const [startMs, taken] of parts) {
    if (used + count <= limit.limit) return 0
    used -= taken
    if (used + count <= limit.limit) return startMs + partMs + limit.windowMs - nowMs
  }
  return 0
}

/** Counts `count` more (or fewer) in the part that `atMs` lies in. */
export function counted(
  limit: LimitRow,
  usage: UsageRow,
  count: number,
  windowParts: number,
  atMs: number,
  nowMs: number,
): UsageRow {
  if (limit.kind === 'concurrency') return { ...usage, inUse: Math.max(0, usage.inUse + count) }
  const partMs = partMsOf(limit, windowParts)
  const startMs = Math.floor(atMs / partMs) * partMs
  const parts = livingParts(usage, limit.windowMs, partMs, nowMs).map(
    ([start, taken]) => [start, start === startMs ? Math.max(0, taken + count) : taken] as const,
  )
  // What was counted in a part that has left the window left with it.
  if (count > 0 && !parts.some(([start]) => start === startMs)) parts.push([startMs, count])
  return { ...usage, parts: parts.sort(([a], [b]) => a - b) }
}
