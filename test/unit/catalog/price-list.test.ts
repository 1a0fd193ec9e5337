import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { priceList, writePriceList, type PriceList } from '../../../scripts/catalog/price-list.ts'
import { describeProblem, loadCatalog } from '../../../worker/catalog/load.ts'
import models from '../../../worker/catalog/models.json' with { type: 'json' }
import type { CatalogFile } from '../../../worker/catalog/schema.ts'

const catalog = models as unknown as CatalogFile
const file = new URL('../../fixtures/catalog/prices.json', import.meta.url)
const accepted = JSON.parse(readFileSync(file, 'utf8')) as PriceList & CatalogFile

/** The catalog with one model's price of input multiplied. */
function moved(provider: string, model: string, factor: number): CatalogFile {
  const copy = structuredClone(catalog)
  const prices = copy.providers[provider]?.models[model]?.prices as { input: number }
  prices.input *= factor
  return copy
}

const problemsOf = (file: CatalogFile) => {
  const result = loadCatalog(file, accepted)
  return result.ok ? [] : result.problems.map(describeProblem)
}

describe('the prices of the catalog beside those that were last accepted', () => {
  test('have not moved tenfold', () => {
    expect(problemsOf(catalog)).toEqual([])
  })

  test('are all listed: a model that is not has nothing to be compared with', () => {
    const names = ({ providers }: PriceList) =>
      Object.entries(providers).flatMap(([provider, section]) =>
        Object.keys(section.models).map((model) => `${model}@${provider}`),
      )
    expect(names(accepted)).toEqual(names(catalog))
    expect(names(accepted).length).toBeGreaterThanOrEqual(300)
  })

  test.each([10, 12, 0.1, 0.05])('fail the load when one is multiplied by %d', (factor) => {
    for (const [provider, { models: entries }] of Object.entries(catalog.providers)) {
      const model = Object.keys(entries).find((name) => (entries[name]?.prices.input ?? 0) > 0)
      if (model === undefined) continue
      expect(problemsOf(moved(provider, model, factor))).toEqual([
        expect.stringContaining(
          `providers.${provider}.models.${model}.prices.input: a price must not move tenfold`,
        ),
      ])
    }
  })

  test('may move by less', () => {
    expect(problemsOf(moved('openai', 'gpt-4o', 3))).toEqual([])
  })

  test('are written as they are read', () => {
    expect(JSON.parse(writePriceList(priceList(catalog)))).toEqual(priceList(catalog))
  })
})
