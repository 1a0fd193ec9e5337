import type { Candidate } from './candidate.ts'
import { firstTokenOf, type Foreseen, type Objective, scoresOf } from './objective.ts'
import type { PlanInput } from './plan-input.ts'
import { pricesOf } from './price-at.ts'
import { placeOf } from './provider-names.ts'
import { canSort, loadOf } from './rank.ts'

/** What the order of a tier goes by, of one target. Plain JSON. */
export interface Score {
  /**
   * Of the caller: `provider.order`, `provider.sort`; of a budget: `threshold`; of the tier: `priority`, `cheapest`, `fastest`,
   * `balanced`; of chance: `weight` where declared weights differ, else `load`; `alone` where there is nothing to order.
   */
  readonly by: string
  /** The lower the better but for `tokens_per_second` and `weight`. */
  readonly unit:
    | 'place'
    | 'usd_per_million'
    | 'ms'
    | 'tokens_per_second'
    | 'nano_usd'
    | 'share'
    | 'weight'
  /** Null: unknown. */
  readonly value: number | null
}

type Scoring = (candidate: Candidate) => Score

/** How the targets of one request are scored; `kept`: those of the plan, against which a target is measured in its tier. */
export function scoringOf(
  input: PlanInput,
  foreseen: Foreseen,
  kept: readonly Candidate[],
): Scoring {
  const asked = askedScoring(input, kept)
  if (asked !== null) return asked
  const tierOf = ({ tier, target }: Candidate) =>
    kept.filter((other) => other.tier === tier && other.target !== target)
  return (candidate) => {
    const objective = input.policy.ranking?.objectives?.[candidate.tier] ?? null
    // What is probed goes first and is scored by nobody, so no other is measured against it.
    const others = tierOf(candidate).filter(({ health }) => health?.state !== 'probe')
    return objective === null || objective.by === 'weighted'
      ? drawnBy(candidate, tierOf(candidate))
      : scoreUnder(objective, candidate, others, input, foreseen)
  }
}

/** By the caller's own wish, or that of a budget, which win over the tier's; null where there is none that can be followed. */
function askedScoring(
  { facts, preferences, isThrifty }: PlanInput,
  kept: readonly Candidate[],
): Scoring | null {
  const { order } = preferences
  if (order !== undefined)
    return ({ provider }) => {
      const at = placeOf(provider, order)
      return { by: 'provider.order', unit: 'place', value: (at === -1 ? order.length : at) + 1 }
    }
  const sort = isThrifty ? 'price' : preferences.sort
  if (sort === undefined || (sort !== 'price' && !canSort(kept, sort))) return null
  const by = isThrifty ? 'threshold' : 'provider.sort'
  switch (sort) {
    case 'price':
      return (one) => ({ by, unit: 'usd_per_million', value: pricesOf(one, facts.promptTokens) })
    case 'latency':
      return (one) => ({ by, unit: 'ms', value: firstTokenOf(one) })
    default:
      return ({ measured }) => {
        const value = measured?.tokensPerSecond ?? null
        return { by, unit: 'tokens_per_second', value }
      }
  }
}

function scoreUnder(
  objective: Objective,
  candidate: Candidate,
  others: readonly Candidate[],
  { candidates }: PlanInput,
  foreseen: Foreseen,
): Score {
  const { by } = objective
  const scores = scoresOf([...others, candidate], objective, foreseen)
  const value = scores?.at(-1)?.score ?? null
  switch (by) {
    case 'cheapest':
      return { by, unit: 'nano_usd', value }
    case 'fastest':
      return { by, unit: 'ms', value }
    case 'balanced':
      return { by, unit: 'share', value }
    default: {
      const tier = candidates.filter((one) => one.tier === candidate.tier)
      const place = tier.findIndex(({ target }) => target === candidate.target)
      return { by: 'priority', unit: 'place', value: place === -1 ? null : place + 1 }
    }
  }
}

/** Declared weights that differ are a split; else the less loaded of two goes first. Health counts in both. */
function drawnBy({ weight, health }: Candidate, others: readonly Candidate[]): Score {
  if (others.length === 0) return { by: 'alone', unit: 'place', value: 1 }
  const share = health?.weight ?? 1
  if (others.some((other) => other.weight !== weight))
    return { by: 'weight', unit: 'weight', value: weight * share }
  return { by: 'load', unit: 'ms', value: health === undefined ? null : loadOf(health) }
}
