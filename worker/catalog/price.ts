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

/** A tier's prices, every part spelled out, in the order in which `inputParts` and `outputParts` count. */
interface Tier {
  readonly input: number
  readonly output: number
  readonly inputParts: readonly number[]
  readonly outputParts: readonly number[]
}

/** Spelled out once for each model, not for each request: below the first step, and from each step of the context on. */
const spelled = new WeakMap<Prices, ReadonlyMap<TokenPrices, Tier>>()

/** The prices for a request of this size. */
function tierFor(prices: Prices, inputTokens: number): Tier {
  let tier: TokenPrices = prices
  for (const step of prices.longContext ?? []) if (inputTokens > step.aboveInputTokens) tier = step
  let tiers = spelled.get(prices)
  if (tiers === undefined) {
    const all = [prices, ...(prices.longContext ?? [])]
    tiers = new Map(all.map((each) => [each, spelledOut(each, prices)]))
    spelled.set(prices, tiers)
  }
  return tiers.get(tier) ?? spelledOut(tier, prices)
}

function spelledOut(tier: TokenPrices, prices: Prices): Tier {
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
    inputParts: [
      part('cacheRead', input),
      cacheWrite,
      part('cacheWrite1h', Math.max(cacheWrite, input)),
      part('audioInput', input),
      part('imageInput', input),
    ],
    outputParts: [
      part('reasoning', output),
      part('audioOutput', output),
      part('imageOutput', output),
    ],
  }
}

interface Parts {
  /** Price of what belongs to no part. */
  readonly rest: number
  /** Tokens of each part. */
  readonly tokens: readonly number[]
  /** What one of them costs. */
  readonly prices: readonly number[]
}

function inputParts(usage: Usage, { input, inputParts: prices }: Tier): Parts | null {
  const write1h = usage.cacheWrite1hTokens ?? 0
  const write = usage.cacheWriteTokens ?? write1h
  const tokens = [
    usage.cacheReadTokens ?? 0,
    Math.max(0, write - write1h),
    write1h,
    usage.audioInputTokens ?? 0,
    usage.imageInputTokens ?? 0,
  ]
  return tokens.every(isTokenCount) ? { rest: input, tokens, prices } : null
}

function outputParts(usage: Usage, { output, outputParts: prices }: Tier): Parts | null {
  const tokens = [
    usage.reasoningTokens ?? 0,
    usage.audioOutputTokens ?? 0,
    usage.imageOutputTokens ?? 0,
  ]
  return tokens.every(isTokenCount) ? { rest: output, tokens, prices } : null
}

/** Sums of whole numbers are exact up to the safe integers, and a larger one never rounds to below them. */
function sumOf({ rest, tokens, prices }: Parts, whole: number): number {
  let left = whole
  let sum = 0
  for (let part = 0; part < tokens.length; part += 1) {
    const count = tokens[part] ?? 0
    sum += count * (prices[part] ?? rest)
    left -= count
  }
  return left > 0 ? sum + left * rest : sum
}

function bigSumOf({ rest, tokens, prices }: Parts, whole: number): bigint {
  let left = BigInt(whole)
  let sum = 0n
  for (const [part, count] of tokens.entries()) {
    sum += BigInt(count) * BigInt(prices[part] ?? rest)
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
