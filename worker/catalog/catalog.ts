import { abortBillingOf } from './abort-billing.ts'
import { resolveModel, type Resolution } from './alias.ts'
import { checkEntry, describeProblem } from './load.ts'
import {
  abilities,
  type Ability,
  type CatalogEntry,
  type CatalogFile,
  type CatalogSection,
  type ModelFacts,
  type Prices,
} from './schema.ts'

/** A catalog entry that must not be used: its message names path, rule and value. */
export class CatalogError extends Error {
  override readonly name = 'CatalogError'
}

/** Answers what is known of a model, or null; throws a `CatalogError` for an entry that breaks a rule. */
export type ModelLookup = (provider: string, model: string) => ModelFacts | null

export const freePrices: Prices = { input: 0, output: 0 }
/** Ids come from requests too, so what is remembered must have an end. */
const maxRememberedModels = 2_000

/** Where a lookup reads: the sources, and the section of a provider or null. */
export interface CatalogReader {
  readonly sources: CatalogFile['sources']
  section(provider: string): CatalogSection | null
}

/**
 * `models.json` as the Worker carries it: the same content, every section as
 * JSON text. The engine skips over a text; a literal of 1,800 entries would
 * cost each cold start four times as much (11 ms against 3 ms, Node 24).
 */
export interface PackedCatalog {
  readonly version: string
  readonly sources: CatalogFile['sources']
  readonly sections: Readonly<Record<string, string>>
}

/** Reads a whole catalog. */
export function readCatalog(catalog: CatalogFile): CatalogReader {
  return {
    sources: catalog.sources,
    section: (provider) =>
      Object.hasOwn(catalog.providers, provider) ? (catalog.providers[provider] ?? null) : null,
  }
}

/** Reads a packed catalog, each section when it is first asked for. */
export function readPackedCatalog(packed: PackedCatalog): CatalogReader {
  const parsed = new Map<string, CatalogSection>()
  return {
    sources: packed.sources,
    section: (provider) => {
      const known = parsed.get(provider)
      if (known !== undefined) return known
      const text = Object.hasOwn(packed.sections, provider) ? packed.sections[provider] : undefined
      if (text === undefined) return null
      const section = JSON.parse(text) as CatalogSection
      parsed.set(provider, section)
      return section
    },
  }
}

/**
 * Makes a lookup. Nothing is read before it is asked for: an entry is checked
 * and spelled out at its first lookup and then remembered, so a bad entry
 * never prices a request.
 */
export function createLookup(catalog: CatalogReader): ModelLookup {
  const remembered = new Map<string, ModelFacts>()
  return (provider, model) => {
    const key = `${provider}\n${model}`
    const known = remembered.get(key)
    if (known !== undefined) return known
    const facts = readFacts(catalog, provider, model)
    if (facts !== null && remembered.size < maxRememberedModels) remembered.set(key, facts)
    return facts
  }
}

function readFacts(catalog: CatalogReader, provider: string, model: string): ModelFacts | null {
  const section = catalog.section(provider)
  const found = section === null ? null : resolveModel(provider, section, model)
  const entry = found === null ? undefined : section?.models[found.model]
  if (section === null || found === null || entry === undefined) return null
  const path = `providers.${provider}.models.${found.model}`
  const [problem] = checkEntry(path, entry, catalog.sources)
  const source = catalog.sources[entry.from]
  if (problem !== undefined || source === undefined)
    throw new CatalogError(problem === undefined ? `${path}.from` : describeProblem(problem))
  return {
    provider,
    model: found.model,
    aliases: Object.entries(section.aliases ?? {})
      .filter(([, target]) => target === found.model)
      .map(([alias]) => alias),
    ...limitsOf(entry, found),
    ...pricesOf(entry, found),
    input: entry.in ?? ['text'],
    output: entry.out ?? ['text'],
    ...abilitiesOf(entry),
    responsesOnly: entry.responsesOnly === true,
    ...(entry.retires === undefined ? {} : { retiresOn: entry.retires }),
    abortBilling: abortBillingOf(provider),
    source,
  }
}

function limitsOf(
  entry: CatalogEntry,
  found: Resolution,
): Pick<ModelFacts, 'contextTokens' | 'maxOutputTokens'> {
  if (found.limits === 'unknown') return {}
  return {
    ...(entry.context === undefined ? {} : { contextTokens: entry.context }),
    ...(entry.maxOutput === undefined ? {} : { maxOutputTokens: entry.maxOutput }),
  }
}

function pricesOf(entry: CatalogEntry, found: Resolution): Pick<ModelFacts, 'prices' | 'free'> {
  switch (found.price) {
    case 'same':
      return { prices: entry.prices, free: entry.free === true }
    case 'free':
      return { prices: freePrices, free: true }
    case 'unknown':
      return { prices: null, free: false }
  }
}

function abilitiesOf(entry: CatalogEntry): { readonly [A in Ability]?: boolean } {
  const can = entry.can?.split(' ') ?? []
  const cannot = entry.cannot?.split(' ') ?? []
  const known: { [A in Ability]?: boolean } = {}
  for (const ability of abilities) {
    if (can.includes(ability)) known[ability] = true
    else if (cannot.includes(ability)) known[ability] = false
  }
  return known
}
