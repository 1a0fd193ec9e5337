import type { Config, RouteConfig } from './config-schema.ts'
import { pathText, type ConfigProblem } from './config-problem.ts'

/** In front of the name of a route: who pays for its shadow. No tenant is called so. */
export const shadowTenantPrefix = 'shadow.'

/** Whether the shadow of a route is paid for in this ledger: an operator may look into it as into that of a tenant. */
export function isShadowPayer({ routes }: Config, tenant: string): boolean {
  if (!tenant.startsWith(shadowTenantPrefix)) return false
  return routes[tenant.slice(shadowTenantPrefix.length)]?.shadow !== undefined
}

/** The ledgers of shadows are named as tenants are, at most 64 characters. */
const longestShadowedName = 64 - shadowTenantPrefix.length

/** What the schema cannot say of hedges, best-of and shadows. */
export function parallelProblems({ routes, targets, tenants, ledger }: Config): ConfigProblem[] {
  const reserved = Object.keys(tenants).filter((name) => name.startsWith(shadowTenantPrefix))
  return [
    ...Object.entries(routes).flatMap(([name, route]) => [
      ...routeProblems(name, route, targets),
      ...(ledger.mode === 'off' ? unpaidProblems(name, route) : []),
    ]),
    ...reserved.map((name) => ({
      path: pathText(['tenants', name]),
      rule: `names that begin with "${shadowTenantPrefix}" are reserved for the budgets of shadows`,
      value: name,
    })),
  ]
}

function routeProblems(
  name: string,
  { hedge, bestOf, shadow }: RouteConfig,
  targets: Config['targets'],
): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const path = (...rest: readonly string[]) => pathText(['routes', name, ...rest])
  if (hedge !== undefined && bestOf !== undefined)
    problems.push({
      path: path('hedge'),
      rule: 'cannot stand beside "bestOf", which asks several targets anyway',
      value: hedge,
    })
  if (shadow === undefined) return problems
  if (!Object.hasOwn(targets, shadow.target))
    problems.push({
      path: path('shadow', 'target'),
      rule: 'names a target that is not declared',
      value: shadow.target,
    })
  if (name.length > longestShadowedName)
    problems.push({
      path: path('shadow'),
      rule: `needs a route whose name has at most ${longestShadowedName} characters`,
      value: name,
    })
  return problems
}

function unpaidProblems(name: string, { shadow }: RouteConfig): ConfigProblem[] {
  if (shadow === undefined) return []
  const rule = 'needs the ledger, which is off: a shadow has a budget'
  return [{ path: pathText(['routes', name, 'shadow']), rule, value: shadow }]
}
