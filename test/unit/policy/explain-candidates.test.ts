import { describe, expect, it } from 'vitest'
import type { Candidate, TargetHealth } from '../../../worker/policy/candidate.ts'
import { classify } from '../../../worker/policy/classify.ts'
import { explainCandidates } from '../../../worker/policy/explain-candidates.ts'
import { explainAffinity, explainCanary } from '../../../worker/policy/explain-order.ts'
import { unmeasured, type Measured } from '../../../worker/policy/measured.ts'
import type { Objective } from '../../../worker/policy/objective.ts'
import { plan } from '../../../worker/policy/plan.ts'
import type { PlanInput } from '../../../worker/policy/plan-input.ts'
import { plainRankingFacts, type RankingPolicy } from '../../../worker/policy/ranking.ts'
import { chatRequest } from '../../support/fake-host.ts'
import { candidateOf, inputFor, seedDrawing } from '../../support/policy-world.ts'

/** What is said of every target of a route: its score, to the number, and why it is left out. */

const request = chatRequest()
/** 1,000 tokens in, 100 out. */
const facts = { ...classify(request), promptTokens: 1000 }
const ranking = { ...plainRankingFacts, outputTokens: 100 }

const healthy: TargetHealth = {
  state: 'closed',
  why: null,
  slow: false,
  weight: 1,
  loadMs: null,
  full: false,
}

const measured = (more: Partial<Measured>): Measured => ({ ...unmeasured, samples: 50, ...more })

/** Prices in USD per million tokens. */
function priced(target: string, input: number, output: number, more: Partial<Candidate> = {}) {
  return candidateOf(target, {
    prices: { input: input * 1_000_000, output: output * 1_000_000 },
    inputUsdPerMillion: input,
    outputUsdPerMillion: output,
    ...more,
  })
}

function inputOf(
  candidates: readonly Candidate[],
  objective: Objective | null,
  more: Partial<PlanInput> = {},
): PlanInput {
  const policy: RankingPolicy = { route: 'chat', objectives: [objective] }
  return inputFor(request, candidates, {
    facts,
    ranking,
    policy: objective === null ? {} : { ranking: policy },
    ...more,
  })
}

function viewsOf(input: PlanInput, found = input.candidates) {
  return explainCandidates({ input, plan: plan(input), found })
}

/** Target -> its score. */
function scoresOf(input: PlanInput): Record<string, unknown> {
  return Object.fromEntries(
    viewsOf(input).map(({ target, score: { by, unit, value } }) => [target, [by, unit, value]]),
  )
}

describe('the score of a candidate', () => {
  it('is what an answer is expected to cost, failed calls included', () => {
    const failing = { measured: measured({ failureRate: 0.5, abortRate: 0.5 }) }
    const all = [
      priced('m@whole', 1, 2),
      priced('m@failing', 1, 2, failing),
      candidateOf('m@unpriced'),
    ]
    expect(scoresOf(inputOf(all, { by: 'cheapest' }))).toEqual({
      // 1,000 x 1 USD and 100 x 2 USD, per million.
      'm@whole': ['cheapest', 'nano_usd', 1_200_000],
      // Each answer takes two calls.
      'm@failing': ['cheapest', 'nano_usd', 2_400_000],
      'm@unpriced': ['cheapest', 'nano_usd', null],
    })
  })

  it('is when its first token is expected', () => {
    const all = [
      candidateOf('m@a', { measured: measured({ firstTokenP50Ms: 300 }) }),
      candidateOf('m@b', { measured: measured({ firstTokenP50Ms: 200, firstTokenNowMs: 450 }) }),
      candidateOf('m@c'),
    ]
    expect(scoresOf(inputOf(all, { by: 'fastest' }))).toEqual({
      'm@a': ['fastest', 'ms', 300],
      'm@b': ['fastest', 'ms', 450],
      'm@c': ['fastest', 'ms', null],
    })
  })

  it('is a balance inside the tier, from the best to the worst of it', () => {
    const weights = { cost: 1, firstToken: 1, throughput: 0, quality: 0, failures: 0 }
    const timed = (firstTokenP50Ms: number) => ({ measured: measured({ firstTokenP50Ms }) })
    const all = [
      priced('m@cheap', 1, 2, timed(900)),
      priced('m@middle', 2, 4, timed(300)),
      priced('m@dear', 3, 6, timed(300)),
    ]
    expect(scoresOf(inputOf(all, { by: 'balanced', weights }))).toEqual({
      'm@cheap': ['balanced', 'share', 0.5],
      'm@middle': ['balanced', 'share', 0.25],
      'm@dear': ['balanced', 'share', 0.5],
    })
  })

  it('of one that is left out is what it would have among the others', () => {
    const weights = { cost: 1, firstToken: 0, throughput: 0, quality: 0, failures: 0 }
    const all = [
      priced('m@cheap', 1, 2),
      priced('m@dear', 3, 6),
      priced('m@out', 5, 10, { unavailable: 'KEY is not set here' }),
    ]
    const views = viewsOf(inputOf(all, { by: 'balanced', weights }))
    expect(views.map(({ target, step, score }) => [target, step, score.value])).toEqual([
      ['m@cheap', 1, 0],
      ['m@dear', 2, 1],
      ['m@out', null, 1],
    ])
    expect(views[2]?.reason).toBe('KEY is not set here')
  })

  it('is its place where the route is an order', () => {
    const all = [candidateOf('m@a'), candidateOf('m@b')]
    expect(scoresOf(inputOf(all, { by: 'priority' }))).toEqual({
      'm@a': ['priority', 'place', 1],
      'm@b': ['priority', 'place', 2],
    })
  })

  it('is its weight where declared weights differ, less what health takes of it', () => {
    const all = [
      candidateOf('m@a', { weight: 3, health: { ...healthy, weight: 0.5 } }),
      candidateOf('m@b', { weight: 1 }),
      candidateOf('m@alone', { tier: 1 }),
    ]
    expect(scoresOf(inputOf(all, null))).toEqual({
      'm@a': ['weight', 'weight', 1.5],
      'm@b': ['weight', 'weight', 1],
      'm@alone': ['alone', 'place', 1],
    })
  })

  it('is its load where chance draws among equals', () => {
    const all = [
      candidateOf('m@a', { health: { ...healthy, loadMs: 800, weight: 0.5 } }),
      candidateOf('m@b'),
    ]
    expect(scoresOf(inputOf(all, null))).toEqual({
      'm@a': ['load', 'ms', 1600],
      'm@b': ['load', 'ms', null],
    })
  })

  it.each([
    ['price', { sort: 'price' }, ['provider.sort', 'usd_per_million', 3]],
    ['latency', { sort: 'latency' }, ['provider.sort', 'ms', 70]],
    ['throughput', { sort: 'throughput' }, ['provider.sort', 'tokens_per_second', 40]],
    ['an order', { order: ['other', 'a'] }, ['provider.order', 'place', 2]],
    ['a wish that nothing is known by', { sort: 'luck' }, ['cheapest', 'nano_usd', 1_200_000]],
  ] as const)('is what the caller asks for: %s', (_, preferences, score) => {
    const known = measured({ firstTokenP50Ms: 70, tokensPerSecond: 40 })
    const all = [priced('m@a', 1, 2, { measured: known }), priced('m@b', 1, 2)]
    const input = inputOf(all, { by: 'cheapest' }, { preferences })
    expect(scoresOf(input)['m@a']).toEqual(score)
  })

  it('is the price where a budget asks for the cheapest', () => {
    const input = inputOf([priced('m@a', 1, 2), priced('m@b', 3, 6)], null, { isThrifty: true })
    expect(scoresOf(input)).toEqual({
      'm@a': ['threshold', 'usd_per_million', 3],
      'm@b': ['threshold', 'usd_per_million', 9],
    })
  })

  it('is not measured against what is probed, which goes first and is scored by nobody', () => {
    const weights = { cost: 1, firstToken: 0, throughput: 0, quality: 0, failures: 0 }
    const probed = { health: { ...healthy, state: 'probe' as const, why: 'it is tried again' } }
    const all = [priced('m@a', 2, 4), priced('m@b', 4, 8), priced('m@probed', 1, 1, probed)]
    const made = viewsOf(inputOf(all, { by: 'balanced', weights }))
    expect(made.map(({ target, score }) => [target, score.value])).toEqual([
      ['m@probed', 0],
      ['m@a', 0],
      ['m@b', 1],
    ])
  })
})

describe('what is known of a candidate', () => {
  it('stands beside its score, measured or not', () => {
    const health = { ...healthy, state: 'barred' as const, why: 'it failed 7 of 9', full: true }
    const input = inputOf(
      [priced('m@a', 1, 2, { health, regions: ['eu'], reserved: 'room' })],
      null,
    )
    const made = explainCandidates({ input, plan: plan(input), found: input.candidates }, () =>
      measured({ firstTokenP50Ms: 80, firstTokenP95Ms: 120, failureRate: 0.1 }),
    )
    expect(made).toEqual([
      {
        target: 'm@a',
        tier: 1,
        step: 1,
        reason: 'the only target that may and can answer, although it failed 7 of 9',
        score: { by: 'alone', unit: 'place', value: 1 },
        known: {
          weight: 1,
          input_usd_per_million: 1,
          output_usd_per_million: 2,
          expected_cost_nano_usd: 1_200_000,
          quality_tier: null,
          first_token_ms: 80,
          first_token_p95_ms: 120,
          tokens_per_second: null,
          failure_rate: 0.1,
          samples: 50,
          circuit: 'barred',
          circuit_reason: 'it failed 7 of 9',
          traffic_share: 1,
          is_full: true,
          not_before_ms: 0,
          regions: ['eu'],
        },
        below_floor: null,
        reserved: 'room',
      },
    ])
  })

  it('says what falls below a floor of the route', () => {
    const broken = { measured: measured({ toolCallValidity: 0.2, toolCallSamples: 200 }) }
    const floors = { toolCallSuccess: 0.9, minSamples: 20 }
    const input = inputOf([candidateOf('m@a', broken), candidateOf('m@b')], null, {
      facts: { ...facts, needs: [{ feature: 'tools', param: 'tools' }] },
      policy: { ranking: { route: 'chat', floors } },
    })
    expect(viewsOf(input).map(({ target, below_floor: below }) => [target, below])).toEqual([
      ['m@b', null],
      ['m@a', '20 % of its answers have sound tool calls, below the floor of 90 %'],
    ])
  })

  it('is told of targets that the key may not call, too', () => {
    const input = inputOf([candidateOf('m@a')], null)
    const made = plan(input)
    const exclusion = { target: 'm@b', reason: 'the key that asks may not use it' }
    const found = [candidateOf('m@a'), priced('m@b', 1, 2)]
    const views = explainCandidates({
      input,
      plan: { ...made, exclusions: [exclusion] },
      found,
    })
    expect(views[1]).toMatchObject({
      ...exclusion,
      step: null,
      known: { expected_cost_nano_usd: 1_200_000 },
    })
  })
})

describe('a trial and affinity', () => {
  const canary = {
    target: 'm@b',
    share: 0.3,
    by: 'tenant' as const,
    trial: 'chat/1',
    slowAfterMs: null,
    isListed: false,
  }
  const candidates = [candidateOf('m@a'), candidateOf('m@b', { weight: 0 })]

  it.each([
    [0, 0.3, 'canary', 'm@b'],
    [0.3, 1, 'control', 'm@a'],
  ] as const)('a seed that draws from %d to %d is on the side "%s"', (from, to, side, first) => {
    const seed = seedDrawing(from, to)
    const input = inputOf(candidates, null, {
      seed,
      policy: { ranking: { route: 'chat', canary } },
    })
    const made = plan(input)
    expect(made.kind === 'steps' && made.steps[0].target).toBe(first)
    expect(explainCanary(input)).toEqual({
      target: 'm@b',
      share: 0.3,
      by: 'tenant',
      side,
      stopped: null,
    })
  })

  it('tells where the requests of a session go, and where the last went', () => {
    const affinity = { by: 'session' as const, tolerance: 0.2 }
    const all = [candidateOf('m@a'), candidateOf('m@b'), candidateOf('m@c')]
    for (const affinityKey of ['k1', 'k2', 'k3', 'k4']) {
      const warmth = { target: 'm@b', agoMs: 500 }
      const input = inputOf(all, null, {
        ranking: { ...ranking, affinityKey, warmth },
        policy: { ranking: { route: 'chat', affinity } },
      })
      const made = plan(input)
      const told = explainAffinity(input, made)
      expect(told).toMatchObject({ applies: true, warm: { target: 'm@b', ago_ms: 500 } })
      expect(made.kind === 'steps' && made.steps[0].target).toBe(told?.target)
    }
    const without = inputOf(all, null, { policy: { ranking: { route: 'chat', affinity } } })
    expect(explainAffinity(without, plan(without))).toMatchObject({ applies: false, target: null })
  })

  it('are null where the route has none', () => {
    const input = inputOf(candidates, null)
    expect([explainCanary(input), explainAffinity(input, plan(input))]).toEqual([null, null])
  })
})
