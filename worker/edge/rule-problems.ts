import { findings } from '../policy/data-scan.ts'
import { between, wordsOf } from '../policy/predicates.ts'
import { dataClasses, requestClasses, sizes } from '../policy/request-facts.ts'
import {
  listFacts,
  numberFacts,
  orderedFacts,
  ruleLimits,
  textFacts,
  type Condition,
  type NumberTest,
  type OrderedTest,
  type TextTest,
} from '../policy/rule.ts'
import { pathText, type ConfigProblem } from './config-problem.ts'
import type { Config } from './config-schema.ts'
import { feature } from './policy-schema.ts'
import { routeCircles } from './route-circles.ts'
import { contradictions, shadowedRules } from './rule-lint.ts'

type Path = readonly PropertyKey[]

/** Why `rules` can never work as they are written: names that lead nowhere, words that no fact can be, bounds. */
export function ruleProblems(config: Config): ConfigProblem[] {
  const rules = config.rules ?? []
  const bounds = boundProblems(rules)
  // What is too large is not looked into.
  if (bounds.length > 0) return bounds
  return [
    ...twiceNamed(rules),
    ...rules.flatMap(({ when, then }, index) => [
      ...conditionProblems(when, ['rules', index, 'when'], config),
      ...routeProblems(then.route, ['rules', index, 'then', 'route'], config),
    ]),
    ...contradictions(rules),
    ...shadowedRules(rules),
    ...routeCircles(rules, Object.keys(config.routes)).errors,
  ]
}

type Rules = NonNullable<Config['rules']>

function boundProblems(rules: Rules): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  let tests = 0
  for (const [index, { when }] of rules.entries()) {
    const own = testsIn(when)
    const depth = depthOf(when)
    tests += own
    const path = pathText(['rules', index, 'when'])
    if (depth > ruleLimits.depth) {
      const rule = `"all", "any" and "not" stand at most ${ruleLimits.depth} deep in one another`
      problems.push({ path, rule, value: depth })
    }
    if (own > ruleLimits.testsOfRule)
      problems.push({ path, rule: `has at most ${ruleLimits.testsOfRule} tests`, value: own })
  }
  if (tests > ruleLimits.tests)
    problems.push({
      path: 'rules',
      rule: `have at most ${ruleLimits.tests} tests together`,
      value: tests,
    })
  return problems
}

function partsOf({ all = [], any = [], not }: Condition): readonly Condition[] {
  return [...all, ...any, ...(not === undefined ? [] : [not])]
}

function depthOf(condition: Condition): number {
  return Math.max(0, ...partsOf(condition).map((part) => depthOf(part) + 1))
}

/** Values and patterns count each: together they bound what one request can cost. */
function testsIn(condition: Condition): number {
  const { all: _all, any: _any, not: _not, tags = {}, ...tests } = condition
  const own = [...Object.values(tests), ...Object.values(tags)]
  return (
    own.reduce<number>((sum, test) => sum + valuesIn(test), 0) +
    partsOf(condition).reduce((sum, part) => sum + testsIn(part), 0)
  )
}

function valuesIn(test: unknown): number {
  if (Array.isArray(test)) return test.length
  if (typeof test !== 'object' || test === null) return 1
  const [only] = Object.values(test)
  return Array.isArray(only) ? only.length : 1
}

function twiceNamed(rules: Rules): ConfigProblem[] {
  const names = rules.map(({ name }) => name)
  return names.flatMap((name, index) =>
    names.indexOf(name) === index
      ? []
      : [
          {
            path: pathText(['rules', index, 'name']),
            rule: 'is the name of another rule',
            value: name,
          },
        ],
  )
}

function routeProblems(route: string | undefined, path: Path, { routes }: Config): ConfigProblem[] {
  if (route === undefined || Object.hasOwn(routes, route)) return []
  return [{ path: pathText(path), rule: 'names a route that is not declared', value: route }]
}

function conditionProblems(condition: Condition, path: Path, config: Config): ConfigProblem[] {
  const { all = [], any = [], not } = condition
  const words = [...textFacts, ...orderedFacts, ...listFacts].flatMap((name) => {
    const test = condition[name]
    const known = knownWords(name, config)
    return test === undefined || known === null ? [] : wordProblems(test, known, [...path, name])
  })
  return [
    ...words,
    ...numberFacts.flatMap((name) => rangeProblems(condition[name], [...path, name])),
    ...all.flatMap((part, index) => conditionProblems(part, [...path, 'all', index], config)),
    ...any.flatMap((part, index) => conditionProblems(part, [...path, 'any', index], config)),
    ...(not === undefined ? [] : conditionProblems(not, [...path, 'not'], config)),
  ]
}

/** All that a fact can be; null: nobody can say. */
function knownWords(name: string, { routes }: Config): readonly string[] | null {
  switch (name) {
    case 'route':
      return Object.keys(routes)
    case 'class':
      return requestClasses
    case 'size':
      return sizes
    case 'dataClass':
      return dataClasses
    case 'needs':
      return feature.options
    case 'found':
      return findings
    default:
      return null
  }
}

function wordProblems(
  test: TextTest | OrderedTest,
  known: readonly string[],
  path: Path,
): ConfigProblem[] {
  const at = pathText(path)
  if (typeof test === 'object' && 'range' in test) {
    const { from, to } = test.range
    const strange = [from, to].filter((word) => word !== undefined && !known.includes(word))
    if (strange.length > 0) return strange.map((value) => unknownWord(at, value, known))
    return between(known, test.range).length > 0 ? [] : [emptyRange(at, test.range)]
  }
  const words = wordsOf(test as TextTest) ?? []
  return words.filter((word) => !known.includes(word)).map((word) => unknownWord(at, word, known))
}

const mostShown = 60

function unknownWord(path: string, value: unknown, known: readonly string[]): ConfigProblem {
  const rule =
    known.length > mostShown
      ? 'is no word that this fact can be'
      : `must be one of ${known.join(', ')}`
  return { path, rule, value }
}

function emptyRange(path: string, value: unknown): ConfigProblem {
  return { path, rule: 'holds nothing: "from" is behind "to"', value }
}

function rangeProblems(test: NumberTest | undefined, path: Path): ConfigProblem[] {
  if (typeof test !== 'object' || !('range' in test)) return []
  const { from = 0, to = Infinity } = test.range
  return from <= to ? [] : [emptyRange(pathText(path), test.range)]
}
