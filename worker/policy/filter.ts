import type { ProviderPreferences } from '../canonical/request.ts'
import type { Candidate, Exclusion } from './candidate.ts'
import type { RequestFacts } from './classify.ts'
import { isNamed } from './provider-names.ts'

export interface Filtered {
  readonly kept: readonly Candidate[]
  readonly exclusions: readonly Exclusion[]
}

/**
 * Leaves out what cannot answer this request, each with its reason. The
 * caller's `provider` preferences narrow; nothing here ever adds a target.
 */
export function filter(
  candidates: readonly Candidate[],
  facts: RequestFacts,
  preferences: ProviderPreferences,
): Filtered {
  const kept: Candidate[] = []
  const exclusions: Exclusion[] = []
  for (const candidate of candidates) {
    if (candidate.unavailable !== null) {
      exclusions.push({
        target: candidate.target,
        reason: candidate.unavailable,
        unavailable: true,
      })
      continue
    }
    const reason =
      unwanted(candidate, preferences) ??
      incapable(candidate, facts, preferences.requireParameters === true)
    if (reason === null) kept.push(candidate)
    else exclusions.push({ target: candidate.target, reason })
  }
  const fitting = kept.filter((candidate) => fits(candidate, facts))
  // The size is an estimate: it may choose between targets, never refuse the last one.
  if (fitting.length === 0 || fitting.length === kept.length) return { kept, exclusions }
  for (const candidate of kept) {
    if (fits(candidate, facts)) continue
    const reason = `its context of ${candidate.contextTokens} tokens is too small for about ${facts.promptTokens}`
    exclusions.push({ target: candidate.target, reason })
  }
  return { kept: fitting, exclusions }
}

function fits(candidate: Candidate, facts: RequestFacts): boolean {
  return candidate.contextTokens === null || facts.promptTokens <= candidate.contextTokens
}

function unwanted(candidate: Candidate, preferences: ProviderPreferences): string | null {
  const { only, ignore, order, allowFallbacks, maxPrice } = preferences
  if (only !== undefined && !isNamed(candidate.provider, only))
    return 'the caller named other providers in provider.only'
  if (ignore !== undefined && isNamed(candidate.provider, ignore))
    return 'the caller named its provider in provider.ignore'
  if (allowFallbacks === false && order !== undefined && !isNamed(candidate.provider, order)) {
    return 'the caller forbade fallbacks outside provider.order'
  }
  return (
    tooDear(candidate.inputUsdPerMillion, maxPrice?.prompt, 'prompt') ??
    tooDear(candidate.outputUsdPerMillion, maxPrice?.completion, 'completion')
  )
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
  for (const { feature, param } of strict ? [...facts.needs, ...facts.wishes] : facts.needs) {
    if (!candidate.features.has(feature)) return `it cannot do "${param}" (${feature})`
  }
  return null
}

/** Preferences that nothing here can be chosen by: no target says what it keeps, none is measured yet. */
export function unappliedPreferences(preferences: ProviderPreferences): string[] {
  const { sort, dataCollection, zdr } = preferences
  return [
    ...(sort === undefined || sort === 'price' ? [] : ['provider.sort']),
    ...(dataCollection === 'deny' ? ['provider.data_collection'] : []),
    ...(zdr === true ? ['provider.zdr'] : []),
  ]
}

/** What a chosen target will not honour: one entry a field, for `x-switchyard-warning`. */
export function unhonoured(candidate: Candidate, facts: RequestFacts): string[] {
  const params = [
    ...facts.wishes
      .filter(({ feature }) => !candidate.features.has(feature))
      .map(({ param }) => param),
    ...facts.wires
      .filter(({ wire, hard }) => !hard && wire !== candidate.wire)
      .map(({ param }) => param),
  ]
  return [...new Set(params)]
}
