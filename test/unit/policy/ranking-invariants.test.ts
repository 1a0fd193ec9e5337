import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { Candidate } from '../../../worker/policy/candidate.ts'
import { explain } from '../../../worker/policy/explain.ts'
import { eligible } from '../../../worker/policy/filter.ts'
import { belowFloor } from '../../../worker/policy/floors.ts'
import { plan } from '../../../worker/policy/plan.ts'
import type { PlanInput } from '../../../worker/policy/plan-input.ts'
import type { RankingPolicy } from '../../../worker/policy/ranking.ts'
import { anyConstraints, anyPreferences } from '../../support/any-policy.ts'
import { anyObjective, anyOrder, anyRankedInput } from '../../support/any-ranking.ts'
import { chatRequest } from '../../support/fake-host.ts'
import { isCareful, isWanted, meets } from '../../support/policy-oracle.ts'
import { candidateOf, inputFor } from '../../support/policy-world.ts'

/**
 * What holds for every route with options (objectives, affinity, canary, reserves, floors), whatever has been measured
 * and whatever health says: options order what may answer, and let nobody in. `SEED=n` runs other cases.
 */

vi.setConfig({ testTimeout: 60_000 })

const seed = Number(process.env['SEED'] ?? 20_261_126)
const runs = { seed, numRuns: 1000 }
console.log(`ranking invariants: seed ${seed}`)

const named = (of: readonly { readonly target: string }[]) => of.map(({ target }) => target)
const stepsOf = (input: PlanInput) => {
  const made = plan(input)
  return made.kind === 'none' ? [] : made.steps
}
/** The same request on a route that declares no options. */
const plainly = (input: PlanInput): PlanInput => {
  const { ranking: _, ...policy } = input.policy
  return { ...input, policy }
}
const eligibleOf = ({ candidates, facts, preferences, policy }: PlanInput) =>
  named(eligible(candidates, facts, preferences, policy.constraints ?? []).kept)

describe('every plan of a route with options', () => {
  it('S2: asks no target that may not answer, in any of its steps', () => {
    let asked = 0
    fc.assert(
      fc.property(anyRankedInput, (input) => {
        const { facts, candidates, preferences, policy } = input
        for (const { target } of stepsOf(input)) {
          const one = candidates.find((candidate) => candidate.target === target)
          if (one === undefined) throw new Error(`${target} is in no tier`)
          asked += 1
          expect(one.unavailable).toBeNull()
          expect(isWanted(one, preferences, facts)).toBe(true)
          expect(isCareful(one, facts)).toBe(true)
          expect(facts.needs.every(({ feature }) => one.features.has(feature))).toBe(true)
          for (const { constraint } of policy.constraints ?? [])
            expect(meets(one, constraint, facts)).toBe(true)
        }
      }),
      runs,
    )
    expect(asked).toBeGreaterThan(300)
  })

  it('has the steps of a plan without them, but for a canary that is left out with its reason', () => {
    fc.assert(
      fc.property(anyRankedInput, (input) => {
        const made = plan(input)
        const { canary } = input.policy.ranking ?? {}
        const out = made.exclusions.filter(({ reason }) => /canary/.test(reason))
        expect(out.length).toBeLessThanOrEqual(1)
        for (const { target } of out) expect(target).toBe(canary?.target)
        expect([...named(stepsOf(input)), ...named(out)].toSorted()).toEqual(
          named(stepsOf(plainly(input))).toSorted(),
        )
      }),
      runs,
    )
  })

  it('has every target once: as a step with a reason, or left out with one', () => {
    fc.assert(
      fc.property(anyRankedInput, (input) => {
        const { exclusions } = plan(input)
        const steps = stepsOf(input)
        for (const { reason } of [...exclusions, ...steps]) expect(reason).toMatch(/\w+ \w+/)
        const told = [...named(steps), ...named(exclusions)]
        expect(told.toSorted()).toEqual(named(input.candidates).toSorted())
      }),
      runs,
    )
  })

  it('is the same for the same input and seed, byte for byte', () => {
    const twice = (input: PlanInput) => {
      const again = structuredClone(input)
      expect(JSON.stringify(plan(again))).toBe(JSON.stringify(plan(input)))
      expect(JSON.stringify(explain(plan(again), again.policy))).toBe(
        JSON.stringify(explain(plan(input), input.policy)),
      )
    }
    fc.assert(fc.property(anyRankedInput, twice), runs)
    // Many targets in each tier, and many of one score: here is where chance decides.
    fc.assert(fc.property(anyOrder, twice), runs)
  })

  it('lets health win over every option: what may be asked now, then what is full, then what waits', () => {
    let mixed = 0
    const inPlaces = (input: PlanInput) => {
      const places = stepsOf(input).map(({ target }) => placeOf(target, input))
      if (new Set(places).size > 2) mixed += 1
      expect(places).toEqual(places.toSorted((a, b) => a - b))
    }
    fc.assert(fc.property(anyRankedInput, inPlaces), runs)
    fc.assert(fc.property(anyOrder, inPlaces), runs)
    expect(mixed).toBeGreaterThan(100)
  })

  it('keeps the tiers in order among those that may be asked', () => {
    let compared = 0
    fc.assert(
      fc.property(anyOrder, (input) => {
        const tiers = stepsOf(input).flatMap(({ target, tier }) =>
          placeOf(target, input) === 0 ? [tier] : [],
        )
        if (new Set(tiers).size > 1) compared += 1
        expect(tiers).toEqual(tiers.toSorted((a, b) => a - b))
      }),
      runs,
    )
    expect(compared).toBeGreaterThan(100)
  })

  it('gives a cheaper target no later place in its tier, where nothing but the price speaks', () => {
    let compared = 0
    const objectives = Array.from({ length: 3 }, () => ({ by: 'cheapest' as const }))
    const cheapest: RankingPolicy = { route: 'chat', objectives }
    fc.assert(
      fc.property(anyOrder, (any) => {
        const candidates = any.candidates.map((one) => {
          const { health: _, ...more } = one
          return { ...more, weight: 1 }
        })
        const input = { ...any, candidates, policy: { ranking: cheapest } }
        for (const tier of [0, 1, 2]) {
          const scores = stepsOf(input).flatMap((step) =>
            step.tier === tier && placeOf(step.target, input) === 0 ? [step.score ?? Infinity] : [],
          )
          if (new Set(scores).size > 1) compared += 1
          expect(scores).toEqual(scores.toSorted((a, b) => (a === b ? 0 : a - b)))
        }
      }),
      runs,
    )
    expect(compared).toBeGreaterThan(100)
  })
})

describe('narrowing of a route with options', () => {
  it('by one more constraint, or a wish of the caller, asks nobody who might not be asked without', () => {
    fc.assert(
      fc.property(anyRankedInput, anyConstraints, anyPreferences, (input, more, wish) => {
        const constraints = [...(input.policy.constraints ?? []), ...more]
        const narrow = { ...input, policy: { ...input.policy, constraints } }
        expect(eligibleOf(input)).toEqual(expect.arrayContaining(named(stepsOf(narrow))))
        const wishing = { ...input, preferences: wish }
        const free = { ...input, preferences: {} }
        expect(eligibleOf(free)).toEqual(expect.arrayContaining(named(stepsOf(wishing))))
      }),
      runs,
    )
  })
})

/** Targets of one tier that nothing speaks against. */
const tierOf = (weights: readonly number[], more: Partial<Candidate> = {}) =>
  weights.map((weight, index) => candidateOf(`m@p${index}`, { weight, ...more }))

const keys = Array.from({ length: 400 }, (_, index) => `key-${index}`)
const rankingFacts = (key: string) => ({
  affinityKey: key,
  canaryKey: key,
  warmth: null,
  outputTokens: null,
  canaryStopped: null,
})

function orderFor(key: string, of: readonly Candidate[], ranking: RankingPolicy, draw: number) {
  const more = { policy: { ranking }, ranking: rankingFacts(key), seed: draw }
  return named(stepsOf(inputFor(chatRequest(), of, more)))
}

/** So many of `keys` at a share, and four standard deviations of chance. */
const most = (share: number) =>
  keys.length * share + 4 * Math.sqrt(keys.length * share * (1 - share))

describe('hashing', () => {
  const anyTier = fc.array(fc.constantFrom(1, 1, 1, 2), { minLength: 2, maxLength: 8 })

  it('moves only the keys of a target that leaves, at most its share of them, under any objective', () => {
    fc.assert(
      fc.property(
        anyTier,
        fc.nat(),
        fc.option(anyObjective),
        fc.nat(),
        (weights, pick, by, draw) => {
          const before = tierOf(weights, { measured: sameOfAll, prices: { input: 1, output: 1 } })
          const gone = `m@p${pick % weights.length}`
          const after = before.filter(({ target }) => target !== gone)
          const affinity = { by: 'session' as const, tolerance: 0.2 }
          // `priority` keeps to the order of the file: nothing is hashed.
          const objectives = [by?.by === 'priority' ? null : by]
          const ranking = { route: 'chat', affinity, objectives }
          let moved = 0
          for (const key of keys) {
            const was = orderFor(key, before, ranking, draw)
            if (was[0] === gone) moved += 1
            // Whoever is not gone keeps its place before and behind the others, whatever chance draws.
            expect(orderFor(key, after, ranking, draw + 1)).toEqual(
              was.filter((one) => one !== gone),
            )
          }
          const total = weights.reduce((sum, weight) => sum + weight, 0)
          const share = (weights[pick % weights.length] ?? 0) / total
          expect(moved).toBeLessThanOrEqual(most(share))
        },
      ),
      { seed, numRuns: 25 },
    )
  })

  it('deals no key to the other side of a trial when a target leaves, and moves those of a canary that leaves', () => {
    fc.assert(
      fc.property(
        anyTier,
        fc.nat(),
        fc.constantFrom(0.05, 0.2, 0.5),
        fc.nat(),
        (weights, pick, share, draw) => {
          const canary = {
            target: 'new@p',
            share,
            by: 'session' as const,
            trial: `chat/${draw % 7}`,
            slowAfterMs: null,
            isListed: false,
          }
          const affinity = { by: 'session' as const, tolerance: 0.2 }
          const ranking = { route: 'chat', canary, affinity }
          const control = tierOf(weights)
          const before = [...control, candidateOf('new@p', { weight: 0 })]
          const fewer = before.filter(({ target }) => target !== `m@p${pick % weights.length}`)
          let onTrial = 0
          for (const key of keys) {
            const was = orderFor(key, before, ranking, draw)
            const isOnTrial = was[0] === 'new@p'
            onTrial += isOnTrial ? 1 : 0
            expect(orderFor(key, fewer, ranking, draw + 1)[0] === 'new@p').toBe(isOnTrial)
            const without = orderFor(key, control, ranking, draw)
            expect(without).toEqual(was.filter((one) => one !== 'new@p'))
          }
          expect(onTrial).toBeLessThanOrEqual(most(share))
          expect(onTrial).toBeGreaterThan(0)
        },
      ),
      { seed, numRuns: 25 },
    )
  })
})

const sameOfAll = {
  firstTokenP50Ms: 300,
  firstTokenP95Ms: 600,
  tokensPerSecond: 50,
  failureRate: 0.01,
  schemaValidity: null,
  toolCallValidity: null,
  samples: 100,
}

function candidate(target: string, { candidates }: PlanInput): Candidate {
  const found = candidates.find((one) => one.target === target)
  if (found === undefined) throw new Error(`${target} is in no tier`)
  return found
}

/** 0: it may be asked; 1: it is below a floor; 2: it is full; 3: it is barred, or asked to be left alone. */
function placeOf(target: string, input: PlanInput): number {
  const one = candidate(target, input)
  const { floors } = input.policy.ranking ?? {}
  const asks = (feature: string) => input.facts.needs.some((need) => need.feature === feature)
  if (one.notBeforeMs > input.nowMs || one.health?.state === 'barred') return 3
  if (one.health?.full === true) return 2
  return floors !== undefined && belowFloor(one, floors, asks) !== null ? 1 : 0
}
