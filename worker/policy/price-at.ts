import type { Candidate } from './candidate.ts'
import { ratesFor } from './expected-cost.ts'

type Priced = Pick<Candidate, 'inputUsdPerMillion' | 'outputUsdPerMillion' | 'prices'>

/** What a prompt of so many tokens is billed at, USD per million tokens: dearer where the model has a long-context price. Null: unknown. */
export function inputPriceOf(candidate: Priced, promptTokens: number): number | null {
  const { inputUsdPerMillion, prices } = candidate
  if (prices?.longContext === undefined) return inputUsdPerMillion
  return ratesFor(prices, promptTokens).input / microPerUsd
}

/** The same of the answer to such a prompt. */
export function outputPriceOf(candidate: Priced, promptTokens: number): number | null {
  const { outputUsdPerMillion, prices } = candidate
  if (prices?.longContext === undefined) return outputUsdPerMillion
  return ratesFor(prices, promptTokens).output / microPerUsd
}

/** Both together; null where one is unknown. */
export function pricesOf(candidate: Priced, promptTokens: number): number | null {
  const input = inputPriceOf(candidate, promptTokens)
  const output = outputPriceOf(candidate, promptTokens)
  return input === null || output === null ? null : input + output
}

/** The catalog counts in micro-USD per million tokens. */
const microPerUsd = 1_000_000
