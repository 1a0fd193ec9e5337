import type { SourcedConstraint } from './constraint.ts'
import type { RankingPolicy } from './ranking.ts'

/** Why a tier is there: the same family elsewhere, a cheaper or a smaller model, or a degraded answer. */
export type TierIntent = 'same-family' | 'cheaper' | 'smaller' | 'degraded'

/**
 * How the targets of one route are narrowed and ordered, compiled once per isolate
 * and route. Each part is absent where nobody declared it.
 */
export interface RoutePolicy {
  /** Every one of them has to be met: what is added can only narrow. */
  readonly constraints?: readonly SourcedConstraint[]
  /** Objectives, affinity, canary, reserved capacity, floors. */
  readonly ranking?: RankingPolicy
  /** Of each tier; absent where no tier declares one. */
  readonly intents?: readonly (TierIntent | null)[]
}

/** Of every route that declares nothing: one object, so that nothing is allocated for it. */
export const plainPolicy: RoutePolicy = Object.freeze({})
