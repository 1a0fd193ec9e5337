import { likelyCachedTokens, usuallyCachedTokens, type Warmth } from './affinity.ts'
import type { Candidate } from './candidate.ts'
import { expectedCostNanoUsd, expectedOutputTokens } from './expected-cost.ts'

/**
 * What a tier is ordered by. `weighted`: chance by declared weights, the less loaded of two where they are equal.
 * `priority`: as the tier is written. `cheapest`: expected cost of a successful answer. `fastest`: expected time to
 * the first token. `balanced`: several measures at once, by their weights.
 */
export type Objective =
  | { readonly by: 'weighted' | 'priority' | 'cheapest' | 'fastest' }
  | { readonly by: 'balanced'; readonly weights: BalancedWeights }

/** How much each measure counts, from 0; only their proportion matters. */
export interface BalancedWeights {
  readonly cost: number
  readonly firstToken: number
  readonly throughput: number
  readonly quality: number
  readonly failures: number
}

/** What of a request an expectation goes by. */
export interface Foreseen {
  readonly promptTokens: number
  readonly maxOutputTokens: number | null
  /** Tokens of output of this route's answers on average, or null. */
  readonly outputTokens: number | null
  /** Where the session's last call went; null when it has no session, or none is known. */
  readonly warmth: Warmth | null
  /** Affinity holds the request together with others: whether its prompt is in a cache depends on where they went. */
  readonly isHeldTogether?: boolean
}

/** A candidate and its score: the lower the better. Null: what it is scored by is unknown. */
export interface Scored {
  readonly candidate: Candidate
  readonly score: number | null
}

/** Scores of one tier by an objective that scores; null for those that do not. */
export function scoresOf(
  candidates: readonly Candidate[],
  objective: Objective,
  foreseen: Foreseen,
): readonly Scored[] | null {
  switch (objective.by) {
    case 'weighted':
    case 'priority':
      return null
    case 'cheapest':
      return candidates.map((candidate) => ({ candidate, score: costOf(candidate, foreseen) }))
    case 'fastest':
      return candidates.map((candidate) => ({ candidate, score: firstTokenOf(candidate) }))
    case 'balanced':
      return balanced(candidates, objective.weights, foreseen)
  }
}

/** Expected cost of a successful answer, nano-USD; null without a price. */
export function costOf(candidate: Candidate, foreseen: Foreseen): number | null {
  const { prices, measured, abortBilling = 'unknown' } = candidate
  if (prices === undefined || prices === null) return null
  const failureRate = measured?.failureRate ?? 0
  return expectedCostNanoUsd(prices, {
    promptTokens: foreseen.promptTokens,
    cachedTokens: cachedTokensOf(candidate, foreseen),
    outputTokens: expectedOutputTokens(foreseen.outputTokens, foreseen.maxOutputTokens),
    failureRate,
    abortRate: measured?.abortRate ?? failureRate,
    abortBilling,
  })
}

function cachedTokensOf(
  candidate: Candidate,
  { promptTokens, warmth, isHeldTogether = warmth !== null }: Foreseen,
): number {
  return isHeldTogether
    ? likelyCachedTokens(candidate, warmth, promptTokens)
    : usuallyCachedTokens(candidate, promptTokens)
}

/** Expected time to the first token, ms; null when nobody has measured it. */
export function firstTokenOf({ measured }: Candidate): number | null {
  return measured?.firstTokenNowMs ?? measured?.firstTokenP50Ms ?? null
}

/**
 * The sum of (weight x normalised measure) over the sum of the weights. A measure is normalised inside the tier:
 * 0 for the best of the tier, 1 for the worst, in proportion between them, 0 for all when they are the same; what is
 * unknown stands in the middle, 0.5. Throughput and quality count the other way round: more is better.
 */
function balanced(
  candidates: readonly Candidate[],
  weights: BalancedWeights,
  foreseen: Foreseen,
): readonly Scored[] {
  const costs = weights.cost > 0 ? candidates.map((one) => costOf(one, foreseen) ?? NaN) : []
  const sums = candidates.map(() => 0)
  let total = 0
  for (const name of measures) {
    const weight = weights[name]
    if (!(weight > 0)) continue
    total += weight
    addMeasure(sums, weight, name, candidates, costs)
  }
  return candidates.map((candidate, index) => ({ candidate, score: (sums[index] ?? 0) / total }))
}

/** In the order in which they are added up: sums of floats depend on it. */
const measures = ['cost', 'firstToken', 'throughput', 'quality', 'failures'] as const

type Measure = (typeof measures)[number]

/**
 * Adds (weight x normalised measure) to the sums: 0 for the least, 1 for the most, 0.5 for what is unknown, 0 for all
 * where all that is known is the same. By index, and each measure read twice: iterators and lists of numbers would be
 * most of what a plan allocates, and the collector's pauses most of its 99th percentile.
 */
function addMeasure(
  sums: number[],
  weight: number,
  name: Measure,
  candidates: readonly Candidate[],
  costs: readonly number[],
): void {
  let [least, most] = [Infinity, -Infinity]
  for (let index = 0; index < candidates.length; index++) {
    const value = measureOf(name, candidates[index], costs[index])
    if (value < least) least = value
    if (value > most) most = value
  }
  const spread = most - least
  for (let index = 0; index < candidates.length; index++) {
    const value = measureOf(name, candidates[index], costs[index])
    sums[index] = (sums[index] ?? 0) + weight * normalised(value, least, spread)
  }
}

function normalised(value: number, least: number, spread: number): number {
  if (Number.isNaN(value)) return 0.5
  return spread > 0 ? (value - least) / spread : 0
}

/** The lower the better. NaN: unknown; a null among numbers would put each of them into an object of its own. */
function measureOf(name: Measure, candidate: Candidate | undefined, costNanoUsd = NaN): number {
  if (candidate === undefined) return NaN
  const { measured, qualityTier } = candidate
  switch (name) {
    case 'cost':
      return costNanoUsd
    case 'firstToken':
      return firstTokenOf(candidate) ?? NaN
    case 'throughput':
      return -(measured?.tokensPerSecond ?? NaN)
    case 'quality':
      return -(qualityTier ?? NaN)
    case 'failures':
      return measured?.failureRate ?? NaN
  }
}

/** A candidate that nobody has measured, where the objective goes by measurements. */
export function isUnmeasured(candidate: Candidate, { by }: Objective): boolean {
  return (by === 'fastest' || by === 'balanced') && firstTokenOf(candidate) === null
}
