import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formOf, implies, neverHolds } from '../../../worker/edge/condition-form.ts'
import { classify } from '../../../worker/policy/classify.ts'
import { findings } from '../../../worker/policy/data-scan.ts'
import { compileCondition, type RuleView } from '../../../worker/policy/predicates.ts'
import { dataClasses, sizes } from '../../../worker/policy/request-facts.ts'
import type { Condition } from '../../../worker/policy/rule.ts'
import { chatRequest } from '../../support/fake-host.ts'

/** What the lint says of conditions is sure: it holds for every request, as the rules themselves see it. */

const seed = Number(process.env['SEED'] ?? 20_261_126)

const words = ['voice', 'voice-de', 'fax', 'voice-at']
const globs = ['*', 'voice*', 'voice-*', 'f*', '*-de', 'v*-*']
const word = fc.constantFrom(...words)
const text = fc.oneof(
  word,
  fc.array(word, { minLength: 1, maxLength: 3 }),
  fc.record({ in: fc.array(word, { minLength: 1, maxLength: 2 }) }),
  fc.record({ glob: fc.constantFrom(...globs) }),
  fc.record({ glob: fc.array(fc.constantFrom(...globs), { minLength: 1, maxLength: 2 }) }),
)
const number = fc.oneof(
  fc.nat(3),
  fc.record({ in: fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }) }),
  fc.record({ range: fc.record({ from: fc.nat(3), to: fc.nat(3) }, { requiredKeys: [] }) }),
)
const ordered = fc.oneof(
  fc.constantFrom(...sizes),
  fc.record({
    range: fc.record(
      { from: fc.constantFrom(...sizes), to: fc.constantFrom(...sizes) },
      { requiredKeys: [] },
    ),
  }),
)
const finding = fc.constantFrom(...findings.slice(0, 3))
const list = fc.oneof(finding, fc.array(finding, { minLength: 1, maxLength: 2 }))

const conditions = fc.letrec<{ condition: Condition }>((tie) => {
  const part = tie('condition')
  const plain = fc.record(
    { channel: text, tools: number, size: ordered, found: list, stream: fc.boolean() },
    { requiredKeys: [] },
  )
  const few = fc
    .tuple(plain, fc.subarray(['channel', 'tools', 'size', 'found', 'stream'], { maxLength: 2 }))
    .map(([all, names]) =>
      Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name))),
    )
  return {
    condition: fc.oneof(
      { maxDepth: 2, depthIdentifier: 'part' },
      few,
      few,
      fc.record({ tags: fc.record({ team: text }) }),
      fc.record({ all: fc.array(part, { maxLength: 2 }) }),
      fc.tuple(few, part).map(([one, not]) => ({ ...one, not })),
      fc
        .tuple(few, fc.array(part, { minLength: 1, maxLength: 2 }))
        .map(([one, any]) => ({ ...one, any })),
    ) as fc.Arbitrary<Condition>,
  }
}).condition

const ordinary = classify(chatRequest())

/** Every request that differs in what these conditions ask. */
const views: readonly RuleView[] = [null, ...words].flatMap((channel) =>
  [0, 1, 2, 3].flatMap((tools) =>
    sizes.flatMap((size) =>
      [null, [], [findings[0]], [findings[0], findings[1]], [findings[2]]].flatMap((found) =>
        [true, false].map((stream, index): RuleView => {
          const tags: Record<string, string> =
            channel === null || index === 0 ? {} : { team: channel }
          const facts = { ...ordinary, channel, tools, size, stream, tags }
          return {
            facts: { ...facts, found: found as RuleView['facts']['found'] },
            class: null,
            dataClass: dataClasses[1],
          }
        }),
      ),
    ),
  ),
)

const options = { seed, numRuns: 4000 }

describe('implies()', () => {
  it(`is true only where whatever meets the one meets the other (seed ${seed})`, () => {
    let sure = 0
    fc.assert(
      fc.property(conditions, conditions, (one, other) => {
        if (!implies(formOf(one), formOf(other))) return
        sure += 1
        const [narrow, wide] = [compileCondition(one), compileCondition(other)]
        expect(views.find((view) => narrow(view) && !wide(view))).toBeUndefined()
      }),
      options,
    )
    expect(sure).toBeGreaterThan(100)
  })

  it(`sees that a condition implies itself (seed ${seed})`, () => {
    fc.assert(
      fc.property(conditions, (one) => {
        expect(implies(formOf(one), formOf(structuredClone(one)))).toBe(true)
      }),
      { ...options, numRuns: 500 },
    )
  })

  it.each<[Condition, Condition]>([
    [{ channel: 'voice' }, { channel: { glob: '*' } }],
    [{ channel: { glob: 'voice-de-*' } }, { channel: { glob: ['fax', 'voice-*'] } }],
    [{ needs: 'tools', class: 'agentic' }, { needs: ['tools', 'jsonSchema'] }],
    [{ tools: { in: [1, 2] } }, { tools: { range: { from: 1, to: 3 } } }],
    [{ tools: 1 }, { tools: { in: [1, 2] } }],
    [{ class: 'code' }, { any: [{ class: 'code' }, { needs: 'tools' }] }],
    [{ class: 'chat' }, { not: { class: 'code' } }],
    [{ not: { class: ['code', 'chat'] } }, { not: { class: 'code' } }],
    [{ any: [{ tools: 1 }, { tools: 2 }] }, { any: [{ tools: { range: { from: 1 } } }] }],
  ])('%j implies %j, and not the other way round', (narrow, wide) => {
    expect(implies(formOf(narrow), formOf(wide))).toBe(true)
    expect(implies(formOf(wide), formOf(narrow))).toBe(false)
  })
})

describe('neverHolds()', () => {
  it(`is true only of what no request meets (seed ${seed})`, () => {
    let sure = 0
    fc.assert(
      fc.property(conditions, (condition) => {
        if (neverHolds(formOf(condition)).length === 0) return
        sure += 1
        const holds = compileCondition(condition)
        expect(views.find(holds)).toBeUndefined()
      }),
      options,
    )
    expect(sure).toBeGreaterThan(50)
  })
})
