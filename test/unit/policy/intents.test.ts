import { describe, expect, it } from 'vitest'
import { explain } from '../../../worker/policy/explain.ts'
import type { RoutePolicy } from '../../../worker/policy/route-policy.ts'
import { chatRequest } from '../../support/fake-host.ts'
import { candidateOf, planFor } from '../../support/policy-world.ts'

const policy: RoutePolicy = { intents: [null, 'same-family', 'cheaper', 'smaller', 'degraded'] }
const tiers = policy.intents?.map((_intent, tier) => candidateOf(`m@p${tier + 1}`, { tier })) ?? []

describe('a tier with an intent', () => {
  it('says why it is there in the reason and the explanation of each of its steps', () => {
    const made = planFor(chatRequest(), tiers, { policy })
    const { steps } = explain(made, policy)
    expect(steps.map(({ reason }) => reason)).toEqual([
      'tier 1, first in order',
      'tier 2 (the same family elsewhere), next in order',
      'tier 3 (cheaper), next in order',
      'tier 4 (smaller), next in order',
      'tier 5 (degraded), next in order',
    ])
    expect(steps.map(({ intent }) => intent)).toEqual([
      undefined,
      'same-family',
      'cheaper',
      'smaller',
      'degraded',
    ])
  })

  it('says so where it is all that is left, and where it is asked first', () => {
    const [, , cheaper] = tiers
    if (cheaper === undefined) throw new Error('no third tier')
    const reasonOf = (...all: Parameters<typeof planFor>) => {
      const made = planFor(...all)
      return made.kind === 'steps' ? made.steps[0].reason : null
    }
    expect(reasonOf(chatRequest(), [cheaper], { policy })).toBe(
      'the only target that may and can answer, tier 3 (cheaper)',
    )
    const asked = chatRequest({ provider: { order: ['p3'] } })
    expect(reasonOf(asked, tiers, { policy })).toBe(
      'tier 3 (cheaper), first as provider.order asks',
    )
  })

  it('changes no word of a route without one', () => {
    const plain = planFor(chatRequest(), tiers)
    const steps = plain.kind === 'steps' ? plain.steps : []
    expect(steps.map(({ reason }) => reason)).toEqual([
      'tier 1, first in order',
      ...[2, 3, 4, 5].map((tier) => `tier ${tier}, next in order`),
    ])
    expect(steps.some((step) => 'intent' in step)).toBe(false)
  })
})
