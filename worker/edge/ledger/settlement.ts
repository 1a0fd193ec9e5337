import {
  leastOf,
  type NanoUsd,
  nanoUsd,
  zeroNanoUsd,
} from '../../../durable-objects/tenant-ledger/money.ts'
import type { Basis } from '../../../durable-objects/tenant-ledger/protocol.ts'
import { isTokenCount, type Usage } from '../../canonical/usage.ts'
import {
  type AbortBilling,
  costNanoUsd,
  type Prices,
  reportedCostNanoUsd,
} from '../../catalog/index.ts'

/** How a call ended, as far as its bill goes. */
export type CallEnding =
  /** It never went out. */
  | 'not_sent'
  /** The provider answered with an error status, before any token. */
  | 'rejected'
  /** Its own end mark came. */
  | 'complete'
  /** We, or the client, left. */
  | 'aborted'
  /** It broke, or nobody knows. */
  | 'unknown'

export interface CallFacts {
  readonly ending: CallEnding
  readonly usage?: Usage | undefined
  /** UTF-8 bytes of everything generated that came. */
  readonly receivedBytes: number
  /** The model may think out of sight, so that what came says little of what was made. */
  readonly mayHideReasoning: boolean
}

/** What a call was set aside at, and by what it is priced. */
export interface CallTerms {
  readonly worstNanoUsd: NanoUsd
  /** Bound of its input, tokens. */
  readonly inputTokens: number
  readonly prices: Prices
  readonly contextTokens?: number
  readonly abortBilling: AbortBilling
  /** The provider's own word is the bill (it states a cost, and nobody else knows its prices). */
  readonly takesReportedCost?: boolean
}

export interface Settlement {
  /** Null: nothing was bought, so there is no line. */
  readonly amountNanoUsd: NanoUsd | null
  readonly basis: Basis
  readonly isImpossible: boolean
}

/** Tokens made after we hung up, before the provider noticed. */
const lagTokens = 256

/** Nobody's window is larger: used where the catalog does not know it. */
const largestContextTokens = 20_000_000

/** What an attempt costs, by what is known of it. Never less than what the provider may bill. */
export function settlementOf(call: CallFacts, terms: CallTerms): Settlement {
  const { ending, usage } = call
  if (ending === 'not_sent') return { amountNanoUsd: null, basis: 'exact', isImpossible: false }
  if (usage !== undefined && isImpossible(usage, call, terms))
    return { ...worst(terms), isImpossible: true }
  if (ending === 'rejected') return fromUsage(usage, terms) ?? free
  if (ending === 'complete') return fromUsage(usage, terms) ?? fromReceived(call, terms)
  if (ending === 'aborted' && terms.abortBilling === 'stops') return fromReceived(call, terms)
  return worst(terms)
}

/** An answer that is an error is not billed, as far as any provider documents. */
const free: Settlement = { amountNanoUsd: zeroNanoUsd, basis: 'estimated', isImpossible: false }

function worst({ worstNanoUsd }: CallTerms): Settlement {
  return { amountNanoUsd: worstNanoUsd, basis: 'worst_case', isImpossible: false }
}

function fromUsage(usage: Usage | undefined, terms: CallTerms): Settlement | null {
  if (usage === undefined) return null
  const own = reportedCostNanoUsd(usage)
  if (own !== null && terms.takesReportedCost === true) return exact(own)
  const cost = costNanoUsd(usage, terms.prices)
  if (cost === null) return null
  // Parts that overlap are priced twice: that is our caution, not the provider's bill.
  return exact(overlaps(usage) ? Math.min(cost, terms.worstNanoUsd) : cost)
}

function exact(cost: number): Settlement {
  return { amountNanoUsd: nanoUsd(cost), basis: 'exact', isImpossible: false }
}

/** All of the input and a token for each byte that came; the worst case where more may have been made than came. */
function fromReceived(call: CallFacts, terms: CallTerms): Settlement {
  if (call.mayHideReasoning) return worst(terms)
  const lag = call.ending === 'complete' ? 0 : lagTokens
  const said = call.usage
  const cost = costNanoUsd(
    {
      ...(said?.cacheWriteTokens !== undefined && { cacheWriteTokens: said.cacheWriteTokens }),
      inputTokens: Math.max(terms.inputTokens, said?.inputTokens ?? 0),
      outputTokens: Math.max(call.receivedBytes + lag, said?.outputTokens ?? 0),
    },
    dearestInput(terms.prices),
  )
  if (cost === null) return worst(terms)
  const amountNanoUsd = leastOf(nanoUsd(cost), terms.worstNanoUsd)
  return { amountNanoUsd, basis: 'estimated', isImpossible: false }
}

/** Without a word on caches the input may have been written to one. */
function dearestInput(prices: Prices): Prices {
  const raised = <Tier extends Prices>(tier: Tier): Tier => ({
    ...tier,
    input: Math.max(tier.input, tier.cacheWrite ?? 0, tier.cacheWrite1h ?? 0),
    output: Math.max(tier.output, tier.reasoning ?? 0),
  })
  const { longContext } = prices
  return {
    ...raised(prices),
    ...(longContext !== undefined && { longContext: longContext.map(raised) }),
  }
}

const inputParts = [
  'cacheReadTokens',
  'cacheWriteTokens',
  'audioInputTokens',
  'imageInputTokens',
] as const
const outputParts = ['reasoningTokens', 'audioOutputTokens', 'imageOutputTokens'] as const

function sumOf(usage: Usage, parts: readonly (keyof Usage)[]): number {
  return parts.reduce((sum, part) => sum + (usage[part] ?? 0), 0)
}

function overlaps(usage: Usage): boolean {
  return (
    sumOf(usage, inputParts) > (usage.inputTokens ?? 0) ||
    sumOf(usage, outputParts) > (usage.outputTokens ?? 0)
  )
}

/** Not a count, a part larger than its whole, more than any window holds, or nothing for something. */
export function isImpossible(usage: Usage, call: CallFacts, terms: CallTerms): boolean {
  const { providerCostUsd: _, ...counts } = usage
  if (!Object.values(counts).every(isTokenCount)) return true
  const { inputTokens, outputTokens, cacheWriteTokens, cacheWrite1hTokens } = usage
  const within = (parts: readonly (keyof Usage)[], whole: number | undefined): boolean =>
    whole === undefined || parts.every((part) => (usage[part] ?? 0) <= whole)
  if (!within(inputParts, inputTokens) || !within(outputParts, outputTokens)) return true
  if ((cacheWrite1hTokens ?? 0) > (cacheWriteTokens ?? cacheWrite1hTokens ?? 0)) return true
  const window = terms.contextTokens ?? largestContextTokens
  // A tool of the provider's own may fill the window several times in one call.
  const mostInput = Math.max(window, terms.inputTokens) * (1 + (usage.webSearchRequests ?? 0))
  if ((inputTokens ?? 0) > mostInput || (outputTokens ?? 0) > window) return true
  const isFinal = call.ending === 'complete'
  return isFinal && (inputTokens === 0 || (outputTokens === 0 && call.receivedBytes > 0))
}
