import type { Finding } from './data-scan.ts'
import { compileGlobs } from './glob.ts'
import {
  dataClasses,
  sizes,
  type DataClass,
  type Need,
  type RequestClass,
  type RequestFacts,
} from './request-facts.ts'
import {
  listFacts,
  numberFacts,
  orderedFacts,
  textFacts,
  type Condition,
  type NumberTest,
  type OrderedTest,
  type Range,
  type TextTest,
} from './rule.ts'

/** The facts as the rules see them: those that a rule may change stand beside the others. */
export interface RuleView {
  readonly facts: RequestFacts
  class: RequestClass | null
  dataClass: DataClass | null
}

export type Predicate = (view: RuleView) => boolean

const always: Predicate = () => true

/** One function for the whole condition. It holds no loop over anything but the condition itself: its cost is bounded when it is made. */
export function compileCondition(condition: Condition): Predicate {
  const parts = partsOf(condition)
  const [first, second, ...more] = parts
  if (first === undefined) return always
  if (second === undefined) return first
  if (more.length === 0) return (view) => first(view) && second(view)
  return (view) => {
    for (const part of parts) if (!part(view)) return false
    return true
  }
}

function partsOf(condition: Condition): Predicate[] {
  const { all, any, not, tags = {}, stream } = condition
  const parts: Predicate[] = []
  if (stream !== undefined) parts.push(({ facts }) => facts.stream === stream)
  for (const name of numberFacts) {
    const test = condition[name]
    if (test !== undefined) parts.push(numberPart(name, test))
  }
  for (const name of textFacts) {
    const test = condition[name]
    if (test !== undefined) parts.push(textPart(name, test))
  }
  for (const name of orderedFacts) {
    const test = condition[name]
    if (test !== undefined) parts.push(orderedPart(name, test))
  }
  for (const [tag, test] of Object.entries(tags)) parts.push(tagPart(tag, test))
  for (const name of listFacts) {
    const test = condition[name]
    if (test !== undefined) parts.push(listPart(name, test))
  }
  for (const part of all ?? []) parts.push(compileCondition(part))
  if (any !== undefined) {
    const ways = any.map(compileCondition)
    parts.push((view) => ways.some((holds) => holds(view)))
  }
  if (not !== undefined) {
    const holds = compileCondition(not)
    parts.push((view) => !holds(view))
  }
  return parts
}

type TextName = (typeof textFacts)[number]

function textPart(name: TextName, test: TextTest): Predicate {
  const matches = textMatcher(test)
  if (name === 'class') return (view) => matches(view.class)
  return ({ facts }) => matches(facts[name])
}

function tagPart(tag: string, test: TextTest): Predicate {
  const matches = textMatcher(test)
  // "constructor" is a tag like any other.
  return ({ facts }) => Object.hasOwn(facts.tags, tag) && matches(facts.tags[tag] ?? null)
}

function listPart(name: (typeof listFacts)[number], test: TextTest): Predicate {
  const matches = textMatcher(test)
  return name === 'needs'
    ? ({ facts: { needs, preferred, wishes } }) => {
        const matchesNeed = ({ feature }: Need) => matches(feature)
        return needs.some(matchesNeed) || preferred.some(matchesNeed) || wishes.some(matchesNeed)
      }
    : ({ facts }) => facts.found?.some((finding: Finding) => matches(finding)) === true
}

type TextMatcher = (value: string | null) => boolean

function textMatcher(test: TextTest): TextMatcher {
  const words = wordsOf(test)
  if (words !== null) {
    const [only] = words
    if (words.length === 1) return (value) => value === only
    const set: ReadonlySet<string | null> = new Set(words)
    return (value) => set.has(value)
  }
  const globs = (test as { readonly glob: string | readonly string[] }).glob
  const matches = compileGlobs(typeof globs === 'string' ? [globs] : globs)
  return (value) => value !== null && matches(value)
}

/** The words of a test that lists them; null: it has patterns. */
export function wordsOf(test: TextTest): readonly string[] | null {
  if (typeof test === 'string') return [test]
  if (isList(test)) return test
  return 'in' in test ? test.in : null
}

function isList(test: TextTest): test is readonly string[] {
  return Array.isArray(test)
}

const orders: Readonly<Record<(typeof orderedFacts)[number], readonly string[]>> = {
  size: sizes,
  dataClass: dataClasses,
}

function orderedPart(name: (typeof orderedFacts)[number], test: OrderedTest): Predicate {
  const words =
    typeof test === 'object' && 'range' in test ? between(orders[name], test.range) : test
  const matches = textMatcher(words)
  return name === 'size' ? ({ facts }) => matches(facts.size) : (view) => matches(view.dataClass)
}

/** The words of `order` in a range; a bound that is no word of it leaves nothing. */
export function between(order: readonly string[], { from, to }: Range<string>): readonly string[] {
  const first = from === undefined ? 0 : order.indexOf(from)
  const last = to === undefined ? order.length - 1 : order.indexOf(to)
  return first === -1 || last === -1 ? [] : order.slice(first, last + 1)
}

function numberPart(name: (typeof numberFacts)[number], test: NumberTest): Predicate {
  if (typeof test === 'object' && 'range' in test) {
    const { from = -Infinity, to = Infinity } = test.range
    return ({ facts }) => {
      const value = facts[name]
      return value !== null && value >= from && value <= to
    }
  }
  const matches = numberMatcher(test)
  return ({ facts }) => {
    const value = facts[name]
    return value !== null && matches(value)
  }
}

function numberMatcher(
  test: Exclude<NumberTest, { readonly range: Range<number> }>,
): (value: number) => boolean {
  if (typeof test === 'number') return (value) => value === test
  const set = new Set(test.in)
  return (value) => set.has(value)
}
