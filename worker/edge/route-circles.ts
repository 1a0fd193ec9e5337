import { compileGlobs } from '../policy/glob.ts'
import { wordsOf } from '../policy/predicates.ts'
import type { Condition, Rule, TextTest } from '../policy/rule.ts'
import { pathText, type ConfigProblem } from './config-problem.ts'
import { canHoldTogether, demandsOf, type Demands } from './rule-lint.ts'

/** A rule that sends the requests of some routes, which it asks for by name or pattern, to another route. */
interface Move {
  readonly index: number
  readonly from: ReadonlySet<string>
  readonly to: string
  /** What it asks beside the route. */
  readonly demands: Demands
}

/** What leads back to where it came from: surely, or as far as can be seen. */
export interface RouteCircles {
  readonly errors: readonly ConfigProblem[]
  readonly warnings: readonly ConfigProblem[]
}

/**
 * Rules that ask for a route and send its requests to that route, or to one whose rules send the same requests back.
 * Each request is sent on only once, so one of such rules does what its author did not mean. Rules whose other tests
 * exclude one another are no circle; where these tests hold an `any` or a `not`, nobody can be sure, and it is a warning.
 */
export function routeCircles(rules: readonly Rule[], routes: readonly string[]): RouteCircles {
  const moves = rules.flatMap((rule, index) => moveOf(rule, index, routes))
  const errors: ConfigProblem[] = []
  const warnings: ConfigProblem[] = []
  for (const move of moves) {
    const path = pathText(['rules', move.index, 'then', 'route'])
    if (move.from.has(move.to)) {
      errors.push({ path, rule: 'leads back to a route that the rule asks for', value: move.to })
      continue
    }
    const chain = chainBack(move, moves)
    if (chain === null) continue
    const names = chain.map(({ to }) => to).join(' -> ')
    const isSure = canHoldTogether(chain.map(({ demands }) => demands)) === 'yes'
    const rule = `${isSure ? 'goes' : 'may go'} in a circle with other rules: ${names}; each request is sent on only once`
    ;(isSure ? errors : warnings).push({ path, rule, value: move.to })
  }
  return { errors, warnings }
}

function moveOf({ when, then }: Rule, index: number, routes: readonly string[]): Move[] {
  const { route } = then
  if (route === undefined || !asksForRoute(when)) return []
  const from = new Set(routes.filter((name) => verdictOn(when, name) !== 'no'))
  return [{ index, from, to: route, demands: demandsOf(withoutRoute(when)) }]
}

/** The shortest way of rules, `start` in front, that ends in a route which `start` asks for, for requests that may hold to all; or null. */
function chainBack(start: Move, moves: readonly Move[]): readonly Move[] | null {
  const ways: Move[][] = [[start]]
  const seen = new Set([start.to])
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    const at = way.at(-1)?.to ?? start.to
    for (const move of moves) {
      if (!move.from.has(at) || move.from.has(move.to)) continue
      if (canHoldTogether([start.demands, move.demands]) === 'no') continue
      if (start.from.has(move.to)) return [...way, move]
      if (!seen.has(move.to)) ways.push([...way, move])
      seen.add(move.to)
    }
  }
  return null
}

type Verdict = 'yes' | 'no' | 'maybe'

/** Whether a condition holds for requests of `route`, whatever else they are. */
function verdictOn({ route, all = [], any, not, ...tests }: Condition, name: string): Verdict {
  const parts: Verdict[] = all.map((part) => verdictOn(part, name))
  if (route !== undefined) parts.push(matches(route, name) ? 'yes' : 'no')
  if (any !== undefined) parts.push(anyOf(any.map((part) => verdictOn(part, name))))
  if (not !== undefined) parts.push(opposite[verdictOn(not, name)])
  if (Object.values(tests).some((test) => test !== undefined)) parts.push('maybe')
  if (parts.includes('no')) return 'no'
  return parts.includes('maybe') ? 'maybe' : 'yes'
}

const opposite: Readonly<Record<Verdict, Verdict>> = { yes: 'no', no: 'yes', maybe: 'maybe' }

function anyOf(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('yes')) return 'yes'
  return verdicts.includes('maybe') ? 'maybe' : 'no'
}

function matches(test: TextTest, name: string): boolean {
  const words = wordsOf(test)
  if (words !== null) return words.includes(name)
  const { glob } = test as { readonly glob: string | readonly string[] }
  return compileGlobs(typeof glob === 'string' ? [glob] : glob)(name)
}

function asksForRoute({ route, all = [], any = [], not }: Condition): boolean {
  return (
    route !== undefined || [...all, ...any, ...(not === undefined ? [] : [not])].some(asksForRoute)
  )
}

/** The condition without what it asks of the route alone. */
function withoutRoute({ route: _route, all, any, not, ...tests }: Condition): Condition {
  return {
    ...tests,
    ...(all === undefined ? {} : { all: all.map(withoutRoute) }),
    ...(any === undefined || any.every(isOfRouteAlone) ? {} : { any }),
    ...(not === undefined || isOfRouteAlone(not) ? {} : { not }),
  }
}

function isOfRouteAlone({ route: _route, all = [], any = [], not, ...tests }: Condition): boolean {
  return (
    Object.values(tests).every((test) => test === undefined) &&
    [...all, ...any, ...(not === undefined ? [] : [not])].every(isOfRouteAlone)
  )
}
