import { catalogVersion } from '../../catalog/index.ts'
import type { AdmissionAsk, AttemptAccount, CallSeen } from '../../engine/money-port.ts'
import type { AttemptTerms, BoundedAttempt } from './attempt-terms.ts'
import { observe } from './calibration.ts'
import { carry, type ErrandHost } from './errand.ts'
import type { HolderState, Ticket, Want } from './holder-state.ts'
import type { LedgerBook, TenantCredit } from './ledger-book.ts'
import { type AttemptFacts, bookAway, type Outcome, settle } from './lease-holder.ts'
import { settlementOf } from './settlement.ts'

/** By what an attempt is priced when it has ended. */
export function termsOf(bound: BoundedAttempt, { target }: AdmissionAsk): AttemptTerms {
  const { facts } = target
  return {
    worstNanoUsd: bound.worstNanoUsd,
    inputTokens: bound.inputTokens,
    prices: facts?.prices ?? bound.prices,
    abortBilling: facts?.abortBilling ?? 'unknown',
    mayHideReasoning: facts?.reasoning === true,
    byteTokens: bound.byteTokens,
    ...(facts?.contextTokens === undefined ? {} : { contextTokens: facts.contextTokens }),
  }
}

/** What is written down of an attempt, and what it cost. */
function outcomeOf(
  seen: CallSeen,
  terms: AttemptTerms,
  { billing, target, attempt }: AdmissionAsk,
  nowMs: number,
): Outcome {
  const { amountNanoUsd, basis, isImpossible } = settlementOf(
    { ...seen, mayHideReasoning: terms.mayHideReasoning },
    terms,
  )
  if (amountNanoUsd === null) return { kind: 'void' }
  const facts: AttemptFacts = {
    attemptId: `${billing.requestId}.${attempt}`,
    requestId: billing.requestId,
    route: billing.route ?? target.name,
    target: target.name,
    servedModel: seen.servedModel ?? null,
    priceVersion: catalogVersion,
    usage: seen.usage ?? {},
    atMs: nowMs,
    ...(isImpossible ? { isImpossible: true } : {}),
  }
  return basis === 'worst_case'
    ? { kind: 'unknown', facts }
    : { kind: 'posted', amountNanoUsd, basis, facts }
}

/** An attempt that runs on a ticket. */
export class TicketAccount implements AttemptAccount {
  readonly #host: ErrandHost
  readonly #book: LedgerBook
  readonly #credit: TenantCredit
  readonly #ticket: Ticket
  readonly #terms: AttemptTerms
  readonly #ask: AdmissionAsk

  constructor(
    host: ErrandHost,
    book: LedgerBook,
    credit: TenantCredit,
    ticket: Ticket,
    terms: AttemptTerms,
    ask: AdmissionAsk,
  ) {
    this.#host = host
    this.#book = book
    this.#credit = credit
    this.#ticket = ticket
    this.#terms = terms
    this.#ask = ask
  }

  settle(seen: CallSeen): void {
    const nowMs = this.#host.nowMs()
    const outcome = outcomeOf(seen, this.#terms, this.#ask, nowMs)
    if (!settle(this.#credit.state, this.#ticket, outcome, nowMs)) return
    observe(this.#book.calibration, {
      target: this.#ask.target.name,
      boundTokens: this.#terms.byteTokens,
      inputTokens: seen.usage?.inputTokens,
    })
    carry(this.#credit, this.#host)
  }
}

/** An attempt that was let through while the ledger was out of reach: soft budgets that allow so much. */
export class AwayAccount implements AttemptAccount {
  readonly #host: ErrandHost
  readonly #state: HolderState
  readonly #want: Want
  readonly #terms: AttemptTerms
  readonly #ask: AdmissionAsk
  #isSettled = false

  constructor(
    host: ErrandHost,
    state: HolderState,
    want: Want,
    terms: AttemptTerms,
    ask: AdmissionAsk,
  ) {
    this.#host = host
    this.#state = state
    this.#want = want
    this.#terms = terms
    this.#ask = ask
  }

  settle(seen: CallSeen): void {
    if (this.#isSettled) return
    this.#isSettled = true
    const nowMs = this.#host.nowMs()
    const outcome = outcomeOf(seen, this.#terms, this.#ask, nowMs)
    if (outcome.kind === 'void') return
    bookAway(this.#state, this.#want, outcome, nowMs)
  }
}
