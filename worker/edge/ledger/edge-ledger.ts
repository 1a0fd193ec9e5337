import type {
  Denied,
  Exchange as LedgerExchange,
  ExchangeReply,
  ScopeId,
} from '../../../durable-objects/tenant-ledger/protocol.ts'
import type {
  Admission,
  AdmissionAsk,
  AttemptAccount,
  MoneyPort,
  Payer,
} from '../../engine/money-port.ts'
import { AwayAccount, termsOf, TicketAccount } from './attempt-account.ts'
import { type BoundedAttempt, boundOf, type BoundRules, rulesOf } from './attempt-terms.ts'
import { away, refusalOf, unboundedOf } from './denial.ts'
import { carry } from './errand.ts'
import { type LedgerStanding, standingHeaders } from './headers.ts'
import { hold } from './hold.ts'
import type { LedgerBook, TenantCredit } from './ledger-book.ts'
import type { ErrandHost } from './ledger-call.ts'
import {
  admit,
  admitWhileAway,
  giveBack,
  knownSet,
  type ScopeSet,
  settle,
  setKeyOf,
  type Ticket,
  type Want,
} from './lease-holder.ts'
import { affordableOutputTokens } from './worst-case.ts'

/** What one request's money needs of the place it runs in. */
export interface LedgerHost extends Omit<ErrandHost, 'send'> {
  /** Carries an exchange to the ledger of a tenant. */
  send(tenant: string, exchange: LedgerExchange): Promise<ExchangeReply>
}

/** One attempt that is to be paid for. */
interface Case {
  readonly ask: AdmissionAsk
  readonly credit: TenantCredit
  readonly scopes: readonly ScopeId[]
  readonly host: ErrandHost
}

/** Not admitted, and to be asked for again: what was set aside does not pay for the attempt as it is known by now. */
const tooLittle = 'too-little'

/**
 * Holds for one attempt: one where all is known, one more when its kind of budget was not, when the answer came late,
 * or when credit of this isolate had to be given back first.
 */
const mostHolds = 3

/** The money of one request: credit that the isolate holds, and the ledger where there is none. */
export class EdgeLedger implements MoneyPort {
  waitedMs = 0
  readonly #book: LedgerBook
  readonly #host: LedgerHost
  #errands: ErrandHost | null = null
  /** How the budgets of this request stood when they were last heard of. */
  #standing: LedgerStanding | null = null

  constructor(book: LedgerBook, host: LedgerHost) {
    this.#book = book
    this.#host = host
  }

  asksToDegrade(payer: Payer): boolean {
    const { state } = this.#book.credit(payer.caller.tenant)
    const set = knownSet(state, this.#book.scopes.of(payer))
    return set !== null && set.actions.includes('degrade')
  }

  admit(ask: AdmissionAsk): Admission | Promise<Admission> {
    const { billing } = ask
    const { tenant } = billing.caller
    const credit = this.#book.credit(tenant)
    const { state } = credit
    const scopes = this.#book.scopes.of(billing)
    const host = this.#errandsOf(tenant)
    const one: Case = { ask, credit, scopes, host }
    const bound = this.#boundOf(one)
    if (bound.kind === 'refused') return unboundedOf(bound, ask.target.name)
    const ticket = admit(state, wantOf(scopes, bound), host.nowMs())
    if (ticket === null) return this.#hold(one, bound)
    carry(credit, host)
    const admission = this.#admitted(one, ticket, bound)
    return admission === tooLittle ? this.#hold(one, bound) : admission
  }

  headers(): readonly (readonly [name: string, value: string])[] {
    return this.#standing === null ? [] : standingHeaders(this.#standing)
  }

  #errandsOf(tenant: string): ErrandHost {
    this.#errands ??= new TenantErrands(this.#host, tenant)
    return this.#errands
  }

  #boundOf({ ask, credit, scopes }: Case, isHard = false) {
    const { request, target, billing } = ask
    const known = rulesOf(knownSet(credit.state, scopes), billing.caller.profile?.isStrict === true)
    const rules: BoundRules = isHard ? { ...known, kind: 'hard' } : known
    return boundOf(request, target, rules, this.#book.calibration)
  }

  /** Asks the ledger for this one attempt, for at most as long as the request has. */
  async #hold(one: Case, first: BoundedAttempt): Promise<Admission> {
    const { ask, credit, scopes, host } = one
    let bound = first
    for (let holds = 1; ; holds++) {
      const startedMs = host.nowMs()
      const want = wantOf(scopes, bound)
      const answer = await hold(credit.state, want, ask.deadlineAtMs, host)
      this.waitedMs += host.nowMs() - startedMs
      carry(credit, host)
      if (answer === null) return this.#whileAway(one, want, bound)
      const mayAskAgain = holds < mostHolds && host.nowMs() < ask.deadlineAtMs
      if ('reason' in answer) {
        this.#standing = answer
        if (mayAskAgain && this.#helps(answer, one)) continue
        return refusalOf(answer)
      }
      const admission = this.#admitted(one, answer, bound)
      if (admission !== tooLittle) return admission
      if (!mayAskAgain) return away()
      const again = this.#boundOf(one, answer.isHard)
      if (again.kind === 'refused') return unboundedOf(again, ask.target.name)
      bound = again
    }
  }

  /** Whether the same ask may be answered otherwise: it was late, or credit that lies here is what was missing. */
  #helps({ reason }: Denied, { credit, scopes }: Case): boolean {
    return reason === 'voided' || (reason === 'budget_reserved' && giveBack(credit.state, scopes))
  }

  /** Without the ledger: what soft budgets allow, to be booked later. */
  #whileAway(one: Case, want: Want, bound: BoundedAttempt): Admission {
    const { ask, credit, scopes, host } = one
    if (!admitWhileAway(credit.state, want, host.nowMs())) return away()
    const terms = termsOf(bound, want.worstNanoUsd, ask.target)
    const setKey = setKeyOf(credit.state, scopes)
    const account = new AwayAccount(host, credit, want, setKey, terms, ask)
    return admitted(account, bound, bound.outputTokens)
  }

  #admitted(one: Case, ticket: Ticket, was: BoundedAttempt): Admission | typeof tooLittle {
    const { ask, credit, host } = one
    const { state } = credit
    const set = state.sets.get(ticket.setKey) ?? null
    this.#standing = set
    // Only now it may be known that a budget is hard, or wants short answers.
    const bound = isAsKnown(was.rules, ticket, set) ? was : this.#boundOf(one, ticket.isHard)
    if (bound.kind === 'refused') {
      settle(state, ticket, { kind: 'void' }, host.nowMs())
      return unboundedOf(bound, ask.target.name)
    }
    const { worstNanoUsd } = ticket
    const outputTokens = affordableOutputTokens(bound, worstNanoUsd)
    const isEnough = bound.isEnforced ? outputTokens !== null : worstNanoUsd >= bound.worstNanoUsd
    if (outputTokens === null || !isEnough) {
      settle(state, ticket, { kind: 'void' }, host.nowMs())
      return tooLittle
    }
    const terms = termsOf(bound, worstNanoUsd, ask.target)
    const account = new TicketAccount(host, this.#book.calibration, credit, ticket, terms, ask)
    return admitted(account, bound, outputTokens)
  }
}

/** A request's way to the ledger of its tenant. */
class TenantErrands implements ErrandHost {
  readonly #host: LedgerHost
  readonly #tenant: string

  constructor(host: LedgerHost, tenant: string) {
    this.#host = host
    this.#tenant = tenant
  }

  nowMs(): number {
    return this.#host.nowMs()
  }

  after(delayMs: number, then: () => void): () => void {
    return this.#host.after(delayMs, then)
  }

  waitUntil(work: Promise<unknown>): void {
    this.#host.waitUntil(work)
  }

  send(exchange: LedgerExchange): Promise<ExchangeReply> {
    return this.#host.send(this.#tenant, exchange)
  }
}

function wantOf(scopes: readonly ScopeId[], bound: BoundedAttempt): Want {
  const { worstNanoUsd, leastNanoUsd, tokens } = bound
  return { scopes, worstNanoUsd, leastNanoUsd, tokens }
}

/** What an attempt was bounded by is what is known of its budgets now. */
function isAsKnown(rules: BoundRules, { isHard }: Ticket, set: ScopeSet | null): boolean {
  const isClamped = set === null ? rules.isClamped : set.actions.includes('clamp')
  return rules.kind === (isHard ? 'hard' : 'soft') && rules.isClamped === isClamped
}

function admitted(
  account: AttemptAccount,
  { isEnforced, askedOutputTokens }: BoundedAttempt,
  outputTokens: number,
): Admission {
  return isEnforced
    ? {
        kind: 'admitted',
        account,
        maxOutputTokens: outputTokens,
        isShorter: outputTokens < askedOutputTokens,
      }
    : { kind: 'admitted', account, maxOutputTokens: null, isShorter: false }
}
