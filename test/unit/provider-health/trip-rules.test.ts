import { describe, expect, it } from 'vitest'
import {
  failRateOf,
  isSlow,
  tripCause,
} from '../../../durable-objects/provider-health/rules/trip-rules.ts'
import { wilsonLowerBound } from '../../../durable-objects/provider-health/rules/wilson.ts'
import { defaultHealthSettings as settings } from '../../../durable-objects/provider-health/settings.ts'
import { evidence } from './support.ts'

const of = (failed: number, judged: number) => tripCause(evidence({ failed, judged }), settings)

describe('wilsonLowerBound()', () => {
  it.each([
    [5, 5, 0.649],
    [5, 6, 0.498],
    [5, 8, 0.348],
    [5, 10, 0.269],
    [1, 1, 0.27],
    [0, 10, 0],
    [0, 0, 0],
  ])('of %d in %d is %d', (hits, trials, bound) => {
    expect(wilsonLowerBound(hits, trials, 1.645)).toBeCloseTo(bound, 3)
  })
})

describe('tripCause()', () => {
  it('calls five failures of five a blackout, and four of four too few', () => {
    expect(of(5, 5)).toBe('blackout')
    expect(of(4, 4)).toBeNull()
    expect(of(5, 6)).toBeNull()
  })

  it.each([
    [8, 5],
    [10, 5],
    [20, 9],
    [50, 18],
    [100, 33],
  ])('calls %d outcomes a brownout from %d failures on', (judged, failed) => {
    expect(of(failed - 1, judged)).toBeNull()
    expect(of(failed, judged)).toBe('brownout')
  })

  it('looks for a brownout from eight outcomes on', () => {
    expect(of(6, 7)).toBeNull()
    expect(of(6, 8)).toBe('brownout')
  })

  it('says nothing of an empty window', () => {
    expect(tripCause(evidence({}), settings)).toBeNull()
  })

  it('names broken outputs when they are more than half of the failures', () => {
    const broken = (count: number) =>
      tripCause(evidence({ judged: 10, failed: 10, broken: count }), settings)
    expect([5, 6, 10].map(broken)).toEqual(['blackout', 'broken_output', 'broken_output'])
    expect(tripCause(evidence({ judged: 10, failed: 5, broken: 3 }), settings)).toBe(
      'broken_output',
    )
  })

  it('opens for slowness only when at least 80 % of twenty or more are surely slow', () => {
    const slow = (count: number, judged: number) =>
      tripCause(evidence({ judged, slow: count }), settings)
    expect(slow(19, 19)).toBeNull()
    expect(slow(20, 20)).toBe('slow')
    expect(slow(18, 20)).toBeNull()
    expect(slow(19, 20)).toBe('slow')
  })

  it('counts callers who left without a token among the slow and not among the judged', () => {
    expect(tripCause(evidence({ judged: 0, slow: 20, hung: 20 }), settings)).toBe('slow')
    expect(tripCause(evidence({ judged: 10, slow: 10, hung: 10 }), settings)).toBeNull()
  })

  it('judges slowness by the answers that were timed, however many others there are', () => {
    const timed = (slow: number, count: number) =>
      tripCause(evidence({ judged: 1000, timed: count, slow }), settings)
    expect(timed(19, 19)).toBeNull()
    expect(timed(20, 20)).toBe('slow')
    expect(timed(18, 20)).toBeNull()
    expect(tripCause(evidence({ judged: 1000, timed: 0 }), settings)).toBeNull()
    expect(tripCause(evidence({ judged: 9, timed: 15, slow: 20, hung: 5 }), settings)).toBe('slow')
  })

  it('opens for cost when at least half of twenty or more answers are surely dear', () => {
    const dear = (count: number, priced: number) =>
      tripCause(evidence({ judged: 100, dear: count, priced }), settings)
    expect(dear(19, 19)).toBeNull()
    expect(dear(13, 20)).toBeNull()
    expect(dear(14, 20)).toBe('cost')
  })
})

describe('isSlow()', () => {
  const slow = (count: number, judged: number) => evidence({ slow: count, judged })
  const none = evidence({})

  it('begins with 14 slow answers of 20, in either window', () => {
    expect(isSlow(false, slow(14, 20), none, settings)).toBe(true)
    expect(isSlow(false, none, slow(14, 20), settings)).toBe(true)
    expect(isSlow(false, slow(13, 20), slow(13, 20), settings)).toBe(false)
    expect(isSlow(false, slow(19, 19), slow(19, 19), settings)).toBe(false)
  })

  it('lasts until at most half of the long window is slow, because little traffic is left', () => {
    expect(isSlow(true, none, slow(2, 3), settings)).toBe(true)
    expect(isSlow(true, none, slow(2, 4), settings)).toBe(false)
    expect(isSlow(true, none, none, settings)).toBe(false)
    expect(isSlow(true, none, evidence({ slow: 2, hung: 2 }), settings)).toBe(true)
    expect(isSlow(true, none, evidence({ judged: 9, timed: 3, slow: 2 }), settings)).toBe(true)
    expect(isSlow(true, none, evidence({ judged: 9, timed: 4, slow: 2 }), settings)).toBe(false)
  })
})

describe('failRateOf()', () => {
  const rate = (short: [number, number], long: [number, number]) =>
    failRateOf(
      evidence({ failed: short[0], judged: short[1] }),
      evidence({ failed: long[0], judged: long[1] }),
      settings,
    )

  it('is the worse of the two windows', () => {
    expect(rate([4, 20], [10, 100])).toBe(0.2)
    expect(rate([0, 20], [10, 100])).toBe(0.1)
  })

  it('takes fewer than eight outcomes as eight: one failure alone is an eighth', () => {
    expect(rate([1, 1], [1, 1])).toBe(0.125)
    expect(rate([0, 0], [0, 0])).toBe(0)
  })
})
