import { isDeepStrictEqual } from 'node:util'
import {
  codes,
  commonPlaces,
  firstCode,
  packedColumns,
  packedPrices,
  traitFlags,
  type PackedCatalog,
  type PackedColumn,
  unpackSection,
} from '../../worker/catalog/packed.ts'
import {
  abilities,
  modalities,
  type CatalogEntry,
  type CatalogFile,
  type CatalogSection,
  type PriceTier,
  type Prices,
} from '../../worker/catalog/schema.ts'

/** Packs a catalog as `PackedCatalog` says; throws where reading it back would give anything else. */
export function packCatalog({ version, sources, providers }: CatalogFile): PackedCatalog {
  const sections = Object.values(providers).map(({ models }) => Object.values(models))
  const packed: PackedCatalog = {
    version,
    sources,
    ids: mapValues(providers, packIds),
    ...packColumns(Object.keys(sources), sections),
  }
  for (const [provider, section] of Object.entries(providers))
    if (!isKept(packed, provider, section))
      throw new Error(`the section of ${provider} cannot be packed`)
  return packed
}

function isKept(packed: PackedCatalog, provider: string, section: CatalogSection): boolean {
  try {
    return isDeepStrictEqual(unpackSection(packed, provider), section)
  } catch {
    return false
  }
}

function mapValues<From, To>(
  record: Readonly<Record<string, From>>,
  make: (value: From) => To,
): Readonly<Record<string, To>> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, make(value)]))
}

function packIds({ models, aliases = {}, retired = [] }: CatalogSection): string {
  return [Object.keys(models), Object.entries(aliases).flat(), retired]
    .map(packNames)
    .join('\n\n')
    .trimEnd()
}

function packNames(ids: readonly string[]): string {
  const lines = ids.map((id, at) => {
    const above = ids[at - 1] ?? ''
    const shared = sharedStart(above, id)
    return written(above.length - shared) + id.slice(shared)
  })
  return lines.join('\n')
}

/** How many characters two ids begin with alike. */
function sharedStart(one: string, other: string): number {
  let shared = 0
  while (shared < other.length && one[shared] === other[shared]) shared += 1
  return shared
}

type TextOf = (entry: CatalogEntry) => string

const textOf: Readonly<Record<Exclude<PackedColumn, 'trait'>, TextOf>> = {
  context: ({ context }) => short(context),
  maxOutput: ({ context, maxOutput }) =>
    maxOutput !== undefined && maxOutput === context ? '=' : short(maxOutput),
  retires: ({ retires = '' }) => retires,
  input: ({ prices }) => short(prices.input),
  output: ({ prices }) => multiple(prices.output, prices.input),
  cacheRead: ({ prices }) => multiple(prices.cacheRead, prices.input),
  more: ({ prices }) => {
    const rest = packedPrices.slice(3).map((field) => multiple(prices[field], prices.input))
    const tiers = (prices.longContext ?? []).map((tier) => packTier(tier, prices))
    return [rest, ...tiers].map((fields) => fields.join(' ').trimEnd()).join(';')
  },
}

function packTrait(entry: CatalogEntry, sources: readonly string[]): string {
  const fields = [
    String(sources.indexOf(entry.from)),
    digitsOf(abilities, entry.can?.split(' ')),
    digitsOf(abilities, entry.cannot?.split(' ')),
    digitsOf(modalities, entry.in),
    digitsOf(modalities, entry.out),
    digitsOf(
      traitFlags,
      traitFlags.filter((flag) => entry[flag] === true),
    ),
  ]
  return fields.join(' ').trimEnd()
}

function digitsOf(words: readonly string[], chosen: readonly string[] = []): string {
  return chosen.map((word) => words.indexOf(word)).join('')
}

function packTier(tier: PriceTier, without: Prices): readonly string[] {
  const prices: Partial<Prices> = tier
  const multiples = packedPrices.map((field) => multiple(prices[field], without[field]))
  return [short(tier.aboveInputTokens), ...multiples]
}

function packColumns(
  sources: readonly string[],
  sections: readonly (readonly CatalogEntry[])[],
): Pick<PackedCatalog, 'values' | 'columns'> {
  const values: Record<string, string> = {}
  const columns: Record<string, string> = {}
  for (const name of packedColumns) {
    const text: TextOf = name === 'trait' ? (entry) => packTrait(entry, sources) : textOf[name]
    const texts = sections.map((entries) => entries.map(text))
    const known = byUse(texts.flat())
    const placeOf = new Map(known.map((text, place) => [text, written(place)]))
    values[name] = known.join('\n')
    columns[name] = texts.map((each) => each.map((text) => placeOf.get(text)).join('')).join('\n')
  }
  return { values, columns } as Pick<PackedCatalog, 'values' | 'columns'>
}

/** Each of them once, the most common first. */
function byUse(texts: readonly string[]): readonly string[] {
  const uses = new Map<string, number>()
  for (const text of texts) uses.set(text, (uses.get(text) ?? 0) + 1)
  return [...uses].sort(([, a], [, b]) => b - a).map(([text]) => text)
}

/** As `placeOf` reads it. */
function written(place: number): string {
  const rare = place - commonPlaces
  const digits = rare < 0 ? [place] : [commonPlaces + Math.floor(rare / codes), rare % codes]
  return String.fromCharCode(...digits.map((digit) => digit + firstCode))
}

/** `value` as a multiple of `unit`, or behind `=`, where no multiple of four digits is exact. */
function multiple(value: number | undefined, unit: number | undefined): string {
  if (value === undefined) return ''
  const text = String(Number((value / (unit ?? 0)).toPrecision(4))).replace(/^0\./, '.')
  const isExact = unit !== undefined && Math.round(Number(text) * unit) === value
  return isExact && text.length <= 5 ? text : `=${short(value)}`
}

/** `1250000` as `125e4`. */
function short(value: number | undefined): string {
  return value === undefined ? '' : String(value).replace(/0{3,}$/, ({ length }) => `e${length}`)
}
