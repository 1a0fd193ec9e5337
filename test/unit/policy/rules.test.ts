/* eslint-disable unicorn/no-thenable -- the outcome of a rule is called `then` and is no function */
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { classify } from '../../../worker/policy/classify.ts'
import { compileCondition } from '../../../worker/policy/predicates.ts'
import type { RequestFacts } from '../../../worker/policy/request-facts.ts'
import type { Condition, Outcome, Rule } from '../../../worker/policy/rule.ts'
import { compileRules, type Ruling } from '../../../worker/policy/rules.ts'
import { chatRequest } from '../../support/fake-host.ts'

// Thousands of cases: a busy machine may take its time.
vi.setConfig({ testTimeout: 60_000 })

const facts: RequestFacts = {
  ...classify(
    chatRequest({ tools: [{ kind: 'function', name: 'f' }], maxOutputTokens: 500, stream: true }),
  ),
  route: 'chat',
  class: 'code',
  dataClass: 'internal',
  found: ['email', 'legal'],
  region: 'eu',
  tenantTier: 'premium',
  channel: 'voice-phone',
  environment: 'production',
  latencyBudgetMs: 800,
  tags: { feature: 'search', team: 'a' },
}

function holds(condition: Condition, more: Partial<RequestFacts> = {}): boolean {
  const own = { ...facts, ...more }
  return compileCondition(condition)({ facts: own, class: own.class, dataClass: own.dataClass })
}

describe('a condition', () => {
  it('finds what a request asks for among its needs, and among what it is only warned of', () => {
    const asked = classify(
      chatRequest({
        sampling: { seed: 7, logprobs: true },
        reasoning: { effort: 'high' },
        tools: [{ kind: 'function', name: 'f' }],
        parallelToolCalls: true,
      }),
    )
    for (const needs of ['tools', 'parallelTools', 'seed', 'logprobs', 'reasoning'])
      expect([needs, holds({ needs }, asked)]).toEqual([needs, true])
    expect(holds({ needs: ['jsonSchema', 'singleToolCall'] }, asked)).toBe(false)
  })

  it.each<[Condition, boolean]>([
    [{}, true],
    [{ class: 'code' }, true],
    [{ class: ['chat', 'code'] }, true],
    [{ class: { in: ['chat'] } }, false],
    [{ channel: { glob: 'voice-*' } }, true],
    [{ channel: { glob: ['chat-*', '*phone'] } }, true],
    [{ channel: { glob: 'voice' } }, false],
    [{ dataClass: { range: { from: 'internal' } } }, true],
    [{ dataClass: { range: { from: 'confidential' } } }, false],
    [{ dataClass: { range: { to: 'internal' } } }, true],
    [{ size: { range: { from: 'small', to: 'medium' } } }, true],
    [{ size: 'large' }, false],
    [{ maxOutputTokens: 500 }, true],
    [{ maxOutputTokens: { range: { from: 500, to: 500 } } }, true],
    [{ maxOutputTokens: { range: { from: 501 } } }, false],
    [{ latencyBudgetMs: { range: { to: 799 } } }, false],
    [{ latencyBudgetMs: { in: [800] } }, true],
    [{ messages: 1, tools: 1, stream: true }, true],
    [{ stream: false }, false],
    [{ needs: 'tools' }, true],
    [{ needs: ['jsonSchema', 'tools'] }, true],
    [{ needs: 'jsonSchema' }, false],
    [{ found: 'legal' }, true],
    [{ found: { glob: 'heal*' } }, false],
    [{ tags: { feature: 'search' } }, true],
    [{ tags: { feature: { glob: 's*' }, team: ['a', 'b'] } }, true],
    [{ tags: { constructor: { glob: '*' } } }, false],
    [{ route: 'chat', region: 'eu', tenantTier: 'premium', environment: 'production' }, true],
    [{ all: [{ class: 'code' }, { region: 'us' }] }, false],
    [{ all: [] }, true],
    [{ any: [{ class: 'chat' }, { region: 'eu' }] }, true],
    [{ any: [{ class: 'chat' }, { region: 'us' }] }, false],
    [{ not: { region: 'us' } }, true],
    [{ not: { all: [{ region: 'eu' }, { not: { class: 'chat' } }] } }, false],
    [{ class: 'code', region: 'us' }, false],
  ])('%j is %s', (condition, expected) => {
    expect(holds(condition)).toBe(expected)
  })

  it('holds of nothing that nobody knows', () => {
    const unknown = { channel: null, region: null, latencyBudgetMs: null, found: null, class: null }
    expect(holds({ channel: { glob: '*' } }, unknown)).toBe(false)
    expect(holds({ region: 'eu' }, unknown)).toBe(false)
    expect(holds({ latencyBudgetMs: { range: {} } }, unknown)).toBe(false)
    expect(holds({ found: { glob: '*' } }, unknown)).toBe(false)
    expect(holds({ class: { glob: '*' } }, unknown)).toBe(false)
    expect(holds({ not: { region: 'eu' } }, unknown)).toBe(true)
  })
})

const rule = (name: string, when: Condition, then: Outcome): Rule => ({ name, when, then })

function ruling(...rules: readonly Rule[]): Ruling | null {
  return compileRules(rules).apply(facts)
}

describe('rules', () => {
  it('say nothing where none matches', () => {
    expect(ruling(rule('a', { region: 'us' }, { route: 'other' }))).toBeNull()
  })

  it('are asked in order: the first route decides, and all constraints count', () => {
    const made = ruling(
      rule('a', {}, { constrain: { deny: ['*@x'] } }),
      rule('b', { class: 'code' }, { route: 'coding', constrain: { allow: ['*@y'] } }),
      rule('c', {}, { route: 'late' }),
    )
    expect(made).toMatchObject({ route: 'coding', matched: ['a', 'b', 'c'], refusal: null })
    expect(made?.constraints).toEqual([
      { source: 'the rule "a"', constraint: { deny: ['*@x'] } },
      { source: 'the rule "b"', constraint: { allow: ['*@y'] } },
    ])
  })

  it('end with a refusal', () => {
    const refuse = { status: 403, message: 'not here' } as const
    const made = ruling(rule('a', {}, { refuse }), rule('b', {}, { route: 'late' }))
    expect(made).toMatchObject({ refusal: refuse, route: null, matched: ['a'] })
  })

  it('see what a rule before them has made of the request', () => {
    const made = ruling(
      rule('a', { found: 'legal' }, { dataClass: 'confidential', class: 'extraction' }),
      rule('b', { dataClass: 'confidential', class: 'extraction' }, { route: 'careful' }),
    )
    expect(made).toMatchObject({ route: 'careful', class: 'extraction', dataClass: 'confidential' })
  })

  it('raise the class of the data and never lower it', () => {
    expect(ruling(rule('a', {}, { dataClass: 'public' }))?.dataClass).toBe('internal')
    expect(ruling(rule('a', {}, { dataClass: 'regulated' }))?.dataClass).toBe('regulated')
  })

  it('give the same constraint object each time, so that it is compiled once', () => {
    const rules = compileRules([rule('a', {}, { constrain: { deny: ['*@x'] } })])
    expect(rules.apply(facts)?.constraints[0]).toBe(rules.apply(facts)?.constraints[0])
  })
})

const word = fc.constantFrom('chat', 'code', 'small')
const words = fc.oneof(word, fc.array(word, { minLength: 1, maxLength: 3 }))
const test = fc.oneof(
  words,
  fc.record({ in: fc.array(word, { minLength: 1, maxLength: 3 }) }),
  fc.record({ glob: fc.constantFrom('*', 'c*', '*e', 'v*') }),
)
const tests = {
  route: test,
  class: test,
  region: test,
  tenantTier: test,
  channel: test,
  size: test,
  tags: fc.dictionary(fc.constantFrom('feature', 'team'), words, { maxKeys: 2 }),
  promptTokens: fc.record({ range: fc.record({ from: fc.nat(5), to: fc.nat(5) }) }),
}
const flat = fc.record(tests, { requiredKeys: [] })
const condition: fc.Arbitrary<Condition> = fc.record(
  {
    ...tests,
    all: fc.array(flat, { maxLength: 2 }),
    any: fc.array(flat, { minLength: 1, maxLength: 2 }),
    not: flat,
  },
  { requiredKeys: [] },
)
const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.record({ route: word }),
  fc.record({ class: fc.constantFrom('chat' as const, 'code' as const) }),
  fc.record({ dataClass: fc.constantFrom('public' as const, 'regulated' as const) }),
  fc.record({ constrain: fc.record({ deny: fc.constant(['*@x']) }) }),
  fc.record({ refuse: fc.constant({ status: 403 as const, message: 'no' }) }),
)
const someFacts = fc
  .record({
    route: fc.option(word),
    class: fc.option(fc.constantFrom('chat' as const, 'code' as const)),
    region: fc.option(word),
    tenantTier: fc.option(word),
    channel: fc.option(word),
    tags: fc.dictionary(fc.constantFrom('feature', 'team'), word),
    promptTokens: fc.nat(5),
  })
  .map((more): RequestFacts => ({ ...facts, ...more }))

/** What rules mean, said plainly: every one of them in order, none of them filed. */
function plainly(rules: readonly Rule[], known: RequestFacts): readonly string[] {
  const view = { facts: known, class: known.class, dataClass: known.dataClass }
  const matched: string[] = []
  for (const { name, when, then } of rules) {
    if (!compileCondition(when)(view)) continue
    matched.push(name)
    if (then.class !== undefined) view.class = then.class
    if (then.refuse !== undefined) break
  }
  return matched
}

describe('filing rules by a word', () => {
  it('changes nothing of what they say', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(condition, outcome), { maxLength: 12 }),
        someFacts,
        (made, known) => {
          const rules = made.map(([when, then], index) => rule(`r${index}`, when, then))
          expect(compileRules(rules).apply(known)?.matched ?? []).toEqual(plainly(rules, known))
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('keeps the order of the file, whatever each rule is filed under', () => {
    const all = [{ channel: 'voice-phone' }, {}, { region: 'eu' }, { not: { region: 'us' } }]
    const rules = [...all, ...all.toReversed()].map((when, index) =>
      rule(`r${index}`, when, { class: 'chat' }),
    )
    expect(ruling(...rules)?.matched).toEqual(rules.map(({ name }) => name))
  })

  it('goes by what has to hold and by nothing else', () => {
    const made = (when: Condition) => ruling(rule('a', when, { route: 'x' }))?.matched ?? []
    expect(made({ any: [{ region: 'us' }, { channel: 'voice-phone' }] })).toEqual(['a'])
    expect(made({ not: { region: 'us' } })).toEqual(['a'])
    expect(
      made({ all: [{ region: 'eu' }, { any: [{ route: 'code' }, { route: 'chat' }] }] }),
    ).toEqual(['a'])
    expect(made({ all: [{ region: 'us' }] })).toEqual([])
  })

  it('asks few of many', () => {
    let asked = 0
    const many = Array.from({ length: 1000 }, (_, index) =>
      rule(`r${index}`, { channel: `c${index % 100}`, region: 'eu' }, { route: 'x' }),
    )
    const watched = new Proxy(facts, {
      get(target, name) {
        if (name === 'region') asked += 1
        return name === 'channel' ? 'c7' : Reflect.get(target, name)
      },
    })
    expect(compileRules(many).apply(watched)?.matched).toHaveLength(10)
    expect(asked).toBe(10)
  })
})
