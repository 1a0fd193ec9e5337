import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nanoUsdOfText } from '../../../durable-objects/tenant-ledger/access/key-request.ts'
import { mostNanoUsd, type NanoUsd, nanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import type { LimitStanding } from '../../../durable-objects/tenant-ledger/protocol.ts'
import {
  resetText,
  standingHeaders,
  usdNumber,
  usdText,
} from '../../../worker/edge/ledger/headers.ts'

function limit(more: Partial<LimitStanding> = {}): LimitStanding {
  return {
    limitId: 'l',
    scope: 'tenant',
    kind: 'requests',
    limit: 100,
    remaining: 40,
    resetMs: 1000,
    ...more,
  }
}

describe('standingHeaders()', () => {
  it('tells what is left of the budget and of each kind of limit', () => {
    const limits = [
      limit(),
      limit({ kind: 'tokens', limit: 90_000, remaining: 0, resetMs: 360_000 }),
      limit({ kind: 'concurrency', limit: 4, remaining: 1, resetMs: 0 }),
    ]
    expect(standingHeaders({ remainingNanoUsd: nanoUsd(12_345_000_000), limits })).toEqual([
      ['x-switchyard-budget-remaining-usd', '12.345'],
      ['x-ratelimit-limit-requests', '100'],
      ['x-ratelimit-remaining-requests', '40'],
      ['x-ratelimit-reset-requests', '1s'],
      ['x-ratelimit-limit-tokens', '90000'],
      ['x-ratelimit-remaining-tokens', '0'],
      ['x-ratelimit-reset-tokens', '6m0s'],
    ])
    expect(standingHeaders({ remainingNanoUsd: null, limits: [] })).toEqual([])
  })

  it('tells of the limit with the least left, and of two such of the slower', () => {
    const limits = [
      limit({ remaining: 9, limit: 1 }),
      limit({ remaining: 3, limit: 2, resetMs: 5 }),
      limit({ remaining: 3, limit: 3, resetMs: 7 }),
      limit({ remaining: 3, limit: 4, resetMs: 6 }),
    ]
    expect(standingHeaders({ remainingNanoUsd: null, limits })).toEqual([
      ['x-ratelimit-limit-requests', '3'],
      ['x-ratelimit-remaining-requests', '3'],
      ['x-ratelimit-reset-requests', '7ms'],
    ])
  })
})

describe('resetText()', () => {
  it.each([
    [0, '0ms'],
    [-5, '0ms'],
    [19.2, '20ms'],
    [999, '999ms'],
    [1000, '1s'],
    [1500, '1.5s'],
    [8642, '8.642s'],
    [60_000, '1m0s'],
    [360_000, '6m0s'],
    [3_600_000, '1h0m0s'],
    [3_723_004, '1h2m3.004s'],
  ])('writes %d ms as %s', (ms, text) => {
    expect(resetText(ms)).toBe(text)
  })
})

describe('usdText()', () => {
  it('is exact, and reads back as the same amount', () => {
    expect(usdText(nanoUsd(0))).toBe('0.00')
    expect(usdText(nanoUsd(1))).toBe('0.000000001')
    expect(usdText(nanoUsd(12_500_000_000))).toBe('12.50')
    expect(usdText(mostNanoUsd)).toBe('9007199.254740991')
    fc.assert(
      fc.property(fc.nat(999_999_999_999_999), (amount) => {
        expect(nanoUsdOfText(usdText(nanoUsd(amount)))).toBe(amount)
      }),
    )
    expect(() => usdText(0.5 as NanoUsd)).toThrow(RangeError)
  })
})

describe('usdNumber()', () => {
  it('is the number that the exact decimal reads as, without a trace of arithmetic', () => {
    expect(JSON.stringify(usdNumber(nanoUsd(123_000)))).toBe('0.000123')
    expect(usdNumber(nanoUsd(4_500_000))).toBe(0.0045)
    fc.assert(
      fc.property(fc.maxSafeNat(), (amount) => {
        expect(usdNumber(nanoUsd(amount))).toBe(Number(usdText(nanoUsd(amount))))
      }),
    )
    expect(() => usdNumber(-1 as NanoUsd)).toThrow(RangeError)
  })
})
