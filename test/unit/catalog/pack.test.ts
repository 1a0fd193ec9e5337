import { describe, expect, test } from 'vitest'
import { packCatalog } from '../../../scripts/catalog/pack.ts'
import { readPackedCatalog } from '../../../worker/catalog/catalog.ts'
import { unpackSection } from '../../../worker/catalog/packed.ts'
import {
  abilities,
  modalities,
  type CatalogEntry,
  type CatalogSection,
} from '../../../worker/catalog/schema.ts'

const sources = { list: { package: 'npm:list', version: '1', asOf: '2026-11-20' } }
const plain: CatalogEntry = { from: 'list', prices: { input: 1_250_000, output: 10_000_001 } }

const section: CatalogSection = {
  models: {
    plain,
    'a/b:c@1': {
      from: 'list',
      context: 1_000_000,
      maxOutput: 8192,
      in: ['text', 'image'],
      can: 'tools vision',
      cannot: 'prefill',
      retires: '2027-01-31',
      prices: {
        input: 100,
        output: 200,
        imageOutput: 3000,
        webSearchNanoUsd: 10_000_000,
        longContext: [
          { aboveInputTokens: 200_000, input: 200, output: 400, cacheRead: 7 },
          { aboveInputTokens: 500_000, input: 300, output: 600 },
        ],
      },
    },
    tiered: {
      from: 'list',
      prices: { ...plain.prices, longContext: [{ aboveInputTokens: 1, input: 2, output: 3 }] },
    },
    free: { from: 'list', free: true, prices: { input: 0, output: 0 } },
  },
}

const packed = (one: CatalogSection) =>
  packCatalog({ version: '1', sources, providers: { before: section, p: one, after: section } })

/** More values than one character tells apart, and more than the second one can. */
const many: CatalogSection = {
  models: Object.fromEntries(
    Array.from({ length: 400 }, (_, at) => [
      `model-${at % 7}.${at}`,
      { from: 'list', context: at + 1, prices: { input: 3 * at + 1, output: 7 * at + 2 } },
    ]),
  ),
}

test.each([
  ['models alone', section],
  ['aliases', { ...section, aliases: { other: 'plain', 'x/y': 'free' } }],
  ['retired ids', { ...section, retired: ['plain-2025-01-01', 'plain-2025-02-01'] }],
  ['both', { ...section, aliases: { other: 'plain' }, retired: ['plain-2025-01-01'] }],
  ['many values', many],
  ['ids with spaces and semicolons', { models: { 'two words': plain, 'two;words': plain } }],
  [
    'ids that begin with others',
    {
      models: {
        'a-b': plain,
        'a-b-c': plain,
        'a-b-cd': plain,
        a: plain,
        'a-': plain,
        'a--': plain,
      },
    },
  ],
  [
    'every trait',
    {
      models: {
        all: {
          ...plain,
          free: true as const,
          responsesOnly: true as const,
          can: abilities.slice(0, 5).join(' '),
          cannot: abilities.slice(5).join(' '),
          in: modalities,
          out: modalities,
        },
      },
    },
  ],
  [
    'prices that are no round multiples',
    { models: { odd: { from: 'list', prices: { input: 3, output: 10, cacheRead: 1 } } } },
  ],
])('packCatalog() keeps everything of a section: %s', (_what, one) => {
  expect(unpackSection(packed(one), 'p')).toEqual(one)
})

const full = {
  ...section,
  aliases: { other: 'plain', 'x/y': 'free', another: 'plain' },
  retired: ['plain-2025-01-01'],
}

describe('readPackedCatalog()', () => {
  const reader = readPackedCatalog(packed(full))
  const found = reader.section('p')

  test.each(Object.entries(full.models))('finds the entry of %s', (model, entry) => {
    expect(found?.model(model)).toBe(model)
    expect(found?.entry(model)).toEqual(entry)
  })

  test('finds aliases, and those of a model', () => {
    expect(found?.model('x/y')).toBe('free')
    expect(found?.aliasesOf('plain')).toEqual(['other', 'another'])
    expect(found?.aliasesOf('a/b:c@1')).toEqual([])
  })

  test('knows what is retired', () => {
    expect([found?.isRetired('plain-2025-01-01'), found?.isRetired('plain')]).toEqual([true, false])
  })

  // Ids are written by what sets them apart: neither that nor what they share makes an id.
  test.each([
    '',
    'plai',
    'lain',
    'plain ',
    'plain 0',
    'c@1',
    '0plain',
    'other plain',
    'plain-2025-01-01',
    'toString',
  ])('finds nothing by %j', (id) => {
    expect([found?.model(id), found?.entry(id)]).toEqual([null, undefined])
  })

  test('knows no provider but those it has', () => {
    expect(reader.section('constructor')).toBeNull()
  })
})

test.each([
  ['an id of 93 letters before another', { models: { ['a'.repeat(93)]: plain, b: plain } }],
  ['an ability that it does not know', { models: { plain: { ...plain, can: 'tools telepathy' } } }],
  ['an id of two lines', { models: { 'a\nb': plain } }],
  ['an alias with a line of its own', { ...section, aliases: { 'a\nb': 'plain' } }],
  ['a date of two lines', { models: { plain: { ...plain, retires: '2027\n01' } } }],
  [
    'a field that it does not know',
    { models: { plain: { ...plain, prices: { ...plain.prices, perMile: 3 } } } },
  ],
])('packCatalog() refuses %s', (_what, one) => {
  expect(() => packed(one)).toThrow('cannot be packed')
})
