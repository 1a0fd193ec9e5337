import { describe, expect, it } from 'vitest'
import { plan } from '../../../worker/policy/plan.ts'
import type { PlanInput } from '../../../worker/policy/plan-input.ts'
import { inputPriceOf, outputPriceOf, pricesOf } from '../../../worker/policy/price-at.ts'
import { chatRequest } from '../../support/fake-host.ts'
import { candidateOf, inputFor } from '../../support/policy-world.ts'

/** As the catalog has Gemini 2.5 Pro: a prompt of more than 200,000 tokens is billed at more for each of its tokens. */
const tiered = candidateOf('long@a', {
  contextTokens: 1_000_000,
  inputUsdPerMillion: 1.25,
  outputUsdPerMillion: 10,
  prices: {
    input: 1_250_000,
    output: 10_000_000,
    longContext: [{ aboveInputTokens: 200_000, input: 2_500_000, output: 15_000_000 }],
  },
})
const flat = candidateOf('flat@b', {
  contextTokens: 1_000_000,
  inputUsdPerMillion: 2,
  outputUsdPerMillion: 12,
})
const unknown = candidateOf('new@c', { inputUsdPerMillion: null })

/** Who is asked for a prompt of so many tokens. */
function askedFor(promptTokens: number, more: Partial<PlanInput>) {
  const input = inputFor(chatRequest(), [tiered, flat], more)
  const made = plan({ ...input, facts: { ...input.facts, promptTokens } })
  return {
    targets: made.kind === 'steps' ? made.steps.map(({ target }) => target) : [],
    reasons: made.exclusions.map(({ reason }) => reason),
  }
}

describe('the price of a prompt', () => {
  it('is that of its length, and the base price up to the border', () => {
    expect([inputPriceOf(tiered, 200_000), outputPriceOf(tiered, 200_000)]).toEqual([1.25, 10])
    expect([inputPriceOf(tiered, 200_001), outputPriceOf(tiered, 200_001)]).toEqual([2.5, 15])
    expect([inputPriceOf(flat, 900_000), outputPriceOf(flat, 900_000)]).toEqual([2, 12])
  })

  it('is unknown where a part of it is', () => {
    expect(pricesOf(tiered, 300_000)).toBe(17.5)
    expect(pricesOf(unknown, 10)).toBeNull()
  })

  it.each([
    [{ maxInputUsdPerMillion: 2 }, 'its prompt price of 2.5 USD per million tokens is over 2'],
    [
      { maxOutputUsdPerMillion: 12 },
      'its completion price of 15 USD per million tokens is over 12',
    ],
  ])('is what the constraint %o goes by', (constraint, reason) => {
    const policy = { constraints: [{ source: 'the route', constraint }] }
    expect(askedFor(1000, { policy }).targets).toHaveLength(2)
    expect(askedFor(300_000, { policy })).toEqual({
      targets: ['flat@b'],
      reasons: [`${reason} (the route)`],
    })
  })

  it.each([{ prompt: 2 }, { completion: 12 }])('is what max_price %o goes by', (maxPrice) => {
    const preferences = { maxPrice }
    expect(askedFor(1000, { preferences }).targets).toHaveLength(2)
    expect(askedFor(300_000, { preferences }).targets).toEqual(['flat@b'])
  })

  it.each([
    ['a sort by price', { preferences: { sort: 'price' } }],
    ['a budget that runs low', { isThrifty: true }],
    [
      'a sort by price on a route with options',
      { preferences: { sort: 'price' }, policy: { ranking: { route: 'r' } } },
    ],
  ])('is what %s goes by', (_name, more) => {
    expect(askedFor(1000, more).targets).toEqual(['long@a', 'flat@b'])
    expect(askedFor(300_000, more).targets).toEqual(['flat@b', 'long@a'])
  })
})
