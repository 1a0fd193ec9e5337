import {
  mostNanoUsd,
  mostOf,
  type NanoUsd,
  nanoUsd,
  zeroNanoUsd,
} from '../../../durable-objects/tenant-ledger/money.ts'
import { costNanoUsd, type ModelFacts, type Prices } from '../../catalog/index.ts'
import { readTags, type Tags } from '../access/tags.ts'
import type { Runtime } from '../runtime.ts'
import { longestAnswerTokens } from './attempt-terms.ts'
import { defaultWorstCaseRules } from './worst-case.ts'

/** What can be known of the cost of a request before its body is read. */
export interface FirstCredit {
  /** At the dearest model of the configuration, for as many tokens as the body has bytes and an answer of the usual length. */
  readonly wantNanoUsd: NanoUsd
  /** The same with the longest answer that the model gives. */
  readonly softNanoUsd: NanoUsd
  /** Of the first. */
  readonly tokens: number
  readonly tags: Tags
}

/** Of a body whose length nobody has told, bytes. */
const usualBytes = 16_384

export function firstCreditOf({ headers }: Request, runtime: Runtime): FirstCredit {
  const { maxBodyBytes } = runtime.config.limits
  const length = headers.get('content-length')
  const told = length === null ? usualBytes : Number(length)
  const bytes = Number.isSafeInteger(told) && told >= 0 ? told : usualBytes
  const inputTokens = Math.min(bytes, maxBodyBytes)
  const { defaultOutputTokens } = defaultWorstCaseRules
  let wantNanoUsd = zeroNanoUsd
  let softNanoUsd = zeroNanoUsd
  for (const { facts } of runtime.targets.values()) {
    if (facts === null || facts.free === true || facts.prices === undefined) continue
    const longest = facts.maxOutputTokens ?? longestAnswerTokens
    const usual = costOf(facts, inputTokens, Math.min(defaultOutputTokens, longest))
    wantNanoUsd = mostOf(wantNanoUsd, usual)
    softNanoUsd = mostOf(softNanoUsd, costOf(facts, inputTokens, longest))
  }
  const read = readTags(headers.get('x-switchyard-tags'))
  const tags = read.kind === 'read' ? read.tags : {}
  return { wantNanoUsd, softNanoUsd, tokens: inputTokens + defaultOutputTokens, tags }
}

/** With every token at the dearest price that it may have. */
function costOf({ prices }: ModelFacts, inputTokens: number, outputTokens: number): NanoUsd {
  if (prices === null) return zeroNanoUsd
  const cost = costNanoUsd({ inputTokens, outputTokens }, dearestPrices(prices, inputTokens))
  return cost === null ? mostNanoUsd : nanoUsd(cost)
}

function dearestPrices({ longContext = [], ...prices }: Prices, inputTokens: number): Prices {
  let { input, output } = prices
  const reached = longContext.filter(({ aboveInputTokens }) => inputTokens > aboveInputTokens)
  for (const tier of [prices, ...reached]) {
    input = Math.max(input, tier.input, tier.cacheWrite ?? 0, tier.cacheWrite1h ?? 0)
    output = Math.max(output, tier.output, tier.reasoning ?? 0)
  }
  const { perRequestNanoUsd = 0 } = prices
  return { input, output, perRequestNanoUsd }
}

/** Requests that may call a provider: the others need no credit. */
export function mayCost({ method, url }: Request): boolean {
  if (method !== 'POST') return false
  const { pathname } = new URL(url)
  return !freePaths.has(pathname)
}

const freePaths: ReadonlySet<string> = new Set(['/v1/messages/count_tokens', '/v1/explain'])
