import type { Feature } from '../canonical/features.ts'
import { heldOrder, isCold } from './affinity.ts'
import type { Candidate } from './candidate.ts'
import { isUnmeasured, scoresOf, type Foreseen, type Objective, type Scored } from './objective.ts'
import type { RankingFacts, RankingPolicy } from './ranking.ts'

/** What one request brings to the order of its tiers. */
export interface TierOrder {
  readonly policy: RankingPolicy
  readonly facts: RankingFacts
  readonly foreseen: Foreseen
  /** The target on trial when this request is on its side, else null. */
  readonly canary: string | null
  /** Whether the request needs such a feature. */
  readonly asksFor: (feature: Feature) => boolean
  /** Filled in as tiers are ordered, where an objective scores: the lower the better, null for unknown. */
  readonly scores: Map<Candidate, number | null>
  readonly random: () => number
}

/** Of the requests, those that go to a target nobody has measured, so that it gets measured and no more is risked. */
export const exploreShare = 0.1

/**
 * Orders one tier of a route with options: by its objective, then those that affinity keeps together, then
 * reserved capacity that has room, then the canary. `draw` is the order of tiers without an objective.
 */
export function orderTier(
  tier: readonly Candidate[],
  tierIndex: number,
  order: TierOrder,
  draw: (tier: readonly Candidate[]) => Candidate[],
): readonly Candidate[] {
  const { policy, facts } = order
  const objective = policy.objectives?.[tierIndex] ?? null
  const asked = policy.affinity === undefined ? null : facts.affinityKey
  const key = asked === null || isCold(tier, facts.warmth) ? null : asked
  const chosen = steadyFirst(ordered(tier, objective, key, order, draw), objective, key, order)
  // Weight 0: only when the others of the tier have failed.
  const weighed = behind(chosen, ({ weight }) => weight === 0)
  const reserved = policy.hasReserved === true ? reservedFirst(weighed) : weighed
  return order.canary === null
    ? reserved
    : behind(reserved, ({ target }) => target !== order.canary)
}

function ordered(
  tier: readonly Candidate[],
  objective: Objective | null,
  key: string | null,
  order: TierOrder,
  draw: (tier: readonly Candidate[]) => Candidate[],
): readonly Candidate[] {
  if (objective?.by === 'priority') return tier
  const scores = objective === null ? null : scoresOf(tier, objective, order.foreseen)
  if (objective === null || scores === null)
    return key === null ? draw(tier) : held(tier, key, order)
  for (const { candidate, score } of scores) order.scores.set(candidate, score)
  const sorted = byScore(scores, order.random)
  const kept =
    key === null ? sorted.map(({ candidate }) => candidate) : togetherFirst(sorted, key, order)
  return explored(kept, objective, order.random)
}

/** Lower scores first, unknown ones behind; equal ones in the order that chance gives them. */
function byScore(scores: readonly Scored[], random: () => number): Scored[] {
  return shuffled(scores, random).sort((a, b) => {
    if (a.score === null || b.score === null)
      return Number(a.score === null) - Number(b.score === null)
    return a.score - b.score
  })
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  const all = [...values]
  for (let last = all.length - 1; last > 0; last -= 1) {
    const at = Math.floor(random() * (last + 1))
    const [one, other] = [all[last], all[at]]
    if (one === undefined || other === undefined) continue
    all[last] = other
    all[at] = one
  }
  return all
}

/** Of those that are about as good as the best, in the order of the key; the others behind as they were. */
function togetherFirst(sorted: readonly Scored[], key: string, order: TierOrder): Candidate[] {
  const tolerance = order.policy.affinity?.tolerance ?? 0
  const best = sorted[0]?.score ?? null
  const most = best === null ? Infinity : best + Math.abs(best) * tolerance
  const close: Candidate[] = []
  const others: Candidate[] = []
  for (const { candidate, score } of sorted) {
    const isClose = best === null || (score !== null && score <= most)
    ;(isClose ? close : others).push(candidate)
  }
  return [...held(close, key, order), ...others]
}

function held(
  candidates: readonly Candidate[],
  key: string,
  { facts }: TierOrder,
): readonly Candidate[] {
  return heldOrder(candidates, key, facts.warmth) ?? candidates
}

/** Now and then the first that nobody has measured goes in front: what is never asked is never known. */
function explored(
  sorted: readonly Candidate[],
  objective: Objective,
  random: () => number,
): readonly Candidate[] {
  const unknown = sorted.findIndex((candidate) => isUnmeasured(candidate, objective))
  if (unknown === -1 || sorted.every((candidate) => isUnmeasured(candidate, objective)))
    return sorted
  const others = [...sorted]
  const [tried] = others.splice(unknown, 1)
  if (tried === undefined || random() >= exploreShare) return sorted
  return [tried, ...others]
}

/**
 * What is degraded or recovering keeps its place in that share of the requests only that health gives it. Tiers that
 * are drawn by weight or load count it in already.
 */
function steadyFirst(
  candidates: readonly Candidate[],
  objective: Objective | null,
  key: string | null,
  { random }: TierOrder,
): readonly Candidate[] {
  const isDrawn = key === null && (objective === null || objective.by === 'weighted')
  if (isDrawn || candidates.every(({ health }) => (health?.weight ?? 1) >= 1)) return candidates
  const steady = candidates.map(({ health }) => {
    const weight = health?.weight ?? 1
    return weight >= 1 || random() < weight
  })
  return [
    ...candidates.filter((_, index) => steady[index]),
    ...candidates.filter((_, index) => !steady[index]),
  ]
}

/** Reserved capacity that has room first, then what is paid by use; what is spent spills over to the others. */
function reservedFirst(candidates: readonly Candidate[]): readonly Candidate[] {
  const places: readonly Candidate[][] = [[], [], []]
  for (const candidate of candidates) {
    const { reserved } = candidate
    places[reserved === 'room' ? 0 : reserved === 'spent' ? 2 : 1]?.push(candidate)
  }
  return places.flat()
}

/** Those that are so behind the others, each as they were. */
function behind(
  candidates: readonly Candidate[],
  is: (candidate: Candidate) => boolean,
): readonly Candidate[] {
  if (!candidates.some(is)) return candidates
  return [...candidates.filter((one) => !is(one)), ...candidates.filter(is)]
}
