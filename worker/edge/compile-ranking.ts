import type { AffinityPolicy } from '../policy/affinity.ts'
import type { CanaryPolicy } from '../policy/canary.ts'
import type { Floors } from '../policy/floors.ts'
import type { BalancedWeights, Objective } from '../policy/objective.ts'
import type { RankingPolicy } from '../policy/ranking.ts'
import type { ReservedRate } from '../policy/reserve.ts'
import { stableName } from '../policy/stable-hash.ts'
import type { Config, RouteConfig } from './config-schema.ts'
import type { AffinityConfig, ObjectiveConfig } from './ranking-schema.ts'
import { entriesOfTier, tiersOf } from './tiers.ts'

/** What "balanced" means where nobody gives it weights. */
const usualWeights: BalancedWeights = {
  cost: 1,
  firstToken: 1,
  throughput: 0.5,
  quality: 1,
  failures: 1,
}

const usualTolerance = 0.2

/** How a route orders its targets; undefined for one that declares nothing of it: most. */
export function rankingOf(
  name: string,
  route: RouteConfig,
  config: Config,
): RankingPolicy | undefined {
  const { targets, objectives: own } = tiersOf(route)
  const objectives = own.map((objective) => objectiveOf(objective ?? route.objective))
  const hasObjective = objectives.some((objective) => objective !== null)
  const hasReserved = targets
    .flat()
    .some(({ target }) => config.targets[target]?.reserved !== undefined)
  const { affinity, canary, floors } = route
  if (!hasObjective && !hasReserved && !affinity && !canary && !floors) return undefined
  const goesByMeasures = objectives.some((objective) => objective !== null && isMeasured(objective))
  return {
    route: name,
    ...(hasObjective ? { objectives } : {}),
    ...(affinity === undefined ? {} : { affinity: affinityOf(affinity) }),
    ...(canary === undefined ? {} : { canary: canaryOf(name, route, canary, config) }),
    ...(floors === undefined ? {} : { floors: floorsOf(floors) }),
    ...(hasReserved ? { hasReserved: true } : {}),
    ...(goesByMeasures || floors !== undefined ? { needsMeasured: true } : {}),
  }
}

/** The reserved capacity of a target; null where it has none. */
export function reservedOf({
  reserved,
}: Pick<Config['targets'][string], 'reserved'>): ReservedRate | null {
  if (reserved === undefined) return null
  const { requestsPerMinute = null, tokensPerMinute = null } = reserved
  return { requestsPerMinute, tokensPerMinute }
}

function objectiveOf(objective: ObjectiveConfig | undefined): Objective | null {
  if (objective === undefined) return null
  if (typeof objective !== 'string') return { by: 'balanced', weights: objective.balanced }
  return objective === 'balanced' ? { by: 'balanced', weights: usualWeights } : { by: objective }
}

function isMeasured({ by }: Objective): boolean {
  return by !== 'weighted' && by !== 'priority'
}

function affinityOf(affinity: AffinityConfig): AffinityPolicy {
  return typeof affinity === 'string' ? { by: affinity, tolerance: usualTolerance } : affinity
}

function floorsOf({
  schemaValidity,
  toolCallSuccess,
  minSamples,
}: NonNullable<RouteConfig['floors']>): Floors {
  return {
    minSamples,
    ...(schemaValidity === undefined ? {} : { schemaValidity }),
    ...(toolCallSuccess === undefined ? {} : { toolCallSuccess }),
  }
}

/** The trial is another one when what it compares is: the canary itself, or the targets that it stands beside. */
function canaryOf(
  route: string,
  { tiers }: Pick<RouteConfig, 'tiers'>,
  canary: NonNullable<RouteConfig['canary']>,
  { targets }: Pick<Config, 'targets'>,
): CanaryPolicy {
  const entries = tiers.flatMap(entriesOfTier)
  return {
    target: canary.target,
    share: canary.share,
    by: canary.by,
    trial: `${route}/${stableName(JSON.stringify([entries, canary, targets[canary.target]]))}`,
    slowAfterMs: canary.slowAfterMs ?? null,
    isListed: entries.some(({ target }) => target === canary.target),
  }
}
