import { describe, expect, it } from 'vitest'
import { canarySide, type CanaryPolicy } from '../../../worker/policy/canary.ts'
import type { PlanInput } from '../../../worker/policy/plan-input.ts'
import { plainRankingFacts } from '../../../worker/policy/ranking.ts'
import { chatRequest } from '../../support/fake-host.ts'
import { candidateOf, planFor, seedDrawing } from '../../support/policy-world.ts'

const canary: CanaryPolicy = {
  target: 'new@p',
  share: 0.1,
  by: 'session',
  trial: 'chat/1',
  slowAfterMs: null,
  isListed: false,
}
const keys = Array.from({ length: 5000 }, (_, index) => `session-${index}`)
const never = () => {
  throw new Error('a request with a key draws no chance')
}
const side = (key: string, more: Partial<CanaryPolicy> = {}) =>
  canarySide({ ...canary, ...more }, key, never)

const candidates = [candidateOf('old@p'), candidateOf('new@p', { weight: 0 })]
function plan(
  more: Partial<PlanInput['ranking'] & object>,
  policy: Partial<CanaryPolicy> = {},
  seed = 0,
) {
  const made = planFor(chatRequest(), candidates, {
    policy: { ranking: { route: 'chat', canary: { ...canary, ...policy } } },
    ranking: { ...plainRankingFacts, ...more },
    seed,
  })
  if (made.kind === 'none') throw new Error('no plan')
  return { first: made.steps[0], targets: made.steps.map(({ target }) => target), made }
}
const onIts = keys.find((key) => side(key) === 'canary') ?? ''
const beside = keys.find((key) => side(key) === 'control') ?? ''

describe('the side of a request', () => {
  it('is the same for the same key, and the canary’s for about its share', () => {
    const sides = keys.map((key) => side(key))
    expect(keys.map((key) => side(key))).toEqual(sides)
    const share = sides.filter((one) => one === 'canary').length / keys.length
    expect(share).toBeGreaterThan(0.085)
    expect(share).toBeLessThan(0.115)
  })

  it('keeps those of a smaller share when the share of the same trial grows', () => {
    const small = keys.filter((key) => side(key, { share: 0.05 }) === 'canary')
    expect(small.every((key) => side(key, { share: 0.2 }) === 'canary')).toBe(true)
  })

  it('deals anew for another trial', () => {
    const both = keys.filter(
      (key) => side(key) === 'canary' && side(key, { trial: 'chat/2' }) === 'canary',
    )
    expect(both.length / keys.length).toBeLessThan(0.02)
  })

  it('is drawn by the seed where there is no key', () => {
    expect(canarySide(canary, null, () => 0.05)).toBe('canary')
    expect(canarySide(canary, null, () => 0.5)).toBe('control')
    const { first } = plan({}, {}, seedDrawing(0, 0.1))
    expect(first.target).toBe('new@p')
    expect(plan({}, {}, seedDrawing(0.1, 1)).first.target).toBe('old@p')
  })
})

describe('a plan with a canary', () => {
  it('asks it first on its side, with the others behind it, and marks the call', () => {
    const { first, targets } = plan({ canaryKey: onIts })
    expect(targets).toEqual(['new@p', 'old@p'])
    expect(first.reason).toBe('tier 1, a canary that gets 10 % of the requests')
    expect(first.mark?.trial).toMatchObject({ trial: 'chat/1', side: 'canary', target: 'new@p' })
  })

  it('leaves it out on the other side, with the reason', () => {
    const { targets, first, made } = plan({ canaryKey: beside })
    expect(targets).toEqual(['old@p'])
    expect(first.mark?.trial).toMatchObject({ side: 'control' })
    expect(made.exclusions).toEqual([
      { target: 'new@p', reason: 'it is a canary, and this request is not on its side' },
    ])
  })

  it('counts the first call alone', () => {
    const { made } = plan({ canaryKey: onIts })
    expect(made.kind === 'steps' && made.steps[1]?.mark?.trial).toBeNull()
  })

  it('leaves it out for everybody when it was stopped, listed or not, and says why', () => {
    for (const isListed of [false, true]) {
      const { targets, made, first } = plan(
        { canaryKey: onIts, canaryStopped: '30 of 200 calls failed' },
        { isListed },
      )
      expect(targets).toEqual(['old@p'])
      expect(first.mark?.trial).toBeNull()
      expect(made.exclusions[0]?.reason).toBe('the canary was stopped: 30 of 200 calls failed')
      expect(first.reason).toContain(
        'new@p passed over: the canary was stopped: 30 of 200 calls failed',
      )
    }
  })

  it('answers others in its place where the route lists it, and such a call counts on no side', () => {
    const { targets } = plan({ canaryKey: beside }, { isListed: true })
    expect(targets).toEqual(['old@p', 'new@p'])
    const made = planFor(chatRequest(), [candidateOf('new@p')], {
      policy: { ranking: { route: 'chat', canary: { ...canary, isListed: true } } },
      ranking: { ...plainRankingFacts, canaryKey: beside },
    })
    expect(made.kind === 'steps' && made.steps[0].mark?.trial).toBeNull()
  })

  it('gives way to residency: a canary outside the region is never asked, on whichever side', () => {
    const old = candidateOf('old@p', { regions: ['eu'] })
    const made = planFor(chatRequest(), [old, candidateOf('new@p', { regions: ['us'] })], {
      policy: {
        ranking: { route: 'chat', canary, affinity: { by: 'session', tolerance: 1 } },
        constraints: [{ source: 'the tenant', constraint: { regions: ['eu'] } }],
      },
      ranking: { ...plainRankingFacts, canaryKey: onIts, affinityKey: onIts },
    })
    expect(made.kind === 'steps' && made.steps.map(({ target }) => target)).toEqual(['old@p'])
    expect(made.kind === 'steps' && made.steps[0].mark?.trial).toBeNull()
    expect(made.exclusions.map(({ target }) => target)).toEqual(['new@p'])
  })

  it('never leaves a request without an answer', () => {
    const made = planFor(chatRequest(), [candidateOf('new@p')], {
      policy: { ranking: { route: 'chat', canary } },
      ranking: { ...plainRankingFacts, canaryKey: beside, canaryStopped: 'it failed' },
    })
    expect(made.kind === 'steps' && made.steps[0].target).toBe('new@p')
  })
})
