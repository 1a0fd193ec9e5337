import type { Feature } from '../canonical/features.ts'
import type { ProviderPreferences } from '../canonical/request.ts'
import { canarySide, withoutCanary, type CanarySide, type TrialMark } from './canary.ts'
import type { Candidate, Exclusion } from './candidate.ts'
import type { RequestFacts } from './classify.ts'
import { belowFloor } from './floors.ts'
import { OrderNotes } from './order-notes.ts'
import type { TierOrder } from './order-tier.ts'
import { rank } from './rank.ts'
import {
  plainRankingFacts,
  type RankingFacts,
  type RankingPolicy,
  type StepMark,
} from './ranking.ts'

/** The candidates of a route with options, in order, and what is to be said of it. */
export interface Arranged {
  readonly ordered: readonly Candidate[]
  readonly exclusions: readonly Exclusion[]
  /** Why a candidate stands where it does in its tier, in some words; null where nothing of the options says so. */
  readonly noteOf: (candidate: Candidate, index: number) => string | null
  /** What the objective of its tier makes of a candidate, the lower the better; null: unknown, or it makes nothing. */
  readonly scoreOf: (candidate: Candidate) => number | null
  /** Why a candidate was passed over although it may be asked, or null. */
  readonly passedOver: (candidate: Candidate) => string | null
  /** What has to be said of the first choice beside: its canary was stopped. Null: nothing. */
  readonly aside: string | null
  /** What the calls carry along, by their place in the order. */
  readonly markOf: (index: number) => StepMark
}

export interface Arrangement {
  readonly policy: RankingPolicy
  readonly facts: RequestFacts
  readonly ranking: RankingFacts | undefined
  /** The caller's, or those that a budget asks for: they win over the options of the route. */
  readonly preferences: ProviderPreferences
  readonly nowMs: number
  readonly random: () => number
}

/** Orders what is left of a route with options: the canary first, then each tier by its own. */
export function arrange(candidates: readonly Candidate[], arrangement: Arrangement): Arranged {
  const { policy, facts, preferences, nowMs, random } = arrangement
  const ranking = arrangement.ranking ?? plainRankingFacts
  const { canary } = policy
  const side = canary === undefined ? null : canarySide(canary, ranking.canaryKey, random)
  const allowed =
    canary === undefined || side === null
      ? { kept: candidates, exclusions: [] }
      : withoutCanary(candidates, canary, side, ranking.canaryStopped)
  const isOnTrial = side === 'canary' && ranking.canaryStopped === null
  const order: TierOrder = {
    policy,
    facts: ranking,
    foreseen: {
      promptTokens: facts.promptTokens,
      maxOutputTokens: facts.maxOutputTokens,
      outputTokens: ranking.outputTokens,
      warmth: ranking.warmth,
      isHeldTogether: ranking.affinityKey !== null || ranking.warmth !== null,
    },
    canary: isOnTrial ? (canary?.target ?? null) : null,
    asksFor: (feature: Feature) => facts.needs.some((need) => need.feature === feature),
    scores: new Map(),
    random,
  }
  const ordered = rank(allowed.kept, preferences, nowMs, random, order, facts.promptTokens)
  const trial = trialOf(ordered[0], policy, side, ranking)
  const { affinityKey } = ranking
  const { route, floors } = policy
  const behindFirst: StepMark = { route, affinityKey, trial: null }
  const notes = new OrderNotes(allowed.kept, order)
  return {
    ordered,
    exclusions: allowed.exclusions,
    noteOf: (candidate, index) => notes.of(candidate, index),
    scoreOf: (candidate) => order.scores.get(candidate) ?? null,
    passedOver: (candidate) =>
      floors === undefined ? null : belowFloor(candidate, floors, order.asksFor),
    aside: side === 'canary' ? asideOf(allowed.exclusions) : null,
    markOf: (index) => (index === 0 ? { ...behindFirst, trial } : behindFirst),
  }
}

/** A call of the other side counts against the canary's only while there is a trial, and never when the canary itself made it. */
function trialOf(
  first: Candidate | undefined,
  { canary }: RankingPolicy,
  side: CanarySide | null,
  { canaryStopped }: RankingFacts,
): TrialMark | null {
  if (canary === undefined || side === null || first === undefined || canaryStopped !== null)
    return null
  const isCanary = first.target === canary.target
  if (isCanary !== (side === 'canary')) return null
  const { trial, target, slowAfterMs } = canary
  return { trial, side, target, slowAfterMs }
}

/** Of a request that would have gone to the canary. */
function asideOf([stopped]: readonly Exclusion[]): string | null {
  return stopped === undefined ? null : `${stopped.target} passed over: ${stopped.reason}`
}
