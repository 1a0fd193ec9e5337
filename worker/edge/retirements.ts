import { pathText, type ConfigProblem } from './config-problem.ts'
import type { Runtime } from './runtime.ts'

/** How long before its last day a model is worth a warning. */
const noticeDays = 60
const msPerDay = 86_400_000

/**
 * Targets whose model its vendor has switched off, or will within 60 days: they
 * go on being asked until then, so this is a warning and refuses nothing.
 */
export function retiringTargets(runtime: Runtime, nowMs: number): ConfigProblem[] {
  const lastDay = new Date(nowMs + noticeDays * msPerDay).toISOString().slice(0, 10)
  return [...runtime.targets.values()].flatMap(({ name, facts }) => {
    const day = facts?.retiresOn
    if (day === undefined || day > lastDay) return []
    const routes = routesOf(runtime, name)
    const used = routes.length === 0 ? 'no route uses it' : `used by ${routes.join(', ')}`
    const rule = `its vendor switches this model off; ${used}`
    return [{ path: pathText(['targets', name]), rule, value: day }]
  })
}

function routesOf({ tiers }: Runtime, target: string): string[] {
  return [...tiers].flatMap(([route, all]) =>
    all.flat().some((entry) => entry.target === target) ? [route] : [],
  )
}
