import { isTokenCount, type Usage } from '../canonical/usage.ts'
import type { Prices, TokenPrices } from './schema.ts'

/** Pico-USD in one nano-USD; prices of tokens are pico-USD per token. */
const picoPerNano = 1_000
const nanoPerUsd = 1_000_000_000

/**
 * What an attempt costs, nano-USD, rounded up; null where that cannot be said:
 * the provider did not report its input and output tokens, a count is not a
 * count, or it ran searches that have no price.
 *
 * The tier is chosen by `inputTokens` and holds for the whole request. Parts
 * of the input (cached, audio, image) are charged at their own price and the
 * rest at the input price; the output likewise. Parts that overlap (cached
 * audio) are charged twice rather than never. What the provider says the call
 * cost is not looked at (`reportedCostNanoUsd`). A cost beyond the safe
 * integers stays at the largest.
 */
export function costNanoUsd(usage: Usage, prices: Prices): number | null {
  if (prices.input === 0 && prices.output === 0) return piecesOf(usage, prices)
  const { inputTokens, outputTokens } = usage
  if (!isTokenCount(inputTokens) || !isTokenCount(outputTokens)) return null
  const pieces = piecesOf(usage, prices)
  const tier = tierFor(prices, inputTokens)
  const input = inputParts(usage, tier)
  const output = outputParts(usage, tier)
  if (pieces === null || input === null || output === null) return null
  const pico = sumOf(input, inputTokens) + sumOf(output, outputTokens)
  // Exact in numbers while the sum is a safe integer, which bills of a request nearly always are.
  if (pico > Number.MAX_SAFE_INTEGER)
    return bigCost(bigSumOf(input, inputTokens) + bigSumOf(output, outputTokens), pieces)
  const rest = pico % picoPerNano
  const nano = (pico - rest) / picoPerNano + (rest > 0 ? 1 : 0) + pieces
  return Math.min(nano, Number.MAX_SAFE_INTEGER)
}

function bigCost(pico: bigint, pieces: number): number {
  const perNano = BigInt(picoPerNano)
  const nano = (pico + perNano - 1n) / perNano + BigInt(pieces)
  return nano > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(nano)
}

/** The prices for a request of this size, every part spelled out. */
function tierFor(prices: Prices, inputTokens: number): Required<TokenPrices> {
  let tier: TokenPrices = prices
  for (const step of prices.longContext ?? []) if (inputTokens > step.aboveInputTokens) tier = step
  const part = (name: keyof TokenPrices, whole: number): number => {
    const own = tier[name]
    if (own !== undefined) return own
    // A tier that is silent about a part must not make it cheaper than it was below the tier.
    return tier === prices ? whole : Math.max(whole, prices[name] ?? 0)
  }
  const { input, output } = tier
  const cacheWrite = part('cacheWrite', input)
  return {
    input,
    output,
    cacheRead: part('cacheRead', input),
    cacheWrite,
    cacheWrite1h: part('cacheWrite1h', Math.max(cacheWrite, input)),
    audioInput: part('audioInput', input),
    imageInput: part('imageInput', input),
    reasoning: part('reasoning', output),
    audioOutput: part('audioOutput', output),
    imageOutput: part('imageOutput', output),
  }
}

interface Parts {
  /** Price of what belongs to no part. */
  readonly rest: number
  /** Tokens and their price. */
  readonly parts: readonly (readonly [tokens: number, price: number])[]
}

function inputParts(usage: Usage, tier: Required<TokenPrices>): Parts | null {
  const write1h = usage.cacheWrite1hTokens ?? 0
  const write = usage.cacheWriteTokens ?? write1h
  return partsOf(tier.input, [
    [usage.cacheReadTokens ?? 0, tier.cacheRead],
    [Math.max(0, write - write1h), tier.cacheWrite],
    [write1h, tier.cacheWrite1h],
    [usage.audioInputTokens ?? 0, tier.audioInput],
    [usage.imageInputTokens ?? 0, tier.imageInput],
  ])
}

function outputParts(usage: Usage, tier: Required<TokenPrices>): Parts | null {
  return partsOf(tier.output, [
    [usage.reasoningTokens ?? 0, tier.reasoning],
    [usage.audioOutputTokens ?? 0, tier.audioOutput],
    [usage.imageOutputTokens ?? 0, tier.imageOutput],
  ])
}

function partsOf(rest: number, parts: Parts['parts']): Parts | null {
  return parts.every(([tokens]) => isTokenCount(tokens)) ? { rest, parts } : null
}

/** Sums of whole numbers are exact up to the safe integers, and a larger one never rounds to below them. */
function sumOf({ rest, parts }: Parts, tokens: number): number {
  let left = tokens
  let sum = 0
  for (const [count, price] of parts) {
    sum += count * price
    left -= count
  }
  return left > 0 ? sum + left * rest : sum
}

function bigSumOf({ rest, parts }: Parts, tokens: number): bigint {
  let left = BigInt(tokens)
  let sum = 0n
  for (const [count, price] of parts) {
    sum += BigInt(count) * BigInt(price)
    left -= BigInt(count)
  }
  return left > 0n ? sum + left * BigInt(rest) : sum
}

/** What is charged by the piece, nano-USD; null for searches without a price. */
function piecesOf(usage: Usage, prices: Prices): number | null {
  const searches = usage.webSearchRequests ?? 0
  const perRequest = prices.perRequestNanoUsd ?? 0
  if (searches === 0) return perRequest
  if (!isTokenCount(searches) || prices.webSearchNanoUsd === undefined) return null
  return Math.min(Number.MAX_SAFE_INTEGER, perRequest + searches * prices.webSearchNanoUsd)
}

/**
 * What the provider says the call cost, nano-USD, rounded up; null when it
 * said nothing or nothing sensible. A claim, not a price: it may leave out
 * what is billed elsewhere, so whoever charges takes the larger of this and
 * `costNanoUsd`, or names the provider whose word is the bill.
 */
export function reportedCostNanoUsd(usage: Usage): number | null {
  const usd = usage.providerCostUsd
  if (usd === undefined || !Number.isFinite(usd) || usd < 0) return null
  // 0.0045 * 1e9 is 4499999.999999999: the shortest decimal is what was said.
  const nano = Number((usd * nanoPerUsd).toPrecision(15))
  const rounded = Math.ceil(nano)
  return Number.isSafeInteger(rounded) ? rounded : null
}

/**
 * Nano-USD as a decimal string in USD: exact, without exponent, without
 * trailing zeros (`1500` is `0.0000015`). Throws a `RangeError` for what is not
 * a safe integer.
 */
export function formatUsd(nanoUsd: number): string {
  if (!Number.isSafeInteger(nanoUsd))
    throw new RangeError(`nano-USD must be a safe integer, got ${nanoUsd}`)
  const digits = String(Math.abs(nanoUsd)).padStart(10, '0')
  const whole = digits.slice(0, -9)
  const fraction = digits.slice(-9).replace(/0+$/, '')
  const sign = nanoUsd < 0 ? '-' : ''
  return fraction === '' ? `${sign}${whole}` : `${sign}${whole}.${fraction}`
}
