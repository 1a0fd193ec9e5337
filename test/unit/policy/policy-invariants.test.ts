import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { explain } from '../../../worker/policy/explain.ts'
import { eligible } from '../../../worker/policy/filter.ts'
import { plan } from '../../../worker/policy/plan.ts'
import type { PlanInput } from '../../../worker/policy/plan-input.ts'
import { anyConstraints, anyInput, anyPreferences } from '../../support/any-policy.ts'
import { isCareful, isWanted, meets } from '../../support/policy-oracle.ts'

// Thousands of cases: a busy machine may take its time.
vi.setConfig({ testTimeout: 60_000 })

const seed = Number(process.env['SEED'] ?? 20_261_126)
const runs = { seed, numRuns: 1000 }
console.log(`policy invariants: seed ${seed}`)

function stepsOf(input: PlanInput): readonly string[] {
  const made = plan(input)
  return made.kind === 'none' ? [] : made.steps.map(({ target }) => target)
}

describe('every plan', () => {
  it('S2: asks no target that may not answer, in any of its steps', () => {
    let asked = 0
    fc.assert(
      fc.property(anyInput, (input) => {
        const { facts, candidates, preferences, policy } = input
        for (const target of stepsOf(input)) {
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
    // The property is about something: there were steps to look at.
    expect(asked).toBeGreaterThan(300)
  })

  it('leaves nobody out who may answer, but for what another can do better', () => {
    fc.assert(
      fc.property(anyInput, ({ facts, candidates, preferences, policy }) => {
        const { kept } = eligible(candidates, facts, preferences, policy.constraints ?? [])
        const asked = { ...preferences, requireParameters: false }
        const expected = candidates.filter(
          (one) =>
            one.unavailable === null &&
            isWanted(one, asked, facts) &&
            isCareful(one, facts) &&
            facts.needs.every(({ feature }) => one.features.has(feature)) &&
            (policy.constraints ?? []).every(({ constraint }) => meets(one, constraint, facts)),
        )
        if (preferences.requireParameters !== true)
          expect(kept.map(({ target }) => target)).toEqual(expected.map(({ target }) => target))
      }),
      runs,
    )
  })

  it('has every target once: as a step, or left out with a reason', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const { exclusions } = plan(input)
        for (const { reason } of exclusions) expect(reason).toMatch(/\w+ \w+/)
        const told = [...stepsOf(input), ...exclusions.map(({ target }) => target)]
        expect(told.toSorted()).toEqual(input.candidates.map(({ target }) => target).toSorted())
      }),
      runs,
    )
  })

  it('is the same for the same input, byte for byte', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const again = structuredClone(input)
        expect(JSON.stringify(plan(again))).toBe(JSON.stringify(plan(input)))
        expect(JSON.stringify(explain(plan(again), again.policy))).toBe(
          JSON.stringify(explain(plan(input), input.policy)),
        )
      }),
      runs,
    )
  })
})

describe('narrowing', () => {
  const keptOf = ({ candidates, facts, preferences, policy }: PlanInput) =>
    eligible(candidates, facts, preferences, policy.constraints ?? []).kept.map(
      ({ target }) => target,
    )

  it('by one more constraint only leaves out more', () => {
    fc.assert(
      fc.property(anyInput, anyConstraints, (input, more) => {
        const constraints = [...(input.policy.constraints ?? []), ...more]
        const narrow = keptOf({ ...input, policy: { constraints } })
        expect(keptOf(input)).toEqual(expect.arrayContaining(narrow))
      }),
      runs,
    )
  })

  it('by a wish of the caller only leaves out more', () => {
    fc.assert(
      fc.property(anyInput, anyPreferences, (input, wish) => {
        const without = keptOf({ ...input, preferences: {} })
        const narrow = keptOf({ ...input, preferences: wish })
        expect(without).toEqual(expect.arrayContaining(narrow))
      }),
      runs,
    )
  })

  it('is the same in whatever order the constraints stand', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const constraints = (input.policy.constraints ?? []).toReversed()
        expect(keptOf({ ...input, policy: { constraints } })).toEqual(keptOf(input))
      }),
      runs,
    )
  })
})
