import type { ProviderPreferences } from '../canonical/request.ts'
import type { Candidate, TargetHealth } from './candidate.ts'
import { isBelowFloor } from './floors.ts'
import { firstTokenOf } from './objective.ts'
import { orderTier, type TierOrder } from './order-tier.ts'
import { pricesOf } from './price-at.ts'
import { placeOf } from './provider-names.ts'

/**
 * Orders candidates: tiers first. Inside a tier of equal weights the better of
 * two drawn at random stands first (time to first token times the calls on
 * their way, over its share of traffic); declared weights that differ are a
 * split, and are drawn as such. The rest of the tier stands behind. Weight 0
 * means: only when the others of the tier have failed.
 *
 * A target that probes its half-open circuit goes first in its tier, because
 * the rest of the plan is its armed fallback. One that is full goes behind all
 * others, and one that is barred or asked to be left alone behind those; none is
 * ever dropped, because it may be the last one.
 *
 * `random` returns a number in [0, 1) and is the only source of chance. A route
 * with options of its own orders each tier by them (`order`); what falls below a
 * floor of it goes behind all that does not. A caller's `sort` by price goes by
 * what a prompt of `promptTokens` costs.
 */
export function rank(
  candidates: readonly Candidate[],
  preferences: ProviderPreferences,
  nowMs: number,
  random: () => number,
  order?: TierOrder,
  promptTokens = 0,
): readonly Candidate[] {
  if (order === undefined && inOrder(candidates, preferences, nowMs)) return candidates
  const drawn = tiersOf(candidates).flatMap(([tier, own]) => drawTier(own, tier, random, order))
  const ordered = byCallerOrder(bySort(drawn, preferences.sort, promptTokens), preferences.order)
  const free: Candidate[] = []
  const full: Candidate[] = []
  const waiting: Candidate[] = []
  for (const candidate of ordered) {
    const ready = candidate.health?.full === true ? full : free
    ;(isReady(candidate, nowMs) ? ready : waiting).push(candidate)
  }
  waiting.sort((a, b) => lastResort(a) - lastResort(b) || a.notBeforeMs - b.notBeforeMs)
  return [...soundFirst(free, order), ...full, ...waiting]
}

/** The tiers in their order, each with its candidates in theirs. */
function tiersOf(candidates: readonly Candidate[]): (readonly [number, readonly Candidate[]])[] {
  const tiers = new Map<number, Candidate[]>()
  for (const candidate of candidates) {
    const own = tiers.get(candidate.tier)
    if (own === undefined) tiers.set(candidate.tier, [candidate])
    else own.push(candidate)
  }
  return [...tiers].sort(([a], [b]) => a - b)
}

/** What is below a floor of the route behind what is not. */
function soundFirst(
  candidates: readonly Candidate[],
  order: TierOrder | undefined,
): readonly Candidate[] {
  const { floors } = order?.policy ?? {}
  if (order === undefined || floors === undefined) return candidates
  const sound: Candidate[] = []
  const below: Candidate[] = []
  for (const one of candidates) (isBelowFloor(one, floors, order.asksFor) ? below : sound).push(one)
  return below.length === 0 ? candidates : [...sound, ...below]
}

/** It may be asked now, whatever else may be. */
export function isReady({ health, notBeforeMs }: Candidate, nowMs: number): boolean {
  return notBeforeMs <= nowMs && health?.state !== 'barred'
}

/** Of those that should not be asked: a slow one still answers. */
function lastResort({ health }: Candidate): number {
  return health?.state === 'barred' && !health.slow ? 1 : 0
}

/** One target a tier, no wishes, nothing wrong: most requests, and nothing to decide. */
function inOrder(
  candidates: readonly Candidate[],
  { sort, order }: ProviderPreferences,
  nowMs: number,
): boolean {
  if (sort !== undefined || order !== undefined) return false
  let before = -1
  for (const candidate of candidates) {
    const { tier, health } = candidate
    if (tier <= before || !isReady(candidate, nowMs) || health?.full === true) return false
    before = tier
  }
  return true
}

function drawTier(
  tier: readonly Candidate[],
  tierIndex: number,
  random: () => number,
  order: TierOrder | undefined,
): readonly Candidate[] {
  const probing = tier.filter(({ health }) => health?.state === 'probe')
  const left = probing.length === 0 ? tier : tier.filter(({ health }) => health?.state !== 'probe')
  const drawn =
    order === undefined
      ? draw(left, random)
      : orderTier(left, tierIndex, order, (some) => draw(some, random))
  return probing.length === 0 ? drawn : [...probing, ...drawn]
}

/** By declared weights where they differ, else the better of two until none is left. */
function draw(tier: readonly Candidate[], random: () => number): Candidate[] {
  const left = [...tier]
  const equal = left.every(({ weight }) => weight === left[0]?.weight)
  const weights = equal ? null : left.map(weightOf)
  const order: Candidate[] = []
  while (left.length > 0) {
    const at = weights === null ? twoChoices(left, random) : byWeight(weights, random)
    const taken = left[at]
    if (taken !== undefined) order.push(taken)
    left.splice(at, 1)
    weights?.splice(at, 1)
  }
  return order
}

/** Share of the traffic of its tier, before it is divided by the sum of them. */
function weightOf({ weight, health }: Candidate): number {
  return weight * (health?.weight ?? 1)
}

/** The better of two that chance picks; between equals the cheaper, then chance itself. */
function twoChoices(candidates: readonly Candidate[], random: () => number): number {
  if (candidates.length === 1) return 0
  const first = Math.floor(random() * candidates.length)
  const other = Math.floor(random() * (candidates.length - 1))
  const second = other >= first ? other + 1 : other
  const [a, b] = [candidates[first], candidates[second]]
  if (a === undefined || b === undefined) return 0
  const difference = scoreOf(b) - scoreOf(a) || priceOf(b) - priceOf(a) || 0
  return difference < 0 ? second : first
}

/** What nobody has measured yet scores best, so that it is. */
function scoreOf({ health }: Candidate): number {
  return health === undefined ? 0 : (loadOf(health) ?? 0)
}

/** Time to first token times calls on their way, over its share of traffic, ms; null while nobody has measured it. */
export function loadOf({ loadMs, weight }: TargetHealth): number | null {
  return loadMs === null ? null : loadMs / Math.max(weight, leastWeight)
}

/** A weight of nothing would make a score of infinity, and infinities do not compare. */
const leastWeight = 0.001

/** Numbers and by index: a large tier walks through here once for each of its targets. */
function byWeight(weights: readonly number[], random: () => number): number {
  let total = 0
  for (let index = 0; index < weights.length; index++) total += weights[index] ?? 0
  if (total === 0 || weights.length === 1) return 0
  let point = random() * total
  for (let index = 0; index < weights.length; index++) {
    point -= weights[index] ?? 0
    if (point < 0) return index
  }
  return weights.length - 1
}

function priceOf({ inputUsdPerMillion, outputUsdPerMillion }: Candidate): number {
  return inputUsdPerMillion === null || outputUsdPerMillion === null
    ? Infinity
    : inputUsdPerMillion + outputUsdPerMillion
}

/** OpenRouter's `sort`: `price`, `latency` (time to the first token), `throughput`. What is unknown goes behind. */
function bySort(
  candidates: readonly Candidate[],
  sort: string | undefined,
  promptTokens: number,
): readonly Candidate[] {
  const scoreOfSort = sortScore(sort, promptTokens)
  if (scoreOfSort === null) return candidates
  // Two unknown ones differ by Infinity - Infinity, which is no number: they stay as they were.
  return candidates.toSorted((a, b) => scoreOfSort(a) - scoreOfSort(b) || 0)
}

/** What a caller's `sort` goes by, the lowest first; null for none and for one that is not known here. */
function sortScore(
  sort: string | undefined,
  promptTokens = 0,
): ((candidate: Candidate) => number) | null {
  switch (sort) {
    case 'price':
      return (candidate) => pricesOf(candidate, promptTokens) ?? Infinity
    case 'latency':
      return (candidate) => firstTokenOf(candidate) ?? Infinity
    case 'throughput':
      return ({ measured }) => -(measured?.tokensPerSecond ?? -Infinity)
    default:
      return null
  }
}

/** Whether any of the candidates is known by what the caller's `sort` goes by: else the order is as without it. */
export function canSort(candidates: readonly Candidate[], sort: string): boolean {
  const scoreOfSort = sortScore(sort)
  return scoreOfSort !== null && candidates.some((one) => Number.isFinite(scoreOfSort(one)))
}

function byCallerOrder(
  candidates: readonly Candidate[],
  order: readonly string[] | undefined,
): readonly Candidate[] {
  if (order === undefined) return candidates
  const place = ({ provider }: Candidate) => {
    const index = placeOf(provider, order)
    return index === -1 ? order.length : index
  }
  return candidates.toSorted((a, b) => place(a) - place(b))
}
