import type { SourcedConstraint } from './constraint.ts'
import { moreCareful } from './data-class.ts'
import type { RequestFacts } from './request-facts.ts'
import type { CompiledRules, Ruling } from './rules.ts'

/** What the rules make of a request that names several routes, targets or models. */
export interface RulingOfNames {
  /** Of all names together; null: no rule matches for any of them. Its `route` and `class` are those of the first name. */
  readonly ruling: Ruling | null
  /** The route of each name after rules, in the order of the names; null: a target or a model. */
  readonly routes: readonly (string | null)[]
}

/**
 * Asks the rules for each name as if it stood alone, so that no name is reached past a rule that holds for it: the
 * first refusal refuses the whole request, the constraints of all hold for every target, the data is as careful as the
 * most careful of them, and a rule that sends a name to another route moves that name. Pure.
 */
export function rulingOfNames(
  rules: CompiledRules,
  facts: RequestFacts,
  routes: readonly (string | null)[],
): RulingOfNames {
  const ruled = new Map<string | null, Ruling | null>()
  const matched = new Set<string>()
  const constraints = new Set<SourcedConstraint>()
  let { dataClass } = facts
  let refusal: Ruling['refusal'] = null
  for (const route of new Set(routes)) {
    const own = rules.apply(route === facts.route ? facts : { ...facts, route })
    ruled.set(route, own)
    if (own === null) continue
    for (const name of own.matched) matched.add(name)
    for (const constraint of own.constraints) constraints.add(constraint)
    dataClass = moreCareful(dataClass, own.dataClass)
    refusal = own.refusal
    if (refusal !== null) break
  }
  const first = ruled.get(facts.route) ?? null
  const ruling: Ruling = {
    route: first?.route ?? null,
    class: first === null ? facts.class : first.class,
    dataClass,
    constraints: [...constraints],
    refusal,
    matched: [...matched],
  }
  return {
    ruling: matched.size === 0 ? null : ruling,
    routes: routes.map((route) => ruled.get(route)?.route ?? route),
  }
}
