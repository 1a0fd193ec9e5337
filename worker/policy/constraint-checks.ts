import type { Candidate } from './candidate.ts'
import { askedOf, type RequestFacts } from './classify.ts'
import type { Constraint, SourcedConstraint } from './constraint.ts'
import { compileGlobs } from './glob.ts'
import { inputPriceOf, outputPriceOf } from './price-at.ts'

/** Says what speaks against a target, without who asks for it: `it trains on what it is sent`; null: nothing. */
export type Check = (candidate: Candidate, facts: RequestFacts) => string | null

/** The parts of one constraint, ready to be asked. */
export interface CompiledConstraint {
  readonly source: string
  /** All but speed and regions. */
  readonly checks: readonly Check[]
  /** What a target fails today and may meet tomorrow. */
  readonly speed: readonly Check[]
  readonly region: readonly Check[]
}

const compiled = new WeakMap<SourcedConstraint, CompiledConstraint>()

/** Compiled at its first use: the same constraint is the same object for every request of an isolate. */
export function compileConstraint(sourced: SourcedConstraint): CompiledConstraint {
  let made = compiled.get(sourced)
  if (made === undefined) {
    const { source, constraint } = sourced
    made = {
      source,
      checks: checksOf(constraint),
      speed: speedChecks(constraint),
      region: regionCheck(constraint.regions),
    }
    compiled.set(sourced, made)
  }
  return made
}

function checksOf(constraint: Constraint): Check[] {
  return [
    ...nameChecks(constraint),
    ...dataChecks(constraint),
    ...priceChecks(constraint),
    ...abilityChecks(constraint),
  ]
}

/** All regions that it may process in have to be allowed: nobody can choose among them. */
function regionCheck(allowed: readonly string[] | undefined): Check[] {
  if (allowed === undefined) return []
  const places = allowed.length === 0 ? 'nowhere' : allowed.join(', ')
  return [
    ({ regions = [] }) => {
      if (regions.length === 0)
        return `it does not declare its regions, and only ${places} is allowed`
      return regions.every((one) => allowed.includes(one))
        ? null
        : `it processes in ${regions.join(', ')}, and only ${places} is allowed`
    },
  ]
}

function nameChecks({ allow, deny }: Constraint): Check[] {
  const checks: Check[] = []
  if (allow !== undefined) {
    const isAllowed = compileGlobs(allow)
    checks.push(({ target }) =>
      isAllowed(target) ? null : 'it is not on the list of allowed ones',
    )
  }
  if (deny !== undefined) {
    const isDenied = compileGlobs(deny)
    checks.push(({ target }) => (isDenied(target) ? 'it is on the list of denied ones' : null))
  }
  return checks
}

function dataChecks(constraint: Constraint): Check[] {
  const { maxRetentionDays: most, zeroDataRetention, noTraining, certifications } = constraint
  const checks: Check[] = []
  if (zeroDataRetention === true)
    checks.push(({ data }) =>
      data?.zeroDataRetention === true ? null : 'it does not declare zero data retention',
    )
  if (noTraining === true)
    checks.push(({ data }) => {
      if (data?.training === false) return null
      return data?.training === true
        ? 'it trains on what it is sent'
        : 'it does not declare that it trains on nothing'
    })
  if (most !== undefined)
    checks.push(({ data }) => {
      const days = data?.zeroDataRetention === true ? 0 : (data?.retentionDays ?? null)
      if (days === null) return 'it does not declare how long it keeps what it is sent'
      return days <= most
        ? null
        : `it keeps what it is sent for ${days} days, and ${most} are allowed`
    })
  for (const name of certifications ?? [])
    checks.push(({ data }) =>
      data?.certifications.includes(name) === true
        ? null
        : `it does not declare the certification "${name}"`,
    )
  return checks
}

function priceChecks({
  maxInputUsdPerMillion: input,
  maxOutputUsdPerMillion: output,
}: Constraint): Check[] {
  const checks: Check[] = []
  if (input !== undefined)
    checks.push((candidate, { promptTokens }) =>
      dear(inputPriceOf(candidate, promptTokens), input, 'prompt'),
    )
  if (output !== undefined)
    checks.push((candidate, { promptTokens }) =>
      dear(outputPriceOf(candidate, promptTokens), output, 'completion'),
    )
  return checks
}

function dear(price: number | null, most: number, kind: string): string | null {
  if (price === null) return `its ${kind} price is unknown, and ${most} USD per million are allowed`
  return price <= most
    ? null
    : `its ${kind} price of ${price} USD per million tokens is over ${most}`
}

function abilityChecks({
  features,
  require,
  minContextTokens,
  fitsContext,
  minQualityTier,
}: Constraint): Check[] {
  const checks: Check[] = []
  for (const feature of features ?? [])
    checks.push((candidate) => (candidate.features.has(feature) ? null : `it cannot do ${feature}`))
  for (const feature of require ?? [])
    checks.push((candidate, facts) => {
      const asked = candidate.features.has(feature) ? undefined : askedOf(facts, feature)
      return asked === undefined ? null : `it cannot do "${asked.param}" (${feature})`
    })
  if (minContextTokens !== undefined)
    checks.push(({ contextTokens }) => smallContext(contextTokens, minContextTokens))
  if (fitsContext === true)
    checks.push(({ contextTokens }, { promptTokens }) => smallContext(contextTokens, promptTokens))
  if (minQualityTier !== undefined)
    checks.push(({ qualityTier }) => {
      if (qualityTier === undefined) return 'it declares no quality tier'
      return qualityTier >= minQualityTier
        ? null
        : `its quality tier ${qualityTier} is under ${minQualityTier}`
    })
  return checks
}

function smallContext(contextTokens: number | null, least: number): string | null {
  if (contextTokens === null) return `its context is unknown, and ${least} tokens have to fit`
  return contextTokens >= least
    ? null
    : `its context of ${contextTokens} tokens is too small for ${least}`
}

function speedChecks({ maxFirstTokenP95Ms: most, requireMeasured }: Constraint): Check[] {
  const checks: Check[] = []
  if (most !== undefined)
    checks.push(({ measured }) => {
      const p95Ms = measured?.firstTokenP95Ms ?? null
      return p95Ms === null || p95Ms <= most
        ? null
        : `95 of 100 first tokens come within ${p95Ms} ms, and ${most} ms are allowed`
    })
  if (requireMeasured === true)
    checks.push(({ measured }) =>
      (measured?.firstTokenP95Ms ?? null) === null
        ? 'nobody has measured its time to the first token from here'
        : null,
    )
  return checks
}
