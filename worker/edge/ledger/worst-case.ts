import {
  mostNanoUsd,
  type NanoUsd,
  nanoUsd,
  plus,
  plusOrMost,
  times,
  zeroNanoUsd,
} from '../../../durable-objects/tenant-ledger/money.ts'
import type { CanonicalRequest } from '../../canonical/request.ts'
import { costNanoUsd, type Prices } from '../../catalog/index.ts'
import type { PriceTier, TokenPrices } from '../../catalog/schema.ts'
import { inputBound, type InputBound } from './input-bound.ts'

/** What is known of a target that is to be paid. */
export interface PricedTarget {
  /** As the catalog names it. */
  readonly provider: string
  readonly model: string
  /** Null: it has none, and is refused. A price that the operator named counts like the catalog's. */
  readonly prices: Prices | null
  readonly contextTokens?: number
  readonly maxOutputTokens?: number
}

export interface WorstCaseRules {
  /** Refuse what has no documented bound, and count bytes. Otherwise unbounded parts count as a full context window. */
  readonly isStrict: boolean
  /** Where the caller sets no limit. */
  readonly defaultOutputTokens: number
  /** An answer shorter than this is of no use. */
  readonly leastOutputTokens: number
  /** Not strict: an estimate of the prompt, tokens, and what real usage was in its hundredths of a percent (10,000: as estimated). */
  readonly estimate?: { readonly inputTokens: number; readonly basisPoints: number }
}

export const defaultWorstCaseRules: WorstCaseRules = {
  isStrict: true,
  defaultOutputTokens: 4096,
  leastOutputTokens: 64,
}

/** The most that one attempt can cost, and what must be enforced for that to hold. */
export interface Bounded {
  readonly kind: 'bounded'
  readonly worstNanoUsd: NanoUsd
  /** With the shortest answer that is of use. */
  readonly leastNanoUsd: NanoUsd
  readonly inputTokens: number
  /** Send this as the limit of the answer: thinking is inside it. */
  readonly outputTokens: number
  readonly leastOutputTokens: number
  /** Answers asked for; each may take `outputTokens`. */
  readonly answers: number
  /** The dearest prices that may apply, and the fees. */
  readonly prices: Prices
  readonly feesNanoUsd: NanoUsd
  /** Its input is text alone, so that its tokens are counted by bytes. */
  readonly isText: boolean
}

export interface Refused {
  readonly kind: 'refused'
  readonly reason: 'unpriced' | 'unbounded_input' | 'unbounded_fees' | 'unpriced_tier'
  /** The field that makes it so. */
  readonly param: string | null
}

/** Margin over an estimate: `reliability.md` 3.3. */
const estimateBasisPoints = 13_000
const estimateMarginTokens = 256

/** Tiers that cost more than the list price and have no price of their own in the catalog. */
const dearTiers = new Set(['priority', 'fast', 'scale'])

export function worstCase(
  request: CanonicalRequest,
  target: PricedTarget,
  rules: WorstCaseRules,
): Bounded | Refused {
  const { prices } = target
  if (prices === null) return refuse('unpriced', null)
  if (request.serviceTier !== undefined && dearTiers.has(request.serviceTier))
    return refuse('unpriced_tier', 'service_tier')
  const bound = inputBound(request, target.provider, target.model)
  const fees = feesOf(bound, prices, rules)
  if (fees === null) return refuse('unbounded_fees', 'tools')
  const inputTokens = inputTokensOf(bound, target, rules)
  if (inputTokens === null) return refuse('unbounded_input', bound.unbounded ?? 'tools')
  const outputTokens = outputTokensOf(request, target, rules)
  const isMixed = bound.hasAudio || bound.hasImages || bound.serverTools.length > 0
  const shape = {
    inputTokens,
    answers: request.sampling.n ?? 1,
    prices: dearestOf(prices, inputTokens, bound),
    feesNanoUsd: fees,
  }
  const leastOutputTokens = Math.min(outputTokens, rules.leastOutputTokens)
  return {
    kind: 'bounded',
    ...shape,
    outputTokens,
    isText: !isMixed && bound.unbounded === null,
    leastOutputTokens,
    worstNanoUsd: costOf(shape, outputTokens),
    leastNanoUsd: costOf(shape, leastOutputTokens),
  }
}

function refuse(reason: Refused['reason'], param: string | null): Refused {
  return { kind: 'refused', reason, param }
}

type Shape = Pick<Bounded, 'inputTokens' | 'answers' | 'prices' | 'feesNanoUsd'>

function costOf({ inputTokens, answers, prices, feesNanoUsd }: Shape, outputTokens: number) {
  const cost = costNanoUsd({ inputTokens, outputTokens: outputTokens * answers }, prices)
  // Too many tokens to be a count: more than any cap.
  return cost === null ? mostNanoUsd : plusOrMost(nanoUsd(cost), feesNanoUsd)
}

/** The longest answer that so much money pays for; null when it is too short to be of use. */
export function affordableOutputTokens(worst: Bounded, moneyNanoUsd: NanoUsd): number | null {
  if (moneyNanoUsd >= worst.worstNanoUsd) return worst.outputTokens
  if (moneyNanoUsd < worst.leastNanoUsd) return null
  // The cost rises with the tokens, so the longest that fits is found by halving.
  let fits = worst.leastOutputTokens
  let tooLong = worst.outputTokens
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2)
    if (costOf(worst, middle) <= moneyNanoUsd) fits = middle
    else tooLong = middle
  }
  return fits
}

function outputTokensOf(
  { maxOutputTokens }: CanonicalRequest,
  target: PricedTarget,
  { defaultOutputTokens }: WorstCaseRules,
): number {
  return Math.min(maxOutputTokens ?? defaultOutputTokens, target.maxOutputTokens ?? Infinity)
}

/** Null: nobody can say, and strict tenants do not pay for what nobody can say. */
function inputTokensOf(
  bound: InputBound,
  { contextTokens }: PricedTarget,
  { isStrict, estimate }: WorstCaseRules,
): number | null {
  const isUnbounded = bound.unbounded !== null || bound.serverTools.length > 0
  if (isUnbounded) {
    if (isStrict || contextTokens === undefined) return null
    // A provider takes no prompt beyond its window; a tool of its own may fill it once for each use.
    const calls = bound.serverTools.reduce((sum, { maxUses }) => sum + (maxUses ?? 1), 1)
    return contextTokens * calls
  }
  if (isStrict || estimate === undefined) return bound.tokens
  const { inputTokens, basisPoints } = estimate
  const likely = Math.ceil((inputTokens * basisPoints * estimateBasisPoints) / 100_000_000)
  return Math.min(bound.tokens, likely + estimateMarginTokens)
}

/** What is charged by the piece; null when it has no price or no limit. */
function feesOf(bound: InputBound, prices: Prices, { isStrict }: WorstCaseRules): NanoUsd | null {
  let fees = zeroNanoUsd
  for (const { maxUses } of bound.serverTools) {
    if (isStrict) return null
    fees = plus(fees, times(nanoUsd(prices.webSearchNanoUsd ?? 0), maxUses ?? 1))
  }
  return fees
}

/** Of prices that do not depend on what is asked: worked out once. */
const dearestOfAll = new WeakMap<Prices, Prices>()

function dearestOf(prices: Prices, inputTokens: number, bound: InputBound): Prices {
  if (bound.hasAudio || bound.hasImages || prices.longContext !== undefined)
    return dearest(prices, inputTokens, bound)
  let most = dearestOfAll.get(prices)
  if (most === undefined) dearestOfAll.set(prices, (most = dearest(prices, inputTokens, bound)))
  return most
}

/** One price for all input and one for all output: the highest that any part of this request may be charged at. */
function dearest(prices: Prices, inputTokens: number, bound: InputBound): Prices {
  const tiers: readonly TokenPrices[] = [prices, ...reachable(prices.longContext, inputTokens)]
  const input = tiers.flatMap((tier) => [
    tier.input,
    tier.cacheRead ?? 0,
    tier.cacheWrite ?? 0,
    tier.cacheWrite1h ?? 0,
    bound.hasAudio ? (tier.audioInput ?? 0) : 0,
    bound.hasImages ? (tier.imageInput ?? 0) : 0,
  ])
  const output = tiers.flatMap((tier) => [
    tier.output,
    tier.reasoning ?? 0,
    tier.audioOutput ?? 0,
    tier.imageOutput ?? 0,
  ])
  return {
    input: Math.max(...input),
    output: Math.max(...output),
    ...(prices.perRequestNanoUsd !== undefined && { perRequestNanoUsd: prices.perRequestNanoUsd }),
  }
}

function reachable(tiers: readonly PriceTier[] | undefined, inputTokens: number) {
  return (tiers ?? []).filter(({ aboveInputTokens }) => inputTokens > aboveInputTokens)
}
