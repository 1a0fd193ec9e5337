import { dataClasses, sizes } from '../policy/request-facts.ts'
import { between, wordsOf } from '../policy/predicates.ts'
import {
  numberFacts,
  textFacts,
  type Condition,
  type NumberTest,
  type OrderedTest,
  type Rule,
  type TextTest,
} from '../policy/rule.ts'
import { formOf, implies, neverHolds, type ConditionForm } from './condition-form.ts'
import { pathText, type ConfigProblem } from './config-problem.ts'

/**
 * What a condition cannot hold without, fact by fact: the words it can be, or
 * the numbers. Only what stands in the condition itself and in its `all`; what
 * stands in `any`, `not` and patterns is not looked into, so that whatever is
 * found here is sure.
 */
export interface Demands {
  readonly words: ReadonlyMap<string, ReadonlySet<string>>
  readonly numbers: ReadonlyMap<string, { readonly from: number; readonly to: number }>
  /** There is more in it than can be said here. */
  readonly isPartial: boolean
}

export function demandsOf(condition: Condition): Demands {
  const words = new Map<string, ReadonlySet<string>>()
  const numbers = new Map<string, { from: number; to: number }>()
  let isPartial = false
  const visit = ({ all = [], any, not, tags = {}, ...tests }: Condition): void => {
    if (any !== undefined || not !== undefined) isPartial = true
    const named = Object.entries(tags).map(([tag, test]) => [`tags.${tag}`, test] as const)
    for (const [name, test] of [...Object.entries(tests), ...named]) {
      const range = numberRange(name, test as NumberTest)
      const own = range === null ? demandedWords(name, test as TextTest) : null
      if (range !== null) numbers.set(name, narrower(numbers.get(name), range))
      else if (own === null) isPartial = true
      else words.set(name, common(words.get(name), own))
    }
    for (const part of all) visit(part)
  }
  visit(condition)
  return { words, numbers, isPartial }
}

const isNumberFact = (name: string) => (numberFacts as readonly string[]).includes(name)
/** One of the words has to be the fact; of a list several can be, so two demands on it do not exclude each other. */
const isWordFact = (name: string) =>
  (textFacts as readonly string[]).includes(name) ||
  name === 'size' ||
  name === 'dataClass' ||
  name === 'stream' ||
  name.startsWith('tags.')

function demandedWords(name: string, test: OrderedTest | boolean): readonly string[] | null {
  if (!isWordFact(name)) return null
  if (typeof test === 'boolean') return [String(test)]
  if (typeof test === 'object' && 'range' in test)
    return between(name === 'size' ? sizes : dataClasses, test.range)
  return wordsOf(test as TextTest)
}

function numberRange(name: string, test: NumberTest): { from: number; to: number } | null {
  if (!isNumberFact(name)) return null
  if (typeof test === 'number') return { from: test, to: test }
  if ('in' in test) return null
  return { from: test.range.from ?? 0, to: test.range.to ?? Infinity }
}

function common(before: ReadonlySet<string> | undefined, own: readonly string[]): Set<string> {
  return new Set(before === undefined ? own : own.filter((word) => before.has(word)))
}

function narrower(
  before: { readonly from: number; readonly to: number } | undefined,
  { from, to }: { readonly from: number; readonly to: number },
): { from: number; to: number } {
  return before === undefined
    ? { from, to }
    : { from: Math.max(before.from, from), to: Math.min(before.to, to) }
}

/** Whether one request can meet all of them; `maybe`: some of them ask for more than can be said here. */
export function canHoldTogether(all: readonly Demands[]): 'yes' | 'no' | 'maybe' {
  const words = new Map<string, ReadonlySet<string>>()
  const numbers = new Map<string, { from: number; to: number }>()
  for (const demands of all) {
    for (const [name, set] of demands.words) words.set(name, common(words.get(name), [...set]))
    for (const [name, range] of demands.numbers)
      numbers.set(name, narrower(numbers.get(name), range))
  }
  if ([...words.values()].some(({ size }) => size === 0)) return 'no'
  if ([...numbers.values()].some(({ from, to }) => from > to)) return 'no'
  return all.some(({ isPartial }) => isPartial) ? 'maybe' : 'yes'
}

/** Rules whose own tests exclude one another: they never hold. */
export function contradictions(rules: readonly Rule[]): ConfigProblem[] {
  return rules.flatMap(({ when }, index) =>
    neverHolds(formOf(when)).map((why) => ({
      path: pathText(['rules', index, 'when']),
      rule: `can never hold: ${why}`,
      value: when,
    })),
  )
}

/** Facts that a rule between two others may have changed: what holds of the one need not hold of the other then. */
const changing = ['class', 'dataClass'] as const

/** Rules that no request comes to, because one before them refuses all of theirs; and routes that are never taken. */
export function shadowedRules(rules: readonly Rule[]): ConfigProblem[] {
  const before: { readonly rule: Rule; readonly form: ConditionForm }[] = []
  const changed = changing.filter((name) => rules.some(({ then }) => then[name] !== undefined))
  return rules.flatMap((rule, index) => {
    const form = formOf(rule.when)
    const covering = before.filter((earlier) => implies(form, earlier.form))
    if (isFinal(rule) && !changed.some((name) => form.names.has(name))) before.push({ rule, form })
    const { then } = rule
    const refuser = covering.find((earlier) => earlier.rule.then.refuse !== undefined)
    if (refuser !== undefined)
      return [unreachable(index, 'is never reached', 'refuses', refuser.rule, rule)]
    const router = covering.find((earlier) => earlier.rule.then.route !== undefined)
    if (router === undefined || Object.keys(then).join() !== 'route') return []
    return [unreachable(index, 'never decides', 'routes', router.rule, rule)]
  })
}

function isFinal({ then }: Rule): boolean {
  return then.refuse !== undefined || then.route !== undefined
}

function unreachable(
  index: number,
  what: string,
  does: string,
  { name }: Rule,
  rule: Rule,
): ConfigProblem {
  return {
    path: pathText(['rules', index]),
    rule: `${what}: the rule "${name}" before it ${does} every request of its kind`,
    value: rule.when,
  }
}
