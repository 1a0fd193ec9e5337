import type { CatalogFile } from '../../worker/catalog/schema.ts'

/** What every model cost when its prices were last accepted, in the form that `loadCatalog` compares with. */
export type PriceList = Pick<CatalogFile, 'version'> & {
  readonly providers: Readonly<
    Record<string, { readonly models: Readonly<Record<string, { readonly prices: object }>> }>
  >
}

/**
 * The prices of `catalog` alone. Kept in `test/fixtures/catalog/prices.json`, apart from the
 * catalog: whoever edits one of both has the other to answer to.
 */
export function priceList({ version, providers }: CatalogFile): PriceList {
  const listed = Object.entries(providers).map(([provider, { models }]) => {
    const prices = Object.entries(models).map(([model, entry]) => [model, { prices: entry.prices }])
    return [provider, { models: Object.fromEntries(prices) as Record<string, { prices: object }> }]
  })
  return { version, providers: Object.fromEntries(listed) as PriceList['providers'] }
}

/** One model a line. */
export function writePriceList({ version, providers }: PriceList): string {
  const sections = Object.entries(providers).map(([provider, { models }]) => {
    const lines = Object.entries(models).map(
      ([model, entry]) => `      ${JSON.stringify(model)}: ${JSON.stringify(entry)}`,
    )
    return `    ${JSON.stringify(provider)}: { "models": {\n${lines.join(',\n')}\n    } }`
  })
  return `{\n  "version": ${JSON.stringify(version)},\n  "providers": {\n${sections.join(',\n')}\n  }\n}\n`
}
