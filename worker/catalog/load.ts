import {
  abilities,
  modalities,
  optionalTokenPrices,
  piecePrices,
  requiredTokenPrices,
  type CatalogFile,
} from './schema.ts'

/** Where a catalog is wrong: the path, the rule it breaks, and the value found there. */
export interface CatalogProblem {
  readonly path: string
  readonly rule: string
  readonly value: unknown
}

export type CatalogResult =
  | { readonly ok: true; readonly catalog: CatalogFile }
  | { readonly ok: false; readonly problems: readonly CatalogProblem[] }

type Report = (path: string, rule: string, value: unknown) => void
type Fields = Readonly<Record<string, unknown>>

/** No list price comes near $1000 per million tokens; a price above it is a slip of the unit. */
const highestTokenPrice = 1_000_000_000
const tenfold = 10

/**
 * Checks a whole catalog, and against `previous` that no price moved tenfold.
 *
 * Meant for the generator, the tests and any catalog that did not come with the
 * build: it walks every entry. The Worker checks single entries as it reads
 * them (`checkEntry`).
 */
export function loadCatalog(raw: unknown, previous?: CatalogFile): CatalogResult {
  const problems: CatalogProblem[] = []
  const report: Report = (path, rule, value) => problems.push({ path, rule, value })
  checkFile(raw, report)
  if (problems.length > 0) return { ok: false, problems }
  const catalog = raw as CatalogFile
  if (previous !== undefined) comparePrices(catalog, previous, report)
  return problems.length > 0 ? { ok: false, problems } : { ok: true, catalog }
}

/** `path: rule (found value)`, one line. */
export function describeProblem(problem: CatalogProblem): string {
  return `${problem.path}: ${problem.rule} (found ${JSON.stringify(problem.value) ?? 'nothing'})`
}

/** Checks one entry of `models.json`; an empty list means it may be read as a `CatalogEntry`. */
export function checkEntry(path: string, entry: unknown, sources: unknown): CatalogProblem[] {
  const problems: CatalogProblem[] = []
  const report: Report = (at, rule, value) => problems.push({ path: at, rule, value })
  if (!isFields(entry)) {
    report(path, 'must be an object', entry)
    return problems
  }
  if (typeof entry.from !== 'string' || !isFields(sources) || !(entry.from in sources))
    report(`${path}.from`, 'must name a source', entry.from)
  checkLimits(path, entry, report)
  checkWords(path, entry, report)
  checkPrices(`${path}.prices`, entry.prices, entry.free === true, report)
  return problems
}

function checkFile(raw: unknown, report: Report): void {
  if (!isFields(raw)) return report('', 'must be an object', raw)
  if (typeof raw.version !== 'string' || raw.version === '')
    report('version', 'must be a text', raw.version)
  if (!isFields(raw.sources)) return report('sources', 'must be an object', raw.sources)
  for (const [id, source] of Object.entries(raw.sources))
    for (const field of ['package', 'version', 'asOf'])
      if (!isFields(source) || typeof source[field] !== 'string')
        report(`sources.${id}.${field}`, 'must be a text', source)
  if (!isFields(raw.providers)) return report('providers', 'must be an object', raw.providers)
  for (const [provider, section] of Object.entries(raw.providers))
    checkSection(`providers.${provider}`, section, raw.sources, report)
}

function checkSection(path: string, section: unknown, sources: Fields, report: Report): void {
  if (!isFields(section) || !isFields(section.models))
    return report(`${path}.models`, 'must be an object', section)
  const models = section.models
  for (const [model, entry] of Object.entries(models))
    for (const problem of checkEntry(`${path}.models.${model}`, entry, sources))
      report(problem.path, problem.rule, problem.value)
  for (const [alias, model] of Object.entries(isFields(section.aliases) ? section.aliases : {})) {
    if (typeof model !== 'string' || !Object.hasOwn(models, model))
      report(`${path}.aliases.${alias}`, 'must name a model of this provider', model)
    if (Object.hasOwn(models, alias))
      report(`${path}.aliases.${alias}`, 'must not be the id of a model', alias)
  }
}

function checkLimits(path: string, entry: Fields, report: Report): void {
  for (const field of ['context', 'maxOutput']) {
    const value = entry[field]
    if (value !== undefined && !(Number.isSafeInteger(value) && (value as number) > 0))
      report(`${path}.${field}`, 'must be a positive integer', value)
  }
  if (entry.retires !== undefined && !/^\d{4}-\d{2}-\d{2}$/.test(String(entry.retires)))
    report(`${path}.retires`, 'must be a day (YYYY-MM-DD)', entry.retires)
}

function checkWords(path: string, entry: Fields, report: Report): void {
  for (const field of ['in', 'out']) {
    const value = entry[field]
    if (value === undefined) continue
    if (!Array.isArray(value) || !value.every((word) => modalities.some((known) => known === word)))
      report(`${path}.${field}`, `must list some of ${modalities.join(', ')}`, value)
  }
  for (const field of ['can', 'cannot']) {
    const value = entry[field]
    if (value === undefined) continue
    const words = typeof value === 'string' ? value.split(' ') : [undefined]
    if (!words.every((word) => abilities.some((known) => known === word)))
      report(`${path}.${field}`, `must be words of ${abilities.join(' ')}`, value)
  }
}

function checkPrices(path: string, prices: unknown, free: boolean, report: Report): void {
  if (!isFields(prices)) return report(path, 'a price is missing', prices)
  checkTokenPrices(path, prices, free, report)
  for (const field of piecePrices)
    if (prices[field] !== undefined)
      checkPrice(`${path}.${field}`, prices[field], free, Number.MAX_SAFE_INTEGER, report)
  if (prices.longContext === undefined) return
  if (!Array.isArray(prices.longContext))
    return report(`${path}.longContext`, 'must be a list of tiers', prices.longContext)
  let above = 0
  for (const [index, tier] of prices.longContext.entries()) {
    const at = `${path}.longContext[${index}]`
    if (!isFields(tier)) return report(at, 'must be an object', tier)
    if (!Number.isSafeInteger(tier.aboveInputTokens) || Number(tier.aboveInputTokens) <= above)
      report(`${at}.aboveInputTokens`, 'must be an integer that rises', tier.aboveInputTokens)
    above = Number(tier.aboveInputTokens)
    checkTokenPrices(at, tier, free, report)
  }
}

function checkTokenPrices(path: string, prices: Fields, free: boolean, report: Report): void {
  for (const field of requiredTokenPrices) {
    if (prices[field] === undefined) report(`${path}.${field}`, 'a price is missing', undefined)
    else checkPrice(`${path}.${field}`, prices[field], free, highestTokenPrice, report)
  }
  for (const field of optionalTokenPrices)
    if (prices[field] !== undefined)
      checkPrice(`${path}.${field}`, prices[field], free, highestTokenPrice, report)
}

function checkPrice(
  path: string,
  value: unknown,
  free: boolean,
  highest: number,
  report: Report,
): void {
  if (typeof value !== 'number' || !Number.isSafeInteger(value))
    return report(path, 'a price must be an integer', value)
  if (value < 0) return report(path, 'a price must not be negative', value)
  if (value === 0 && !free)
    return report(path, 'a price of zero needs the model declared free', value)
  if (value !== 0 && free) return report(path, 'a free model must cost nothing', value)
  if (value > highest) report(path, `a price must not exceed ${highest}`, value)
}

function comparePrices(catalog: CatalogFile, previous: CatalogFile, report: Report): void {
  for (const [provider, section] of Object.entries(catalog.providers))
    for (const [model, entry] of Object.entries(section.models)) {
      const before = priced(previous, provider, model)
      if (before === undefined) continue
      const now = flatPrices(entry.prices)
      for (const [field, old] of flatPrices(before)) {
        const value = now.get(field)
        if (value !== undefined && movedTenfold(old, value))
          report(
            `providers.${provider}.models.${model}.prices.${field}`,
            `a price must not move tenfold at once (it was ${old})`,
            value,
          )
      }
    }
}

/** The earlier prices of what a name means now, also where it was an alias then. */
function priced(catalog: CatalogFile, provider: string, model: string): object | undefined {
  const section = catalog.providers[provider]
  const id = section?.aliases?.[model] ?? model
  return section?.models[id]?.prices
}

function movedTenfold(old: number, value: number): boolean {
  if (old === 0 || value === 0) return old !== value
  return value >= old * tenfold || value * tenfold <= old
}

/** Every number of a price list by its path; tiers are told apart by their threshold. */
function flatPrices(prices: object, prefix = ''): Map<string, number> {
  const flat = new Map<string, number>()
  for (const [field, value] of Object.entries(prices)) {
    if (typeof value === 'number' && field !== 'aboveInputTokens') flat.set(prefix + field, value)
    if (Array.isArray(value))
      for (const tier of value as { readonly aboveInputTokens: number }[])
        for (const [at, price] of flatPrices(tier, `${prefix}${field}[${tier.aboveInputTokens}].`))
          flat.set(at, price)
  }
  return flat
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
