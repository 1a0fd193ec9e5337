import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { costNanoUsd } from '../../../worker/catalog/price.ts'
import type { Prices } from '../../../worker/catalog/schema.ts'
import {
  expectedCostNanoUsd,
  expectedOutputTokens,
  type ForeseenCall,
} from '../../../worker/policy/expected-cost.ts'

/** $3 per million in, $15 out, $0.30 from the cache: pico-USD per token. */
const prices: Prices = { input: 3_000_000, output: 15_000_000, cacheRead: 300_000 }

const call: ForeseenCall = {
  promptTokens: 10_000,
  cachedTokens: 0,
  outputTokens: 400,
  failureRate: 0,
  abortRate: 0,
  abortBilling: 'unknown',
}

describe('expectedCostNanoUsd()', () => {
  it('is the price of the call where nothing fails and nothing is cached', () => {
    // 10,000 x $3/M + 400 x $15/M = $0.030 + $0.006
    expect(expectedCostNanoUsd(prices, call)).toBe(36_000_000)
  })

  it('reckons cached tokens at their own price', () => {
    // 2,000 x $3/M + 8,000 x $0.30/M + $0.006 = $0.006 + $0.0024 + $0.006
    expect(expectedCostNanoUsd(prices, { ...call, cachedTokens: 8000 })).toBe(14_400_000)
  })

  it('is the cost of one SUCCESSFUL answer: cost / (1 - failure rate) where every failure is billed', () => {
    const failing = { ...call, failureRate: 0.2, abortRate: 0.2 }
    expect(expectedCostNanoUsd(prices, failing)).toBe(36_000_000 / 0.8)
  })

  it('charges nothing for failures before the model begins', () => {
    expect(expectedCostNanoUsd(prices, { ...call, failureRate: 0.2 })).toBe(36_000_000)
  })

  it('charges the prompt alone for an aborted call where leaving stops the meter', () => {
    const aborted = { ...call, failureRate: 0.2, abortRate: 0.2, abortBilling: 'stops' as const }
    // $0.036 + 0.2 / 0.8 x $0.030
    expect(expectedCostNanoUsd(prices, aborted)).toBe(43_500_000)
    expect(expectedCostNanoUsd(prices, { ...aborted, abortBilling: 'continues' })).toBe(45_000_000)
  })

  it('makes a cheap target that fails dearer than a sound one', () => {
    const cheap: Prices = { input: 2_000_000, output: 10_000_000 }
    const failing = { ...call, failureRate: 0.5, abortRate: 0.5 }
    expect(expectedCostNanoUsd(cheap, call)).toBeLessThan(expectedCostNanoUsd(prices, call))
    expect(expectedCostNanoUsd(cheap, failing)).toBeGreaterThan(expectedCostNanoUsd(prices, call))
  })

  it('goes by the tier of long prompts, and a tier that is silent about the cache is not cheaper for it', () => {
    const long: Prices = {
      ...prices,
      longContext: [{ aboveInputTokens: 200_000, input: 6_000_000, output: 22_500_000 }],
    }
    const large = { ...call, promptTokens: 300_000, outputTokens: 1000 }
    expect(expectedCostNanoUsd(long, large)).toBe(1_822_500_000)
    expect(expectedCostNanoUsd(long, { ...large, cachedTokens: 300_000 })).toBe(1_822_500_000)
  })

  it('adds what is charged by the call', () => {
    const withFee: Prices = { ...prices, perRequestNanoUsd: 5_000_000 }
    expect(expectedCostNanoUsd(withFee, call)).toBe(41_000_000)
  })

  it('is finite for a target that always fails', () => {
    const dead = { ...call, failureRate: 1, abortRate: 1 }
    expect(expectedCostNanoUsd(prices, dead)).toBe(720_000_000)
  })

  it('is what the catalog would charge for the same tokens, for any price and any call without failures', () => {
    const token = fc.integer({ min: 0, max: 50_000_000 })
    const tokens = fc.integer({ min: 0, max: 100_000 })
    fc.assert(
      fc.property(
        token,
        token,
        token,
        tokens,
        tokens,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (input, output, cacheRead, promptTokens, outputTokens, share) => {
          const cachedTokens = Math.floor(promptTokens * share)
          const usage = { inputTokens: promptTokens, outputTokens, cacheReadTokens: cachedTokens }
          const expected = expectedCostNanoUsd(
            { input, output, cacheRead },
            { ...call, promptTokens, outputTokens, cachedTokens },
          )
          expect(expected).toBe(costNanoUsd(usage, { input, output, cacheRead }))
        },
      ),
      { seed: 51, verbose: 1 },
    )
  })

  it('is the sum to 14 digits, rounded up: no last digit of a float costs a nano-USD more', () => {
    const anyPrice = fc.oneof(fc.nat(20_000_000), fc.double({ min: 0, max: 1e8, noNaN: true }))
    const anyRate = fc.oneof(
      fc.constantFrom(0, 0.2, 0.55, 0.8, 0.9),
      fc.double({ min: 0, max: 0.9 }),
    )
    let nearly = 0
    fc.assert(
      fc.property(anyPrice, fc.nat(100_000), anyRate, (input, promptTokens, rate) => {
        const nano = (promptTokens * input + (rate / (1 - rate)) * promptTokens * input) / 1000
        if (nano !== Math.round(nano) && Math.abs(nano - Math.round(nano)) < nano * 1e-14)
          nearly += 1
        const own = { ...call, promptTokens, outputTokens: 0, failureRate: rate, abortRate: rate }
        expect(expectedCostNanoUsd({ input, output: 0 }, own)).toBe(
          Math.ceil(Number(nano.toPrecision(14))),
        )
      }),
      { seed: 5, verbose: 1, numRuns: 5000 },
    )
    expect(nearly).toBeGreaterThan(10)
  })

  it('is a whole number that never falls when more fails', () => {
    const rate = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(rate, rate, (a, b) => {
        const at = (failureRate: number) =>
          expectedCostNanoUsd(prices, { ...call, failureRate, abortRate: failureRate })
        expect(Number.isSafeInteger(at(a))).toBe(true)
        expect(at(Math.max(a, b))).toBeGreaterThanOrEqual(at(Math.min(a, b)))
      }),
      { seed: 52, verbose: 1 },
    )
  })
})

describe('expectedOutputTokens()', () => {
  it('is the average of the route within the bound of the caller, and the bound where nothing is known', () => {
    expect(expectedOutputTokens(220.2, 1000)).toBe(221)
    expect(expectedOutputTokens(2200, 1000)).toBe(1000)
    expect(expectedOutputTokens(null, 1000)).toBe(1000)
    expect(expectedOutputTokens(220, null)).toBe(220)
    expect(expectedOutputTokens(null, null)).toBe(500)
  })
})
