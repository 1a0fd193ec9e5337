import type { SourcedConstraint } from '../policy/constraint.ts'
import { residencyConstraint } from '../policy/constraints.ts'
import { moreCareful } from '../policy/data-class.ts'
import type { DataClass } from '../policy/request-facts.ts'
import type { Rule } from '../policy/rule.ts'
import { formOf, mayBe, type ConditionForm } from './condition-form.ts'
import { pathText, type ConfigProblem } from './config-problem.ts'
import type { Runtime } from './runtime.ts'
import { isPossible, sourced, targetsOf } from './target-lint.ts'

/** What a route and who asks it demand of every target. */
interface Demanded {
  readonly constraints: readonly SourcedConstraint[]
  readonly dataClass: DataClass | null
}

/** Rules, canaries and shadows that lead to no target, each for a reason that stands elsewhere in the file. */
export function routeDoubts(runtime: Runtime): ConfigProblem[] {
  const rules = (runtime.config.rules ?? []).map((rule, index) => ({
    rule,
    index,
    form: formOf(rule.when),
  }))
  return [
    ...rules.flatMap((one) => [...emptiedRoutes(one, runtime), ...emptiedTenants(one, runtime)]),
    ...[...runtime.routes.keys()].flatMap((name) => [
      ...canaryDoubts(runtime, name),
      ...shadowDoubts(runtime, name),
    ]),
    ...scarcityDoubts(runtime),
  ]
}

interface NumberedRule {
  readonly rule: Rule
  readonly index: number
  readonly form: ConditionForm
}

/** Routes whose requests this rule can be about: where it sends them, else those that it names. */
function routesOf({ rule, form }: NumberedRule, { routes }: Runtime): readonly string[] {
  if (rule.then.route !== undefined) return [rule.then.route]
  return form.facts.has('route')
    ? [...routes.keys()].filter((name) => mayBe(form, 'route', name))
    : []
}

/** Routes that a rule names and then leaves without a target. */
function emptiedRoutes(one: NumberedRule, runtime: Runtime): ConfigProblem[] {
  const { constrain, dataClass } = one.rule.then
  const part = constrain === undefined ? 'dataClass' : 'constrain'
  if (constrain === undefined && dataClass === undefined) return []
  const empty = routesOf(one, runtime).filter(
    (route) =>
      hasTarget(runtime, route, nothing) && !hasTarget(runtime, route, ofRule(one.rule, nothing)),
  )
  return empty.length === 0
    ? []
    : [
        {
          path: pathText(['rules', one.index, 'then', part]),
          rule: `leaves no target of ${quoted(empty)}`,
          value: one.rule.then[part],
        },
      ]
}

/** Tenants that had a target and, by this rule, have none. */
function emptiedTenants(one: NumberedRule, runtime: Runtime): ConfigProblem[] {
  const { then } = one.rule
  const { tenants } = runtime.config
  const lost = Object.entries(tenants).flatMap(([tenant, { tier, routes }]) => {
    const own = ofTenant(runtime, tenant)
    if (own.constraints.length === 0 && own.dataClass === null) return []
    if (tier !== undefined && !mayBe(one.form, 'tenantTier', tier)) return []
    const asked = (routes.includes('*') ? [...runtime.routes.keys()] : routes).filter(
      (route) => mayBe(one.form, 'route', route) && hasTarget(runtime, route, own),
    )
    const after = ofRule(one.rule, own)
    const isLost = asked.every((route) => !hasTarget(runtime, then.route ?? route, after))
    return asked.length > 0 && isLost ? [tenant] : []
  })
  if (lost.length === 0) return []
  const part = then.route !== undefined ? 'route' : then.constrain ? 'constrain' : 'dataClass'
  const path = pathText(['rules', one.index, 'then', part])
  return [{ path, rule: `leaves no target for the tenant ${quoted(lost)}`, value: then[part] }]
}

const nothing: Demanded = { constraints: [], dataClass: null }

function ofTenant({ config }: Runtime, name: string): Demanded {
  const { constraints, residency, dataClass } = config.tenants[name] ?? {}
  const pinned = residency === undefined ? [] : [residencyConstraint(residency)]
  return { constraints: [...sourced(constraints), ...pinned], dataClass: dataClass ?? null }
}

function ofRule({ then }: Rule, before: Demanded): Demanded {
  return {
    constraints: [...before.constraints, ...sourced(then.constrain)],
    dataClass: moreCareful(before.dataClass, then.dataClass ?? null),
  }
}

/** Something of the route may answer somebody who demands that. */
function hasTarget(runtime: Runtime, route: string, demanded: Demanded): boolean {
  return admits(runtime, route, targetsOf(runtime, route), demanded)
}

function admits(
  runtime: Runtime,
  route: string,
  targets: Parameters<typeof isPossible>[0],
  { constraints, dataClass }: Demanded,
): boolean {
  const own = runtime.routes.get(route)
  return isPossible(
    targets,
    [...constraints, ...sourced(own?.constraints)],
    moreCareful(dataClass, own?.dataClass ?? null),
  )
}

/** Tenants of the file that can come to the route: by name, or led there by a rule. */
function tenantsOf({ config }: Runtime, route: string): readonly string[] {
  const isLed = (config.rules ?? []).some(({ then }) => then.route === route)
  return Object.keys(config.tenants).filter((name) => {
    const { routes = [] } = config.tenants[name] ?? {}
    return isLed || routes.includes('*') || routes.includes(route)
  })
}

function canaryDoubts(runtime: Runtime, name: string): ConfigProblem[] {
  const { canary } = runtime.routes.get(name) ?? {}
  const target = canary === undefined ? undefined : runtime.targets.get(canary.target)
  if (target === undefined) return []
  const problem = (rule: string) => [
    { path: pathText(['routes', name, 'canary', 'target']), rule, value: target.name },
  ]
  if (!admits(runtime, name, [target], nothing)) return problem(leftOutByRoute)
  const tenants = tenantsOf(runtime, name)
  const isForNobody = tenants.every(
    (tenant) => !admits(runtime, name, [target], ofTenant(runtime, tenant)),
  )
  return tenants.length > 0 && isForNobody
    ? problem('is always left out: it may answer no tenant of this file that has the route')
    : []
}

const leftOutByRoute = 'is always left out by the constraints or the data class of its route'

/** No shadow is cast of what is regulated or pinned to a place. */
function shadowDoubts(runtime: Runtime, name: string): ConfigProblem[] {
  const { shadow, dataClass } = runtime.routes.get(name) ?? {}
  const target = shadow === undefined ? undefined : runtime.targets.get(shadow.target)
  if (target === undefined) return []
  const problem = (rule: string) => [
    { path: pathText(['routes', name, 'shadow', 'target']), rule, value: target.name },
  ]
  if (dataClass === 'regulated') return problem('is never asked: its route is regulated')
  if (!admits(runtime, name, [target], nothing)) return problem(leftOutByRoute)
  const { tenants } = runtime.config
  const all = tenantsOf(runtime, name)
  const isForNobody = all.every(
    (tenant) =>
      tenants[tenant]?.residency !== undefined ||
      !admits(runtime, name, [target], ofTenant(runtime, tenant)),
  )
  return all.length > 0 && isForNobody
    ? problem(
        'is never asked: every tenant of this file that has the route is pinned, or may not use it',
      )
    : []
}

/** Where nobody says how much a target takes, it is found out by going over it. */
function scarcityDoubts({ config, tiers, targets }: Runtime): ConfigProblem[] {
  if (config.scarcity === undefined) return []
  const used = new Set([...tiers.values()].flat(2).map(({ target }) => target))
  const silent = [...used].filter((name) => targets.get(name)?.maxConcurrent === null)
  const rule =
    'keeps premium tenants as fast as ever only at targets that declare "maxConcurrent", and these do not'
  return silent.length === 0 ? [] : [{ path: 'scarcity', rule, value: silent }]
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ')
}
