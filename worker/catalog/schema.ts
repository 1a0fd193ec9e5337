/**
 * What the catalog knows, and how `models.json` writes it down.
 *
 * Prices of tokens are integers in micro-USD per million tokens, which is the
 * same number as pico-USD per token: $1.25 per million is 1_250_000. List
 * prices go below one nano-USD per token ($0.0375 per million), never below
 * one pico-USD, so everything stays an integer. Prices by the piece are
 * nano-USD, and so is every cost that comes out (`price.ts`).
 */

/** The providers the catalog has facts about, by the ids of `routes.json`. */
export const catalogProviders = [
  'anthropic',
  'azure-openai',
  'bedrock',
  'cerebras',
  'cohere',
  'coreweave',
  'deepinfra',
  'deepseek',
  'fireworks',
  'gemini',
  'github-models',
  'groq',
  'huggingface',
  'minimax',
  'mistral',
  'moonshotai',
  'nebius',
  'novita',
  'nvidia',
  'openai',
  'openrouter',
  'perplexity',
  'sambanova',
  'together',
  'workers-ai',
  'xai',
  'zai',
] as const

export type CatalogProvider = (typeof catalogProviders)[number]

/** Micro-USD per million tokens. A part without its own price costs what the whole costs. */
export interface TokenPrices {
  readonly input: number
  readonly output: number
  /** Input read from the provider's prompt cache. */
  readonly cacheRead?: number
  /** Input written to the prompt cache, shortest lifetime. */
  readonly cacheWrite?: number
  /** Input written to the prompt cache for one hour. */
  readonly cacheWrite1h?: number
  readonly audioInput?: number
  readonly imageInput?: number
  /** Output spent on thinking, where it is priced apart. */
  readonly reasoning?: number
  readonly audioOutput?: number
  readonly imageOutput?: number
}

/** Prices of a request with more than `aboveInputTokens` input tokens: they hold for all of its tokens. */
export interface PriceTier extends TokenPrices {
  readonly aboveInputTokens: number
}

export interface Prices extends TokenPrices {
  /** Nano-USD for each call, whatever it carries. */
  readonly perRequestNanoUsd?: number
  /** Nano-USD for each search the provider runs; the dearest of its search sizes. */
  readonly webSearchNanoUsd?: number
  /** Ascending by `aboveInputTokens`. */
  readonly longContext?: readonly PriceTier[]
}

export const requiredTokenPrices = ['input', 'output'] as const
export const optionalTokenPrices = [
  'cacheRead',
  'cacheWrite',
  'cacheWrite1h',
  'audioInput',
  'imageInput',
  'reasoning',
  'audioOutput',
  'imageOutput',
] as const
export const piecePrices = ['perRequestNanoUsd', 'webSearchNanoUsd'] as const

export const modalities = ['text', 'image', 'audio', 'video', 'pdf'] as const
export type Modality = (typeof modalities)[number]

/** Facts that are true, false or unknown; written as words of `can` and `cannot`. */
export const abilities = [
  'tools',
  'parallelTools',
  'jsonSchema',
  'reasoning',
  'vision',
  'pdf',
  'audio',
  'prefill',
] as const
export type Ability = (typeof abilities)[number]

/** Whether leaving a stream stops the provider's meter (`abort-billing.ts`). */
export type AbortBilling = 'stops' | 'continues' | 'unknown'

/** A published data set and the day it speaks of. */
export interface CatalogSource {
  readonly package: string
  readonly version: string
  /** YYYY-MM-DD */
  readonly asOf: string
}

/** One model as `models.json` has it; fields at their default (text in, text out, unknown) are left out. */
export interface CatalogEntry {
  /** Key of `CatalogFile.sources`: where the prices come from. */
  readonly from: string
  readonly context?: number
  readonly maxOutput?: number
  readonly prices: Prices
  /** Zero prices are meant. */
  readonly free?: true
  readonly in?: readonly Modality[]
  readonly out?: readonly Modality[]
  /** Abilities known to be there, separated by spaces. */
  readonly can?: string
  /** Abilities known to be missing, separated by spaces. */
  readonly cannot?: string
  /** Day the vendor switches it off, YYYY-MM-DD. */
  readonly retires?: string
  /** The vendor serves it on the Responses API only. */
  readonly responsesOnly?: true
}

export interface CatalogSection {
  readonly models: Readonly<Record<string, CatalogEntry>>
  /** Other names of the same thing at the same price. */
  readonly aliases?: Readonly<Record<string, string>>
  /** Dated ids that are gone, where the date rule of `alias.ts` would lead to a model of today. */
  readonly retired?: readonly string[]
}

export interface CatalogFile {
  readonly version: string
  readonly sources: Readonly<Record<string, CatalogSource>>
  readonly providers: Readonly<Record<string, CatalogSection>>
}

/** What is known of one model at one provider. Absent is unknown. */
export interface ModelFacts {
  readonly provider: string
  /** The id the facts are filed under; the id asked for may be an alias of it. */
  readonly model: string
  readonly aliases: readonly string[]
  readonly contextTokens?: number
  readonly maxOutputTokens?: number
  /** Null where the abilities are known and the price is not: what such a model costs is unknown. */
  readonly prices: Prices | null
  readonly free: boolean
  readonly input: readonly Modality[]
  readonly output: readonly Modality[]
  readonly tools?: boolean
  readonly parallelTools?: boolean
  readonly jsonSchema?: boolean
  readonly reasoning?: boolean
  readonly vision?: boolean
  readonly pdf?: boolean
  readonly audio?: boolean
  readonly prefill?: boolean
  readonly responsesOnly: boolean
  readonly retiresOn?: string
  readonly abortBilling: AbortBilling
  readonly source: CatalogSource
}
