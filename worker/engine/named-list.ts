import { noLadder, type Ladders, type RouteLadder } from '../edge/ladder.ts'
import type { ValidateConfig } from '../edge/ladder-schema.ts'
import { withConstraints } from '../edge/policies.ts'
import type { Runtime } from '../edge/runtime.ts'
import type { RequestFacts } from '../policy/classify.ts'
import type { SourcedConstraint } from '../policy/constraint.ts'
import { rulingOfNames } from '../policy/named-rules.ts'
import {
  inOrder,
  type NamedTiers,
  type TierOrigin,
  type WeightedTarget,
} from '../policy/resolve.ts'
import type { RoutePolicy, TierIntent } from '../policy/route-policy.ts'
import type { Ruling } from '../policy/rules.ts'
import type { RouteSettings } from './plan-request.ts'

/**
 * A request that names several routes, targets or models (`models`). The first name decides how it is carried out
 * (times, options, order); what may be asked, and how an answer is judged, bounded and paid for, is what every route
 * among them says: nothing is reached under less policy than by its own name.
 */
export interface NamedList {
  /** Of all names together. */
  readonly ruling: Ruling | null
  /** Those that rules have sent some name to. */
  readonly movedTo: readonly string[]
  /** The route of the first name after rules; null: a target or a model. */
  readonly first: string | null
  /** Other routes among the names after rules, each once. */
  readonly others: readonly string[]
  readonly tiers: readonly (readonly WeightedTarget[])[]
  /** Of each tier. */
  readonly origins: readonly TierOrigin[]
}

export function listOf(
  names: readonly NamedTiers[],
  read: RequestFacts,
  { policies, tiers: tiersOfRoutes }: Runtime,
): NamedList {
  const named = names.map(({ route }) => route)
  const ruled =
    policies.rules === null
      ? { ruling: null, routes: named }
      : rulingOfNames(policies.rules, read, named)
  const { ruling, routes } = ruled
  const [first = null] = routes
  const moved = names.map(({ tiers }, index): NamedTiers => {
    const route = routes[index] ?? null
    const isMoved = route !== null && route !== named[index]
    return { route, tiers: isMoved ? (tiersOfRoutes.get(route) ?? tiers) : tiers }
  })
  // A trial is run by requests that name its route first; all others leave its target alone.
  const canaries = moved.map(({ route }) =>
    route === null || route === first ? undefined : policies.routes.get(route)?.ranking?.canary,
  )
  return {
    ruling,
    movedTo: routes.flatMap((route, index) =>
      route === null || route === named[index] ? [] : [route],
    ),
    first,
    others: [...new Set(routes)].filter((route) => route !== null && route !== first) as string[],
    ...inOrder(moved, (target, index) => canaries[index]?.target === target),
  }
}

/** The policy of the first name with the constraints of all others, and the intents of all tiers. */
export function policyOfList(
  own: RoutePolicy,
  { others, origins }: NamedList,
  { policies }: Runtime,
): RoutePolicy {
  const constraints = others.flatMap((route) =>
    (policies.routes.get(route)?.constraints ?? []).map((one) => ofRoute(one, route)),
  )
  const intents = origins.map(({ route, tier }): TierIntent | null =>
    route === null ? null : (policies.routes.get(route)?.intents?.[tier] ?? null),
  )
  const narrowed = withConstraints(own, constraints)
  return intents.every((intent) => intent === null) ? narrowed : { ...narrowed, intents }
}

const namedConstraints = new WeakMap<SourcedConstraint, SourcedConstraint>()

/** Says which of the routes it is that asks; one object a route, since constraints are compiled by object. */
function ofRoute(own: SourcedConstraint, route: string): SourcedConstraint {
  let named = namedConstraints.get(own)
  if (named === undefined) {
    named = { ...own, source: `the route "${route}"` }
    namedConstraints.set(own, named)
  }
  return named
}

/** Those of the first name, within the smallest limits of all. */
export function settingsOfList(
  own: RouteSettings,
  { others }: NamedList,
  { routes }: Runtime,
): RouteSettings {
  let { maxAttempts, maxOutputTokens } = own.limits
  for (const name of others) {
    const limits = routes.get(name)?.limits
    if (limits === undefined) continue
    maxAttempts = Math.min(maxAttempts, limits.maxAttempts)
    maxOutputTokens = least(maxOutputTokens, limits.maxOutputTokens)
  }
  const limits = { maxAttempts, ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }) }
  return { ...own, limits }
}

function least(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other)
}

/**
 * The ladder of the first name, on which lesser tiers of all count as such, answers are held against the rules of the
 * route they come from as well, and the humblest of all has the turn. Undefined where none of the routes has one.
 */
export function ladderOfList(
  { first, others, origins, tiers }: NamedList,
  ladders: Ladders,
): RouteLadder | undefined {
  const own = ladders.get(first)
  const behind = others.flatMap((route) => ladders.get(route) ?? [])
  if (behind.length === 0) return own
  const base = own ?? noLadder
  const checks = new Map<string, ValidateConfig>()
  for (const [index, { route }] of origins.entries()) {
    const rules = route === first ? null : (ladders.get(route)?.validation ?? null)
    if (route === null || rules === null) continue
    for (const { target } of tiers[index] ?? []) checks.set(target, rules)
  }
  const isHeld = [...checks.values()].some(({ buffer }) => buffer === true)
  return {
    ...base,
    ...(checks.size === 0
      ? {}
      : { validation: { ...base.validation, ...(isHeld ? { buffer: true } : {}) }, checks }),
    intents: origins.map(({ route, tier }) => ladders.get(route)?.intents[tier] ?? null),
    priority: [base, ...behind].reduce<RouteLadder['priority']>(
      (humblest, { priority }) =>
        priorities.indexOf(priority) < priorities.indexOf(humblest) ? priority : humblest,
      'critical',
    ),
  }
}

/** From the humblest upwards. */
const priorities: readonly RouteLadder['priority'][] = ['batch', 'standard', 'critical']
