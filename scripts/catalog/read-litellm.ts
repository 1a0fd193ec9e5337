import { readFileSync } from 'node:fs'
import type {
  Ability,
  CatalogProvider,
  Modality,
  PriceTier,
  Prices,
  TokenPrices,
} from '../../worker/catalog/schema.ts'
import { providerRules, type ProviderRules } from './rules.ts'
import {
  defined,
  keyOf,
  limit,
  microUsd,
  nanoUsd,
  type ReadSource,
  type SourcedModel,
} from './sourced-model.ts'

type Row = Readonly<Record<string, unknown>>

const flags: Readonly<Record<string, Ability>> = {
  supports_function_calling: 'tools',
  supports_parallel_function_calling: 'parallelTools',
  supports_native_structured_output: 'jsonSchema',
  supports_response_schema: 'jsonSchema',
  supports_reasoning: 'reasoning',
  supports_vision: 'vision',
  supports_pdf_input: 'pdf',
  supports_audio_input: 'audio',
  supports_assistant_prefill: 'prefill',
}

const columns: Readonly<Record<keyof TokenPrices, string>> = {
  input: 'input_cost_per_token',
  output: 'output_cost_per_token',
  cacheRead: 'cache_read_input_token_cost',
  cacheWrite: 'cache_creation_input_token_cost',
  cacheWrite1h: 'cache_creation_input_token_cost_above_1hr',
  audioInput: 'input_cost_per_audio_token',
  imageInput: 'input_cost_per_image_token',
  reasoning: 'output_cost_per_reasoning_token',
  audioOutput: 'output_cost_per_audio_token',
  imageOutput: 'output_cost_per_image_token',
}

/**
 * Reads litellm's `model_prices_and_context_window` file.
 *
 * Only list prices of ordinary calls are taken: batch, flex and priority
 * tiers, off-peak hours and regional surcharges are not modelled.
 */
export function readLitellm(file: string, version: string, asOf: string): ReadSource {
  const rows = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Row>
  const models = new Map<string, SourcedModel>()
  for (const [provider, rules] of Object.entries(providerRules))
    for (const source of rules.litellm)
      for (const [key, row] of Object.entries(rows)) {
        if (row.litellm_provider !== source.provider) continue
        const model = idOf(key, source.prefixes)
        const isNew = !models.has(keyOf(provider, model))
        if (isNew && isChat(row)) models.set(keyOf(provider, model), read(provider, model, row))
      }
  return { id: 'litellm', package: 'pypi:litellm', version, asOf, models }
}

function idOf(key: string, prefixes: ProviderRules['litellm'][number]['prefixes']): string {
  const prefix = prefixes.find((candidate) => key.startsWith(candidate))
  return prefix === undefined ? key : key.slice(prefix.length)
}

function isChat(row: Row): boolean {
  return row.mode === 'chat' || row.mode === 'responses'
}

function read(provider: string, model: string, row: Row): SourcedModel {
  return defined<SourcedModel>({
    provider,
    model,
    prices: pricesOf(provider as CatalogProvider, model, row),
    zeroPriced: row.input_cost_per_token === 0 && row.output_cost_per_token === 0,
    context: limit(row.max_input_tokens),
    maxOutput: limit(row.max_output_tokens),
    input: inputOf(row),
    output: outputOf(row),
    abilities: abilitiesOf(row),
    retires: retiresOf(row),
    responsesOnly: row.mode === 'responses',
  })
}

function retiresOf(row: Row): string | undefined {
  const date = row.deprecation_date
  return typeof date === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(date) ? date : undefined
}

function pricesOf(provider: CatalogProvider, model: string, row: Row): Prices | undefined {
  const base = tokenPrices(row, '')
  if (base === undefined) return undefined
  const search = searchPrice(row)
  const longContext = tiersOf(row, base)
  // Sonar searches in every request and bills it by the request; only deep research counts searches.
  const perRequest = provider === 'perplexity' && model !== 'sonar-deep-research'
  return defined<Prices>({
    ...base,
    perRequestNanoUsd: perRequest ? search : nanoUsd(row.input_cost_per_request),
    webSearchNanoUsd: perRequest ? undefined : search,
    longContext: longContext.length === 0 ? undefined : longContext,
  })
}

function tokenPrices(row: Row, suffix: string): TokenPrices | undefined {
  const price = (name: keyof TokenPrices): number | undefined =>
    microUsd(row[columns[name] + suffix], 1)
  const input = price('input')
  const output = price('output')
  if (input === undefined || output === undefined) return undefined
  const reasoning = price('reasoning')
  return defined<TokenPrices>({
    input,
    output,
    cacheRead: price('cacheRead'),
    cacheWrite: price('cacheWrite'),
    cacheWrite1h: price('cacheWrite1h'),
    audioInput: price('audioInput'),
    imageInput: price('imageInput'),
    reasoning: reasoning === output ? undefined : reasoning,
    audioOutput: price('audioOutput'),
    imageOutput: price('imageOutput'),
  })
}

function tiersOf(row: Row, base: TokenPrices): PriceTier[] {
  const tiers: PriceTier[] = []
  for (const column of Object.keys(row)) {
    const thousands = /^input_cost_per_token_above_(\d+)k_tokens$/.exec(column)?.[1]
    if (thousands === undefined) continue
    const suffix = `_above_${thousands}k_tokens`
    const output = row[columns.output + suffix] ?? row[columns.output]
    const prices = tokenPrices({ ...row, [columns.output + suffix]: output }, suffix)
    const dearer = prices !== undefined && JSON.stringify(prices) !== JSON.stringify(base)
    if (dearer) tiers.push({ aboveInputTokens: Number(thousands) * 1000, ...prices })
  }
  return tiers.sort((a, b) => a.aboveInputTokens - b.aboveInputTokens)
}

/** The dearest search size, nano-USD: which one a call used is not reported. */
function searchPrice(row: Row): number | undefined {
  const sizes = row.search_context_cost_per_query
  if (typeof sizes !== 'object' || sizes === null) return undefined
  const prices = Object.values(sizes).map(nanoUsd)
  return prices.reduce((most, price) => ((price ?? 0) > (most ?? 0) ? price : most), undefined)
}

function abilitiesOf(row: Row): SourcedModel['abilities'] {
  const abilities: { [A in Ability]?: boolean } = {}
  for (const [flag, ability] of Object.entries(flags)) {
    const value = row[flag]
    if (typeof value === 'boolean') abilities[ability] = abilities[ability] === true || value
  }
  return abilities
}

function inputOf(row: Row): Modality[] | undefined {
  const stated = Array.isArray(row.supported_modalities) ? row.supported_modalities : []
  return ordered({
    image: row.supports_vision === true || stated.includes('image'),
    audio: row.supports_audio_input === true || stated.includes('audio'),
    video: row.supports_video_input === true || stated.includes('video'),
    pdf: row.supports_pdf_input === true,
  })
}

function outputOf(row: Row): Modality[] | undefined {
  const stated = Array.isArray(row.supported_output_modalities)
    ? row.supported_output_modalities
    : []
  return ordered({
    image: stated.includes('image'),
    audio: row.supports_audio_output === true || stated.includes('audio'),
    video: stated.includes('video'),
    pdf: false,
  })
}

/** Undefined when the row says nothing but text, which is also what it says when it does not know. */
function ordered(
  present: Readonly<Record<Exclude<Modality, 'text'>, boolean>>,
): Modality[] | undefined {
  const others = (['image', 'audio', 'video', 'pdf'] as const).filter((name) => present[name])
  return others.length === 0 ? undefined : ['text', ...others]
}
