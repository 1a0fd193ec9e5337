import { describe, expect, test } from 'vitest'
import { mergeSources } from '../../../scripts/catalog/merge.ts'
import {
  keyOf,
  microUsd,
  type ReadSource,
  type SourcedModel,
} from '../../../scripts/catalog/sourced-model.ts'

const today = '2026-11-20'
const model = (name: string, fields: Partial<SourcedModel> = {}): SourcedModel => {
  const [provider = '', ...rest] = name.split('/')
  return {
    provider,
    model: rest.join('/'),
    zeroPriced: false,
    abilities: {},
    responsesOnly: false,
    ...fields,
  }
}
const source = (id: string, asOf: string, ...models: readonly SourcedModel[]): ReadSource => ({
  id,
  package: id,
  version: '1',
  asOf,
  models: new Map(models.map((each) => [keyOf(each.provider, each.model), each])),
})
const merge = (...sources: readonly ReadSource[]) => mergeSources(sources, today)
const oldest = source('oldest', '2025-09-01')

describe('mergeSources()', () => {
  test('takes the prices of the first source whole and reports a twofold conflict', () => {
    const { file, report } = merge(
      source('a', today, model('groq/m', { prices: { input: 100, output: 400 } })),
      source('b', today, model('groq/m', { prices: { input: 201, output: 400, cacheRead: 1 } })),
      oldest,
    )
    expect(file.providers.groq?.models.m?.prices).toEqual({ input: 100, output: 400 })
    expect(report.conflicts).toHaveLength(1)
    expect(report.conflicts[0]).toContain('groq/m input')
  })

  test('adds a cache price from a source that agrees on the rest', () => {
    const { file } = merge(
      source('a', today, model('groq/m', { prices: { input: 100, output: 400 } })),
      source('b', today, model('groq/m', { prices: { input: 100, output: 400, cacheRead: 10 } })),
      oldest,
    )
    expect(file.providers.groq?.models.m?.prices.cacheRead).toBe(10)
  })

  test('leaves out a zero that nobody declared free, and says so', () => {
    const { file, report } = merge(
      source('a', today, model('groq/m', { zeroPriced: true })),
      oldest,
    )
    expect(file.providers.groq?.models).toEqual({})
    expect(report.zeroPriced).toEqual(['groq/m'])
  })

  test('keeps a declared free model', () => {
    const { file } = merge(
      source('a', today, model('openrouter/x:free', { zeroPriced: true })),
      oldest,
    )
    expect(file.providers.openrouter?.models['x:free']).toMatchObject({
      free: true,
      prices: { input: 0, output: 0 },
    })
  })

  test('leaves out what is retired, unless a later list still has it', () => {
    const prices = { input: 1, output: 1 }
    const { file, report } = merge(
      source('a', today, model('groq/gone', { prices, retires: '2026-11-01' })),
      source('b', '2026-10-30', model('groq/gone', { prices })),
      oldest,
    )
    expect([file.providers.groq?.models, report.retired]).toEqual([{}, ['groq/gone']])
    const moved = merge(
      source('a', today, model('groq/gone', { prices, retires: '2026-11-01' })),
      source('b', '2026-11-10', model('groq/gone', { prices })),
      oldest,
    )
    expect(moved.file.providers.groq?.models).toHaveProperty('gone')
  })

  test('takes models of the oldest source only where nobody else knows the provider', () => {
    const prices = { input: 1, output: 1 }
    const { file } = merge(
      source('a', today, model('groq/new', { prices })),
      source('old', '2025-09-01', model('groq/old', { prices }), model('xai/old', { prices })),
    )
    expect(Object.keys(file.providers.groq?.models ?? {})).toEqual(['new'])
    expect(Object.keys(file.providers.xai?.models ?? {})).toEqual(['old'])
  })

  test('folds a snapshot that says the same into an alias, and only that', () => {
    const { file } = merge(
      source(
        'a',
        today,
        model('openai/gpt-9', { prices: { input: 1, output: 1 } }),
        model('openai/gpt-9-2026-01-01', { prices: { input: 1, output: 1 } }),
        model('openai/gpt-9-2025-01-01', { prices: { input: 2, output: 1 } }),
      ),
      oldest,
    )
    expect(Object.keys(file.providers.openai?.models ?? {})).toEqual(['gpt-9', 'gpt-9-2025-01-01'])
    expect(file.providers.openai?.aliases).toEqual({ 'gpt-9-2026-01-01': 'gpt-9' })
  })

  test('gives the same file for the models in any order', () => {
    const rows = ['groq/a', 'groq/b', 'xai/c'].map((name) =>
      model(name, { prices: { input: 1, output: 1 } }),
    )
    const forwards = merge(source('a', today, ...rows), oldest)
    const backwards = merge(source('a', today, ...rows.toReversed()), oldest)
    expect(JSON.stringify(backwards)).toBe(JSON.stringify(forwards))
  })
})

describe('microUsd()', () => {
  test.each([
    [0.00000125, 1, 1_250_000],
    [3.75e-8, 1, 37_500],
    [1.1e-7, 1, 110_000],
    [0.3, 1_000_000, 300_000],
    [1.41953125e-7, 1, 141_954],
  ] as const)('reads %d USD for %d tokens as %d', (usd, tokens, micro) => {
    expect(microUsd(usd, tokens)).toBe(micro)
  })

  test('takes zero and texts for unknown', () => {
    expect([microUsd(0, 1), microUsd('1', 1), microUsd(undefined, 1)]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })
})
