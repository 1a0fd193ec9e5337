import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canSort, rank } from '../../../worker/policy/rank.ts'
import type { Candidate, TargetHealth } from '../../../worker/policy/candidate.ts'
import { unappliedPreferences } from '../../../worker/policy/filter.ts'
import { unmeasured, type Measured } from '../../../worker/policy/measured.ts'
import { scoresOf, type Objective } from '../../../worker/policy/objective.ts'
import type { PlanInput } from '../../../worker/policy/plan-input.ts'
import { plainRankingFacts, type RankingPolicy } from '../../../worker/policy/ranking.ts'
import { chatRequest } from '../../support/fake-host.ts'
import { candidateOf, planFor, seedsOverAll } from '../../support/policy-world.ts'

const usd = (perMillion: number) => perMillion * 1_000_000
const priced = (target: string, input: number, output: number, more: Partial<Candidate> = {}) =>
  candidateOf(target, {
    prices: { input: usd(input), output: usd(output) },
    inputUsdPerMillion: input,
    outputUsdPerMillion: output,
    ...more,
  })
const timed = (target: string, firstTokenP50Ms: number | null, more: Partial<Measured> = {}) =>
  candidateOf(target, { measured: { ...unmeasured, firstTokenP50Ms, samples: 50, ...more } })

const well: TargetHealth = {
  state: 'closed',
  why: null,
  slow: false,
  weight: 1,
  loadMs: null,
  full: false,
}

const by = (objective: Objective | Objective['by']): RankingPolicy => ({
  route: 'chat',
  objectives: [
    typeof objective === 'string' ? ({ by: objective } as Objective) : objective,
    { by: 'priority' },
  ],
})

function stepsOf(
  ranking: RankingPolicy,
  candidates: readonly Candidate[],
  more: Partial<PlanInput> = {},
) {
  const made = planFor(chatRequest(), candidates, {
    policy: { ranking },
    ranking: plainRankingFacts,
    ...more,
  })
  return made.kind === 'steps' ? made.steps : []
}
const order = (...all: Parameters<typeof stepsOf>) => stepsOf(...all).map(({ target }) => target)
const seeds = seedsOverAll(40)

describe('objective "cheapest"', () => {
  it('goes by the expected cost of a successful answer, not by the list price', () => {
    const cheap = priced('m@cheap', 1, 2, {
      measured: { ...unmeasured, failureRate: 0.6, abortRate: 0.6 },
    })
    const sound = priced('m@sound', 1.5, 3, { measured: { ...unmeasured, failureRate: 0 } })
    expect(order(by('cheapest'), [cheap, sound])).toEqual(['m@sound', 'm@cheap'])
  })

  it('counts a prompt that is likely in the provider’s cache', () => {
    const far = priced('m@far', 2, 2)
    const warm = priced('m@warm', 3, 2, {
      prices: { input: usd(3), output: usd(2), cacheRead: usd(0.3) },
      cacheLifetimeMs: 300_000,
    })
    const request = chatRequest({
      messages: [{ role: 'user', content: [{ type: 'text', text: 'x'.repeat(40_000) }] }],
    })
    const plan = (agoMs: number) => {
      const made = planFor(request, [far, warm], {
        policy: { ranking: by('cheapest') },
        ranking: { ...plainRankingFacts, warmth: { target: 'm@warm', agoMs }, outputTokens: 10 },
      })
      return made.kind === 'steps' ? made.steps[0].target : null
    }
    expect(plan(60_000)).toBe('m@warm')
    expect(plan(400_000)).toBe('m@far')
  })

  describe('without affinity', () => {
    const plain = priced('m@plain', 2, 2)
    const request = chatRequest({
      messages: [{ role: 'user', content: [{ type: 'text', text: 'x'.repeat(40_000) }] }],
    })
    const firstBeside = (more: Partial<Candidate>, affinityKey: string | null = null) => {
      const caching = priced('m@caching', 3, 2, {
        prices: { input: usd(3), output: usd(2), cacheRead: usd(0.3) },
        ...more,
      })
      const made = planFor(request, [plain, caching], {
        policy: { ranking: by('cheapest') },
        ranking: { ...plainRankingFacts, affinityKey, outputTokens: 10 },
      })
      return made.kind === 'steps' ? made.steps[0].target : null
    }
    const reported = (promptCachedShare: number | null) => ({
      measured: { ...unmeasured, promptCachedShare },
    })

    it('counts the share of prompts that usage reports say comes from the cache', () => {
      expect(firstBeside(reported(0.7))).toBe('m@caching')
      expect(firstBeside(reported(0.1))).toBe('m@plain')
    })

    it('counts the declared share until there are reports, and nothing where nobody declares one', () => {
      expect(firstBeside({ declaredCachedShare: 0.7 })).toBe('m@caching')
      expect(firstBeside({ ...reported(null), declaredCachedShare: 0.7 })).toBe('m@caching')
      expect(firstBeside({ ...reported(0.1), declaredCachedShare: 0.7 })).toBe('m@plain')
      expect(firstBeside({})).toBe('m@plain')
    })

    it('counts neither for a request that is held together: its own last call says more', () => {
      expect(firstBeside({ ...reported(0.7), declaredCachedShare: 0.7 }, 'key')).toBe('m@plain')
    })
  })

  it('puts what has no price behind, and says what it expects', () => {
    const steps = stepsOf(by('cheapest'), [
      candidateOf('m@unpriced', { prices: null }),
      priced('m@dear', 10, 30),
      priced('m@cheap', 1, 2),
    ])
    expect(steps.map(({ target }) => target)).toEqual(['m@cheap', 'm@dear', 'm@unpriced'])
    expect(steps[0]?.reason).toMatch(
      /^tier 1, cheapest: an answer is expected to cost 0\.00\d+ USD$/,
    )
  })

  it('breaks ties by the seed, the same way each time', () => {
    const all = [priced('m@a', 1, 2), priced('m@b', 1, 2)]
    const firsts = seeds.map((seed) => order(by('cheapest'), all, { seed })[0])
    expect(new Set(firsts)).toEqual(new Set(['m@a', 'm@b']))
    expect(seeds.map((seed) => order(by('cheapest'), all, { seed })[0])).toEqual(firsts)
  })
})

describe('objective "fastest"', () => {
  it('goes by the time to the first token, the last slow answer included', () => {
    const steady = timed('m@steady', 400)
    const shaken = timed('m@shaken', 200, { firstTokenNowMs: 18_000 })
    expect(order(by('fastest'), [shaken, steady])).toEqual(['m@steady', 'm@shaken'])
    expect(order(by('fastest'), [steady, timed('m@quick', 200)])).toEqual(['m@quick', 'm@steady'])
  })

  it('asks what nobody has measured first in a tenth of the requests, and behind the others in the rest', () => {
    const all = [timed('m@known', 400), timed('m@new', null)]
    const firsts = seedsOverAll(200).map((seed) => order(by('fastest'), all, { seed })[0])
    const tried = firsts.filter((target) => target === 'm@new').length / firsts.length
    expect(tried).toBeGreaterThan(0.04)
    expect(tried).toBeLessThan(0.17)
  })
})

describe('objective "balanced"', () => {
  const weights = { cost: 0, firstToken: 0, throughput: 0, quality: 0, failures: 0 }
  const measured = { ...unmeasured, firstTokenP50Ms: 500, tokensPerSecond: 50, failureRate: 0 }
  const cheap = priced('m@cheap', 1, 1, { measured, qualityTier: 2 })
  const good = priced('m@good', 9, 9, {
    measured: { ...measured, firstTokenP50Ms: 300, tokensPerSecond: 90, failureRate: 0.1 },
    qualityTier: 9,
  })

  it.each([
    ['cost', 'm@cheap'],
    ['failures', 'm@cheap'],
    ['firstToken', 'm@good'],
    ['throughput', 'm@good'],
    ['quality', 'm@good'],
  ])('goes by %s alone where that alone has a weight', (measure, first) => {
    const objective: Objective = { by: 'balanced', weights: { ...weights, [measure]: 1 } }
    expect(order(by(objective), [cheap, good])[0]).toBe(first)
    expect(order(by(objective), [good, cheap])[0]).toBe(first)
  })

  it('weighs one measure against another', () => {
    const objective = (cost: number, quality: number): Objective => ({
      by: 'balanced',
      weights: { ...weights, cost, quality },
    })
    expect(order(by(objective(2, 1)), [cheap, good])[0]).toBe('m@cheap')
    expect(order(by(objective(1, 2)), [cheap, good])[0]).toBe('m@good')
  })

  it('normalises inside the tier: 0 for the best, 1 for the worst, 0.5 for the unknown, 0 where all are the same', () => {
    const weights = { cost: 0, firstToken: 2, throughput: 0, quality: 0, failures: 0 }
    const foreseen = { promptTokens: 1, maxOutputTokens: null, outputTokens: null, warmth: null }
    const normalised = (...firstTokens: readonly (number | null)[]) =>
      scoresOf(
        firstTokens.map((firstTokenP50Ms, index) =>
          candidateOf(`m@p${index}`, { measured: { ...unmeasured, firstTokenP50Ms } }),
        ),
        { by: 'balanced', weights },
        foreseen,
      )?.map(({ score }) => score)
    expect(normalised(100, 300, null, 200)).toEqual([0, 1, 0.5, 0.5])
    expect(normalised(7, 7)).toEqual([0, 0])
    expect(normalised(null, null)).toEqual([0.5, 0.5])
  })
})

describe('objective "priority" and "weighted"', () => {
  it('keeps the order of the route', () => {
    const all = ['m@c', 'm@a', 'm@b'].map((target) => priced(target, 1, 1))
    for (const seed of seeds)
      expect(order(by('priority'), all, { seed })).toEqual(['m@c', 'm@a', 'm@b'])
  })

  it('draws by weight, as a route without an objective does', () => {
    const all = [candidateOf('m@a', { weight: 9 }), candidateOf('m@b')]
    for (const seed of seeds)
      expect(order(by('weighted'), all, { seed })).toEqual(order({ route: 'chat' }, all, { seed }))
  })
})

describe('objectives of tiers', () => {
  it('order each tier by its own, and never mix tiers', () => {
    const all = [
      priced('m@dear', 9, 9),
      priced('m@cheap', 1, 1),
      priced('m@last', 5, 5, { tier: 1 }),
      priced('m@least', 0.1, 0.1, { tier: 1 }),
    ]
    expect(order(by('cheapest'), all)).toEqual(['m@cheap', 'm@dear', 'm@last', 'm@least'])
  })

  it('leave weight 0 for when the others of the tier have failed', () => {
    const all = [priced('m@spare', 0.1, 0.1, { weight: 0 }), priced('m@dear', 9, 9)]
    expect(order(by('cheapest'), all)).toEqual(['m@dear', 'm@spare'])
  })
})

describe('health above objectives', () => {
  const cheap = (health: Partial<TargetHealth>) =>
    priced('m@cheap', 1, 1, { health: { ...well, why: 'its circuit is open', ...health } })
  const dear = priced('m@dear', 9, 9)

  it.each<[string, Partial<TargetHealth>]>([
    ['barred', { state: 'barred' }],
    ['full', { full: true }],
  ])('puts the best one that is %s behind', (_what, health) => {
    expect(order(by('cheapest'), [cheap(health), dear])).toEqual(['m@dear', 'm@cheap'])
  })

  it('lets the worst one probe first', () => {
    const probing = priced('m@dear', 9, 9, { health: { ...well, state: 'probe' } })
    expect(order(by('cheapest'), [priced('m@cheap', 1, 1), probing])[0]).toBe('m@dear')
  })

  it('gives the best one that recovers its share of the requests only', () => {
    const all = [cheap({ weight: 0.25 }), dear]
    const firsts = seedsOverAll(200).map((seed) => order(by('cheapest'), all, { seed })[0])
    const share = firsts.filter((target) => target === 'm@cheap').length / firsts.length
    expect(share).toBeGreaterThan(0.15)
    expect(share).toBeLessThan(0.36)
  })

  it('keeps every target, once, for any route, health and seed', () => {
    const health = fc.record({
      state: fc.constantFrom('closed', 'probe', 'barred' as const),
      weight: fc.constantFrom(0.1, 1),
      full: fc.boolean(),
    })
    const candidate = fc.record({
      tier: fc.nat(1),
      weight: fc.nat(2),
      ms: fc.option(fc.nat(900)),
      health,
    })
    const objective = fc.constantFrom<Objective['by']>(
      'weighted',
      'priority',
      'cheapest',
      'fastest',
      'balanced',
    )
    fc.assert(
      fc.property(
        fc.array(candidate, { minLength: 1, maxLength: 6 }),
        objective,
        fc.nat(),
        fc.boolean(),
        (all, name, seed, together) => {
          const candidates = all.map(({ tier, weight, ms, health: state }, index) => ({
            ...timed(`m@p${index}`, ms),
            tier,
            weight,
            health: { ...well, ...(state as Partial<TargetHealth>) },
          }))
          const weights = { cost: 1, firstToken: 1, throughput: 1, quality: 1, failures: 1 }
          const ranking: RankingPolicy = {
            ...by(name === 'balanced' ? { by: name, weights } : name),
            hasReserved: true,
            floors: { schemaValidity: 0.9, minSamples: 5 },
            ...(together ? { affinity: { by: 'session', tolerance: 0.2 } } : {}),
          }
          const facts = { ...plainRankingFacts, affinityKey: together ? 'key' : null }
          const made = order(ranking, candidates, { seed, ranking: facts })
          expect(made.toSorted()).toEqual(candidates.map(({ target }) => target).toSorted())
          expect(order(ranking, candidates, { seed, ranking: facts })).toEqual(made)
        },
      ),
      { seed: 81, verbose: 1 },
    )
  })
})

describe('affinity below objectives', () => {
  const affine = (objective: Objective | null): RankingPolicy => ({
    route: 'chat',
    affinity: { by: 'session', tolerance: 0.2 },
    ...(objective === null ? {} : { objectives: [objective] }),
  })
  const keyed = (affinityKey: string | null) => ({ ranking: { ...plainRankingFacts, affinityKey } })
  const keys = Array.from({ length: 40 }, (_, index) => `s${index}`)

  it('sends a session to the same target whatever the seed, and sessions to all', () => {
    const all = ['m@a', 'm@b', 'm@c'].map((target) => priced(target, 1, 1))
    const homes = keys.map((key) => {
      const firsts = new Set(
        seeds.map((seed) => order(affine(null), all, { seed, ...keyed(key) })[0]),
      )
      expect(firsts.size).toBe(1)
      return [...firsts][0]
    })
    expect(new Set(homes).size).toBe(3)
  })

  it('chooses among what is about as good as the best, and no further', () => {
    const all = [priced('m@a', 10, 10), priced('m@b', 11, 11), priced('m@c', 13, 13)]
    const homes = new Set(keys.map((key) => order(affine({ by: 'cheapest' }), all, keyed(key))[0]))
    expect(homes).toEqual(new Set(['m@a', 'm@b']))
  })

  it('gives way to health and to the budget', () => {
    const [dear, cheap] = [priced('m@a', 9, 9), priced('m@b', 1, 1)]
    const key = keys.find((one) => order(affine(null), [dear, cheap], keyed(one))[0] === 'm@a')
    const at = keyed(key ?? '')
    expect(order(affine(null), [dear, cheap], { ...at, isThrifty: true })[0]).toBe('m@b')
    const barred = { ...dear, health: { ...well, state: 'barred' as const } }
    expect(order(affine(null), [barred, cheap], at)[0]).toBe('m@b')
  })
})

describe('reserved capacity', () => {
  const all = (reserved: 'room' | 'spent') => [
    priced('m@demand', 1, 1),
    priced('m@reserved', 9, 9, { reserved }),
    priced('m@next', 1, 1, { tier: 1 }),
  ]
  const ranking: RankingPolicy = { ...by('cheapest'), hasReserved: true }

  it('is used first while it has room', () => {
    const steps = stepsOf(ranking, all('room'))
    expect(steps.map(({ target }) => target)).toEqual(['m@reserved', 'm@demand', 'm@next'])
    expect(steps[0]?.reason).toBe('tier 1, reserved capacity first')
  })

  it('spills over to the others of its tier, and stays before the next tier', () => {
    const steps = stepsOf(ranking, all('spent'))
    expect(steps.map(({ target }) => target)).toEqual(['m@demand', 'm@reserved', 'm@next'])
    expect(steps[0]?.reason).toMatch(/^tier 1, m@reserved has used up its reserve; cheapest/)
  })
})

describe('floors', () => {
  const floors = { schemaValidity: 0.98, minSamples: 20 }
  const bad = priced('m@bad', 1, 1, {
    measured: { ...unmeasured, schemaValidity: 0.7, schemaSamples: 60 },
  })
  const schema = { type: 'jsonSchema' as const, name: 'x', schema: {} }
  const plan = (request: ReturnType<typeof chatRequest>) => {
    const made = planFor(request, [bad, priced('m@good', 9, 9, { tier: 1 })], {
      policy: { ranking: { route: 'chat', floors } },
      ranking: plainRankingFacts,
    })
    return made.kind === 'steps' ? made.steps : []
  }

  it('move requests with a schema to the next tier, with the reason, and keep the target as the last', () => {
    const steps = plan(chatRequest({ responseFormat: schema }))
    expect(steps.map(({ target }) => target)).toEqual(['m@good', 'm@bad'])
    expect(steps[0]?.reason).toContain(
      'm@bad passed over: 70 % of its answers hold to their schema, below the floor of 98 %',
    )
  })

  it('leave other requests where they were', () => {
    expect(plan(chatRequest()).map(({ target }) => target)).toEqual(['m@bad', 'm@good'])
  })
})

describe('the caller’s provider.sort', () => {
  const all = [
    timed('m@a', 900, { tokensPerSecond: 90 }),
    timed('m@b', 200, { tokensPerSecond: 30 }),
    timed('m@c', null),
  ]
  const sorted = (sort: string, of: readonly Candidate[] = all) =>
    rank(of, { sort }, 0, () => 0).map(({ target }) => target)

  it('orders by measured latency and throughput, unknown ones behind', () => {
    expect(sorted('latency')).toEqual(['m@b', 'm@a', 'm@c'])
    expect(sorted('throughput')).toEqual(['m@a', 'm@b', 'm@c'])
  })

  it('is said to be unapplied only where nothing is measured', () => {
    expect(unappliedPreferences({ sort: 'latency' }, all)).toEqual([])
    expect(unappliedPreferences({ sort: 'latency' }, [timed('m@c', null)])).toEqual([
      'provider.sort',
    ])
    expect(unappliedPreferences({ sort: 'beauty' }, all)).toEqual(['provider.sort'])
    expect(unappliedPreferences({ sort: 'price' }, [])).toEqual([])
    expect(canSort(all, 'throughput')).toBe(true)
  })

  it('wins over the objective of the route, and the reason says so', () => {
    const steps = planFor(chatRequest({ provider: { sort: 'latency' } }), all, {
      policy: { ranking: by('priority') },
    })
    expect(steps.kind === 'steps' && steps.steps[0]).toMatchObject({
      target: 'm@b',
      reason: 'tier 1, first as provider.sort asks',
    })
  })
})
