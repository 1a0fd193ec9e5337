import { isDeepStrictEqual } from 'node:util'
import {
  packedPrices,
  type PackedCatalog,
  type PackedTraits,
  unpackSection,
} from '../../worker/catalog/packed.ts'
import type {
  CatalogEntry,
  CatalogFile,
  CatalogSection,
  Prices,
} from '../../worker/catalog/schema.ts'

/** Packs a catalog as `PackedCatalog` says; throws where reading it back would give anything else. */
export function packCatalog({ version, sources, providers }: CatalogFile): PackedCatalog {
  const traits = traitsOf(providers)
  const read = traits.map((text) => JSON.parse(text) as PackedTraits)
  const sections = Object.entries(providers).map(([provider, section]) => {
    const text = packSection(section, traits)
    if (!isDeepStrictEqual(unpackSection(text, read), section))
      throw new Error(`the section of ${provider} cannot be packed`)
    return [provider, text]
  })
  return {
    version,
    sources,
    traits: `[${traits.join()}]`,
    sections: Object.fromEntries(sections) as Record<string, string>,
  }
}

/** Each of them once as JSON, the most common first. */
function traitsOf(providers: CatalogFile['providers']): readonly string[] {
  const uses = new Map<string, number>()
  for (const { models } of Object.values(providers))
    for (const entry of Object.values(models)) {
      const text = traitOf(entry)
      uses.set(text, (uses.get(text) ?? 0) + 1)
    }
  return [...uses].sort(([, a], [, b]) => b - a).map(([text]) => text)
}

const ofItsLine = new Set(['context', 'maxOutput', 'retires', 'prices'])

function traitOf(entry: CatalogEntry): string {
  const trait = Object.entries(entry).filter(([field]) => !ofItsLine.has(field))
  return JSON.stringify(Object.fromEntries(trait))
}

function packSection(
  { models, aliases = {}, retired = [] }: CatalogSection,
  traits: readonly string[],
): string {
  const places = new Map(traits.map((text, at) => [text, at.toString(36)]))
  const parts = [
    Object.entries(models).map(([id, entry]) => packModel(id, places.get(traitOf(entry)), entry)),
    Object.entries(aliases).map((pair) => pair.join(' ')),
    retired,
  ]
  return parts
    .map((lines) => lines.join('\n'))
    .join('\n\n')
    .trimEnd()
}

function packModel(
  id: string,
  trait: string | undefined,
  { context, maxOutput, retires, prices }: CatalogEntry,
): string {
  const base = [id, trait, short(context), short(maxOutput), retires, ...packPrices(prices)]
  const tiers = (prices.longContext ?? []).map((tier) => [
    short(tier.aboveInputTokens),
    ...packPrices(tier),
  ])
  return [base, ...tiers].map((fields) => fields.join(' ').trimEnd()).join(';')
}

function packPrices(prices: Partial<Prices>): readonly string[] {
  return packedPrices.map((field) => short(prices[field]))
}

/** `1250000` as `125e4`. */
function short(value: number | undefined): string {
  return value === undefined ? '' : String(value).replace(/0{3,}$/, ({ length }) => `e${length}`)
}
