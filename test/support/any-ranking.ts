import fc from 'fast-check'
import { classify } from '../../worker/policy/classify.ts'
import type { Candidate } from '../../worker/policy/candidate.ts'
import type { CallPrices } from '../../worker/policy/expected-cost.ts'
import type { Floors } from '../../worker/policy/floors.ts'
import type { Objective } from '../../worker/policy/objective.ts'
import type { PlanInput } from '../../worker/policy/plan-input.ts'
import type { RankingFacts, RankingPolicy } from '../../worker/policy/ranking.ts'
import { anyInput } from './any-policy.ts'
import { chatRequest } from './fake-host.ts'

/** Any route with options: what the invariants of the order are asked of. */

const share = fc.double({ min: 0, max: 1, noNaN: true })
const weight = fc.constantFrom(0, 1, 3)

export const anyObjective: fc.Arbitrary<Objective> = fc.oneof(
  fc
    .constantFrom('weighted' as const, 'priority' as const, 'cheapest' as const, 'fastest' as const)
    .map((by) => ({ by })),
  fc
    .record({
      cost: weight,
      firstToken: fc.constantFrom(1, 2),
      throughput: weight,
      quality: weight,
      failures: weight,
    })
    .map((weights) => ({ by: 'balanced' as const, weights })),
)

const anyMeasured = fc.record({
  firstTokenP50Ms: fc.option(fc.nat(2000)),
  firstTokenP95Ms: fc.option(fc.nat(4000)),
  firstTokenNowMs: fc.option(fc.nat(20_000)),
  tokensPerSecond: fc.option(fc.nat(200)),
  failureRate: fc.option(share),
  abortRate: fc.option(share),
  schemaValidity: fc.option(fc.constantFrom(0, 0.5, 1)),
  schemaSamples: fc.constantFrom(0, 10, 200),
  toolCallValidity: fc.option(fc.constantFrom(0, 0.5, 1)),
  toolCallSamples: fc.constantFrom(0, 10, 200),
  cachedShare: fc.option(share),
  samples: fc.nat(200),
})

const anyPrices: fc.Arbitrary<CallPrices> = fc.record(
  {
    input: fc.constantFrom(0, 100_000, 3_000_000),
    output: fc.constantFrom(0, 400_000, 15_000_000),
    cacheRead: fc.constantFrom(0, 10_000),
  },
  { requiredKeys: ['input', 'output'] },
)

const rankedParts: fc.Arbitrary<Partial<Candidate>> = fc.record(
  {
    measured: anyMeasured,
    prices: fc.option(anyPrices),
    abortBilling: fc.constantFrom('stops' as const, 'continues' as const, 'unknown' as const),
    cacheLifetimeMs: fc.option(fc.constantFrom(0, 300_000)),
    reserved: fc.constantFrom('room' as const, 'spent' as const),
  },
  { requiredKeys: [] },
)

const anyFloors: fc.Arbitrary<Floors> = fc.record(
  {
    schemaValidity: fc.constantFrom(0.5, 0.95),
    toolCallSuccess: fc.constantFrom(0.5, 0.95),
    minSamples: fc.constantFrom(5, 20),
  },
  { requiredKeys: ['minSamples'] },
)

/** Of the targets of `any-policy.ts`: `m0` to `m7`, the last of which are not always there. */
const anyTarget = fc
  .tuple(fc.nat(7), fc.constantFrom('p', 'q', 'r'))
  .map(([index, provider]) => `m${index}@${provider}`)

export const anyRanking: fc.Arbitrary<RankingPolicy> = fc.record(
  {
    route: fc.constant('chat'),
    objectives: fc.array(fc.option(anyObjective), { minLength: 3, maxLength: 3 }),
    affinity: fc.record({
      by: fc.constantFrom('session' as const, 'tenant' as const, 'prefix' as const),
      tolerance: fc.constantFrom(0, 0.2, 1),
    }),
    canary: fc.record({
      target: anyTarget,
      share: fc.constantFrom(0.05, 0.5),
      by: fc.constantFrom('session' as const, 'tenant' as const),
      trial: fc.constantFrom('chat/1', 'chat/2'),
      slowAfterMs: fc.option(fc.constant(2000)),
      isListed: fc.boolean(),
    }),
    floors: anyFloors,
    hasReserved: fc.constant(true as const),
    needsMeasured: fc.constant(true as const),
  },
  { requiredKeys: ['route'] },
)

export const anyRankingFacts: fc.Arbitrary<RankingFacts> = fc.record({
  affinityKey: fc.option(fc.nat(99).map((key) => `session-${key}`)),
  canaryKey: fc.option(fc.nat(99).map((key) => `session-${key}`)),
  warmth: fc.option(fc.record({ target: anyTarget, agoMs: fc.constantFrom(0, 600_000) })),
  outputTokens: fc.option(fc.constantFrom(10, 900)),
  canaryStopped: fc.option(fc.constant('30 of 200 calls failed')),
})

/** What the floors of a route are about. */
const anyNeeds = fc.constantFrom(
  {},
  { responseFormat: { type: 'jsonSchema' as const, name: 'x', schema: {} } },
  { tools: [{ kind: 'function' as const, name: 'f' }] },
)

/** A plan's input of a route with options. The canary, where there is one, is mostly a target of the route. */
export const anyRankedInput: fc.Arbitrary<PlanInput> = fc
  .record({
    input: anyInput,
    parts: fc.array(rankedParts, { minLength: 8, maxLength: 8 }),
    policy: anyRanking,
    ranking: anyRankingFacts,
    needs: anyNeeds,
    pick: fc.nat(9),
  })
  .map(({ input, parts, policy, ranking, needs, pick }) => {
    const candidates = input.candidates.map((one, index) => ({ ...one, ...parts[index] }))
    const { canary } = policy
    const target = candidates[pick]?.target ?? canary?.target ?? ''
    const withCanary = canary === undefined ? policy : { ...policy, canary: { ...canary, target } }
    return {
      ...input,
      facts: { ...input.facts, ...needsOf(needs) },
      candidates,
      policy: { ...input.policy, ranking: withCanary },
      ranking,
    }
  })

/** The same where every target may answer, and no wish stands over the options: what is left is their order. */
export const anyOrder: fc.Arbitrary<PlanInput> = anyRankedInput.map((input) => ({
  ...input,
  preferences: {},
  isThrifty: false,
  policy: { ...input.policy, constraints: [] },
  candidates: input.candidates.map((one) => {
    const { data: _, ...more } = one
    return {
      ...more,
      features: everything,
      contextTokens: null,
      maxOutputTokens: null,
      unavailable: null,
    }
  }),
}))

const everything = new Set(['tools', 'jsonSchema', 'temperature', 'stop', 'seed'] as const)

function needsOf(request: Parameters<typeof chatRequest>[0]) {
  const { needs, preferred } = classify(chatRequest(request))
  return { needs, preferred }
}
