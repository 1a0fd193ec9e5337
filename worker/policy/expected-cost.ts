/** Pico-USD per token, which is micro-USD per million tokens; a part without its own price costs what the whole costs. */
export interface TokenRates {
  readonly input: number
  readonly output: number
  readonly cacheRead?: number
}

/** As the catalog has them (`catalog/schema.ts`, `Prices`), as far as an expectation goes by them. */
export interface CallPrices extends TokenRates {
  /** Nano-USD for each call. */
  readonly perRequestNanoUsd?: number
  /** Ascending: prices of a request with more input tokens, for all of its tokens. */
  readonly longContext?: readonly (TokenRates & { readonly aboveInputTokens: number })[]
}

/** A call that has not been made, as far as it can be foreseen. */
export interface ForeseenCall {
  readonly promptTokens: number
  /** Of the prompt: likely in the provider's cache. */
  readonly cachedTokens: number
  readonly outputTokens: number
  /** Share of calls that fail, 0 to 1. */
  readonly failureRate: number
  /** Of all calls, those that fail after the model has begun to work, 0 to 1; at most `failureRate`. */
  readonly abortRate: number
  /** Whether leaving a call stops the provider's meter. Unknown is billed on. */
  readonly abortBilling: 'stops' | 'continues' | 'unknown'
}

const picoPerNano = 1000

/** An answer that nearly never comes would cost without end, and endless numbers do not compare. */
const highestFailureRate = 0.95

/**
 * What one SUCCESSFUL answer is expected to cost, nano-USD, rounded up to a whole number.
 *
 * A call that succeeds with probability 1 - f is made 1 / (1 - f) times for each answer, and f / (1 - f) of those
 * calls fail. What fails before the model begins (refused, overloaded, not reached) is not billed; of those that fail
 * later the provider bills the whole call, or only the prompt where leaving stops its meter:
 *
 *   expected = whole + abortRate / (1 - failureRate) x billed
 *
 * With every failure billed whole this is whole / (1 - failureRate).
 */
export function expectedCostNanoUsd(prices: CallPrices, call: ForeseenCall): number {
  const { promptTokens, outputTokens, abortBilling } = call
  const rates = ratesFor(prices, promptTokens)
  const cached = Math.min(Math.max(0, call.cachedTokens), promptTokens)
  const input = (promptTokens - cached) * rates.input + cached * rates.cacheRead
  const pieces = (prices.perRequestNanoUsd ?? 0) * picoPerNano
  const whole = input + outputTokens * rates.output + pieces
  const billed = abortBilling === 'stops' ? input + pieces : whole
  const failureRate = Math.min(Math.max(0, call.failureRate), highestFailureRate)
  const abortRate = Math.min(Math.max(0, call.abortRate), failureRate)
  const pico = whole + (abortRate / (1 - failureRate)) * billed
  return Math.min(wholeAbove(pico / picoPerNano), Number.MAX_SAFE_INTEGER)
}

/**
 * The next whole number. A sum of floats that is a whole number but for its last digits (14 are believed) is that
 * number: only a value so near to one has to be written out, which costs more than all the rest of an expectation.
 */
function wholeAbove(value: number): number {
  const distance = Math.abs(value - Math.round(value))
  if (distance > value * 1e-13 || (distance === 0 && value < 1e14)) return Math.ceil(value)
  return Math.ceil(Number(value.toPrecision(14)))
}

/** What each token of a call with so long a prompt is billed at. */
export function ratesFor(prices: CallPrices, promptTokens: number): Required<TokenRates> {
  let tier: TokenRates = prices
  const { longContext } = prices
  if (longContext !== undefined)
    for (const step of longContext) if (promptTokens > step.aboveInputTokens) tier = step
  const { input, output } = tier
  // A tier that is silent about a part must not make it cheaper than it was below the tier.
  const silent = tier === prices ? input : Math.max(input, prices.cacheRead ?? 0)
  return { input, output, cacheRead: tier.cacheRead ?? silent }
}

/** Tokens of output where neither the caller nor the route's own answers say anything. */
const unknownOutputTokens = 500

/**
 * Tokens of output to reckon with: what answers of the route have on average, within the caller's bound; the bound
 * where nothing is known of the route.
 */
export function expectedOutputTokens(average: number | null, bound: number | null): number {
  if (average === null) return bound ?? unknownOutputTokens
  return Math.ceil(bound === null ? average : Math.min(average, bound))
}
