import type { CanonicalRequest, ProviderPreferences } from '../canonical/request.ts'
import type { Candidate, Exclusion } from './candidate.ts'
import { classify, type RequestFacts } from './classify.ts'
import { filter, unhonoured } from './filter.ts'
import { isReady, rank } from './rank.ts'

/** One call that may be made. */
export interface PlannedStep {
  readonly target: string
  readonly provider: string
  readonly model: string
  readonly tier: number
  readonly contextTokens: number | null
  /** The provider asked to be left alone until then, epoch ms. */
  readonly notBeforeMs: number
  /** It is asked although something speaks against it, because everything else stands before it. */
  readonly barred: boolean
  /** It tries out a half-open circuit: the next step is started beside it when it is silent. */
  readonly probe: boolean
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
 * each exclusion. Pure: `random` in [0, 1) and `nowMs` are passed in. Thrifty: the
 * cheapest target first, whatever its tier.
 */
export function plan(
  request: CanonicalRequest,
  candidates: readonly Candidate[],
  nowMs: number,
  random: () => number,
  facts: RequestFacts = classify(request),
  isThrifty = false,
): Plan {
  const asked = request.provider ?? {}
  const preferences: ProviderPreferences = isThrifty ? { ...asked, sort: 'price' } : asked
  const { kept, exclusions } = filter(candidates, facts, preferences)
  const [first, ...rest] = rank(kept, preferences, nowMs, random)
  if (first === undefined) return { kind: 'none', exclusions, facts }
  const wish = isThrifty ? 'a threshold of its budget' : wishOf(preferences)
  const step = (candidate: Candidate, index: number) =>
    toStep(candidate, index, kept, facts, wish, nowMs)
  return {
    kind: 'steps',
    steps: [step(first, 0), ...rest.map((one, index) => step(one, index + 1))],
    exclusions,
    facts,
  }
}

/** The caller's own wish that the order goes by, in the caller's words. */
function wishOf({ order, sort }: ProviderPreferences): string | null {
  if (order !== undefined) return 'provider.order'
  return sort === 'price' ? 'provider.sort' : null
}

function toStep(
  candidate: Candidate,
  index: number,
  kept: readonly Candidate[],
  facts: RequestFacts,
  wish: string | null,
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
    barred: candidate.health?.state === 'barred',
    probe: candidate.health?.state === 'probe',
    reason: reasonOf(candidate, index, kept, wish, nowMs),
    warnings: unhonoured(candidate, facts),
  }
}

function reasonOf(
  candidate: Candidate,
  index: number,
  kept: readonly Candidate[],
  wish: string | null,
  nowMs: number,
): string {
  const own = ownReason(candidate, index, kept, wish, nowMs)
  if (index > 0) return own
  const passed = kept.filter(
    (other) => other !== candidate && isPassedOver(other, candidate, nowMs),
  )
  const others = passed.map((other) => `${other.target} passed over: ${whyNot(other)}`)
  return [own, ...others].join('; ')
}

function ownReason(
  candidate: Candidate,
  index: number,
  kept: readonly Candidate[],
  wish: string | null,
  nowMs: number,
): string {
  const { health, tier } = candidate
  const against = isReady(candidate, nowMs) ? '' : `, although ${whyNot(candidate)}`
  if (kept.length === 1) return `the only target that may and can answer${against}`
  if (against !== '') return `tier ${tier + 1}; ${whyNot(candidate)}`
  if (health?.state === 'probe') return `tier ${tier + 1}, tried again: ${whyNot(candidate)}`
  if (wish !== null) return `tier ${tier + 1}, ${index === 0 ? 'first' : 'next'} as ${wish} asks`
  const place = `${placeIn(candidate, kept)}tier ${tier + 1}`
  return index === 0 ? `${place}, first in order` : `${place}, next in order`
}

/** How a tier of several was decided. */
function placeIn(candidate: Candidate, kept: readonly Candidate[]): string {
  const tier = kept.filter((other) => other.tier === candidate.tier)
  if (tier.length === 1) return ''
  if (tier.some(({ weight }) => weight !== candidate.weight))
    return `drawn by weight ${candidate.weight} in `
  return tier.some(({ health }) => (health?.loadMs ?? null) !== null)
    ? 'the less loaded of two drawn in '
    : 'drawn by chance in '
}

/** It would have stood before `chosen`, had nothing spoken against it. */
function isPassedOver(other: Candidate, chosen: Candidate, nowMs: number): boolean {
  return other.tier <= chosen.tier && !isReady(other, nowMs)
}

function whyNot({ health }: Candidate): string {
  return health?.why ?? 'its provider asked to wait'
}
