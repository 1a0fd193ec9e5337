import { catalogVersion } from '../../catalog/index.ts'
import type { AdmissionAsk, AttemptAccount, CallSeen } from '../../engine/money-port.ts'
import type { Target } from '../runtime.ts'
import type { NanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import type { AttemptTerms, BoundedAttempt } from './attempt-terms.ts'
import { type Calibration, observe } from './calibration.ts'
import { carry } from './errand.ts'
import type { TenantCredit } from './ledger-book.ts'
import type { ErrandHost } from './ledger-call.ts'
import {
  type AttemptFacts,
  bookAway,
  type Outcome,
  settle,
  type Ticket,
  type Want,
} from './lease-holder.ts'
import { settlementOf } from './settlement.ts'

/** By what an attempt is priced when it has ended. */
export function termsOf(
  bound: BoundedAttempt,
  worstNanoUsd: NanoUsd,
  { facts }: Target,
): AttemptTerms {
  return {
    worstNanoUsd,
    inputTokens: bound.inputTokens,
    prices: facts?.prices ?? bound.prices,
    abortBilling: facts?.abortBilling ?? 'unknown',
    mayHideReasoning: facts?.reasoning === true,
    byteTokens: bound.byteTokens,
    ...(facts?.contextTokens === undefined ? {} : { contextTokens: facts.contextTokens }),
  }
}

/** What a line of the ledger may hold of a text: it refuses longer ones, and everything that comes with them. */
const longestNameCharacters = 512
const longestReasonCharacters = 1000

/** What is written down of an attempt, and what it cost. */
function outcomeOf(seen: CallSeen, terms: AttemptTerms, ask: AdmissionAsk, nowMs: number): Outcome {
  const { ending, usage, receivedBytes } = seen
  const { mayHideReasoning } = terms
  const call = { ending, usage, receivedBytes, mayHideReasoning }
  const { amountNanoUsd, basis, isImpossible } = settlementOf(call, terms)
  if (amountNanoUsd === null) return { kind: 'void' }
  const facts = factsOf(seen, ask, nowMs, isImpossible)
  return basis === 'worst_case'
    ? { kind: 'unknown', facts }
    : { kind: 'posted', amountNanoUsd, basis, facts }
}

function factsOf(
  seen: CallSeen,
  { billing, target, attempt, reason }: AdmissionAsk,
  nowMs: number,
  isImpossible: boolean,
): AttemptFacts {
  const { requestId, caller, route, tags, continues } = billing
  const { servedModel, outcome, durationMs, firstTokenMs, status } = seen
  return {
    attemptId: `${requestId}.${attempt}`,
    requestId,
    route: nameOf(route ?? target.name),
    target: nameOf(target.name),
    servedModel: servedModel === undefined ? null : nameOf(servedModel),
    priceVersion: catalogVersion,
    usage: seen.usage ?? {},
    atMs: nowMs,
    keyId: caller.keyId,
    tags,
    reason: reason.slice(0, longestReasonCharacters),
    ...(isImpossible && { isImpossible }),
    ...(outcome !== undefined && { outcome }),
    // A clock that was set back makes no time negative.
    ...(durationMs !== undefined && { durationMs: Math.max(0, durationMs) }),
    ...(firstTokenMs !== undefined && { firstTokenMs: Math.max(0, firstTokenMs) }),
    ...(status !== undefined && { status }),
    ...(continues !== undefined && {
      continues: { ...continues, from: nameOf(continues.from) },
    }),
  }
}

function nameOf(text: string): string {
  return text.slice(0, longestNameCharacters)
}

/** An attempt that runs on a ticket. */
export class TicketAccount implements AttemptAccount {
  readonly #host: ErrandHost
  readonly #calibration: Calibration
  readonly #credit: TenantCredit
  readonly #ticket: Ticket
  readonly #terms: AttemptTerms
  readonly #ask: AdmissionAsk

  constructor(
    host: ErrandHost,
    calibration: Calibration,
    credit: TenantCredit,
    ticket: Ticket,
    terms: AttemptTerms,
    ask: AdmissionAsk,
  ) {
    this.#host = host
    this.#calibration = calibration
    this.#credit = credit
    this.#ticket = ticket
    this.#terms = terms
    this.#ask = ask
  }

  settle(seen: CallSeen): void {
    const nowMs = this.#host.nowMs()
    const outcome = outcomeOf(seen, this.#terms, this.#ask, nowMs)
    if (!settle(this.#credit.state, this.#ticket, outcome, nowMs)) return
    learn(this.#calibration, this.#ask.target, this.#terms, seen, outcome)
    carry(this.#credit, this.#host)
  }
}

/** Only a call that came to its end, and whose prompt was bounded by its bytes, says what bytes cost. */
function learn(
  calibration: Calibration,
  { name: target }: Target,
  { byteTokens }: AttemptTerms,
  { ending, usage }: CallSeen,
  outcome: Outcome,
): void {
  if (byteTokens === null || ending !== 'complete' || outcome.kind !== 'posted') return
  observe(calibration, { target, boundTokens: byteTokens, inputTokens: usage?.inputTokens })
}

/** An attempt that was let through while the ledger was out of reach: soft budgets that allow so much. */
export class AwayAccount implements AttemptAccount {
  readonly #host: ErrandHost
  readonly #credit: TenantCredit
  readonly #want: Want
  readonly #setKey: string
  readonly #terms: AttemptTerms
  readonly #ask: AdmissionAsk
  #isSettled = false

  constructor(
    host: ErrandHost,
    credit: TenantCredit,
    want: Want,
    setKey: string,
    terms: AttemptTerms,
    ask: AdmissionAsk,
  ) {
    this.#host = host
    this.#credit = credit
    this.#want = want
    this.#setKey = setKey
    this.#terms = terms
    this.#ask = ask
  }

  settle(seen: CallSeen): void {
    if (this.#isSettled) return
    this.#isSettled = true
    const nowMs = this.#host.nowMs()
    const outcome = outcomeOf(seen, this.#terms, this.#ask, nowMs)
    bookAway(this.#credit.state, this.#want, outcome, nowMs, this.#setKey)
    carry(this.#credit, this.#host)
  }
}
