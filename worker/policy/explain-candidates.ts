import type { Feature } from '../canonical/features.ts'
import type { Candidate, Exclusion } from './candidate.ts'
import { belowFloor } from './floors.ts'
import type { Measured } from './measured.ts'
import { costOf, firstTokenOf, type Foreseen } from './objective.ts'
import type { Plan } from './plan.ts'
import type { PlanInput } from './plan-input.ts'
import { plainRankingFacts } from './ranking.ts'
import { type Score, scoringOf } from './score.ts'

/** Everything a plan was chosen from. */
export interface Considered {
  readonly input: PlanInput
  readonly plan: Plan
  /** All targets of the name, those that the key may not call too. */
  readonly found: readonly Candidate[]
}

/** One target of the route: where it stands and by what, or why it was left out. Snake case: it is part of an answer. */
export interface CandidateView {
  readonly target: string
  /** From 1. */
  readonly tier: number
  /** Place in the plan, from 1; null: left out. */
  readonly step: number | null
  /** Of the step, or of the exclusion. */
  readonly reason: string
  /** What the order of its tier goes by. Of what was left out: what it would have, were it not. */
  readonly score: Score
  readonly known: KnownOfTarget
  /** Why it stands behind the others of the route although it may be asked; null: it is above all floors. */
  readonly below_floor: string | null
  /** Whether this call fits into its reserve now; null: it has none. */
  readonly reserved: 'room' | 'spent' | null
}

/** What is known of a target at this moment; null: nobody knows, or nothing here goes by it and nobody asked. */
export interface KnownOfTarget {
  readonly weight: number
  readonly input_usd_per_million: number | null
  readonly output_usd_per_million: number | null
  /** Of a successful answer, nano-USD. */
  readonly expected_cost_nano_usd: number | null
  readonly quality_tier: number | null
  readonly first_token_ms: number | null
  readonly first_token_p95_ms: number | null
  readonly tokens_per_second: number | null
  readonly failure_rate: number | null
  readonly samples: number | null
  /** `closed`, `probe` or `barred`. */
  readonly circuit: string
  /** Why it is not closed. */
  readonly circuit_reason: string | null
  /** Of its usual traffic, 0 to 1. */
  readonly traffic_share: number
  readonly is_full: boolean
  /** Not asked before then while there is another, epoch ms; 0: it may be; null: never. */
  readonly not_before_ms: number | null
  readonly regions: readonly string[]
}

/**
 * Every target that was looked at, those of the plan in their order and then those that were left out, each with its
 * score. `measuredOf`: what is measured of targets by which no option of the route goes; absent: nobody asks.
 */
export function explainCandidates(
  { input, plan, found }: Considered,
  measuredOf: (candidate: Candidate) => Measured | undefined = nothing,
): readonly CandidateView[] {
  const known = new Map(found.map((candidate) => [candidate.target, candidate]))
  for (const candidate of input.candidates) known.set(candidate.target, candidate)
  const steps = plan.kind === 'steps' ? plan.steps : []
  const kept = steps.flatMap(({ target }) => known.get(target) ?? [])
  const scoring = scoringOf(input, foreseenOf(input), kept)
  const view = (target: string, reason: string, step: number | null): CandidateView[] => {
    const candidate = known.get(target)
    if (candidate === undefined) return []
    return [viewOf(candidate, reason, step, scoring(candidate), input, measuredOf)]
  }
  return [
    ...steps.flatMap(({ target, reason }, index) => view(target, reason, index + 1)),
    ...plan.exclusions.flatMap(({ target, reason }: Exclusion) => view(target, reason, null)),
  ]
}

const nothing = () => undefined

function viewOf(
  candidate: Candidate,
  reason: string,
  step: number | null,
  score: Score,
  input: PlanInput,
  measuredOf: (candidate: Candidate) => Measured | undefined,
): CandidateView {
  const { policy, facts } = input
  const asksFor = (feature: Feature) => facts.needs.some((need) => need.feature === feature)
  const floors = policy.ranking?.floors
  return {
    target: candidate.target,
    tier: candidate.tier + 1,
    step,
    reason,
    score,
    known: knownOf(candidate, candidate.measured ?? measuredOf(candidate), foreseenOf(input)),
    below_floor: floors === undefined ? null : belowFloor(candidate, floors, asksFor),
    reserved: candidate.reserved ?? null,
  }
}

function knownOf(
  candidate: Candidate,
  measured: Measured | undefined,
  foreseen: Foreseen,
): KnownOfTarget {
  const { health, notBeforeMs, weight, inputUsdPerMillion, outputUsdPerMillion } = candidate
  const seen = measured === undefined ? candidate : { ...candidate, measured }
  return {
    weight,
    input_usd_per_million: inputUsdPerMillion,
    output_usd_per_million: outputUsdPerMillion,
    expected_cost_nano_usd: costOf(candidate, foreseen),
    quality_tier: candidate.qualityTier ?? null,
    first_token_ms: firstTokenOf(seen),
    first_token_p95_ms: measured?.firstTokenP95Ms ?? null,
    tokens_per_second: measured?.tokensPerSecond ?? null,
    failure_rate: measured?.failureRate ?? null,
    samples: measured?.samples ?? null,
    circuit: health?.state ?? 'closed',
    circuit_reason: health?.why ?? null,
    traffic_share: health?.weight ?? 1,
    is_full: health?.full === true,
    not_before_ms: Number.isFinite(notBeforeMs) ? notBeforeMs : null,
    regions: candidate.regions ?? [],
  }
}

export function foreseenOf({ facts, ranking = plainRankingFacts }: PlanInput): Foreseen {
  const { promptTokens, maxOutputTokens } = facts
  const { outputTokens, warmth, affinityKey } = ranking
  const isHeldTogether = affinityKey !== null || warmth !== null
  return { promptTokens, maxOutputTokens, outputTokens, warmth, isHeldTogether }
}
