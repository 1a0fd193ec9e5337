import type { ProviderPreferences } from '../canonical/request.ts'
import { arrange, type Arranged } from './arrange.ts'
import type { Candidate, Exclusion } from './candidate.ts'
import type { RequestFacts } from './classify.ts'
import { filter, unhonoured } from './filter.ts'
import type { PlanInput } from './plan-input.ts'
import { canSort, isReady, rank } from './rank.ts'
import type { StepMark } from './ranking.ts'
import type { TierIntent } from './route-policy.ts'
import { seededRandom } from './seeded-random.ts'
import { TierNotes } from './tier-notes.ts'

/** One call that may be made. */
export interface PlannedStep {
  readonly target: string
  readonly provider: string
  readonly model: string
  readonly tier: number
  /** Why its tier is there, where the route says so. */
  readonly intent?: TierIntent
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
  /** Of a route with options: what its outcome is remembered by. */
  readonly mark?: StepMark
  /** Of a route with options: what the objective of its tier makes of it, the lower the better; null: unknown, or nothing. */
  readonly score?: number | null
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
 * Decides who answers: filter, rank, and a reason for each choice and each
 * exclusion. Pure: all chance comes from `seed`. Thrifty: the cheapest target
 * first, whatever its tier.
 */
export function plan(input: PlanInput): Plan {
  const { facts, preferences: asked, candidates, isThrifty, nowMs, seed, policy } = input
  const preferences: ProviderPreferences = isThrifty ? { ...asked, sort: 'price' } : asked
  const { kept, exclusions } = filter(candidates, facts, preferences, policy.constraints)
  const random = seededRandom(seed)
  const arranged =
    policy.ranking === undefined
      ? null
      : arrange(kept, {
          policy: policy.ranking,
          facts,
          ranking: input.ranking,
          preferences,
          nowMs,
          random,
        })
  const ordered =
    arranged?.ordered ?? rank(kept, preferences, nowMs, random, undefined, facts.promptTokens)
  const [first] = ordered
  const left = arranged === null ? exclusions : [...exclusions, ...arranged.exclusions]
  if (first === undefined) return { kind: 'none', exclusions: left, facts }
  const wish = isThrifty ? 'a threshold of its budget' : wishOf(preferences, kept)
  const among = arranged?.ordered ?? kept
  const notes = new TierNotes(among, policy.intents)
  const step = (candidate: Candidate, index: number) =>
    toStep(candidate, index, among, notes, facts, wish, arranged, nowMs)
  const steps: [PlannedStep, ...PlannedStep[]] = [step(first, 0)]
  for (const candidate of ordered.slice(1)) steps.push(step(candidate, steps.length))
  return { kind: 'steps', steps, exclusions: left, facts }
}

/** The caller's own wish that the order goes by, in the caller's words. */
function wishOf(
  { order, sort }: ProviderPreferences,
  candidates: readonly Candidate[],
): string | null {
  if (order !== undefined) return 'provider.order'
  if (sort === undefined) return null
  return sort === 'price' || canSort(candidates, sort) ? 'provider.sort' : null
}

function toStep(
  candidate: Candidate,
  index: number,
  kept: readonly Candidate[],
  notes: TierNotes,
  facts: RequestFacts,
  wish: string | null,
  arranged: Arranged | null,
  nowMs: number,
): PlannedStep {
  const { target, provider, model, tier, contextTokens, notBeforeMs, health } = candidate
  const barred = health?.state === 'barred'
  const probe = health?.state === 'probe'
  const reason = reasonOf(candidate, index, kept, notes, wish, arranged, nowMs)
  const warnings = unhonoured(candidate, facts)
  const intent = notes.intentOf(candidate)
  if (intent !== null) {
    const own = { target, provider, model, tier, intent }
    const call = { contextTokens, notBeforeMs, barred, probe, reason, warnings }
    if (arranged === null) return { ...own, ...call }
    return { ...own, ...call, mark: arranged.markOf(index), score: arranged.scoreOf(candidate) }
  }
  // Written out: a spread costs as much as the rest of a step, and a plan may have a hundred of them.
  if (arranged === null)
    return {
      target,
      provider,
      model,
      tier,
      contextTokens,
      notBeforeMs,
      barred,
      probe,
      reason,
      warnings,
    }
  return {
    target,
    provider,
    model,
    tier,
    contextTokens,
    notBeforeMs,
    barred,
    probe,
    reason,
    warnings,
    mark: arranged.markOf(index),
    score: arranged.scoreOf(candidate),
  }
}

function reasonOf(
  candidate: Candidate,
  index: number,
  kept: readonly Candidate[],
  notes: TierNotes,
  wish: string | null,
  arranged: Arranged | null,
  nowMs: number,
): string {
  const note = wish === null && arranged !== null ? arranged.noteOf(candidate, index) : null
  const own = ownReason(candidate, index, kept, notes, wish, note, nowMs)
  if (index > 0) return own
  const parts = [own]
  for (const other of kept) {
    if (other === candidate || other.tier > candidate.tier) continue
    const why = isReady(other, nowMs) ? arranged?.passedOver(other) : whyNot(other)
    if (why !== null && why !== undefined) parts.push(`${other.target} passed over: ${why}`)
  }
  const aside = arranged?.aside ?? null
  if (aside !== null) parts.push(aside)
  return parts.join('; ')
}

function ownReason(
  candidate: Candidate,
  index: number,
  kept: readonly Candidate[],
  notes: TierNotes,
  wish: string | null,
  note: string | null,
  nowMs: number,
): string {
  const { health } = candidate
  const tier = notes.nameOf(candidate)
  const against = isReady(candidate, nowMs) ? '' : `, although ${whyNot(candidate)}`
  if (kept.length === 1) {
    const from = notes.intentOf(candidate) === null ? '' : `, ${tier}`
    return `the only target that may and can answer${from}${against}`
  }
  if (against !== '') return `${tier}; ${whyNot(candidate)}`
  if (health?.state === 'probe') return `${tier}, tried again: ${whyNot(candidate)}`
  if (wish !== null) return `${tier}, ${index === 0 ? 'first' : 'next'} as ${wish} asks`
  if (note !== null) return `${tier}, ${note}`
  const place = `${notes.placeIn(candidate)}${tier}`
  return index === 0 ? `${place}, first in order` : `${place}, next in order`
}

function whyNot({ health }: Candidate): string {
  return health?.why ?? 'its provider asked to wait'
}
