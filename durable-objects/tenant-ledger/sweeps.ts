/** What gets too old: ledger lines, idempotency keys, dead keys. Deleted a slice at a time, while requests wait for one. */
export interface Sweep {
  /** When the oldest of them is too old; Infinity when there is none. */
  dueMs: number
  /** The pause after the last slice. */
  notBeforeMs: number
}

export interface Sweeps {
  readonly lines: Sweep
  readonly entries: Sweep
  readonly keys: Sweep
}

/** Between two slices, ms. */
const pauseMs = 1000

/** Between two sweeps when nothing was left over, ms: an alarm for each entry would cost more than it frees. */
const restMs = 60_000

export function newSweep(dueMs: number): Sweep {
  return { dueMs, notBeforeMs: -Infinity }
}

export function sweepAtMs({ dueMs, notBeforeMs }: Sweep): number {
  return Math.max(dueMs, notBeforeMs)
}

export function isDue(sweep: Sweep, nowMs: number): boolean {
  return nowMs >= sweepAtMs(sweep)
}

/** After a slice: `dueMs` is that of the oldest that is left. */
export function wasSwept(sweep: Sweep, dueMs: number, nowMs: number): void {
  sweep.dueMs = dueMs
  sweep.notBeforeMs = nowMs + (dueMs <= nowMs ? pauseMs : restMs)
}

export function nextSweepMs({ lines, entries, keys }: Sweeps): number {
  return Math.min(sweepAtMs(lines), sweepAtMs(entries), sweepAtMs(keys))
}
