import type { Feature } from '../canonical/features.ts'
import type { ProviderPreferences } from '../canonical/request.ts'
import type { Candidate, Exclusion } from './candidate.ts'
import type { Need, RequestFacts } from './classify.ts'
import type { SourcedConstraint } from './constraint.ts'
import { judgeOf, tooCareful } from './constraints.ts'
import { inputPriceOf, outputPriceOf } from './price-at.ts'
import { isNamed } from './provider-names.ts'
import { canSort } from './rank.ts'

export interface Filtered {
  readonly kept: readonly Candidate[]
  readonly exclusions: readonly Exclusion[]
}

/**
 * Leaves out what may not or cannot answer this request, each with its reason,
 * and of what is left what another can do better.
 */
export function filter(
  candidates: readonly Candidate[],
  facts: RequestFacts,
  preferences: ProviderPreferences,
  constraints: readonly SourcedConstraint[] = none,
): Filtered {
  const { kept, exclusions } = eligible(candidates, facts, preferences, constraints)
  const able =
    facts.preferred.length === 0
      ? kept
      : narrow(kept, exclusions, (candidate) => lacking(candidate, facts))
  const large = narrow(able, exclusions, (candidate) => tooSmall(candidate, facts))
  return { kept: narrow(large, exclusions, (candidate) => tooShort(candidate, facts)), exclusions }
}

const none: readonly SourcedConstraint[] = []

/**
 * The targets that may and can answer. Preferences and constraints only narrow:
 * with one more of them, what is left is a part of what was left before.
 */
export function eligible(
  candidates: readonly Candidate[],
  facts: RequestFacts,
  preferences: ProviderPreferences,
  constraints: readonly SourcedConstraint[],
): { readonly kept: readonly Candidate[]; readonly exclusions: Exclusion[] } {
  const kept: Candidate[] = []
  const exclusions: Exclusion[] = []
  const judge = constraints.length === 0 ? null : judgeOf(constraints, facts)
  for (const candidate of candidates) {
    const against = exclusionOf(candidate, facts, preferences) ?? judge?.(candidate) ?? null
    if (against === null) kept.push(candidate)
    else exclusions.push(against)
  }
  return { kept, exclusions }
}

function exclusionOf(
  candidate: Candidate,
  facts: RequestFacts,
  preferences: ProviderPreferences,
): Exclusion | null {
  const { target, unavailable } = candidate
  if (unavailable !== null) return { target, reason: unavailable, unavailable: true }
  const reason =
    unwanted(candidate, preferences, facts) ??
    incapable(candidate, facts, preferences.requireParameters === true) ??
    tooCareful(candidate, facts)
  return reason === null ? null : { target, reason }
}

/** Leaves out those with a reason against them while there are others; the last ones stay, whatever speaks against them. */
function narrow(
  candidates: readonly Candidate[],
  exclusions: Exclusion[],
  reasonAgainst: (candidate: Candidate) => string | null,
): readonly Candidate[] {
  if (candidates.every((candidate) => reasonAgainst(candidate) === null)) return candidates
  const good = candidates.filter((candidate) => reasonAgainst(candidate) === null)
  if (good.length === 0) return candidates
  for (const candidate of candidates) {
    const reason = reasonAgainst(candidate)
    if (reason !== null) exclusions.push({ target: candidate.target, reason })
  }
  return good
}

function lacking(candidate: Candidate, facts: RequestFacts): string | null {
  const lack = facts.preferred.find(({ feature }) => !candidate.features.has(feature))
  return lack === undefined ? null : `another target can do "${lack.param}" (${lack.feature})`
}

/** The size is an estimate: it may choose between targets, never refuse the last one. */
function tooSmall({ contextTokens }: Candidate, { promptTokens }: RequestFacts): string | null {
  if (contextTokens === null || promptTokens <= contextTokens) return null
  return `its context of ${contextTokens} tokens is too small for about ${promptTokens}`
}

/** The last one answers as long as it can: a shorter answer is better than none. */
function tooShort({ maxOutputTokens: most }: Candidate, facts: RequestFacts): string | null {
  const { maxOutputTokens: asked } = facts
  if (most === null || asked === null || asked <= most) return null
  return `its answers have at most ${most} tokens, and ${asked} are asked for`
}

function unwanted(
  candidate: Candidate,
  preferences: ProviderPreferences,
  { promptTokens }: RequestFacts,
): string | null {
  const { only, ignore, order, allowFallbacks, maxPrice, zdr, dataCollection } = preferences
  // A wish for privacy fails closed: what is not declared is not there.
  if (zdr === true && candidate.data?.zeroDataRetention !== true)
    return 'it does not declare zero data retention, which provider.zdr asks for'
  if (dataCollection === 'deny' && collects(candidate))
    return 'it does not declare that it collects nothing, which provider.data_collection asks for'
  if (only !== undefined && !isNamed(candidate.provider, only))
    return 'the caller named other providers in provider.only'
  if (ignore !== undefined && isNamed(candidate.provider, ignore))
    return 'the caller named its provider in provider.ignore'
  if (allowFallbacks === false && order !== undefined && !isNamed(candidate.provider, order)) {
    return 'the caller forbade fallbacks outside provider.order'
  }
  if (maxPrice === undefined) return null
  return (
    tooDear(inputPriceOf(candidate, promptTokens), maxPrice.prompt, 'prompt') ??
    tooDear(outputPriceOf(candidate, promptTokens), maxPrice.completion, 'completion')
  )
}

/** OpenRouter's `deny`: providers that neither keep what they are sent nor train on it. */
function collects({ data }: Candidate): boolean {
  const keepsNothing = data?.zeroDataRetention === true || data?.retentionDays === 0
  return !keepsNothing || data?.training !== false
}

function tooDear(price: number | null, most: number | undefined, kind: string): string | null {
  if (most === undefined) return null
  if (price === null) return `its ${kind} price is unknown and provider.max_price is set`
  return price > most
    ? `its ${kind} price of ${price} USD per million tokens is over provider.max_price`
    : null
}

function incapable(candidate: Candidate, facts: RequestFacts, strict: boolean): string | null {
  for (const { wire, param, hard } of facts.wires) {
    if ((hard || strict) && wire !== candidate.wire)
      return `it cannot carry "${param}", which only the ${wire} format knows`
  }
  for (const { feature, param } of strict
    ? [...facts.needs, ...facts.preferred, ...facts.wishes.filter(isParameter)]
    : facts.needs) {
    if (!candidate.features.has(feature)) return `it cannot do "${param}" (${feature})`
  }
  return tooManyStops(candidate, facts)
}

/** What stands beside the content of a message is warned of; `provider.require_parameters` asks for parameters. */
function isParameter({ feature }: Need): boolean {
  return !besideContent.has(feature)
}

const besideContent: ReadonlySet<Feature> = new Set([
  'documentContext',
  'documentTitles',
  'imageDetail',
  'participantNames',
  'thoughts',
  'toolErrors',
])

/** Some of them would have to be dropped, and the answer would run on. */
function tooManyStops({ maxStopSequences: most }: Candidate, facts: RequestFacts): string | null {
  if (most === undefined || facts.stopSequences <= most) return null
  const stop = facts.needs.find(({ feature }) => feature === 'stop')
  return `it takes at most ${most} of "${stop?.param ?? 'stop'}", and ${facts.stopSequences} are given`
}

/** Preferences that nothing here can be chosen by: no target is known by them. */
export function unappliedPreferences(
  { sort }: ProviderPreferences,
  candidates: readonly Candidate[],
): string[] {
  return sort === undefined || sort === 'price' || canSort(candidates, sort)
    ? []
    : ['provider.sort']
}

/** What a chosen target will not honour: one entry a field, for `x-switchyard-warning`. */
export function unhonoured(candidate: Candidate, facts: RequestFacts): string[] {
  const params: string[] = []
  addLacking(params, candidate, facts.preferred)
  addLacking(params, candidate, facts.wishes)
  if (facts.wires.length > 0)
    for (const { wire, param, hard } of facts.wires)
      if (!hard && wire !== candidate.wire) params.push(param)
  return params.length < 2 ? params : [...new Set(params)]
}

/** By index: it is asked of every step of a plan. */
function addLacking(params: string[], { features }: Candidate, needs: readonly Need[]): void {
  for (let index = 0; index < needs.length; index++) {
    const need = needs[index]
    if (need !== undefined && !features.has(need.feature)) params.push(need.param)
  }
}
