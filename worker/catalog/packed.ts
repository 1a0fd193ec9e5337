import type { SectionReader } from './alias.ts'
import {
  abilities,
  modalities,
  optionalTokenPrices,
  piecePrices,
  requiredTokenPrices,
  type CatalogEntry,
  type CatalogFile,
  type CatalogSection,
} from './schema.ts'

/**
 * `models.json` as the Worker carries it, 12 kB smaller compressed than as JSON: the same content (`models.test.ts`), in
 * columns. A text costs a start nothing until it is read; a literal of 1,800 entries costs it 11 ms.
 */
export interface PackedCatalog {
  readonly version: string
  readonly sources: CatalogFile['sources']
  /**
   * By provider: its models, its aliases, each before the model it means, and its retired ids, an empty line between them.
   * A line begins with the code (`firstCode`) of how many characters at the end of the id above give way to the rest of it.
   */
  readonly ids: Readonly<Record<string, string>>
  /** What stands in a column, a line each, the most common first. */
  readonly values: Readonly<Record<PackedColumn, string>>
  /** A line for each provider, in the order of `ids`; in it, a place in `values` for each model (`placeOf`). */
  readonly columns: Readonly<Record<PackedColumn, string>>
}

/**
 * What is absent is empty. `trait` has what many models have in common, each as digits: the place of its source, the
 * places of `can` and `cannot` in `abilities`, of `in` and `out` in `modalities`, and of what it is in `traitFlags`. `maxOutput` is `=` where it is `context`. Prices but that of input are multiples: of the
 * input's, or, of a longer context, of the same price without it; behind `=`, they are as they stand. `more` has
 * `packedPrices` from `cacheWrite` on, and for each longer context, behind a `;`, from how many tokens on and
 * all of them.
 */
export type PackedColumn = (typeof packedColumns)[number]
export const packedColumns = [
  'trait',
  'context',
  'maxOutput',
  'retires',
  'input',
  'output',
  'cacheRead',
  'more',
] as const

export const traitFlags = ['free', 'responsesOnly'] as const

export const packedPrices = [
  ...requiredTokenPrices,
  ...optionalTokenPrices,
  ...piecePrices,
] as const

/** Small numbers are written as one character each: all that is printed in ASCII, from `#` to `~`. */
export const firstCode = 35
export const codes = 92
/** The places that one character has room for; the other characters are the first of two. */
export const commonPlaces = 86

type Texts<Text> = Readonly<Record<PackedColumn, Text>>

/**
 * Reads a section when it is asked for: its ids all at once, its models one by one, as a first request looks up a
 * dozen of hundreds. The entries are not checked here (`checkEntry` does it as they are used).
 */
export function packedSections(packed: PackedCatalog): (provider: string) => SectionReader | null {
  const rows = Object.keys(packed.ids)
  let lines: Texts<readonly string[]> | undefined
  let values: Texts<readonly string[]> | undefined
  return (provider) => {
    const row = rows.indexOf(provider)
    if (row < 0) return null
    const columns = (lines ??= eachColumn((name) => packed.columns[name].split('\n')))
    const cells = eachColumn((name) => cellsOf(columns[name][row] ?? ''))
    return readSection(packed.ids[provider] ?? '', (place) => {
      const known = (values ??= eachColumn((name) => packed.values[name].split('\n')))
      const texts = eachColumn((name) => known[name][placeOf(cells[name][place] ?? '')] ?? '')
      return entryOf(texts, Object.keys(packed.sources))
    })
  }
}

/** The whole section: for whoever packs, and has to see that nothing is lost. */
export function unpackSection(packed: PackedCatalog, provider: string): CatalogSection {
  const { models, aliases, retired } = namesOf(packed.ids[provider] ?? '')
  const reader = packedSections(packed)(provider)
  return {
    models: Object.fromEntries(
      models.flatMap((id) => {
        const entry = reader?.entry(id)
        return entry === undefined ? [] : [[id, entry]]
      }),
    ),
    ...(aliases.length === 0 ? {} : { aliases: Object.fromEntries(aliases) }),
    ...(retired.length === 0 ? {} : { retired }),
  }
}

function eachColumn<Made>(make: (name: PackedColumn) => Made): Texts<Made> {
  const made = packedColumns.map((name) => [name, make(name)] as const)
  return Object.fromEntries(made) as unknown as Texts<Made>
}

function readSection(ids: string, entryAt: (place: number) => CatalogEntry): SectionReader {
  const { models, aliases, retired } = namesOf(ids)
  return {
    model: (id) =>
      models.includes(id) ? id : (aliases.find(([alias]) => alias === id)?.[1] ?? null),
    isRetired: (id) => retired.includes(id),
    entry: (model) => {
      const place = models.indexOf(model)
      return place < 0 ? undefined : entryAt(place)
    },
    aliasesOf: (model) => aliases.flatMap(([alias, meant]) => (meant === model ? alias : [])),
  }
}

function namesOf(text: string) {
  const [models = [], named = [], retired = []] = text.split('\n\n').map(idsOf)
  const aliases = named.flatMap((id, at) =>
    at % 2 === 0 ? [[id, named[at + 1] ?? ''] as const] : [],
  )
  return { models, aliases, retired }
}

function idsOf(text: string): readonly string[] {
  if (text === '') return []
  let above = ''
  return text.split('\n').map((line) => {
    const kept = above.length - (line.charCodeAt(0) - firstCode)
    above = above.slice(0, kept) + line.slice(1)
    return above
  })
}

/** The codes of a line of a column, one for each model; a line of common values alone is as good as a list of them. */
function cellsOf(line: string): string | readonly string[] {
  return /[y-~]/.test(line) ? (line.match(/[#-x]|[y-~]./g) ?? []) : line
}

function placeOf(cell: string): number {
  const rare = cell.charCodeAt(0) - firstCode - commonPlaces
  return commonPlaces + (rare < 0 ? rare : rare * codes + cell.charCodeAt(1) - firstCode)
}

type Fields = Record<string, unknown>

function entryOf(
  { trait, context, maxOutput, retires, input, output, cacheRead, more }: Texts<string>,
  sources: readonly string[],
): CatalogEntry {
  const [base = '', ...tiers] = more.split(';')
  const inputPrice = Number(input)
  const prices = pricesOf([`=${input}`, output, cacheRead, ...base.split(' ')], () => inputPrice)
  if (tiers.length > 0) prices['longContext'] = tiers.map((tier) => tierOf(tier, prices))
  const entry: Fields = { ...traitsOf(trait, sources), prices }
  if (context !== '') entry['context'] = Number(context)
  if (maxOutput !== '') entry['maxOutput'] = Number(maxOutput === '=' ? context : maxOutput)
  if (retires !== '') entry['retires'] = retires
  return entry as unknown as CatalogEntry
}

function traitsOf(text: string, sources: readonly string[]): Fields {
  const [from = '', can = '', cannot = '', input = '', output = '', flags = ''] = text.split(' ')
  const traits: Fields = { from: sources[Number(from)] }
  if (can !== '') traits['can'] = wordsOf(abilities, can).join(' ')
  if (cannot !== '') traits['cannot'] = wordsOf(abilities, cannot).join(' ')
  if (input !== '') traits['in'] = wordsOf(modalities, input)
  if (output !== '') traits['out'] = wordsOf(modalities, output)
  for (const flag of wordsOf(traitFlags, flags)) traits[flag] = true
  return traits
}

function wordsOf<Word>(words: readonly Word[], digits: string): readonly Word[] {
  return words.filter((_, place) => digits.includes(String(place)))
}

function tierOf(text: string, without: Fields): Fields {
  const [above, ...prices] = text.split(' ')
  return {
    aboveInputTokens: Number(above),
    ...pricesOf(prices, (field) => without[field] as number),
  }
}

/** Multiples have at most four digits, so that what is lost of them is less than half a unit (`pack.ts` looks). */
function pricesOf(texts: readonly string[], unitOf: (field: string) => number): Fields {
  const prices: Fields = {}
  for (const [at, text] of texts.entries()) {
    const field = packedPrices[at]
    if (field === undefined || text === '') continue
    prices[field] = text.startsWith('=')
      ? Number(text.slice(1))
      : Math.round(Number(text) * unitOf(field))
  }
  return prices
}
