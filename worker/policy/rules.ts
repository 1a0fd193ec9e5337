import { moreCareful } from './data-class.ts'
import type { SourcedConstraint } from './constraint.ts'
import { compileCondition, wordsOf, type Predicate, type RuleView } from './predicates.ts'
import type { DataClass, RequestClass, RequestFacts } from './request-facts.ts'
import type { Condition, RefusalStatus, Rule, TextTest } from './rule.ts'

/** What the rules make of a request. */
export interface Ruling {
  /** The route that a rule sends it to; null: it stays where it was. */
  readonly route: string | null
  readonly class: RequestClass | null
  readonly dataClass: DataClass | null
  readonly constraints: readonly SourcedConstraint[]
  readonly refusal: { readonly status: RefusalStatus; readonly message: string } | null
  /** Names of the rules that matched, in order. */
  readonly matched: readonly string[]
}

export interface CompiledRules {
  /** Answers null when no rule matches. */
  apply(facts: RequestFacts): Ruling | null
}

interface ReadyRule {
  readonly rule: Rule
  readonly holds: Predicate
  readonly constraint: SourcedConstraint | null
}

/**
 * Rules in order, each asked at most once, so that every request comes to an
 * end. A rule that asks for one word of a fact that no rule changes is filed
 * under it, and is asked only where the fact is that word.
 */
export function compileRules(rules: readonly Rule[]): CompiledRules {
  const ready = rules.map(readyRule)
  const shelves = shelvesOf(rules)
  return { apply: (facts) => applyRules(ready, shelves, facts) }
}

function readyRule(rule: Rule): ReadyRule {
  const { name, when, then } = rule
  return {
    rule,
    holds: compileCondition(when),
    constraint:
      then.constrain === undefined
        ? null
        : { source: `the rule "${name}"`, constraint: then.constrain },
  }
}

function applyRules(
  rules: readonly ReadyRule[],
  shelves: Shelves,
  facts: RequestFacts,
): Ruling | null {
  const view: RuleView = { facts, class: facts.class, dataClass: facts.dataClass }
  const matched: string[] = []
  const constraints: SourcedConstraint[] = []
  let route: string | null = null
  let refusal: Ruling['refusal'] = null
  eachInOrder(positionsFor(shelves, facts), (position) => {
    const found = rules[position]
    if (found === undefined || !found.holds(view)) return true
    const { rule, constraint } = found
    const { then } = rule
    matched.push(rule.name)
    if (then.class !== undefined) view.class = then.class
    if (then.dataClass !== undefined) view.dataClass = moreCareful(view.dataClass, then.dataClass)
    if (constraint !== null) constraints.push(constraint)
    route ??= then.route ?? null
    refusal = then.refuse ?? null
    return refusal === null
  })
  if (matched.length === 0) return null
  return { route, class: view.class, dataClass: view.dataClass, constraints, refusal, matched }
}

/** Facts that no rule changes, and that a rule may be filed under. */
const filedFacts = ['route', 'channel', 'tenantTier', 'environment', 'region', 'size'] as const

/** Positions of rules, ascending: by fact and word, and those that have to be asked for every request. */
interface Shelves {
  readonly always: readonly number[]
  readonly byFact: readonly {
    readonly valueOf: (facts: RequestFacts) => string | null
    readonly byWord: ReadonlyMap<string, readonly number[]>
  }[]
}

function shelvesOf(rules: readonly Rule[]): Shelves {
  const always: number[] = []
  const byName = new Map<string, Map<string, number[]>>()
  for (const [position, { when }] of rules.entries()) {
    const filing = filingOf(when)
    if (filing === null) {
      always.push(position)
      continue
    }
    const byWord = byName.get(filing.name) ?? new Map<string, number[]>()
    byName.set(filing.name, byWord)
    for (const word of new Set(filing.words)) {
      const positions = byWord.get(word)
      if (positions === undefined) byWord.set(word, [position])
      else positions.push(position)
    }
  }
  return {
    always,
    byFact: [...byName].map(([name, byWord]) => ({ valueOf: readerOf(name), byWord })),
  }
}

/** The fact and the words that a condition cannot hold without. */
function filingOf(
  condition: Condition,
): { readonly name: string; readonly words: readonly string[] } | null {
  for (const [tag, test] of Object.entries(condition.tags ?? {})) {
    const words = wordsOf(test)
    if (words !== null) return { name: `${tagPrefix}${tag}`, words }
  }
  for (const name of filedFacts) {
    const test = condition[name]
    if (test === undefined || (typeof test === 'object' && 'range' in test)) continue
    const words = wordsOf(test as TextTest)
    if (words !== null) return { name, words }
  }
  for (const part of condition.all ?? []) {
    const filing = filingOf(part)
    if (filing !== null) return filing
  }
  return null
}

const tagPrefix = 'tags.'

function readerOf(name: string): (facts: RequestFacts) => string | null {
  if (name.startsWith(tagPrefix)) {
    const tag = name.slice(tagPrefix.length)
    return ({ tags }) => (Object.hasOwn(tags, tag) ? (tags[tag] ?? null) : null)
  }
  const own = name as (typeof filedFacts)[number]
  return (facts) => facts[own]
}

function positionsFor({ always, byFact }: Shelves, facts: RequestFacts): (readonly number[])[] {
  const lists = always.length === 0 ? [] : [always]
  for (const { valueOf, byWord } of byFact) {
    const value = valueOf(facts)
    const positions = value === null ? undefined : byWord.get(value)
    if (positions !== undefined) lists.push(positions)
  }
  return lists
}

/** Walks several ascending lists as one, until `visit` answers false. No position stands in two of them. */
function eachInOrder(
  lists: readonly (readonly number[])[],
  visit: (position: number) => boolean,
): void {
  const [only] = lists
  if (only !== undefined && lists.length === 1) {
    for (const position of only) if (!visit(position)) return
    return
  }
  const heads = lists.map(() => 0)
  for (;;) {
    let best = -1
    let least = Infinity
    for (let index = 0; index < lists.length; index++) {
      const position = lists[index]?.[heads[index] ?? 0]
      if (position === undefined || position >= least) continue
      least = position
      best = index
    }
    if (best === -1 || !visit(least)) return
    heads[best] = (heads[best] ?? 0) + 1
  }
}
