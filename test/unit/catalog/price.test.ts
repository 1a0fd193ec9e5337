import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Usage } from '../../../worker/canonical/usage.ts'
import { costNanoUsd, formatUsd, reportedCostNanoUsd } from '../../../worker/catalog/price.ts'
import type { Prices } from '../../../worker/catalog/schema.ts'

/** Claude Sonnet 4.6: $3 in, $15 out, $0.30 read, $3.75 and $6 written. */
const sonnet: Prices = {
  input: 3_000_000,
  output: 15_000_000,
  cacheRead: 300_000,
  cacheWrite: 3_750_000,
  cacheWrite1h: 6_000_000,
  webSearchNanoUsd: 10_000_000,
}
/** Gemini 2.5 Pro: twice the input price above 200k. */
const gemini: Prices = {
  input: 1_250_000,
  output: 10_000_000,
  cacheRead: 125_000,
  longContext: [
    { aboveInputTokens: 200_000, input: 2_500_000, output: 15_000_000, cacheRead: 250_000 },
  ],
}
const plain: Prices = { input: 1_000_000, output: 2_000_000 }

describe('costNanoUsd()', () => {
  test.each<[string, Usage, Prices, number]>([
    ['input and output', { inputTokens: 1000, outputTokens: 500 }, sonnet, 10_500_000],
    [
      // 600 x 3 + 400 x 0.3 = 1920 uUSD, and 100 x 15 = 1500 uUSD
      'cached input at its own price',
      { inputTokens: 1000, cacheReadTokens: 400, outputTokens: 100 },
      sonnet,
      3_420_000,
    ],
    [
      // 200 x 3 + 300 x 0.3 + 400 x 3.75 + 100 x 6 = 2790 uUSD
      'both lifetimes of a cache write',
      {
        inputTokens: 1000,
        cacheReadTokens: 300,
        cacheWriteTokens: 500,
        cacheWrite1hTokens: 100,
        outputTokens: 0,
      },
      sonnet,
      2_790_000,
    ],
    [
      'searches by the piece',
      { inputTokens: 0, outputTokens: 0, webSearchRequests: 3 },
      sonnet,
      30_000_000,
    ],
    [
      'the tier only above its threshold',
      { inputTokens: 200_000, outputTokens: 0 },
      gemini,
      250_000_000,
    ],
    [
      // all 200001 tokens at $2.50, the output at $15
      'the tier for the whole request',
      { inputTokens: 200_001, outputTokens: 1000 },
      gemini,
      515_002_500,
    ],
    [
      'cached input of a tier',
      { inputTokens: 300_000, cacheReadTokens: 100_000, outputTokens: 0 },
      gemini,
      525_000_000,
    ],
    [
      'reasoning where it is priced apart',
      { inputTokens: 0, outputTokens: 100, reasoningTokens: 40 },
      { ...plain, reasoning: 3_000_000 },
      240_000,
    ],
    [
      'reasoning as output where it is not',
      { inputTokens: 0, outputTokens: 100, reasoningTokens: 40 },
      plain,
      200_000,
    ],
    [
      // 90 x 1 + 10 x 32 in, 80 x 2 + 20 x 64 out
      'audio, in and out',
      { inputTokens: 100, audioInputTokens: 10, outputTokens: 100, audioOutputTokens: 20 },
      { ...plain, audioInput: 32_000_000, audioOutput: 64_000_000 },
      1_850_000,
    ],
    [
      'a call by the piece',
      { inputTokens: 1, outputTokens: 0 },
      { ...plain, perRequestNanoUsd: 5 },
      1005,
    ],
    [
      // 37.5 nano-USD a token
      'what is less than a nano-USD, rounded up',
      { inputTokens: 1, outputTokens: 0 },
      { input: 37_500, output: 150_000 },
      38,
    ],
    [
      'the sum rounded up once, not each part',
      { inputTokens: 2, outputTokens: 0 },
      { input: 37_500, output: 150_000 },
      75,
    ],
    [
      'cached input without a price as input',
      { inputTokens: 10, cacheReadTokens: 10, outputTokens: 0 },
      plain,
      10_000,
    ],
    ['nothing for nothing', { inputTokens: 0, outputTokens: 0 }, sonnet, 0],
    ['nothing for a free model', { inputTokens: 5, outputTokens: 5 }, { input: 0, output: 0 }, 0],
  ])('charges %s', (_what, usage, prices, cost) => {
    expect(costNanoUsd(usage, prices)).toBe(cost)
  })

  test.each<[string, Usage]>([
    ['the input is not reported', { outputTokens: 5 }],
    ['the output is not reported', { inputTokens: 5 }],
    ['a count is negative', { inputTokens: 5, outputTokens: -1 }],
    ['a count is a fraction', { inputTokens: 5, outputTokens: 1, cacheReadTokens: 0.5 }],
    ['a count is not a number', { inputTokens: Number.NaN, outputTokens: 1 }],
    ['searches have no price', { inputTokens: 5, outputTokens: 1, webSearchRequests: 1 }],
  ])('is null where %s', (_what, usage) => {
    expect(costNanoUsd(usage, plain)).toBeNull()
  })

  test('does not look at what the provider claims', () => {
    const usage = { inputTokens: 1000, outputTokens: 0 }
    expect(costNanoUsd({ ...usage, providerCostUsd: 0 }, plain)).toBe(costNanoUsd(usage, plain))
  })

  test('charges overlapping parts twice rather than never', () => {
    const usage = { inputTokens: 10, cacheReadTokens: 8, audioInputTokens: 8, outputTokens: 0 }
    expect(costNanoUsd(usage, plain)).toBe(16_000)
  })

  test('charges a silent tier no less than the price below it', () => {
    const prices: Prices = {
      input: 1_000_000,
      output: 1_000_000,
      audioInput: 9_000_000,
      longContext: [{ aboveInputTokens: 10, input: 2_000_000, output: 2_000_000 }],
    }
    const usage = { inputTokens: 20, audioInputTokens: 20, outputTokens: 0 }
    expect(costNanoUsd(usage, prices)).toBe(180_000)
  })

  test('stays exact where the product leaves the safe integers', () => {
    const usage = { inputTokens: 90_071_993, outputTokens: 0 }
    expect(costNanoUsd(usage, { input: 100_000_001, output: 1 })).toBe(9_007_199_390_072)
  })

  test('stays at the largest safe integer beyond it', () => {
    const usage = { inputTokens: Number.MAX_SAFE_INTEGER, outputTokens: 0 }
    expect(costNanoUsd(usage, sonnet)).toBe(Number.MAX_SAFE_INTEGER)
  })
})

describe('costNanoUsd(), for any usage and any prices', () => {
  const count = fc.nat({ max: 2_000_000 })
  const price = fc.integer({ min: 1, max: 600_000_000 })
  const rising: fc.Arbitrary<Prices> = fc
    .record({
      input: price,
      output: price,
      steps: fc.array(fc.nat({ max: 500_000 }), { maxLength: 3 }),
    })
    .map(({ input, output, steps }) => ({
      input,
      output,
      longContext: [...new Set(steps)]
        .sort((a, b) => a - b)
        .map((above, index) => ({
          aboveInputTokens: above,
          input: input * (index + 2),
          output: output * (index + 2),
        })),
    }))
  const parts = fc.record({
    cacheReadTokens: count,
    cacheWriteTokens: count,
    audioInputTokens: count,
    reasoningTokens: count,
  })

  test('is a safe integer and never negative', () => {
    fc.assert(
      fc.property(count, count, parts, rising, (inputTokens, outputTokens, more, prices) => {
        const cost = costNanoUsd({ inputTokens, outputTokens, ...more }, prices)
        return Number.isSafeInteger(cost) && cost !== null && cost >= 0
      }),
    )
  })

  test('never falls when there are more tokens', () => {
    fc.assert(
      fc.property(
        count,
        count,
        count,
        count,
        parts,
        rising,
        (i, o, moreIn, moreOut, part, prices) => {
          const less = costNanoUsd({ inputTokens: i, outputTokens: o, ...part }, prices) ?? 0
          const more = costNanoUsd(
            { inputTokens: i + moreIn, outputTokens: o + moreOut, ...part },
            prices,
          )
          return (more ?? -1) >= less
        },
      ),
    )
  })

  test('is never under the exact price and less than one nano-USD over it', () => {
    fc.assert(
      fc.property(count, count, price, price, (inputTokens, outputTokens, input, output) => {
        const exact = BigInt(inputTokens) * BigInt(input) + BigInt(outputTokens) * BigInt(output)
        const cost = BigInt(costNanoUsd({ inputTokens, outputTokens }, { input, output }) ?? -1)
        return cost * 1000n >= exact && cost * 1000n - exact < 1000n
      }),
    )
  })
})

describe('reportedCostNanoUsd()', () => {
  test.each([
    [0.0045, 4_500_000],
    [0.1 + 0.2, 300_000_000],
    [0.000_000_000_1, 1],
    [0, 0],
    [-0.01, null],
    [Number.NaN, null],
    [Number.POSITIVE_INFINITY, null],
    [1e12, null],
  ])('reads %d USD as %s', (providerCostUsd, nano) => {
    expect(reportedCostNanoUsd({ providerCostUsd })).toBe(nano)
  })

  test('is null when the provider said nothing', () => {
    expect(reportedCostNanoUsd({})).toBeNull()
  })
})

describe('formatUsd()', () => {
  test.each([
    [0, '0'],
    [1, '0.000000001'],
    [1500, '0.0000015'],
    [10_500_000, '0.0105'],
    [1_000_000_000, '1'],
    [1_230_000_000, '1.23'],
    [123_456_789_012, '123.456789012'],
    [Number.MAX_SAFE_INTEGER, '9007199.254740991'],
    [-1_500_000_000, '-1.5'],
  ])('writes %d as %s', (nano, text) => {
    expect(formatUsd(nano)).toBe(text)
  })

  test.each([0.5, Number.NaN, 2 ** 53])('refuses %d', (nano) => {
    expect(() => formatUsd(nano)).toThrow(RangeError)
  })

  test('writes what reads back as the same amount', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (nano) => {
        const [whole = '', fraction = ''] = formatUsd(nano).split('.')
        return BigInt(whole + fraction.padEnd(9, '0')) === BigInt(nano)
      }),
    )
  })
})
