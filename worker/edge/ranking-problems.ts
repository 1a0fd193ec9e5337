import { pathText, type ConfigProblem } from './config-problem.ts'
import type { Config, RouteConfig } from './config-schema.ts'
import { entriesOfTier, objectiveOfTier } from './tiers.ts'

/** What the schema cannot say of the order of targets: names that are not declared, and options that cancel each other. */
export function rankingProblems(config: Config): ConfigProblem[] {
  return Object.entries(config.routes).flatMap(([name, route]) => [
    ...canaryProblems(config, route, ['routes', name, 'canary']),
    ...affinityProblems(route, ['routes', name, 'affinity']),
  ])
}

function canaryProblems(
  { targets }: Config,
  { canary, tiers }: RouteConfig,
  path: readonly PropertyKey[],
): ConfigProblem[] {
  if (canary === undefined) return []
  const place = pathText([...path, 'target'])
  if (!Object.hasOwn(targets, canary.target))
    return [{ path: place, rule: 'names a target that is not declared', value: canary.target }]
  const others = tiers.flatMap(entriesOfTier).filter(({ target }) => target !== canary.target)
  return others.length > 0
    ? []
    : [
        {
          path: place,
          rule: 'needs another target in the route to stand beside',
          value: canary.target,
        },
      ]
}

function affinityProblems(
  { affinity, objective, tiers }: RouteConfig,
  path: readonly PropertyKey[],
): ConfigProblem[] {
  if (affinity === undefined) return []
  const isFree = tiers.some((tier) => (objectiveOfTier(tier) ?? objective) !== 'priority')
  return isFree
    ? []
    : [
        {
          path: pathText(path),
          rule: 'has nothing to choose under the objective "priority"',
          value: affinity,
        },
      ]
}
