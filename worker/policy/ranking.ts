import type { AffinityPolicy, Warmth } from './affinity.ts'
import type { CanaryPolicy, TrialMark } from './canary.ts'
import type { Floors } from './floors.ts'
import type { Objective } from './objective.ts'

/** How a route orders its targets, compiled once per isolate. Each part is absent where nobody declared it. */
export interface RankingPolicy {
  /** The route, as it is called. */
  readonly route: string
  /** One for each tier; null: as ever. Absent when no tier has one. */
  readonly objectives?: readonly (Objective | null)[]
  readonly affinity?: AffinityPolicy
  readonly canary?: CanaryPolicy
  readonly floors?: Floors
  /** A target of the route has capacity that is paid for anyway. */
  readonly hasReserved?: true
  /** Some part of this goes by measurements. */
  readonly needsMeasured?: true
}

/** What a planned call of such a route carries along, so that its outcome is remembered where it belongs. */
export interface StepMark {
  readonly route: string
  readonly affinityKey: string | null
  /** It counts on a side of a trial: the first call of a request alone. */
  readonly trial: TrialMark | null
}

/** What the order of one request goes by beside its targets. Plain data, gathered by whoever asks for the plan. */
export interface RankingFacts {
  /** Digest of what keeps requests together (`affinity.by`); null: nothing does. */
  readonly affinityKey: string | null
  /** Digest of what stays on its side of a trial (`canary.by`). */
  readonly canaryKey: string | null
  readonly warmth: Warmth | null
  /** Tokens of output of the route's answers on average; null: none are known. */
  readonly outputTokens: number | null
  /** Why the canary was stopped; null while it runs. */
  readonly canaryStopped: string | null
}

export const plainRankingFacts: RankingFacts = Object.freeze({
  affinityKey: null,
  canaryKey: null,
  warmth: null,
  outputTokens: null,
  canaryStopped: null,
})
