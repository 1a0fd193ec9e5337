import { describe, expect, it } from 'vitest'
import {
  costBucketOf,
  costUpperNanoUsd,
  sizeClassOf,
  ttftBucketOf,
  ttftUpperMs,
} from '../../../durable-objects/provider-health/protocol.ts'

describe('ttftBucketOf()', () => {
  it('has 24 buckets, each 1.38 times as wide as the one before, from 50 ms to some 114 s', () => {
    expect([0, 1, 22, 23].map((bucket) => Math.round(ttftUpperMs(bucket)))).toEqual([
      69, 95, 82_450, 113_781,
    ])
  })

  it('puts each end into the bucket that it ends, and what is above into the next', () => {
    for (let bucket = 0; bucket < 23; bucket += 1) {
      expect(ttftBucketOf(ttftUpperMs(bucket))).toBe(bucket)
      expect(ttftBucketOf(ttftUpperMs(bucket) * 1.001)).toBe(bucket + 1)
    }
  })

  it.each([
    [0, 0],
    [-1, 0],
    [Number.NaN, 0],
    [50, 0],
    [50.1, 0],
    [600_000, 23],
    [Infinity, 23],
  ])('puts %d ms, which is outside, into bucket %d', (ms, bucket) => {
    expect(ttftBucketOf(ms)).toBe(bucket)
  })
})

describe('costBucketOf()', () => {
  it('has 24 buckets, each twice the one before, from 1,000 nano-USD to some 17 dollars', () => {
    expect([0, 1, 23].map(costUpperNanoUsd)).toEqual([2000, 4000, 16_777_216_000])
    expect([0, 1000, 2000, 2001, 4000, 4001, 1e12].map(costBucketOf)).toEqual([
      0, 0, 0, 1, 1, 2, 23,
    ])
  })
})

describe('sizeClassOf()', () => {
  it.each([
    [0, 0],
    [999, 0],
    [1000, 1],
    [7999, 1],
    [8000, 2],
    [32_000, 2],
    [32_001, 3],
  ])('puts a prompt of %d tokens into class %d', (tokens, size) => {
    expect(sizeClassOf(tokens)).toBe(size)
  })
})
