import { describe, expect, test } from 'vitest'
import { createLookup, readCatalog } from '../../../worker/catalog/catalog.ts'
import { adapterFacts } from '../../../worker/catalog/index.ts'
import type { CatalogEntry, CatalogFile } from '../../../worker/catalog/schema.ts'
import type { TargetFacts } from '../../../worker/providers/adapter.ts'

const entry = (input: number): CatalogEntry => ({
  from: 'list',
  context: 1000,
  prices: { input, output: input * 4 },
  can: 'tools vision',
  cannot: 'prefill',
})

const catalog: CatalogFile = {
  version: 'test',
  sources: { list: { package: 'test', version: '1', asOf: '2026-11-20' } },
  providers: {
    openai: {
      models: { 'gpt-9': entry(9), 'gpt-9-2026-01-01': entry(18) },
      aliases: { 'gpt-9-2026-05-05': 'gpt-9' },
      retired: ['gpt-9-2025-01-01'],
    },
    anthropic: { models: { 'claude-x': entry(3) } },
    bedrock: {
      models: { 'anthropic.claude-x-v1:0': entry(3), 'us.anthropic.claude-x-v1:0': entry(4) },
    },
    openrouter: { models: { 'lab/model': entry(5) } },
    huggingface: { models: { 'Lab/Model': entry(6) } },
    gemini: { models: { 'gemini-9': entry(7) } },
    groq: { models: { 'gpt-9': entry(8) } },
  },
}
const lookup = createLookup(readCatalog(catalog))
const inputPrice = (provider: string, model: string): number | null | undefined => {
  const facts = lookup(provider, model)
  return facts === null ? undefined : (facts.prices?.input ?? null)
}

describe('modelFacts()', () => {
  test.each<[string, string, number | null | undefined, string]>([
    ['openai', 'gpt-9', 9, 'the exact id'],
    ['openai', 'gpt-9-2026-01-01', 18, 'a snapshot with its own price'],
    ['openai', 'gpt-9-2026-05-05', 9, 'a listed alias'],
    ['openai', 'gpt-9-2026-07-07', 9, 'a snapshot newer than the catalog'],
    ['openai', 'gpt-9-2025-01-01', undefined, 'a retired snapshot'],
    ['openai', 'gpt-9-mini', undefined, 'a sibling'],
    ['openai', 'gpt-9-2026', undefined, 'half a date'],
    ['openai', 'GPT-9', undefined, 'another spelling'],
    ['openai', 'openai/gpt-9', undefined, 'a prefix of somebody else'],
    ['anthropic', 'claude-x-20260909', 3, 'a dated Claude'],
    ['groq', 'gpt-9-2026-07-07', undefined, 'a date where no vendor dates its ids'],
    ['bedrock', 'us.anthropic.claude-x-v1:0', 4, 'a geographic id with its own price'],
    ['bedrock', 'eu.anthropic.claude-x-v1:0', null, 'a geographic id without one'],
    ['bedrock', 'eu.anthropic.claude-y-v1:0', undefined, 'a geographic id of nothing'],
    [
      'bedrock',
      'arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-x-v1:0',
      4,
      'the ARN of an inference profile',
    ],
    [
      'bedrock',
      'arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-x-v1:0',
      3,
      'the ARN of a model',
    ],
    [
      'bedrock',
      'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123',
      undefined,
      'an ARN that does not name its model',
    ],
    ['openrouter', 'lab/model:free', 0, 'a free variant'],
    ['openrouter', 'lab/model:nitro', null, 'a routing variant'],
    ['openrouter', 'lab/other:free', undefined, 'a free variant of nothing'],
    ['huggingface', 'Lab/Model:groq', null, 'a chosen provider'],
    ['gemini', 'models/gemini-9', 7, 'a resource name'],
    ['elsewhere', 'gpt-9', undefined, 'an unknown provider'],
  ])('of %s %s gives the price %s: %s', (provider, model, price) => {
    expect(inputPrice(provider, model)).toBe(price)
  })

  test('gives the abilities of a model whose price is not known', () => {
    expect(lookup('bedrock', 'eu.anthropic.claude-x-v1:0')).toMatchObject({
      model: 'anthropic.claude-x-v1:0',
      tools: true,
      prefill: false,
      prices: null,
    })
  })

  test('keeps silent about the limits of a free variant', () => {
    const facts = lookup('openrouter', 'lab/model:free')
    expect([facts?.free, facts?.contextTokens]).toEqual([true, undefined])
  })

  test('names the aliases and the source', () => {
    const facts = lookup('openai', 'gpt-9')
    expect(facts?.aliases).toEqual(['gpt-9-2026-05-05'])
    expect(facts?.source).toEqual({ package: 'test', version: '1', asOf: '2026-11-20' })
  })
})

describe('adapterFacts()', () => {
  test('has the shape adapters read and leaves out what is unknown', () => {
    const facts = lookup('openai', 'gpt-9')
    if (facts === null) throw new Error('no facts')
    const target: TargetFacts = adapterFacts(facts)
    expect(target).toEqual({ tools: true, vision: true, prefill: false })
  })
})
