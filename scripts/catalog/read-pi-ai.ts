import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Prices, TokenPrices } from '../../worker/catalog/schema.ts'
import { providerRules } from './rules.ts'
import {
  defined,
  keyOf,
  limit,
  microUsd,
  type ReadSource,
  type SourcedModel,
} from './sourced-model.ts'

interface PiCost {
  readonly input?: number
  readonly output?: number
  readonly cacheRead?: number
  readonly cacheWrite?: number
  readonly tiers?: readonly (PiCost & { readonly inputTokensAbove: number })[]
}

interface PiModel {
  readonly type: string
  readonly id: string
  readonly reasoning?: boolean
  readonly input?: readonly string[]
  readonly cost?: PiCost
  readonly contextWindow?: number
  readonly maxTokens?: number
}

/**
 * Reads the generated model lists of `@earendil-works/pi-ai` (unpacked npm
 * package): models.dev and OpenRouter's listing, kept to models that take
 * tools. A cache price of zero there means "none stated".
 */
export function readPiAi(directory: string): ReadSource {
  const data = join(directory, 'dist/providers/data')
  const manifest = readJson<{ generatedAt: string }>(join(data, '.manifest.json'))
  const { version } = readJson<{ version: string }>(join(directory, 'package.json'))
  const models = new Map<string, SourcedModel>()
  for (const [provider, { piAi }] of Object.entries(providerRules)) {
    const file = join(data, `${piAi}.json`)
    if (piAi === undefined || !existsSync(file)) continue
    for (const group of Object.values(readJson<Record<string, Record<string, PiModel>>>(file)))
      for (const model of Object.values(group))
        if (model.type === 'chat') models.set(keyOf(provider, model.id), read(provider, model))
  }
  return {
    id: 'pi-ai',
    package: 'npm:@earendil-works/pi-ai',
    version,
    asOf: manifest.generatedAt.slice(0, 10),
    models,
  }
}

function read(provider: string, model: PiModel): SourcedModel {
  const image = model.input?.includes('image') === true
  return defined<SourcedModel>({
    provider,
    model: model.id,
    prices: pricesOf(model.cost),
    zeroPriced: model.cost?.input === 0 && model.cost.output === 0,
    context: limit(model.contextWindow),
    maxOutput: limit(model.maxTokens),
    input: image ? ['text', 'image'] : ['text'],
    output: undefined,
    abilities: defined<SourcedModel['abilities']>({
      tools: true,
      parallelTools: undefined,
      jsonSchema: undefined,
      reasoning: model.reasoning,
      vision: image,
      pdf: undefined,
      audio: undefined,
      prefill: undefined,
    }),
    retires: undefined,
    responsesOnly: false,
  })
}

function pricesOf(cost: PiCost | undefined): Prices | undefined {
  const base = tokenPrices(cost)
  if (base === undefined) return undefined
  const tiers = (cost?.tiers ?? []).flatMap((tier) => {
    const prices = tokenPrices(tier)
    return prices === undefined ? [] : [{ aboveInputTokens: tier.inputTokensAbove, ...prices }]
  })
  return tiers.length === 0 ? base : { ...base, longContext: tiers }
}

function tokenPrices(cost: PiCost | undefined): TokenPrices | undefined {
  const input = microUsd(cost?.input, 1_000_000)
  const output = microUsd(cost?.output, 1_000_000)
  if (input === undefined || output === undefined) return undefined
  const cacheRead = microUsd(cost?.cacheRead, 1_000_000)
  const cacheWrite = microUsd(cost?.cacheWrite, 1_000_000)
  return {
    input,
    output,
    ...(cacheRead === undefined ? {} : { cacheRead }),
    ...(cacheWrite === undefined ? {} : { cacheWrite }),
  }
}

function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, 'utf8')) as T
}
