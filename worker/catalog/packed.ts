import type { SectionReader } from './alias.ts'
import {
  optionalTokenPrices,
  piecePrices,
  requiredTokenPrices,
  type CatalogEntry,
  type CatalogFile,
  type CatalogSection,
} from './schema.ts'

/**
 * `models.json` as the Worker carries it, 8 kB smaller compressed than as JSON: the same content (`models.test.ts`), a
 * text for each provider. A text costs a start nothing until it is read; a literal of 1,800 entries costs it 11 ms.
 */
export interface PackedCatalog {
  readonly version: string
  readonly sources: CatalogFile['sources']
  /** What many entries have in common, a JSON list of `PackedTraits`. */
  readonly traits: string
  /**
   * By provider: its models, its aliases and its retired ids, an empty line between them. A model is a line of
   * `id trait context maxOutput retires`, then `packedPrices`; for each longer context, behind a `;`, from how many
   * tokens on and the same prices. The trait is a place in `traits`, to the base 36. What is absent is empty, and at the
   * end of a line left out.
   */
  readonly sections: Readonly<Record<string, string>>
}

export type PackedTraits = Omit<CatalogEntry, 'context' | 'maxOutput' | 'retires' | 'prices'>

export const packedPrices = [
  ...requiredTokenPrices,
  ...optionalTokenPrices,
  ...piecePrices,
] as const

/**
 * Finds single entries in the text of a section, without reading the others: a first request looks up a dozen of
 * hundreds. The entries are not checked here (`checkEntry` does it as they are used).
 */
export function readPackedSection(
  text: string,
  traits: () => readonly PackedTraits[],
): SectionReader {
  const [first, aliases, retired] = partsOf(text)
  const models = `\n${first}`
  const meant = new Map(aliases)
  const lineOf = (id: string) => {
    // What holds a space is the beginning of a line, and no id.
    const start = id.includes(' ') ? -1 : models.indexOf(`\n${id} `) + 1
    return start <= 0 ? null : models.slice(start, endOfLine(models, start))
  }
  return {
    model: (id) => (lineOf(id) === null ? (meant.get(id) ?? null) : id),
    isRetired: (id) => retired.includes(id),
    entry: (model) => {
      const line = lineOf(model)
      return line === null ? undefined : modelOf(line, traits())[1]
    },
    aliasesOf: (model) => aliases.flatMap(([alias, target]) => (target === model ? alias : [])),
  }
}

function endOfLine(text: string, start: number): number {
  const end = text.indexOf('\n', start)
  return end < 0 ? text.length : end
}

/** The whole section: for whoever packs, and has to see that nothing is lost. */
export function unpackSection(text: string, traits: readonly PackedTraits[]): CatalogSection {
  const [models, aliases, retired] = partsOf(text)
  return {
    models: Object.fromEntries(models.split('\n').map((line) => modelOf(line, traits))),
    ...(aliases.length === 0 ? {} : { aliases: Object.fromEntries(aliases) }),
    ...(retired.length === 0 ? {} : { retired }),
  }
}

function partsOf(
  text: string,
): readonly [string, readonly (readonly [string, string])[], readonly string[]] {
  const [models = '', aliases = '', retired = ''] = text.split('\n\n')
  return [models, linesOf(aliases).map(pairOf), linesOf(retired)]
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.split('\n')
}

function pairOf(line: string): readonly [string, string] {
  const [alias = '', model = ''] = line.split(' ')
  return [alias, model]
}

function modelOf(line: string, traits: readonly PackedTraits[]): readonly [string, CatalogEntry] {
  const [base = '', ...tiers] = line.split(';')
  const [id = '', trait = '', context, maxOutput, retires, ...prices] = base.split(' ')
  const entry = {
    ...traits[Number.parseInt(trait, 36)],
    prices: pricesOf(prices),
  } as Fields & { prices: Fields }
  if (context) entry['context'] = Number(context)
  if (maxOutput) entry['maxOutput'] = Number(maxOutput)
  if (retires) entry['retires'] = retires
  if (tiers.length > 0) entry.prices['longContext'] = tiers.map(tierOf)
  return [id, entry as unknown as CatalogEntry]
}

type Fields = Record<string, unknown>

function tierOf(text: string): Fields {
  const [above, ...prices] = text.split(' ')
  return { aboveInputTokens: Number(above), ...pricesOf(prices) }
}

function pricesOf(texts: readonly string[]): Fields {
  const prices: Fields = {}
  for (const [at, text] of texts.entries()) {
    const field = packedPrices[at]
    if (field !== undefined && text !== '') prices[field] = Number(text)
  }
  return prices
}
