import { isCold } from './affinity.ts'
import type { Candidate } from './candidate.ts'
import type { TierOrder } from './order-tier.ts'

/** A request is never sent further than this many steps: what stands behind them needs no numbers in its reason. */
const steps = 3

/** Why targets of a route with options stand where they do, in a few words. */
export class OrderNotes {
  readonly #order: TierOrder
  readonly #sizes = new Map<number, number>()
  /** Tier -> a target of it whose reserved capacity is used up. */
  readonly #spent = new Map<number, string>()
  readonly #candidates: readonly Candidate[]

  constructor(candidates: readonly Candidate[], order: TierOrder) {
    this.#order = order
    this.#candidates = candidates
    for (const { tier, target, reserved } of candidates) {
      this.#sizes.set(tier, (this.#sizes.get(tier) ?? 0) + 1)
      if (reserved === 'spent') this.#spent.set(tier, target)
    }
  }

  /** Null where nothing of the options says why. */
  of(candidate: Candidate, index: number): string | null {
    const { policy, canary } = this.#order
    const { target, tier, reserved } = candidate
    if (target === canary) return `a canary that gets ${percent(policy.canary?.share ?? 0)}`
    if (this.#sizes.get(tier) === 1) return null
    if (reserved === 'room') return 'reserved capacity first'
    const spent = index > 0 ? undefined : this.#spent.get(tier)
    const spill = spent === undefined ? '' : `${spent} has used up its reserve; `
    if (policy.affinity !== undefined && index === 0 && this.#isHeld(tier))
      return `${spill}kept together by ${policy.affinity.by}`
    const own = this.#byObjective(candidate, index)
    return own === null && spill !== '' ? `${spill}the next` : own && `${spill}${own}`
  }

  /** Affinity has a word in it: the cache that it goes by is not cold. */
  #isHeld(tier: number): boolean {
    const { affinityKey, warmth } = this.#order.facts
    if (affinityKey === null) return false
    const own = this.#candidates.filter((candidate) => candidate.tier === tier)
    return !isCold(own, warmth)
  }

  #byObjective(candidate: Candidate, index: number): string | null {
    const { policy, scores } = this.#order
    const place = index === 0 ? '' : 'next '
    const score = index < steps ? scores.get(candidate) : undefined
    switch (policy.objectives?.[candidate.tier]?.by) {
      case 'priority':
        return `${place}in the order of the route`
      case 'cheapest':
        return `${place}cheapest${costNote(score)}`
      case 'fastest':
        return `${place}fastest${firstTokenNote(score)}`
      case 'balanced':
        return `${place}best in balance`
      case 'weighted':
      case undefined:
        return null
    }
  }
}

/** `score`: undefined where nobody wants to know. */
function costNote(score: number | null | undefined): string {
  if (score === undefined) return ''
  return score === null
    ? ': its price is unknown'
    : `: an answer is expected to cost ${(score / 1e9).toFixed(9).replace(/\.?0+$/, '')} USD`
}

function firstTokenNote(score: number | null | undefined): string {
  if (score === undefined) return ''
  return score === null
    ? ': not measured yet'
    : `: its first token is expected after ${Math.round(score)} ms`
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} % of the requests`
}
