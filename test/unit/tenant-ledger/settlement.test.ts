import { describe, expect, it } from 'vitest'
import type { Usage } from '../../../worker/canonical/usage.ts'
import {
  type CallFacts,
  type CallTerms,
  settlementOf,
} from '../../../worker/edge/ledger/settlement.ts'
import { n } from './support.ts'

const terms: CallTerms = {
  worstNanoUsd: n(1_000_000),
  inputTokens: 100,
  prices: { input: 1_000_000, output: 2_000_000, cacheWrite: 1_250_000 },
  contextTokens: 10_000,
  abortBilling: 'stops',
}

function settled(facts: Partial<CallFacts>, more: Partial<CallTerms> = {}) {
  const call: CallFacts = {
    ending: 'complete',
    receivedBytes: 0,
    mayHideReasoning: false,
    ...facts,
  }
  return settlementOf(call, { ...terms, ...more })
}

const usage: Usage = { inputTokens: 10, outputTokens: 20 }

describe('settlementOf()', () => {
  it('is nothing for a call that never went out, and free for one that was refused', () => {
    expect(settled({ ending: 'not_sent' }).amountNanoUsd).toBeNull()
    expect(settled({ ending: 'rejected' })).toMatchObject({ amountNanoUsd: 0 })
  })

  it('is the price of the usage that the provider reported', () => {
    expect(settled({ usage })).toEqual({
      amountNanoUsd: 50_000,
      basis: 'exact',
      isImpossible: false,
    })
  })

  it('may be more than the worst case when the usage is believable: that is an overrun, not a discount', () => {
    const much = { inputTokens: 9000, outputTokens: 1000 }
    expect(settled({ usage: much })).toMatchObject({ amountNanoUsd: 11_000_000, basis: 'exact' })
  })

  it('is estimated from what came where usage is missing: all of the input, a token for each byte', () => {
    expect(settled({ receivedBytes: 30 })).toEqual({
      amountNanoUsd: 100 * 1250 + 30 * 2000,
      basis: 'estimated',
      isImpossible: false,
    })
  })

  it('is the worst case where a model thinks out of sight and says nothing', () => {
    expect(settled({ receivedBytes: 30, mayHideReasoning: true })).toMatchObject({
      amountNanoUsd: 1_000_000,
      basis: 'worst_case',
    })
  })

  it('is what came and a little more for an abort, where leaving stops the bill', () => {
    expect(settled({ ending: 'aborted', receivedBytes: 30 })).toMatchObject({
      amountNanoUsd: 100 * 1250 + (30 + 256) * 2000,
      basis: 'estimated',
    })
  })

  it.each(['continues', 'unknown'] as const)(
    'is the worst case for an abort, where leaving %s',
    (abortBilling) => {
      const said = { ending: 'aborted', receivedBytes: 3, usage } as const
      expect(settled(said, { abortBilling })).toMatchObject({
        amountNanoUsd: 1_000_000,
        basis: 'worst_case',
      })
    },
  )

  it('is the worst case when nobody knows', () => {
    expect(settled({ ending: 'unknown', receivedBytes: 3 })).toMatchObject({
      amountNanoUsd: 1_000_000,
    })
  })

  it.each([
    ['a count that is none', { inputTokens: -1, outputTokens: 1 }],
    ['a fraction', { inputTokens: 1.5, outputTokens: 1 }],
    ['a part larger than its whole', { ...usage, cacheReadTokens: 11 }],
    ['thinking beyond the answer', { ...usage, reasoningTokens: 21 }],
    ['more than the window holds', { inputTokens: 10_001, outputTokens: 1 }],
    ['an answer larger than the window', { inputTokens: 1, outputTokens: 10_001 }],
    ['no prompt', { inputTokens: 0, outputTokens: 5 }],
    ['no answer, where one came', { inputTokens: 5, outputTokens: 0 }],
  ])('is the worst case and told for usage that cannot be true: %s', (_, odd) => {
    expect(settled({ usage: odd, receivedBytes: 5 })).toEqual({
      amountNanoUsd: 1_000_000,
      basis: 'worst_case',
      isImpossible: true,
    })
  })

  it('prices parts that overlap twice, but never beyond the worst case', () => {
    const overlap = { inputTokens: 10, outputTokens: 1, cacheReadTokens: 8, audioInputTokens: 8 }
    expect(settled({ usage: overlap }, { worstNanoUsd: n(15_000) })).toMatchObject({
      amountNanoUsd: 15_000,
    })
  })

  it('takes the provider at its word only where that is the bill', () => {
    const said = { ...usage, providerCostUsd: 0.0000045 }
    expect(settled({ usage: said })).toMatchObject({ amountNanoUsd: 50_000 })
    expect(settled({ usage: said }, { takesReportedCost: true })).toMatchObject({
      amountNanoUsd: 4500,
    })
  })
})
