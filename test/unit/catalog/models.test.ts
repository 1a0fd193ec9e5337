import { gzipSync } from 'node:zlib'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { packCatalog } from '../../../scripts/catalog/pack.ts'
import { abortBillingByProvider } from '../../../worker/catalog/abort-billing.ts'
import { readPackedCatalog } from '../../../worker/catalog/catalog.ts'
import { catalogVersion, modelFacts } from '../../../worker/catalog/index.ts'
import { describeProblem, loadCatalog } from '../../../worker/catalog/load.ts'
import packed from '../../../worker/catalog/models.packed.json' with { type: 'json' }
import models from '../../../worker/catalog/models.json' with { type: 'json' }
import { catalogProviders, type CatalogFile } from '../../../worker/catalog/schema.ts'

const catalog = models as unknown as CatalogFile
const usd = (perMillion: number): number => Math.round(perMillion * 1_000_000)

describe('models.json', () => {
  test('passes every rule', () => {
    const result = loadCatalog(models)
    expect(result.ok ? [] : result.problems.map(describeProblem)).toEqual([])
  })

  test('is what the Worker carries, packed', () => {
    expect(packed).toEqual(packCatalog(catalog))
  })

  test('is found in the packed one entry by entry', () => {
    const reader = readPackedCatalog(packed)
    for (const [provider, section] of Object.entries(catalog.providers)) {
      const found = reader.section(provider)
      for (const [model, entry] of Object.entries(section.models)) {
        expect(found?.model(model)).toBe(model)
        expect(found?.entry(model)).toEqual(entry)
      }
      for (const [alias, model] of Object.entries(section.aliases ?? {})) {
        expect(found?.model(alias)).toBe(model)
        expect(found?.aliasesOf(model)).toContain(alias)
      }
      for (const id of section.retired ?? []) expect(found?.isRetired(id)).toBe(true)
    }
  })

  test('prices at least 300 models', () => {
    const priced = Object.values(catalog.providers)
      .flatMap((section) => Object.values(section.models))
      .filter((entry) => entry.prices.input > 0 && entry.prices.output > 0)
    expect(priced.length).toBeGreaterThanOrEqual(300)
  })

  test.each(catalogProviders)('has a model of %s', (provider) => {
    expect(Object.keys(catalog.providers[provider]?.models ?? {}).length).toBeGreaterThan(0)
  })

  test('has no other providers than the documented ones', () => {
    expect(Object.keys(catalog.providers)).toEqual([...catalogProviders])
  })

  test('stays under its share of the Worker, compressed', () => {
    const file = new URL('../../../worker/catalog/models.packed.json', import.meta.url)
    expect(gzipSync(readFileSync(file)).length).toBeLessThan(20_000)
  })

  test('keeps free models to the providers that declare them', () => {
    const owners = Object.entries(catalog.providers)
      .filter(([, { models: entries }]) => Object.values(entries).some(({ free }) => free === true))
      .map(([provider]) => provider)
    expect(owners).toEqual(['gemini', 'github-models', 'nvidia', 'openrouter', 'zai'])
  })

  test('names a version and a dated source for every entry', () => {
    expect(catalogVersion).toBe(catalog.version)
    expect(catalogVersion).toMatch(/^\d{4}-\d{2}-\d{2}\.[0-9a-f]{12}$/)
    for (const source of Object.values(catalog.sources))
      expect(source.asOf).toMatch(/^\d{4}-\d{2}-\d{2}$/)
  })
})

describe('list prices, USD per million tokens, as the vendor publishes them', () => {
  // The page is the one the data set cites for the row.
  test.each([
    ['openai', 'gpt-4o', 2.5, 10, 'developers.openai.com/api/docs/pricing'],
    ['openai', 'gpt-5', 1.25, 10, 'developers.openai.com/api/docs/pricing'],
    ['anthropic', 'claude-sonnet-4-6', 3, 15, 'platform.claude.com/docs/en/about-claude/pricing'],
    ['anthropic', 'claude-haiku-4-5', 1, 5, 'platform.claude.com/docs/en/about-claude/pricing'],
    ['gemini', 'gemini-2.5-pro', 1.25, 10, 'ai.google.dev/gemini-api/docs/pricing'],
    ['gemini', 'gemini-2.5-flash', 0.3, 2.5, 'ai.google.dev/gemini-api/docs/pricing'],
    ['mistral', 'mistral-large-2512', 0.5, 1.5, 'docs.mistral.ai/models/mistral-large-3-25-12'],
    ['cohere', 'command-a-03-2025', 2.5, 10, 'cohere.com/pricing'],
    ['groq', 'openai/gpt-oss-120b', 0.15, 0.6, 'groq.com/pricing'],
    ['xai', 'grok-4.3', 1.25, 2.5, 'docs.x.ai/docs/models'],
    ['perplexity', 'sonar-pro', 3, 15, 'docs.perplexity.ai/getting-started/pricing'],
    ['bedrock', 'us.anthropic.claude-sonnet-4-6', 3.3, 16.5, 'aws.amazon.com/bedrock/pricing'],
    [
      'workers-ai',
      '@cf/meta/llama-3.3-70b-instruct-fp8-fast',
      0.293,
      2.253,
      'developers.cloudflare.com/workers-ai/platform/pricing',
    ],
  ])('%s %s costs %d in and %d out (%s)', (provider, model, input, output) => {
    const prices = modelFacts(provider, model)?.prices
    expect([prices?.input, prices?.output]).toEqual([usd(input), usd(output)])
  })

  test('Claude has its three cache prices', () => {
    expect(modelFacts('anthropic', 'claude-sonnet-4-6')?.prices).toMatchObject({
      cacheRead: usd(0.3),
      cacheWrite: usd(3.75),
      cacheWrite1h: usd(6),
    })
  })

  test('Gemini 2.5 Pro has its tier above 200k input tokens', () => {
    expect(modelFacts('gemini', 'gemini-2.5-pro')?.prices?.longContext).toEqual([
      { aboveInputTokens: 200_000, input: usd(2.5), output: usd(15), cacheRead: usd(0.25) },
    ])
  })
})

describe('abort billing', () => {
  test('has one row for every provider', () => {
    expect(Object.keys(abortBillingByProvider).sort()).toEqual([...catalogProviders])
  })

  test.each([
    ['openai', 'gpt-5', 'stops'],
    ['bedrock', 'us.anthropic.claude-sonnet-4-6', 'continues'],
    ['cerebras', 'gpt-oss-120b', 'unknown'],
  ])('of %s is part of the facts of its models', (provider, model, billing) => {
    expect(modelFacts(provider, model)?.abortBilling).toBe(billing)
  })
})
