import { describe, expect, it } from 'vitest'
import { byRendezvous, heldOrder, likelyCachedTokens } from '../../../worker/policy/affinity.ts'
import type { Candidate } from '../../../worker/policy/candidate.ts'
import type { PlanInput } from '../../../worker/policy/plan-input.ts'
import { plainRankingFacts, type RankingPolicy } from '../../../worker/policy/ranking.ts'
import { chatRequest } from '../../support/fake-host.ts'
import { candidateOf, planFor, seedsOverAll } from '../../support/policy-world.ts'

const lifetimeMs = 300_000
const targets = ['m@a', 'm@b', 'm@c'].map((target) =>
  candidateOf(target, { cacheLifetimeMs: lifetimeMs }),
)
const names = (candidates: readonly Candidate[] | null) =>
  candidates?.map(({ target }) => target) ?? null
const byKey = names(byRendezvous(targets, 'key')) ?? []
const [home = '', , away = ''] = byKey

describe('heldOrder()', () => {
  it('goes by the key alone where no last call is known, or it went to another tier', () => {
    expect(names(heldOrder(targets, 'key', null))).toEqual(byKey)
    const elsewhere = { target: 'm@other', agoMs: 10 * lifetimeMs }
    expect(names(heldOrder(targets, 'key', elsewhere))).toEqual(byKey)
  })

  it('has the target first whose cache is warm, and the others as the key has them', () => {
    const warm = names(heldOrder(targets, 'key', { target: away, agoMs: lifetimeMs }))
    expect(warm).toEqual([away, ...byKey.filter((target) => target !== away)])
  })

  it('lets go when the lifetime of that provider’s cache has passed since', () => {
    expect(heldOrder(targets, 'key', { target: home, agoMs: lifetimeMs + 1 })).toBeNull()
  })

  it('goes by the key where the provider says nothing of its cache', () => {
    const silent = targets.map((one) => ({ ...one, cacheLifetimeMs: null }))
    const warmth = { target: away, agoMs: 10 * lifetimeMs }
    expect(names(heldOrder(silent, 'key', warmth))).toEqual(byKey)
  })

  it('stays for as long as a cache mark asks, where the wire carries marks', () => {
    const marked = targets.map((one) => ({
      ...one,
      features: new Set([...one.features, 'cacheMarks' as const]),
    }))
    const warmth = { target: away, agoMs: 3_000_000, askedMs: 3_600_000 }
    expect(names(heldOrder(marked, 'key', warmth))?.[0]).toBe(away)
    expect(heldOrder(targets, 'key', warmth)).toBeNull()
    const [one] = marked.filter(({ target }) => target === away)
    expect(one === undefined ? null : likelyCachedTokens(one, warmth, 1000)).toBe(800)
  })
})

describe('affinity of a route', () => {
  const ranking: RankingPolicy = { route: 'chat', affinity: { by: 'session', tolerance: 0.2 } }
  const first = (agoMs: number, more: Partial<PlanInput> = {}, all = targets) => {
    const made = planFor(chatRequest(), all, {
      policy: { ranking },
      ranking: { ...plainRankingFacts, affinityKey: 'key', warmth: { target: away, agoMs } },
      ...more,
    })
    return made.kind === 'steps' ? made.steps[0] : null
  }

  it('keeps a warm session at its target for every seed, and says why', () => {
    for (const seed of seedsOverAll(30))
      expect(first(1000, { seed })).toMatchObject({
        target: away,
        reason: 'tier 1, kept together by session',
      })
  })

  it('leaves a cold session to the order of the tier, and does not say that it is kept', () => {
    const seen = seedsOverAll(60).map((seed) => first(lifetimeMs + 1, { seed }))
    expect(new Set(seen.map((step) => step?.target))).toEqual(new Set(byKey))
    expect(new Set(seen.map((step) => step?.reason))).toEqual(
      new Set(['drawn by chance in tier 1, first in order']),
    )
  })

  it('yields to health, to residency and to a budget', () => {
    const barred = {
      state: 'barred',
      why: 'its circuit is open',
      slow: false,
      weight: 0,
      loadMs: null,
      full: false,
    } as const
    const sick = targets.map((one) => (one.target === away ? { ...one, health: barred } : one))
    expect(first(1000, {}, sick)?.target).not.toBe(away)

    const placed = targets.map((one) => ({
      ...one,
      regions: [one.target === away ? 'us' : 'eu'],
    }))
    const pin = [{ source: "the tenant's residency", constraint: { regions: ['eu'] } }]
    const policy = { ranking, constraints: pin }
    expect(first(1000, { policy }, placed)?.target).not.toBe(away)

    const priced = targets.map((one) => ({
      ...one,
      inputUsdPerMillion: one.target === away ? 5 : 1,
    }))
    expect(first(1000, { isThrifty: true }, priced)?.target).not.toBe(away)
  })
})
