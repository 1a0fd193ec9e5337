import {
  costBucketCount,
  costFromNanoUsd,
  costGrowth,
  type PerSize,
  type SizeClass,
  sizeClasses,
  type Speed,
  ttftBucketCount,
  ttftFromMs,
  ttftGrowth,
} from '../protocol.ts'
import type { HealthSettings, SpeedOverride } from '../settings.ts'
import { abortAfterMs, type Baseline, learned, slowAfterMs } from './baseline.ts'
import { firstBucketFrom, type LogScale, quantileOf } from './histogram.ts'

export const ttftScale: LogScale = {
  from: ttftFromMs,
  growth: ttftGrowth,
  bucketCount: ttftBucketCount,
}
export const costScale: LogScale = {
  from: costFromNanoUsd,
  growth: costGrowth,
  bucketCount: costBucketCount,
}

type MutablePerSize<T> = [T, T, T, T]

/** Log histograms of one measure by size class: the ring of the window, what waits to be learned, what was. */
export interface Measure {
  readonly scale: LogScale
  /** slot x size class x bucket. */
  readonly ring: Uint32Array
  /** size class x bucket: left the window while nothing was wrong. */
  readonly lesson: Uint32Array
  readonly baselines: MutablePerSize<Baseline | null>
}

/** How fast and how dear one target usually is, and what follows from it. */
export interface SpeedBook {
  readonly ttft: Measure
  readonly cost: Measure
  readonly slowAfterMs: MutablePerSize<number>
  readonly abortAfterMs: MutablePerSize<number>
  /** From this bucket on an answer is slow, or dear; `Infinity` where nothing is known. */
  readonly slowFromBucket: MutablePerSize<number>
  readonly dearFromBucket: MutablePerSize<number>
  readonly ttftP50Ms: MutablePerSize<number | null>
  readonly ttftP95Ms: MutablePerSize<number | null>
}

function emptyMeasure(scale: LogScale, { longWindowBuckets }: HealthSettings): Measure {
  const perSlot = sizeClasses.length * scale.bucketCount
  return {
    scale,
    ring: new Uint32Array(longWindowBuckets * perSlot),
    lesson: new Uint32Array(perSlot),
    baselines: [null, null, null, null],
  }
}

export function emptySpeedBook(target: string, settings: HealthSettings): SpeedBook {
  const book: SpeedBook = {
    ttft: emptyMeasure(ttftScale, settings),
    cost: emptyMeasure(costScale, settings),
    slowAfterMs: [0, 0, 0, 0],
    abortAfterMs: [0, 0, 0, 0],
    slowFromBucket: [0, 0, 0, 0],
    dearFromBucket: [0, 0, 0, 0],
    ttftP50Ms: [null, null, null, null],
    ttftP95Ms: [null, null, null, null],
  }
  applyBaselines(book, target, settings)
  return book
}

export function record(
  measure: Measure,
  slot: number,
  size: SizeClass,
  bucket: number,
  count: number,
): void {
  const { bucketCount } = measure.scale
  const at = (slot * sizeClasses.length + size) * bucketCount + bucket
  measure.ring[at] = (measure.ring[at] ?? 0) + count
}

/** Empties a slot; with `teaches` what it held goes into the lesson first. */
export function emptySlot(measure: Measure, slot: number, teaches: boolean): void {
  const { ring, lesson } = measure
  const from = slot * lesson.length
  if (teaches) {
    for (let at = 0; at < lesson.length; at += 1)
      lesson[at] = (lesson[at] ?? 0) + (ring[from + at] ?? 0)
  }
  ring.fill(0, from, from + lesson.length)
}

/** Lessons large enough become part of the baselines. */
export function learn(
  book: SpeedBook,
  target: string,
  nowMs: number,
  settings: HealthSettings,
): void {
  const hasLearned = [
    learnMeasure(book.ttft, nowMs, settings),
    learnMeasure(book.cost, nowMs, settings),
  ]
  if (hasLearned.includes(true)) applyBaselines(book, target, settings)
}

function learnMeasure(measure: Measure, nowMs: number, settings: HealthSettings): boolean {
  const { scale, lesson, baselines } = measure
  let hasLearned = false
  for (const size of sizeClasses) {
    const counts = lesson.subarray(size * scale.bucketCount, (size + 1) * scale.bucketCount)
    const samples = counts.reduce((sum, count) => sum + count, 0)
    const p95 = quantileOf(counts, 0.95, scale)
    if (p95 === null || samples < settings.baselineMinSamples) continue
    baselines[size] = learned(baselines[size], p95, nowMs, settings)
    counts.fill(0)
    hasLearned = true
  }
  return hasLearned
}

/** What follows from the baselines. Whole numbers: they are sent to every isolate. */
export function applyBaselines(book: SpeedBook, target: string, settings: HealthSettings): void {
  const override: SpeedOverride = Object.hasOwn(settings.speedOverrides, target)
    ? (settings.speedOverrides[target] ?? {})
    : {}
  for (const size of sizeClasses) {
    const slowMs = slowAfterMs(book.ttft.baselines[size], override.slowAfterMs, settings)
    const abortMs = abortAfterMs(slowMs, override.abortAfterMs, settings)
    book.slowAfterMs[size] = toTwoDigits(slowMs)
    book.abortAfterMs[size] = toTwoDigits(abortMs)
    book.slowFromBucket[size] = firstBucketFrom(book.slowAfterMs[size], ttftScale)
    const usual = book.cost.baselines[size]?.p95
    book.dearFromBucket[size] =
      usual === undefined ? Infinity : firstBucketFrom(usual * settings.costBandFactor, costScale)
  }
}

/** Quantiles of the slots that `isLive`; a size class without answers keeps what was last known of it. */
export function measureQuantiles(book: SpeedBook, isLive: (slot: number) => boolean): void {
  const { ring, lesson, scale } = book.ttft
  const sums = new Uint32Array(lesson.length)
  for (let from = 0, slot = 0; from < ring.length; from += lesson.length, slot += 1) {
    if (!isLive(slot)) continue
    for (let at = 0; at < sums.length; at += 1) sums[at] = (sums[at] ?? 0) + (ring[from + at] ?? 0)
  }
  for (const size of sizeClasses) {
    const counts = sums.subarray(size * scale.bucketCount, (size + 1) * scale.bucketCount)
    const p50 = quantileOf(counts, 0.5, scale)
    const p95 = quantileOf(counts, 0.95, scale)
    if (p50 !== null) book.ttftP50Ms[size] = toTwoDigits(p50)
    if (p95 !== null) book.ttftP95Ms[size] = toTwoDigits(p95)
  }
}

export function speedOf(book: SpeedBook): Speed {
  const copy = <T>([a, b, c, d]: PerSize<T>): PerSize<T> => [a, b, c, d]
  return {
    slowAfterMs: copy(book.slowAfterMs),
    abortAfterMs: copy(book.abortAfterMs),
    ttftP50Ms: copy(book.ttftP50Ms),
    ttftP95Ms: copy(book.ttftP95Ms),
  }
}

function toTwoDigits(value: number): number {
  return Number(value.toPrecision(2))
}
