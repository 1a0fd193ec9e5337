import { describe, expect, test } from 'vitest'
import { createLookup, readCatalog } from '../../../worker/catalog/catalog.ts'
import { describeProblem, loadCatalog } from '../../../worker/catalog/load.ts'
import type { CatalogFile } from '../../../worker/catalog/schema.ts'

/** A catalog of one model, `openai/m`, with `entry` laid over a good one. */
function catalogWith(entry: Readonly<Record<string, unknown>>): unknown {
  const good = { from: 'list', prices: { input: 1_000_000, output: 2_000_000 } }
  return {
    version: 'test',
    sources: { list: { package: 'test', version: '1', asOf: '2026-11-20' } },
    providers: { openai: { models: { m: { ...good, ...entry } } } },
  }
}

function messages(raw: unknown, previous?: unknown): string[] {
  const result = loadCatalog(raw, previous as CatalogFile | undefined)
  return result.ok ? [] : result.problems.map(describeProblem)
}

const at = 'providers.openai.models.m'

describe('loadCatalog()', () => {
  test('accepts a model with two prices', () => {
    expect(messages(catalogWith({}))).toEqual([])
  })

  test.each([
    [
      'a missing price list',
      { prices: undefined },
      `${at}.prices: a price is missing (found nothing)`,
    ],
    [
      'a missing price',
      { prices: { input: 1 } },
      `${at}.prices.output: a price is missing (found nothing)`,
    ],
    [
      'a negative price',
      { prices: { input: -1, output: 1 } },
      `${at}.prices.input: a price must not be negative (found -1)`,
    ],
    [
      'a zero that nobody declared free',
      { prices: { input: 1, output: 0 } },
      `${at}.prices.output: a price of zero needs the model declared free (found 0)`,
    ],
    [
      'a cache price of zero',
      { prices: { input: 1, output: 1, cacheRead: 0 } },
      `${at}.prices.cacheRead: a price of zero needs the model declared free (found 0)`,
    ],
    [
      'a fraction',
      { prices: { input: 0.5, output: 1 } },
      `${at}.prices.input: a price must be an integer (found 0.5)`,
    ],
    [
      'a text',
      { prices: { input: '1', output: 1 } },
      `${at}.prices.input: a price must be an integer (found "1")`,
    ],
    [
      'NaN',
      { prices: { input: Number.NaN, output: 1 } },
      `${at}.prices.input: a price must be an integer (found null)`,
    ],
    [
      'a price a thousand times too high',
      { prices: { input: 3_200_000_000, output: 1 } },
      `${at}.prices.input: a price must not exceed 1000000000 (found 3200000000)`,
    ],
    [
      'a free model that costs something',
      { free: true, prices: { input: 0, output: 1 } },
      `${at}.prices.output: a free model must cost nothing (found 1)`,
    ],
    [
      'a tier without its output price',
      { prices: { input: 1, output: 1, longContext: [{ aboveInputTokens: 10, input: 2 }] } },
      `${at}.prices.longContext[0].output: a price is missing (found nothing)`,
    ],
    [
      'a negative price by the piece',
      { prices: { input: 1, output: 1, webSearchNanoUsd: -5 } },
      `${at}.prices.webSearchNanoUsd: a price must not be negative (found -5)`,
    ],
    [
      'a source nobody described',
      { from: 'hearsay' },
      `${at}.from: must name a source (found "hearsay")`,
    ],
    [
      'an ability that does not exist',
      { can: 'tools telepathy' },
      `${at}.can: must be words of tools parallelTools jsonSchema reasoning vision pdf audio prefill (found "tools telepathy")`,
    ],
    ['a window of no size', { context: 0 }, `${at}.context: must be a positive integer (found 0)`],
  ])('refuses %s', (_what, entry, message) => {
    expect(messages(catalogWith(entry))).toEqual([message])
  })

  test('accepts zero prices of a model declared free', () => {
    expect(messages(catalogWith({ free: true, prices: { input: 0, output: 0 } }))).toEqual([])
  })

  test('refuses an alias that leads nowhere', () => {
    const raw = catalogWith({}) as { providers: { openai: object } }
    const aliased = {
      ...raw,
      providers: { openai: { ...raw.providers.openai, aliases: { x: 'gone' } } },
    }
    expect(messages(aliased)).toEqual([
      'providers.openai.aliases.x: must name a model of this provider (found "gone")',
    ])
  })

  test('reports every problem at once', () => {
    expect(messages(catalogWith({ prices: { input: -1, output: 0 } }))).toHaveLength(2)
  })

  test.each([[undefined], [null], [[]], ['{}'], [{ version: 'x' }]])(
    'refuses %j without throwing',
    (raw) => {
      expect(loadCatalog(raw).ok).toBe(false)
    },
  )
})

describe('loadCatalog() against the previous version', () => {
  const before = catalogWith({ prices: { input: 1_000, output: 2_000, cacheRead: 100 } })

  test.each([
    ['rose tenfold', { input: 10_000, output: 2_000 }, 'input', 1_000, 10_000],
    ['fell to a tenth', { input: 100, output: 2_000 }, 'input', 1_000, 100],
    [
      'of a part rose tenfold',
      { input: 1_000, output: 2_000, cacheRead: 1_000 },
      'cacheRead',
      100,
      1_000,
    ],
  ])('refuses a price that %s', (_what, prices, field, old, value) => {
    expect(messages(catalogWith({ prices }), before)).toEqual([
      `${at}.prices.${field}: a price must not move tenfold at once (it was ${old}) (found ${value})`,
    ])
  })

  test('accepts what moved just under tenfold, both ways', () => {
    expect(messages(catalogWith({ prices: { input: 9_999, output: 201 } }), before)).toEqual([])
  })

  test('refuses a paid model that becomes free', () => {
    const free = catalogWith({ free: true, prices: { input: 0, output: 0 } })
    expect(messages(free, before)).toHaveLength(2)
  })

  test('compares tiers by their threshold', () => {
    const tier = (input: number) =>
      catalogWith({
        prices: { input: 1, output: 1, longContext: [{ aboveInputTokens: 9, input, output: 1 }] },
      })
    expect(messages(tier(50), tier(5))).toEqual([
      `${at}.prices.longContext[9].input: a price must not move tenfold at once (it was 5) (found 50)`,
    ])
  })

  test('says nothing about a model that is new', () => {
    const other = { ...(before as object), providers: { openai: { models: {} } } }
    expect(messages(catalogWith({}), other)).toEqual([])
  })
})

describe('createLookup()', () => {
  test('throws path, rule and value when it reaches a broken entry', () => {
    const lookup = createLookup(
      readCatalog(catalogWith({ prices: { input: 1, output: 0 } }) as CatalogFile),
    )
    expect(() => lookup('openai', 'm')).toThrow(
      `${at}.prices.output: a price of zero needs the model declared free (found 0)`,
    )
  })

  test('answers the same object for the same question', () => {
    const lookup = createLookup(readCatalog(catalogWith({}) as CatalogFile))
    expect(lookup('openai', 'm')).toBe(lookup('openai', 'm'))
  })

  test.each(['__proto__', 'constructor', 'toString'])('knows no model named %s', (name) => {
    const lookup = createLookup(readCatalog(catalogWith({}) as CatalogFile))
    expect([lookup('openai', name), lookup(name, 'm')]).toEqual([null, null])
  })
})
