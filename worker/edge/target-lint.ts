import type { Feature } from '../canonical/features.ts'
import { classify } from '../policy/classify.ts'
import type { Constraint, SourcedConstraint } from '../policy/constraint.ts'
import { judgeOf, residencyConstraint, tooCareful } from '../policy/constraints.ts'
import { moreCareful } from '../policy/data-class.ts'
import { compileGlob } from '../policy/glob.ts'
import type { DataClass, RequestClass } from '../policy/request-facts.ts'
import { noRequest } from '../policy/content-needs.ts'
import { pathText, type ConfigProblem } from './config-problem.ts'
import type { Runtime, Target } from './runtime.ts'

type Path = readonly PropertyKey[]

/** The facts of no request in particular: what stands against a target with them stands against it always. */
const noFacts = classify(noRequest)

/** These constraints can ever let one of the targets through, with data of this class. What has to be measured first may be tomorrow. */
export function isPossible(
  targets: readonly Target[],
  constraints: readonly SourcedConstraint[],
  dataClass: DataClass | null = null,
): boolean {
  const facts = { ...noFacts, dataClass }
  const judge = judgeOf(constraints, facts)
  return targets.some(({ standing }) => {
    const candidate = { ...standing, tier: 0, weight: 1, notBeforeMs: 0 }
    if (tooCareful(candidate, facts) !== null) return false
    const against = judge(candidate)
    return against === null || against.unavailable === true
  })
}

export function sourced(constraint: Constraint | undefined): readonly SourcedConstraint[] {
  return constraint === undefined ? [] : [{ source: '', constraint }]
}

const leavesNone = 'leaves no target'

/** Constraints that leave nothing of what they are for: nobody could ever be answered. */
export function impossible(runtime: Runtime): ConfigProblem[] {
  const all = [...runtime.targets.values()]
  const { config } = runtime
  const problem = (path: Path, rule: string, value: unknown): ConfigProblem => ({
    path: pathText(path),
    rule,
    value,
  })
  const routes = [...runtime.routes].flatMap(([name, { constraints, dataClass }]) => {
    const targets = targetsOf(runtime, name)
    if (constraints !== undefined && !isPossible(targets, sourced(constraints)))
      return [problem(['routes', name, 'constraints'], `${leavesNone} of the route`, constraints)]
    return dataClass === undefined || isPossible(targets, sourced(constraints), dataClass)
      ? []
      : [problem(['routes', name, 'dataClass'], `${leavesNone} of the route`, dataClass)]
  })
  const rules = (config.rules ?? []).flatMap(({ then: { constrain } }, index) =>
    constrain === undefined || isPossible(all, sourced(constrain))
      ? []
      : [problem(['rules', index, 'then', 'constrain'], leavesNone, constrain)],
  )
  const tenants = Object.entries(config.tenants).flatMap(([name, tenant]) => {
    const { constraints, residency, dataClass } = tenant
    const at = ['tenants', name]
    if (dataClass !== undefined && !isPossible(all, [], dataClass))
      return [problem([...at, 'dataClass'], leavesNone, dataClass)]
    if (residency !== undefined && !isPossible(all, [residencyConstraint(residency)]))
      return [problem([...at, 'residency'], leavesNone, residency)]
    return constraints === undefined || isPossible(all, sourced(constraints))
      ? []
      : [problem([...at, 'constraints'], leavesNone, constraints)]
  })
  return [...routes, ...rules, ...tenants]
}

export function targetsOf({ tiers, targets }: Runtime, route: string): readonly Target[] {
  return (tiers.get(route) ?? []).flat().flatMap(({ target }) => targets.get(target) ?? [])
}

/** What may be meant so and is more likely a mistake. */
export function doubtful(runtime: Runtime): ConfigProblem[] {
  return [
    ...[...runtime.routes.keys()].flatMap((name) => tierDoubts(runtime, name)),
    ...tenantDoubts(runtime),
    ...patternDoubts(runtime),
    ...priceDoubts(runtime),
  ]
}

/** What a target has to be able to do for requests of a class. */
const promises: Readonly<Partial<Record<RequestClass, readonly Feature[]>>> = {
  agentic: ['tools'],
  extraction: ['jsonSchema'],
  vision: ['imageBase64'],
  audio: ['audioInput'],
  image: ['imageOutput'],
  reasoning: ['reasoning'],
}

/** Tiers of which nothing can do what the route is for. */
function tierDoubts(runtime: Runtime, name: string): ConfigProblem[] {
  const route = runtime.routes.get(name)
  const tiers = runtime.tiers.get(name) ?? []
  const features = route?.class === undefined ? undefined : promises[route.class]
  const most = route?.limits.maxOutputTokens
  return tiers.flatMap((tier, index) => {
    const targets = tier.flatMap(({ target }) => runtime.targets.get(target) ?? [])
    const value = targets.map((target) => target.name)
    const doubt = (rule: string) => [
      { path: pathText(['routes', name, 'tiers', index]), rule, value },
    ]
    if (!isPossible(targets, sourced(route?.constraints)))
      return doubt('no target of this tier meets the constraints of the route')
    if (!isPossible(targets, sourced(route?.constraints), route?.dataClass))
      return doubt(`no target of this tier may be sent data that is ${route?.dataClass}`)
    if (features !== undefined && !isPossible(targets, sourced({ features })))
      return doubt(
        `no target of this tier can do what "${route?.class}" needs: ${features.join(', ')}`,
      )
    if (
      most !== undefined &&
      targets.every(({ standing }) => (standing.maxOutputTokens ?? Infinity) < most)
    )
      return doubt(
        `no target of this tier gives answers of ${most} tokens (limits.maxOutputTokens)`,
      )
    return []
  })
}

/** Routes that a tenant may name and that have no target for it. */
function tenantDoubts(runtime: Runtime): ConfigProblem[] {
  return Object.entries(runtime.config.tenants).flatMap(([name, tenant]) => {
    const { residency, constraints, routes, dataClass = null } = tenant
    if (residency === undefined && constraints === undefined && dataClass === null) return []
    const asked = [
      ...sourced(constraints),
      ...(residency === undefined ? [] : [residencyConstraint(residency)]),
    ]
    const named = routes.includes('*') ? [...runtime.routes.keys()] : routes
    const empty = named.filter((route) => {
      const own = runtime.routes.get(route)
      const careful = moreCareful(dataClass, own?.dataClass ?? null)
      return !isPossible(
        targetsOf(runtime, route),
        [...asked, ...sourced(own?.constraints)],
        careful,
      )
    })
    const rule = `leaves no target of ${empty.map((route) => `"${route}"`).join(', ')}`
    const part = residency !== undefined ? 'residency' : constraints ? 'constraints' : 'dataClass'
    return empty.length === 0
      ? []
      : [{ path: pathText(['tenants', name, part]), rule, value: tenant[part] }]
  })
}

/** Patterns that name nothing there is: a target was renamed, or it is a slip of the pen. */
function patternDoubts({ config, targets }: Runtime): ConfigProblem[] {
  const names = [...targets.keys()]
  const all: [Path, Constraint | undefined][] = [
    ...Object.entries(config.routes).map(
      ([name, { constraints }]): [Path, Constraint | undefined] => [
        ['routes', name, 'constraints'],
        constraints,
      ],
    ),
    ...Object.entries(config.tenants).map(
      ([name, { constraints }]): [Path, Constraint | undefined] => [
        ['tenants', name, 'constraints'],
        constraints,
      ],
    ),
    ...(config.rules ?? []).map(({ then }, index): [Path, Constraint | undefined] => [
      ['rules', index, 'then', 'constrain'],
      then.constrain,
    ]),
  ]
  return all.flatMap(([path, constraint]) =>
    (['allow', 'deny'] as const).flatMap((list) =>
      (constraint?.[list] ?? []).flatMap((pattern, index) =>
        names.some(compileGlob(pattern))
          ? []
          : [
              {
                path: pathText([...path, list, index]),
                rule: 'matches no declared target',
                value: pattern,
              },
            ],
      ),
    ),
  )
}

/** With a ledger a target without a price is refused (402); without one nobody knows what it costs. */
function priceDoubts({ targets, tiers, config }: Runtime): ConfigProblem[] {
  // Canaries, hedges and best-of take theirs from the tiers; a shadow stands beside them.
  const shadows = Object.values(config.routes).map(({ shadow }) => shadow?.target)
  const used = new Set([...[...tiers.values()].flat(2).map(({ target }) => target), ...shadows])
  const rule =
    config.ledger.mode === 'off'
      ? 'has no price: nobody knows what it costs'
      : 'has no price: the ledger refuses requests to it (402)'
  return [...targets.values()].flatMap(({ name, facts }) =>
    !used.has(name) || (facts !== null && facts.prices !== null)
      ? []
      : [{ path: pathText(['targets', name]), rule, value: facts?.prices ?? null }],
  )
}
