import type { Evidence } from '../protocol.ts'
import type { HealthSettings } from '../settings.ts'

/** What a bucket counts; each is an offset in its part of `counts`. */
export const tallyField = {
  good: 0,
  failed: 1,
  /** Of the failed: with a Retry-After. */
  waiting: 2,
  broken: 3,
  slow: 4,
  hung: 5,
  priced: 6,
  dear: 7,
  /** All outcomes, also those that say nothing about health. */
  seen: 8,
  /** Of the good: with a time to first token. */
  timed: 9,
} as const

export type TallyField = keyof typeof tallyField

const fieldCount = 10

/**
 * A ring of buckets of counts. Merging is addition and the order of reports is lost on it: reports come late
 * and shuffled from many isolates, so "consecutive" means nothing here.
 */
export interface Window {
  /** Which bucket of time a slot holds, counted in `bucketMs`; `-Infinity` before its first. */
  readonly stamps: Float64Array
  readonly counts: Float64Array
  /** When the last Retry-After of its failures ends, epoch ms. */
  readonly waitUntilMs: Float64Array
  /** Outcomes from before are evidence of nothing any more, epoch ms. */
  fromMs: number
}

export interface Tally extends Evidence {
  readonly timed: number
  readonly waiting: number
  readonly waitUntilMs: number
  readonly seen: number
}

export function emptyWindow({ longWindowBuckets }: HealthSettings): Window {
  return {
    stamps: new Float64Array(longWindowBuckets).fill(-Infinity),
    counts: new Float64Array(longWindowBuckets * fieldCount),
    waitUntilMs: new Float64Array(longWindowBuckets),
    fromMs: 0,
  }
}

/** Begins anew: what tripped a circuit must not trip it again when it closes, however late it is told. */
export function restartWindow(window: Window, nowMs: number): void {
  window.stamps.fill(-Infinity)
  window.counts.fill(0)
  window.waitUntilMs.fill(0)
  window.fromMs = nowMs
}

/** The slot of a moment, or -1 when it does not count any more. */
export function slotAt(window: Window, atMs: number, { bucketMs }: HealthSettings): number {
  if (atMs < window.fromMs) return -1
  const bucket = Math.floor(atMs / bucketMs)
  const slot = bucket % window.stamps.length
  return (window.stamps[slot] ?? 0) > bucket ? -1 : slot
}

/** True when the slot still holds an older bucket, which `renewSlot` throws away. */
export function isStale(
  window: Window,
  slot: number,
  atMs: number,
  settings: HealthSettings,
): boolean {
  return window.stamps[slot] !== Math.floor(atMs / settings.bucketMs)
}

export function renewSlot(
  window: Window,
  slot: number,
  atMs: number,
  settings: HealthSettings,
): void {
  window.stamps[slot] = Math.floor(atMs / settings.bucketMs)
  window.counts.fill(0, slot * fieldCount, (slot + 1) * fieldCount)
  window.waitUntilMs[slot] = 0
}

export function count(window: Window, slot: number, field: TallyField, more: number): void {
  const at = slot * fieldCount + tallyField[field]
  window.counts[at] = (window.counts[at] ?? 0) + more
}

export function noteWait(window: Window, slot: number, untilMs: number): void {
  window.waitUntilMs[slot] = Math.max(window.waitUntilMs[slot] ?? 0, untilMs)
}

/** True when the slot holds one of the last `bucketCount` buckets. */
export function isLive(
  window: Window,
  slot: number,
  nowMs: number,
  bucketCount: number,
  { bucketMs }: HealthSettings,
): boolean {
  return isWithin(window, slot, Math.floor(nowMs / bucketMs), bucketCount)
}

function isWithin({ stamps }: Window, slot: number, newest: number, bucketCount: number): boolean {
  const age = newest - (stamps[slot] ?? 0)
  return age >= 0 && age < bucketCount
}

/** Adds up the last `bucketCount` buckets, the present one included. */
export function tally(
  window: Window,
  nowMs: number,
  bucketCount: number,
  settings: HealthSettings,
): Tally {
  const { counts } = window
  const newest = Math.floor(nowMs / settings.bucketMs)
  let good = 0
  let failed = 0
  let waiting = 0
  let broken = 0
  let timed = 0
  let slow = 0
  let hung = 0
  let priced = 0
  let dear = 0
  let seen = 0
  let waitUntilMs = 0
  for (let slot = 0; slot < window.stamps.length; slot += 1) {
    if (!isWithin(window, slot, newest, bucketCount)) continue
    const at = slot * fieldCount
    good += counts[at] ?? 0
    failed += counts[at + tallyField.failed] ?? 0
    waiting += counts[at + tallyField.waiting] ?? 0
    broken += counts[at + tallyField.broken] ?? 0
    timed += counts[at + tallyField.timed] ?? 0
    slow += counts[at + tallyField.slow] ?? 0
    hung += counts[at + tallyField.hung] ?? 0
    priced += counts[at + tallyField.priced] ?? 0
    dear += counts[at + tallyField.dear] ?? 0
    seen += counts[at + tallyField.seen] ?? 0
    waitUntilMs = Math.max(waitUntilMs, window.waitUntilMs[slot] ?? 0)
  }
  const windowMs = bucketCount * settings.bucketMs
  const judged = good + failed
  // Field by field: behind a spread V8 looks each one up.
  return {
    windowMs,
    judged,
    failed,
    broken,
    timed,
    slow,
    hung,
    priced,
    dear,
    waiting,
    waitUntilMs,
    seen,
  }
}

/** Without what stays in the house. */
export function evidenceOf(of: Tally): Evidence {
  const { windowMs, judged, failed, broken, timed, slow, hung, priced, dear } = of
  return { windowMs, judged, failed, broken, timed, slow, hung, priced, dear }
}
