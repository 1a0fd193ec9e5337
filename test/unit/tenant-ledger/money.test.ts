import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  differenceOf,
  exchange,
  isNanoUsd,
  minus,
  minusOrZero,
  mostNanoUsd,
  type NanoUsd,
  nanoUsd,
  partDown,
  plus,
  plusOrMost,
  shareDown,
  shareUp,
} from '../../../durable-objects/tenant-ledger/money.ts'

const amount = fc.maxSafeNat().map((value) => value as NanoUsd)

describe('money', () => {
  it.each([0.1, -1, Number.NaN, Infinity, 2 ** 53, -0.5])('is not %d', (value) => {
    expect(isNanoUsd(value)).toBe(false)
    expect(() => nanoUsd(value)).toThrow(RangeError)
  })

  it('is no number to the compiler: what is added, divided or written down is no amount', () => {
    const [a, b] = [nanoUsd(3), nanoUsd(2)]
    // @ts-expect-error -- a sum is a number
    const sum: NanoUsd = a + b
    // @ts-expect-error -- so is a part
    const part: NanoUsd = a / b
    // @ts-expect-error -- and what somebody writes down
    const written: NanoUsd = 0.5
    expect([sum, part, written].map(isNanoUsd)).toEqual([true, false, false])
  })

  it('caps a sum instead where an alarm or a bound wants that', () => {
    expect(plusOrMost(nanoUsd(1), nanoUsd(2))).toBe(3)
    expect(plusOrMost(mostNanoUsd, nanoUsd(1))).toBe(mostNanoUsd)
    expect(plusOrMost(nanoUsd(1), mostNanoUsd)).toBe(mostNanoUsd)
    expect([differenceOf(nanoUsd(5), nanoUsd(2)), differenceOf(nanoUsd(2), nanoUsd(5))]).toEqual([
      3, 3,
    ])
  })

  it('throws rather than become a fraction, a debt, or too large to be exact', () => {
    expect(() => plus(mostNanoUsd, nanoUsd(1))).toThrow(RangeError)
    expect(() => minus(nanoUsd(1), nanoUsd(2))).toThrow(RangeError)
    expect(minusOrZero(nanoUsd(1), nanoUsd(2))).toBe(0)
    expect(exchange(nanoUsd(10), nanoUsd(4), nanoUsd(1))).toBe(7)
  })

  it('takes shares exactly, however large the amount', () => {
    fc.assert(
      fc.property(amount, fc.nat(10_000), (whole, basisPoints) => {
        const exact = BigInt(whole) * BigInt(basisPoints)
        expect(BigInt(shareDown(whole, basisPoints))).toBe(exact / 10_000n)
        expect(BigInt(shareUp(whole, basisPoints))).toBe((exact + 9999n) / 10_000n)
      }),
    )
  })

  it('parts exactly', () => {
    fc.assert(
      fc.property(amount, fc.integer({ min: 1, max: 1000 }), (whole, count) => {
        expect(BigInt(partDown(whole, count))).toBe(BigInt(whole) / BigInt(count))
      }),
    )
  })
})
