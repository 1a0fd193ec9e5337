import { toolText } from '../canonical/tool-text.ts'
import type { AbortBilling } from './schema.ts'

interface AbortBillingRow {
  readonly billing: AbortBilling
  /** The page the row was read from. */
  readonly source: string | undefined
  /** The day it was read, YYYY-MM-DD. */
  readonly readOn: string
}

/**
 * OpenRouter lists for which of its upstreams closing the connection stops
 * both the model and the bill, and for which it does neither. It is the one
 * published list of its kind; no vendor promises it for itself.
 */
const openRouterList = toolText(
  'https://openrouter.ai/docs/api-reference/streaming#provider-support',
)
const readOn = '2026-11-20'

const stops: AbortBillingRow = { billing: 'stops', source: openRouterList, readOn }
const continues: AbortBillingRow = { billing: 'continues', source: openRouterList, readOn }
const notListed: AbortBillingRow = { billing: 'unknown', source: openRouterList, readOn }

/** Whether a provider goes on billing after the client has gone, by provider id. */
export const abortBillingByProvider: Readonly<Record<string, AbortBillingRow>> = {
  anthropic: stops,
  'azure-openai': stops,
  bedrock: continues,
  cerebras: notListed,
  cohere: stops,
  coreweave: notListed,
  deepinfra: stops,
  deepseek: stops,
  fireworks: stops,
  gemini: continues,
  'github-models': notListed,
  groq: continues,
  huggingface: continues,
  minimax: continues,
  mistral: continues,
  moonshotai: notListed,
  nebius: continues,
  novita: stops,
  nvidia: notListed,
  openai: stops,
  // What happens depends on the upstream OpenRouter chose, which the request does not fix.
  openrouter: notListed,
  perplexity: continues,
  sambanova: continues,
  together: stops,
  'workers-ai': stops,
  xai: stops,
  zai: notListed,
}

/** `unknown` for a provider without a row: settle such an abort as if the bill went on. */
export function abortBillingOf(provider: string): AbortBilling {
  return Object.hasOwn(abortBillingByProvider, provider)
    ? (abortBillingByProvider[provider]?.billing ?? 'unknown')
    : 'unknown'
}
