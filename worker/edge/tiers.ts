import type { RouteConfig } from './config-schema.ts'
import type { TierIntent } from './ladder-schema.ts'
import type { ObjectiveConfig } from './ranking-schema.ts'

type TierConfig = RouteConfig['tiers'][number]

export interface TierEntry {
  readonly target: string
  readonly weight: number
}

/** It says why it is there, and leaves it to the gateway which targets that are (`chosen-tiers.ts`). */
export function targetsAreChosen(tier: TierConfig): boolean {
  return !Array.isArray(tier) && tier.targets === undefined
}

/** The targets of a tier, however it is written; none where they are still to be chosen. */
export function entriesOfTier(tier: TierConfig): TierEntry[] {
  const targets = Array.isArray(tier) ? tier : (tier.targets ?? [])
  return targets.map((entry) => (typeof entry === 'string' ? { target: entry, weight: 1 } : entry))
}

export function intentOfTier(tier: TierConfig): TierIntent | null {
  return Array.isArray(tier) ? null : (tier.intent ?? null)
}

export function objectiveOfTier(tier: TierConfig): ObjectiveConfig | null {
  return Array.isArray(tier) ? null : (tier.objective ?? null)
}

/** An answer from such a tier is less than what was asked for. */
export function isLesser(intent: TierIntent | null | undefined): boolean {
  return intent === 'smaller' || intent === 'degraded'
}

/**
 * The tiers of a route as the plan sees them: a target that stands in two of them counts in the first, and a tier of
 * which nothing is left is none. A canary that stands in no tier is in the first, by no weight of its own.
 */
export function tiersOf({ tiers, canary }: RouteConfig): {
  readonly targets: readonly (readonly TierEntry[])[]
  readonly intents: readonly (TierIntent | null)[]
  readonly objectives: readonly (ObjectiveConfig | null)[]
} {
  const seen = new Set<string>()
  const kept = tiers
    .map((tier) => ({
      intent: intentOfTier(tier),
      objective: objectiveOfTier(tier),
      entries: entriesOfTier(tier).filter(({ target }) => !seen.has(target) && seen.add(target)),
    }))
    .filter(({ entries }) => entries.length > 0)
  if (canary !== undefined && !seen.has(canary.target))
    kept[0]?.entries.push({ target: canary.target, weight: 0 })
  return {
    targets: kept.map(({ entries }) => entries),
    intents: kept.map(({ intent }) => intent),
    objectives: kept.map(({ objective }) => objective),
  }
}
