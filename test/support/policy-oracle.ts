import type { ProviderPreferences } from '../../worker/canonical/request.ts'
import type { Candidate } from '../../worker/policy/candidate.ts'
import type { Constraint } from '../../worker/policy/constraint.ts'
import { dataClasses, type RequestFacts } from '../../worker/policy/request-facts.ts'

/** Who may answer, said once more and from scratch: what the invariants of plans and of calls are held against. */

/** Whether a target meets a constraint. What is not declared meets nothing. */
export function meets(one: Candidate, asked: Constraint, { promptTokens }: RequestFacts): boolean {
  const { regions = [], data, qualityTier, measured } = one
  const matches = (patterns: readonly string[]) =>
    patterns.some((pattern) => new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(one.target))
  const isAtMost = (value: number | null | undefined, most: number | undefined) =>
    most === undefined || (typeof value === 'number' && value <= most)
  const isAtLeast = (value: number | null | undefined, least: number | undefined) =>
    least === undefined || (typeof value === 'number' && value >= least)
  const p95 = measured?.firstTokenP95Ms ?? null
  return [
    asked.regions === undefined ||
      (regions.length > 0 && regions.every((region) => asked.regions?.includes(region))),
    asked.allow === undefined || matches(asked.allow),
    asked.deny === undefined || !matches(asked.deny),
    isAtMost(data?.zeroDataRetention === true ? 0 : data?.retentionDays, asked.maxRetentionDays),
    asked.zeroDataRetention !== true || data?.zeroDataRetention === true,
    asked.noTraining !== true || data?.training === false,
    (asked.certifications ?? []).every((name) => data?.certifications.includes(name)),
    isAtMost(usdPerMillion(one, 'input', promptTokens), asked.maxInputUsdPerMillion),
    isAtMost(usdPerMillion(one, 'output', promptTokens), asked.maxOutputUsdPerMillion),
    p95 === null || isAtMost(p95, asked.maxFirstTokenP95Ms),
    asked.requireMeasured !== true || p95 !== null,
    isAtLeast(qualityTier, asked.minQualityTier),
    (asked.features ?? []).every((feature) => one.features.has(feature)),
    isAtLeast(one.contextTokens, asked.minContextTokens),
    asked.fitsContext !== true || isAtLeast(one.contextTokens, promptTokens),
  ].every(Boolean)
}

/** What a prompt of so many tokens is billed at; the prices of long ones stand in ascending order. */
function usdPerMillion(one: Candidate, part: 'input' | 'output', promptTokens: number) {
  const tiers = one.prices?.longContext ?? []
  const tier = tiers.findLast(({ aboveInputTokens }) => promptTokens > aboveInputTokens)
  if (tier !== undefined) return tier[part] / 1e6
  return part === 'input' ? one.inputUsdPerMillion : one.outputUsdPerMillion
}

/** As far as a wish of the caller leaves somebody out. */
export function isWanted(
  one: Candidate,
  wishes: ProviderPreferences,
  { promptTokens }: Pick<RequestFacts, 'promptTokens'> = { promptTokens: 0 },
): boolean {
  const { data } = one
  const isAffordable = (part: 'input' | 'output', most: number | undefined) => {
    const price = usdPerMillion(one, part, promptTokens)
    return most === undefined || (price !== null && price <= most)
  }
  const keepsNothing = data?.zeroDataRetention === true || data?.retentionDays === 0
  return [
    wishes.only === undefined || wishes.only.includes(one.provider),
    wishes.ignore?.includes(one.provider) !== true,
    wishes.allowFallbacks !== false ||
      wishes.order === undefined ||
      wishes.order.includes(one.provider),
    wishes.zdr !== true || data?.zeroDataRetention === true,
    wishes.dataCollection !== 'deny' || (keepsNothing && data?.training === false),
    isAffordable('input', wishes.maxPrice?.prompt),
    isAffordable('output', wishes.maxPrice?.completion),
  ].every(Boolean)
}

export function isCareful({ data }: Candidate, { dataClass }: RequestFacts): boolean {
  if (data?.maxDataClass === undefined || dataClass === null) return true
  return dataClasses.indexOf(dataClass) <= dataClasses.indexOf(data.maxDataClass)
}
