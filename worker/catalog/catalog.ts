import { abortBillingOf } from './abort-billing.ts'
import { resolveModel, type Resolution, type SectionReader } from './alias.ts'
import { checkEntry, describeProblem } from './load.ts'
import { type PackedCatalog, packedSections } from './packed.ts'
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
  section(provider: string): SectionReader | null
}

/** Reads a whole catalog. */
export function readCatalog(catalog: CatalogFile): CatalogReader {
  const { sources, providers } = catalog
  return {
    sources,
    section: (provider) => {
      const section = own(providers, provider)
      return section === undefined ? null : readSection(section)
    },
  }
}

function readSection({ models, aliases = {}, retired = [] }: CatalogSection): SectionReader {
  return {
    model: (id) => (Object.hasOwn(models, id) ? id : (own(aliases, id) ?? null)),
    isRetired: (id) => retired.includes(id),
    entry: (model) => own(models, model),
    aliasesOf: (model) =>
      Object.entries(aliases).flatMap(([alias, target]) => (target === model ? alias : [])),
  }
}

/** "constructor" is a name like any other. */
function own<Value>(record: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}

/** Reads a packed catalog, each entry when it is asked for. */
export function readPackedCatalog(packed: PackedCatalog): CatalogReader {
  const read = packedSections(packed)
  const known = new Map<string, SectionReader | null>()
  return {
    sources: packed.sources,
    section: (provider) => {
      let section = known.get(provider)
      if (section === undefined) {
        section = read(provider)
        if (section !== null) known.set(provider, section)
      }
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
  const entry = found === null ? undefined : section?.entry(found.model)
  if (section === null || found === null || entry === undefined) return null
  const path = `providers.${provider}.models.${found.model}`
  const [problem] = checkEntry(path, entry, catalog.sources)
  const source = catalog.sources[entry.from]
  if (problem !== undefined || source === undefined)
    throw new CatalogError(problem === undefined ? `${path}.from` : describeProblem(problem))
  return {
    provider,
    model: found.model,
    aliases: section.aliasesOf(found.model),
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
