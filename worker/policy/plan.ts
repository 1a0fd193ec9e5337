import type { CanonicalRequest } from '../canonical/request.ts'
import type { Candidate, Exclusion } from './candidate.ts'
import { classify, type RequestFacts } from './classify.ts'
import { filter, unhonoured } from './filter.ts'
import { rank } from './rank.ts'

/** One call that may be made. */
export interface PlannedStep {
  readonly target: string
  readonly provider: string
  readonly model: string
  readonly tier: number
  readonly contextTokens: number | null
  /** The provider asked to be left alone until then, epoch ms. */
  readonly notBeforeMs: number
  /** One sentence: why this target stands here. */
  readonly reason: string
  /** Fields of the request that this target will not honour. */
  readonly warnings: readonly string[]
}

export type Plan =
  | {
      readonly kind: 'steps'
      readonly steps: readonly [PlannedStep, ...PlannedStep[]]
      readonly exclusions: readonly Exclusion[]
      readonly facts: RequestFacts
    }
  /** Nothing in the route can do what the request needs. */
  | {
      readonly kind: 'none'
      readonly exclusions: readonly Exclusion[]
      readonly facts: RequestFacts
    }

/**
 * Decides who answers: classify, filter, rank, and a reason for each choice and
 * each exclusion. Pure: `random` in [0, 1) and `nowMs` are passed in.
 */
export function plan(
  request: CanonicalRequest,
  candidates: readonly Candidate[],
  nowMs: number,
  random: () => number,
): Plan {
  const facts = classify(request)
  const preferences = request.provider ?? {}
  const { kept, exclusions } = filter(candidates, facts, preferences)
  const [first, ...rest] = rank(kept, preferences, nowMs, random)
  if (first === undefined) return { kind: 'none', exclusions, facts }
  const step = (candidate: Candidate, index: number) => toStep(candidate, index, kept, facts, nowMs)
  return {
    kind: 'steps',
    steps: [step(first, 0), ...rest.map((one, index) => step(one, index + 1))],
    exclusions,
    facts,
  }
}

function toStep(
  candidate: Candidate,
  index: number,
  kept: readonly Candidate[],
  facts: RequestFacts,
  nowMs: number,
): PlannedStep {
  const { target, provider, model, tier, contextTokens, notBeforeMs } = candidate
  return {
    target,
    provider,
    model,
    tier,
    contextTokens,
    notBeforeMs,
    reason: reasonOf(candidate, index, kept, nowMs),
    warnings: unhonoured(candidate, facts),
  }
}

function reasonOf(
  candidate: Candidate,
  index: number,
  kept: readonly Candidate[],
  nowMs: number,
): string {
  if (kept.length === 1) return 'the only target that may and can answer'
  const tierSize = kept.filter(({ tier }) => tier === candidate.tier).length
  const place =
    tierSize > 1
      ? `drawn by weight ${candidate.weight} in tier ${candidate.tier + 1}`
      : `tier ${candidate.tier + 1}`
  if (candidate.notBeforeMs > nowMs) return `${place}; its provider asked to wait`
  return index === 0 ? `${place}, first in order` : `${place}, next in order`
}
