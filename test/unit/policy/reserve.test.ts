import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  corrected,
  fullBucket,
  hasRoom,
  refilled,
  taken,
  type ReservedRate,
} from '../../../worker/policy/reserve.ts'

const rate: ReservedRate = { requestsPerMinute: 60, tokensPerMinute: 60_000 }

describe('a reserve', () => {
  it('takes a minute’s worth at once, and then what flows back', () => {
    let bucket = fullBucket({ requestsPerMinute: 2, tokensPerMinute: null }, 0)
    const two = { requestsPerMinute: 2, tokensPerMinute: null }
    bucket = taken(taken(bucket, 10), 10)
    expect(hasRoom(bucket, two, 10)).toBe(false)
    expect(hasRoom(refilled(bucket, two, 29_999), two, 10)).toBe(false)
    expect(hasRoom(refilled(bucket, two, 30_000), two, 10)).toBe(true)
  })

  it('has no room when either requests or tokens are used up', () => {
    expect(hasRoom(taken(fullBucket(rate, 0), 60_000), rate, 1)).toBe(false)
    const many = Array.from({ length: 60 }).reduce<ReturnType<typeof fullBucket>>(
      (bucket) => taken(bucket, 0),
      fullBucket(rate, 0),
    )
    expect(hasRoom(many, rate, 0)).toBe(false)
  })

  it('lets a call that is larger than the bucket into a full one alone', () => {
    expect(hasRoom(fullBucket(rate, 0), rate, 100_000)).toBe(true)
    expect(hasRoom(taken(fullBucket(rate, 0), 1), rate, 100_000)).toBe(false)
  })

  it('is endless in what is not declared, also at the very same moment', () => {
    const requests = { requestsPerMinute: 10, tokensPerMinute: null }
    const bucket = refilled(taken(fullBucket(requests, 0), 1_000_000), requests, 0)
    expect(hasRoom(bucket, requests, 1_000_000)).toBe(true)
  })

  it('pays back what was set aside too much, and goes below nothing for what was too little', () => {
    const bucket = taken(fullBucket(rate, 0), 59_000)
    expect(hasRoom(bucket, rate, 2000)).toBe(false)
    expect(hasRoom(corrected(bucket, -58_000), rate, 2000)).toBe(true)
    expect(hasRoom(refilled(corrected(bucket, 20_000), rate, 10_000), rate, 1)).toBe(false)
  })

  it('is its share where several use it', () => {
    const quarter = fullBucket(rate, 0, 0.25)
    expect(hasRoom(quarter, rate, 15_000, 0.25)).toBe(true)
    expect(hasRoom(taken(quarter, 14_000), rate, 1001, 0.25)).toBe(false)
    // A sixtieth of a request a minute is one request an hour, not none.
    expect(hasRoom(fullBucket(rate, 0, 0.001), rate, 1, 0.001)).toBe(true)
  })

  it('never gives more than a minute’s worth and the rate, for any calls at any times', () => {
    const calls = fc.array(
      fc.record({ afterMs: fc.nat(5000), tokens: fc.integer({ min: 1, max: 5000 }) }),
      { maxLength: 300 },
    )
    fc.assert(
      fc.property(calls, (all) => {
        let nowMs = 0
        let bucket = fullBucket(rate, nowMs)
        let requests = 0
        let tokens = 0
        for (const call of all) {
          nowMs += call.afterMs
          bucket = refilled(bucket, rate, nowMs)
          if (!hasRoom(bucket, rate, call.tokens)) continue
          bucket = taken(bucket, call.tokens)
          requests += 1
          tokens += call.tokens
        }
        const minutes = nowMs / 60_000
        expect(requests).toBeLessThanOrEqual(60 * (1 + minutes) + 1e-6)
        expect(tokens).toBeLessThanOrEqual(60_000 * (1 + minutes) + 1e-3)
      }),
      { seed: 71, verbose: 1 },
    )
  })

  it('has a minute’s worth after a quiet night, and no more', () => {
    const morning = refilled(taken(fullBucket(rate, 0), 100), rate, 8 * 3_600_000)
    expect(morning).toMatchObject({ requests: 60, tokens: 60_000 })
  })

  it('is not filled by a clock that goes back', () => {
    const empty = taken(fullBucket(rate, 60_000), 60_000)
    expect(refilled(empty, rate, 0)).toEqual(empty)
  })
})
