import type { ProviderPreferences } from '../canonical/request.ts'
import type { Candidate } from './candidate.ts'
import { placeOf } from './provider-names.ts'

/**
 * Orders candidates: tiers first, inside a tier by weighted chance, each drawn
 * without replacement so that the rest of the tier stands behind it.
 *
 * A target that asked to be left alone (`retry-after`) goes behind all others;
 * it is never dropped, because it may be the last one. Weight 0 means: only
 * when the others of the tier have failed.
 *
 * `random` returns a number in [0, 1) and is the only source of chance.
 */
export function rank(
  candidates: readonly Candidate[],
  preferences: ProviderPreferences,
  nowMs: number,
  random: () => number,
): readonly Candidate[] {
  if (inOrder(candidates, preferences, nowMs)) return candidates
  const tiers = [...new Set(candidates.map(({ tier }) => tier))].sort((a, b) => a - b)
  const drawn = tiers.flatMap((tier) =>
    draw(
      candidates.filter((candidate) => candidate.tier === tier),
      random,
    ),
  )
  const ordered = byCallerOrder(bySort(drawn, preferences.sort), preferences.order)
  const waiting = ordered
    .filter(({ notBeforeMs }) => notBeforeMs > nowMs)
    .sort((a, b) => a.notBeforeMs - b.notBeforeMs)
  return [...ordered.filter(({ notBeforeMs }) => notBeforeMs <= nowMs), ...waiting]
}

/** One target a tier, no wishes, nobody waiting: most requests, and nothing to decide. */
function inOrder(
  candidates: readonly Candidate[],
  { sort, order }: ProviderPreferences,
  nowMs: number,
): boolean {
  if (sort !== undefined || order !== undefined) return false
  let before = -1
  for (const { tier, notBeforeMs } of candidates) {
    if (tier <= before || notBeforeMs > nowMs) return false
    before = tier
  }
  return true
}

function draw(tier: readonly Candidate[], random: () => number): Candidate[] {
  const left = [...tier]
  const order: Candidate[] = []
  while (left.length > 0) order.push(...left.splice(drawIndex(left, random), 1))
  return order
}

function drawIndex(candidates: readonly Candidate[], random: () => number): number {
  const total = candidates.reduce((sum, { weight }) => sum + weight, 0)
  if (total === 0 || candidates.length === 1) return 0
  let point = random() * total
  for (const [index, { weight }] of candidates.entries()) {
    point -= weight
    if (point < 0) return index
  }
  return candidates.length - 1
}

/** OpenRouter's `sort: "price"`; its other orders need measurements that this plan does not have. */
function bySort(candidates: readonly Candidate[], sort: string | undefined): Candidate[] {
  if (sort !== 'price') return [...candidates]
  const price = ({ inputUsdPerMillion, outputUsdPerMillion }: Candidate) =>
    inputUsdPerMillion === null || outputUsdPerMillion === null
      ? Infinity
      : inputUsdPerMillion + outputUsdPerMillion
  return candidates.toSorted((a, b) => price(a) - price(b) || 0)
}

function byCallerOrder(
  candidates: readonly Candidate[],
  order: readonly string[] | undefined,
): Candidate[] {
  if (order === undefined) return [...candidates]
  const place = ({ provider }: Candidate) => {
    const index = placeOf(provider, order)
    return index === -1 ? order.length : index
  }
  return candidates.toSorted((a, b) => place(a) - place(b))
}
