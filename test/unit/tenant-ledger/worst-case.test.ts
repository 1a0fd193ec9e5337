import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CanonicalRequest } from '../../../worker/canonical/request.ts'
import type { Usage } from '../../../worker/canonical/usage.ts'
import { costNanoUsd, type Prices } from '../../../worker/catalog/index.ts'
import {
  affordableOutputTokens,
  type Bounded,
  defaultWorstCaseRules,
  type PricedTarget,
  worstCase,
  type WorstCaseRules,
} from '../../../worker/edge/ledger/worst-case.ts'
import { n } from './support.ts'

const prices: Prices = { input: 1_000_000, output: 4_000_000 }

function target(more: Partial<PricedTarget> = {}): PricedTarget {
  return { provider: 'openai', model: 'm', prices, ...more }
}

function request(text: string, more: Partial<CanonicalRequest> = {}): CanonicalRequest {
  return {
    model: 'chat',
    messages: [{ role: 'user', content: [{ type: 'text', text }] }],
    sampling: {},
    stream: true,
    includeUsage: true,
    includeCost: false,
    ...more,
  }
}

function bounded(
  asked: CanonicalRequest,
  of: PricedTarget = target(),
  rules: WorstCaseRules = defaultWorstCaseRules,
): Bounded {
  const worst = worstCase(asked, of, rules)
  if (worst.kind === 'refused') throw new Error(`refused: ${worst.reason}`)
  return worst
}

const user = (content: CanonicalRequest['messages'][number]['content']) => ({
  messages: [{ role: 'user', content }] as const,
})

describe('worstCase()', () => {
  it('counts a token for each byte, sixteen for each message, and the limit that is sent', () => {
    // 5 bytes and 16 at 1,000 n$ a token; 4,096 at 4,000.
    expect(bounded(request('héll'))).toMatchObject({
      inputTokens: 21,
      outputTokens: 4096,
      worstNanoUsd: 21 * 1000 + 4096 * 4000,
      leastNanoUsd: 21 * 1000 + 64 * 4000,
    })
  })

  it('enforces the least of what the caller asked for, what the model can, and the default', () => {
    expect(bounded(request('', { maxOutputTokens: 10 })).outputTokens).toBe(10)
    expect(bounded(request('', { maxOutputTokens: 9000 })).outputTokens).toBe(9000)
    expect(
      bounded(request('', { maxOutputTokens: 9000 }), target({ maxOutputTokens: 800 }))
        .outputTokens,
    ).toBe(800)
    expect(bounded(request(''), target({ maxOutputTokens: 800 })).outputTokens).toBe(800)
  })

  it('pays for each answer that is asked for', () => {
    const one = bounded(request('', { maxOutputTokens: 100 }))
    const three = bounded(request('', { maxOutputTokens: 100, sampling: { n: 3 } }))
    expect(three.worstNanoUsd - one.worstNanoUsd).toBe(200 * 4000)
  })

  it('takes the dearest price that may apply: cache writes, long context, thinking', () => {
    const dear: Prices = {
      ...prices,
      cacheWrite: 1_250_000,
      cacheWrite1h: 2_000_000,
      reasoning: 5_000_000,
      audioInput: 99_000_000,
      longContext: [{ aboveInputTokens: 100, input: 3_000_000, output: 6_000_000 }],
      perRequestNanoUsd: 7,
    }
    const written = bounded(
      request('', { maxOutputTokens: 10 }),
      target({ prices: { ...prices, cacheWrite: 1_250_000 } }),
    )
    expect(written.worstNanoUsd).toBe(16 * 1250 + 10 * 4000)
    const short = bounded(request('', { maxOutputTokens: 10 }), target({ prices: dear }))
    expect(short.worstNanoUsd).toBe(16 * 2000 + 10 * 5000 + 7)
    const long = bounded(
      request('x'.repeat(100), { maxOutputTokens: 10 }),
      target({ prices: dear }),
    )
    expect(long.worstNanoUsd).toBe(116 * 3000 + 10 * 6000 + 7)
  })

  it('refuses what has no price, and what costs more than its price', () => {
    expect(worstCase(request(''), target({ prices: null }), defaultWorstCaseRules)).toEqual({
      kind: 'refused',
      reason: 'unpriced',
      param: null,
    })
    const fast = request('', { serviceTier: 'priority' })
    expect(worstCase(fast, target(), defaultWorstCaseRules)).toMatchObject({
      reason: 'unpriced_tier',
    })
  })

  const picture = { type: 'image', source: { kind: 'url', url: 'https://a.example' } } as const

  it.each([
    // Patches of 32 px, times a factor.
    ['openai', 'gpt-6.1-sol', 36_000],
    ['openai', 'gpt-5.6', 36_000],
    ['openai', 'gpt-5.5-pro', 12_000],
    ['openai', 'gpt-5.4-2026-03-05', 12_000],
    ['openai', 'gpt-5.4-nano', 3779],
    ['openai', 'gpt-4.1-mini-2025-04-14', 3779],
    // Tiles of 512 px.
    ['openai', 'gpt-4o', 1445],
    ['openai', 'gpt-4o-mini-2024-07-18', 48_169],
    // Patches of 28 px.
    ['anthropic', 'claude-opus-4-6', 1600],
    ['anthropic', 'claude-haiku-4-5-20251001', 1600],
    ['anthropic', 'claude-opus-4-7', 4784],
    ['anthropic', 'claude-sonnet-5-5', 4784],
    ['bedrock', 'eu.anthropic.claude-opus-5', 4784],
    ['bedrock', 'anthropic.claude-sonnet-4-5-20250929-v1:0', 1600],
    ['gemini', 'gemini-2.5-flash', 4386],
    ['gemini', 'gemini-3.8-flash', 2240],
    ['mistral', 'pixtral-12b', 4160],
  ])('counts an image for %s %s at the most that is documented', (provider, model, tokens) => {
    expect(bounded(request('', user([picture])), target({ provider, model })).inputTokens).toBe(
      16 + tokens + 16,
    )
  })

  it('counts fewer tokens for an image whose detail is limited, where that is documented', () => {
    const tokens = (model: string, detail: string) =>
      bounded(request('', user([{ ...picture, detail }])), target({ model })).inputTokens - 32
    expect(tokens('gpt-5.6', 'high')).toBe(3000)
    expect(tokens('gpt-5.6', 'low')).toBe(308)
    expect(tokens('gpt-5.6', 'auto')).toBe(36_000)
    expect(tokens('gpt-5.6', 'original')).toBe(36_000)
    expect(tokens('gpt-4o', 'low')).toBe(85)
    expect(tokens('gpt-4o', 'high')).toBe(1445)
  })

  it.each([
    ['openai', 'chat-latest'],
    ['openai', 'gpt-5.1'],
    ['openai', 'gpt-7'],
    ['azure-openai', 'gpt-4o'],
    ['gemini', 'gemini-4-argon'],
    ['gemini', 'gemini-flash-latest'],
    ['mistral', 'mistral-large-4'],
    ['bedrock', 'amazon.nova-pro-v1:0'],
    ['bedrock', 'amazon.nova-2-lite-v1:0'],
    ['constructor', 'gpt-4o'],
  ])('refuses an image for %s %s, which nobody documents, when it is strict', (provider, model) => {
    const asked = request('', user([picture]))
    expect(worstCase(asked, target({ provider, model }), defaultWorstCaseRules)).toMatchObject({
      reason: 'unbounded_input',
      param: 'messages[0].content',
    })
  })

  it.each([
    [
      'an image of a provider without a documented size',
      { type: 'image', source: { kind: 'url', url: 'u' } },
      'together',
    ],
    [
      'an image at a detail that its model does not document',
      { type: 'image', source: { kind: 'url', url: 'u' }, detail: 'original' },
      'openai',
    ],
    [
      'audio',
      { type: 'audio', source: { kind: 'base64', mediaType: 'audio/wav', data: '' } },
      'openai',
    ],
    ['a file', { type: 'file', source: { kind: 'url', url: 'u' } }, 'openai'],
  ] as const)(
    'refuses %s when it is strict, and counts a full window when not',
    (_, block, provider) => {
      const asked = request('', user([block]))
      const of = target({ provider, contextTokens: 1000 })
      expect(worstCase(asked, of, defaultWorstCaseRules)).toEqual({
        kind: 'refused',
        reason: 'unbounded_input',
        param: 'messages[0].content',
      })
      const loose = { ...defaultWorstCaseRules, isStrict: false }
      expect(bounded(asked, of, loose).inputTokens).toBe(1000)
      expect(worstCase(asked, target({ provider }), loose)).toMatchObject({
        reason: 'unbounded_input',
      })
    },
  )

  it('counts tools, and refuses those that the provider runs and bills', () => {
    const described = { kind: 'function', name: 'f', parameters: { type: 'object' } } as const
    const { inputTokens } = bounded(request('', { tools: [described] }))
    expect(inputTokens).toBe(16 + 16 + 1024 + JSON.stringify(described).length)
    const search = {
      kind: 'native',
      name: 'web_search',
      raw: { wire: 'anthropic-messages', value: { type: 'web_search_20250305', max_uses: 2 } },
    } as const
    const asked = request('', { tools: [search] })
    expect(worstCase(asked, target(), defaultWorstCaseRules)).toMatchObject({
      reason: 'unbounded_fees',
    })
    const of = target({ contextTokens: 1000, prices: { ...prices, webSearchNanoUsd: 10_000_000 } })
    const loose = bounded(asked, of, { ...defaultWorstCaseRules, isStrict: false })
    expect(loose).toMatchObject({ inputTokens: 3000, feesNanoUsd: 20_000_000 })
    const own = {
      ...search,
      raw: { ...search.raw, value: { type: 'bash_20250124', name: 'bash' } },
    }
    expect(bounded(request('', { tools: [own] })).inputTokens).toBeGreaterThan(1024)
  })

  it('may count what was learned in place of bytes when it is not strict', () => {
    const rules = {
      ...defaultWorstCaseRules,
      isStrict: false,
      estimate: { inputTokens: 1000, basisPoints: 12_000 },
    }
    expect(bounded(request('x'.repeat(5000)), target(), rules).inputTokens).toBe(1560 + 256)
    expect(bounded(request('x'.repeat(500)), target(), rules).inputTokens).toBe(516)
  })

  it('is never less than what any usage within its bounds costs', () => {
    const price = fc.nat(90_000_000)
    const part = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined })
    const anyPrices = fc
      .record({
        input: price,
        output: price,
        cacheRead: part(price),
        cacheWrite: part(price),
        cacheWrite1h: part(price),
        reasoning: part(price),
        audioOutput: part(price),
        perRequestNanoUsd: part(fc.nat(1000)),
        longContext: part(
          fc.array(
            fc.record({
              aboveInputTokens: fc.nat(400),
              input: price,
              output: price,
              cacheWrite: part(price),
            }),
            { maxLength: 2 },
          ),
        ),
      })
      .map((all) => JSON.parse(JSON.stringify(all)) as Prices)
    fc.assert(
      fc.property(
        anyPrices,
        fc.nat(500),
        fc.integer({ min: 1, max: 500 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 6, maxLength: 6 }),
        (some, bytes, limit, [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0]) => {
          const worst = bounded(
            request('x'.repeat(bytes), { maxOutputTokens: limit }),
            target({ prices: some }),
          )
          const inputTokens = Math.floor(worst.inputTokens * a)
          const cacheReadTokens = Math.floor(inputTokens * b)
          const cacheWriteTokens = Math.floor((inputTokens - cacheReadTokens) * c)
          const outputTokens = Math.floor(limit * d)
          const reasoningTokens = Math.floor(outputTokens * e)
          const usage: Usage = {
            inputTokens,
            cacheReadTokens,
            cacheWriteTokens,
            cacheWrite1hTokens: Math.floor(cacheWriteTokens * f),
            outputTokens,
            reasoningTokens,
            audioOutputTokens: Math.floor((outputTokens - reasoningTokens) * f),
          }
          expect(costNanoUsd(usage, some) ?? 0).toBeLessThanOrEqual(worst.worstNanoUsd)
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('affordableOutputTokens()', () => {
  it('is the longest answer that the money pays for, to the token', () => {
    const worst = bounded(request('', { maxOutputTokens: 1000 }))
    fc.assert(
      fc.property(fc.integer({ min: worst.leastNanoUsd, max: worst.worstNanoUsd - 1 }), (money) => {
        const tokens = affordableOutputTokens(worst, n(money)) ?? 0
        expect(16 * 1000 + tokens * 4000).toBeLessThanOrEqual(money)
        expect(16 * 1000 + (tokens + 1) * 4000).toBeGreaterThan(money)
      }),
    )
    expect(affordableOutputTokens(worst, worst.worstNanoUsd)).toBe(1000)
    expect(affordableOutputTokens(worst, worst.leastNanoUsd)).toBe(64)
    expect(affordableOutputTokens(worst, n(worst.leastNanoUsd - 1))).toBeNull()
  })
})
