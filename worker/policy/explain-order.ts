import { heldOrder } from './affinity.ts'
import { canarySide } from './canary.ts'
import type { Candidate } from './candidate.ts'
import type { Plan } from './plan.ts'
import type { PlanInput } from './plan-input.ts'
import { plainRankingFacts } from './ranking.ts'
import { seededRandom } from './seeded-random.ts'

/** Which side of a trial this request is on. */
export interface CanaryView {
  readonly target: string
  readonly share: number
  readonly by: string
  readonly side: 'canary' | 'control'
  /** Why the trial was stopped; null while it runs. */
  readonly stopped: string | null
}

/** Null where the route has no canary. */
export function explainCanary({ policy, ranking, seed }: PlanInput): CanaryView | null {
  const canary = policy.ranking?.canary
  if (canary === undefined) return null
  const { canaryKey, canaryStopped } = ranking ?? plainRankingFacts
  const { target, share, by } = canary
  // The first that is drawn for a plan of such a route.
  const side = canarySide(canary, canaryKey, seededRandom(seed))
  return { target, share, by, side, stopped: canaryStopped }
}

/** What keeps this request together with others. */
export interface AffinityView {
  readonly by: string
  readonly tolerance: number
  /** The request has something to be kept together by. */
  readonly applies: boolean
  /** Of the first tier of the plan, where its like go as long as nothing better is to be had; null where it does not apply, or the cache of the last one's provider is cold. */
  readonly target: string | null
  /** Where the last of its like went. */
  readonly warm: { readonly target: string; readonly ago_ms: number } | null
}

/** Null where the route has no affinity. */
export function explainAffinity(
  { policy, ranking = plainRankingFacts, candidates }: PlanInput,
  plan: Plan,
): AffinityView | null {
  const affinity = policy.ranking?.affinity
  if (affinity === undefined) return null
  const { affinityKey, warmth } = ranking
  const { by, tolerance } = affinity
  const tier = plan.kind === 'steps' ? firstTier(candidates, plan) : []
  const target =
    affinityKey === null ? null : (heldOrder(tier, affinityKey, warmth)?.[0]?.target ?? null)
  const warm = warmth === null ? null : { target: warmth.target, ago_ms: warmth.agoMs }
  return { by, tolerance, applies: affinityKey !== null, target, warm }
}

function firstTier(
  candidates: readonly Candidate[],
  { steps }: Extract<Plan, { kind: 'steps' }>,
): readonly Candidate[] {
  const kept = new Set(steps.map(({ target }) => target))
  const left = candidates.filter(({ target }) => kept.has(target))
  const first = Math.min(...left.map(({ tier }) => tier))
  return left.filter(({ tier }) => tier === first)
}
