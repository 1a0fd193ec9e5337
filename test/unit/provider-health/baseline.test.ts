import { describe, expect, it } from 'vitest'
import {
  abortAfterMs,
  learned,
  slowAfterMs,
} from '../../../durable-objects/provider-health/rules/baseline.ts'
import {
  firstBucketFrom,
  quantileOf,
} from '../../../durable-objects/provider-health/rules/histogram.ts'
import { costScale, ttftScale } from '../../../durable-objects/provider-health/rules/speed.ts'
import { defaultHealthSettings as settings } from '../../../durable-objects/provider-health/settings.ts'
import { startMs } from './support.ts'

const hour = 3_600_000
const known = (p95: number) => ({ p95, learnedAtMs: startMs })

describe('learned()', () => {
  const after = (gapMs: number, p95: number) =>
    learned(known(1000), p95, startMs + gapMs, settings).p95

  it('takes the first batch as it is', () => {
    expect(learned(null, 700, startMs, settings)).toEqual({ p95: 700, learnedAtMs: startMs })
  })

  it('goes half of the way down in an hour', () => {
    expect(after(hour, 500)).toBeCloseTo(750)
  })

  it('goes up with a half-life of 24 hours', () => {
    expect(after(hour, 2000)).toBeCloseTo(1000 + 1000 * (1 - 0.5 ** (1 / 24)))
  })

  it('lets no batch decide alone after a quiet week', () => {
    expect(after(7 * 24 * hour, 2000)).toBeCloseTo(after(hour, 2000))
  })

  it('learns nothing in no time, and nothing from a clock that went back', () => {
    expect(after(0, 500)).toBe(1000)
    expect(after(-hour, 500)).toBe(1000)
  })
})

describe('slowAfterMs()', () => {
  it.each([
    [500, 2000],
    [666, 2000],
    [1000, 3000],
    [9000, 27_000],
    [10_001, 30_000],
  ])('of a baseline of %d ms is %d', (p95, slowMs) => {
    expect(slowAfterMs(known(p95), undefined, settings)).toBe(slowMs)
  })

  it('is the ceiling while nothing is known, and what the operator says where he does', () => {
    expect(slowAfterMs(null, undefined, settings)).toBe(30_000)
    expect(slowAfterMs(known(1000), 90_000, settings)).toBe(90_000)
  })
})

describe('abortAfterMs()', () => {
  it.each([
    [2000, 10_000],
    [6000, 12_000],
    [30_000, 60_000],
    [90_000, 120_000],
  ])('of %d ms is %d', (slowMs, abortMs) => {
    expect(abortAfterMs(slowMs, undefined, settings)).toBe(abortMs)
  })

  it('is what the operator says where he does', () => {
    expect(abortAfterMs(2000, 300_000, settings)).toBe(300_000)
  })
})

describe('quantileOf()', () => {
  const counts = (pairs: readonly (readonly [number, number])[]) => {
    const all = Array.from({ length: 24 }, () => 0)
    for (const [bucket, count] of pairs) all[bucket] = count
    return all
  }

  it('lies between the ends of its bucket, as far as the counts before it say', () => {
    expect(quantileOf(counts([[0, 10]]), 1, ttftScale)).toBeCloseTo(69)
    expect(quantileOf(counts([[0, 10]]), 0.5, ttftScale)).toBeCloseTo(50 * 1.38 ** 0.5)
    expect(
      quantileOf(
        counts([
          [3, 95],
          [9, 5],
        ]),
        0.95,
        ttftScale,
      ),
    ).toBeCloseTo(50 * 1.38 ** 4)
    expect(
      quantileOf(
        counts([
          [3, 94],
          [9, 6],
        ]),
        0.95,
        ttftScale,
      ),
    ).toBeCloseTo(50 * 1.38 ** (9 + 1 / 6))
  })

  it('is null without counts', () => {
    expect(quantileOf(counts([]), 0.5, ttftScale)).toBeNull()
  })
})

describe('firstBucketFrom()', () => {
  it('is the first bucket that holds nothing faster or cheaper', () => {
    expect(firstBucketFrom(2000, ttftScale)).toBe(12)
    expect(50 * 1.38 ** 12).toBeGreaterThanOrEqual(2000)
    expect(50 * 1.38 ** 11).toBeLessThan(2000)
    expect(firstBucketFrom(8000, costScale)).toBe(3)
    expect(firstBucketFrom(8001, costScale)).toBe(4)
  })

  it('is no bucket at all when each may hold less', () => {
    expect(firstBucketFrom(1e9, ttftScale)).toBe(24)
  })
})
