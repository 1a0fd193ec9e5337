import {
  type Denied,
  type Exchange as LedgerExchange,
  type ExchangeReply,
  type ScopeId,
  scopeSetKey,
} from '../../../durable-objects/tenant-ledger/protocol.ts'
import type { Admission, AdmissionAsk, MoneyPort } from '../../engine/money-port.ts'
import { type BoundedAttempt, type BudgetKind, boundOf, tokensOf } from './attempt-terms.ts'
import { AwayAccount, termsOf, TicketAccount } from './attempt-account.ts'
import { away, refusalOf, unboundedOf } from './denial.ts'
import { carry, type ErrandHost } from './errand.ts'
import { standingHeaders } from './headers.ts'
import {
  type HolderState,
  type ScopeSet,
  setKeyOf,
  type Ticket,
  type Want,
} from './holder-state.ts'

import type { LedgerBook, TenantCredit } from './ledger-book.ts'
import {
  admit,
  admitWhileAway,
  askAgain,
  askForHold,
  claim,
  giveUp,
  takeReply,
} from './lease-holder.ts'
import { affordableOutputTokens } from './worst-case.ts'

/** What one request's money needs of the place it runs in. */
export interface LedgerHost extends Omit<ErrandHost, 'send'> {
  /** Carries an exchange to the ledger of a tenant. */
  send(tenant: string, exchange: LedgerExchange): Promise<ExchangeReply>
}

/** How long one call of the ledger may take before it is made again, ms. */
const holdTimeoutMs = 2000
const holdTries = 2

/** The money of one request: credit that the isolate holds, and the ledger where there is none. */
export class EdgeLedger implements MoneyPort {
  waitedMs = 0
  readonly #book: LedgerBook
  readonly #host: LedgerHost
  #errands: ErrandHost | null = null
  /** How the budgets of this request stood when they were last heard of. */
  #standing: Pick<ScopeSet, 'remainingNanoUsd' | 'limits'> | null = null

  constructor(book: LedgerBook, host: LedgerHost) {
    this.#book = book
    this.#host = host
  }

  admit(ask: AdmissionAsk): Admission | Promise<Admission> {
    const { tenant } = ask.billing.caller
    const credit = this.#book.credit(tenant)
    const { state } = credit
    const scopes = scopesOf(ask)
    const kind = budgetKindOf(state, scopes)
    const bound = boundOf(ask.request, ask.target, kind, false, this.#book.calibration)
    if (bound.kind === 'refused') return unboundedOf(bound, ask.target.name)
    const want: Want = {
      scopes,
      worstNanoUsd: bound.worstNanoUsd,
      leastNanoUsd: bound.leastNanoUsd,
      tokens: tokensOf(bound),
    }
    const ticket = admit(state, want, this.#host.nowMs())
    if (ticket === null) return this.#hold(credit, want, bound, ask)
    carry(credit, this.#errandsOf(tenant))
    return this.#admitted(credit, ticket, bound, ask)
  }

  #errandsOf(tenant: string): ErrandHost {
    const host = this.#host
    this.#errands ??= {
      nowMs: () => host.nowMs(),
      after: (delayMs, then) => host.after(delayMs, then),
      waitUntil: (work) => host.waitUntil(work),
      send: (exchange) => host.send(tenant, exchange),
    }
    return this.#errands
  }

  headers(): readonly (readonly [name: string, value: string])[] {
    return this.#standing === null ? [] : standingHeaders(this.#standing)
  }

  /** Asks the ledger for this one attempt, for at most as long as the request has. */
  async #hold(
    credit: TenantCredit,
    want: Want,
    bound: BoundedAttempt,
    ask: AdmissionAsk,
  ): Promise<Admission> {
    const { state } = credit
    const host = this.#errandsOf(ask.billing.caller.tenant)
    const startedMs = host.nowMs()
    const answer = await this.#askForHold(state, want, ask.deadlineAtMs, host)
    this.waitedMs += host.nowMs() - startedMs
    carry(credit, host)
    if (answer === null) {
      if (!admitWhileAway(state, want, host.nowMs())) return away()
      const account = new AwayAccount(host, state, want, termsOf(bound, ask), ask)
      return { kind: 'admitted', account, maxOutputTokens: null, isShorter: false }
    }
    if ('reason' in answer) {
      this.#standing = answer
      return refusalOf(answer)
    }
    return this.#admitted(credit, answer, bound, ask)
  }

  /** The answer to a hold; null when none came in time. An answer that comes later is taken in, and given back. */
  async #askForHold(
    state: HolderState,
    want: Want,
    deadlineAtMs: number,
    host: ErrandHost,
  ): Promise<Ticket | Denied | null> {
    const { askId, exchange } = askForHold(state, want, host.nowMs())
    let next: LedgerExchange | null = exchange
    for (let tries = 0; next !== null && tries < holdTries; tries++) {
      const leftMs = deadlineAtMs - host.nowMs()
      if (leftMs <= 0) break
      await this.#exchange(state, next, Math.min(holdTimeoutMs, leftMs), host)
      const answer = claim(state, askId)
      if (answer !== null) return answer
      next = askAgain(state, askId, host.nowMs())
    }
    giveUp(state, askId)
    return null
  }

  /** Resolves when the reply was taken in, when the call failed, or after `timeoutMs`. */
  #exchange(
    state: HolderState,
    exchange: LedgerExchange,
    timeoutMs: number,
    host: ErrandHost,
  ): Promise<void> {
    const sentAtMs = host.nowMs()
    return new Promise((resolve) => {
      const cancel = host.after(timeoutMs, resolve)
      const taken = async () => {
        try {
          takeReply(state, await host.send(exchange), host.nowMs(), sentAtMs)
        } catch {
          // No reply: the same ask is made again, or given up.
        }
        cancel()
        resolve()
      }
      // Behind a request that gave up, the reply still has to be taken in.
      host.waitUntil(taken())
    })
  }

  #admitted(
    credit: TenantCredit,
    ticket: Ticket,
    bound: BoundedAttempt,
    ask: AdmissionAsk,
  ): Admission {
    const { state } = credit
    const set = state.sets.get(ticket.setKey) ?? null
    this.#standing = set
    const terms = termsOf({ ...bound, worstNanoUsd: ticket.worstNanoUsd }, ask)
    const account = new TicketAccount(
      this.#errandsOf(ask.billing.caller.tenant),
      this.#book,
      credit,
      ticket,
      terms,
      ask,
    )
    if (set === null || set.remainingNanoUsd === null)
      return { kind: 'admitted', account, maxOutputTokens: null, isShorter: false }
    // It is known only now that a budget is hard: what was set aside may not be a bound.
    const hard = boundOf(ask.request, ask.target, 'hard', false, this.#book.calibration)
    const outputTokens =
      hard.kind === 'refused' ? null : affordableOutputTokens(hard, ticket.worstNanoUsd)
    if (outputTokens !== null && hard.kind === 'bounded')
      return {
        kind: 'admitted',
        account,
        maxOutputTokens: outputTokens,
        isShorter: outputTokens < hard.outputTokens,
      }
    account.settle({ ending: 'not_sent', receivedBytes: 0 })
    return hard.kind === 'refused' ? unboundedOf(hard, ask.target.name) : away()
  }
}

/** Everything the request counts in. */
function scopesOf({ billing: { caller, route } }: AdmissionAsk): readonly ScopeId[] {
  const scopes: ScopeId[] = ['tenant', `key:${caller.keyId}`]
  if (route !== null) scopes.push(`route:${route}`)
  return scopes
}

function budgetKindOf(state: HolderState, scopes: readonly ScopeId[]): BudgetKind {
  const key = setKeyOf(state, scopes)
  const set = state.sets.get(key)
  if (set === undefined || !isLearned(state, scopes)) return 'unknown'
  return set.remainingNanoUsd === null ? 'soft' : 'hard'
}

/** The ledger has said which of these have budgets. */
function isLearned(state: HolderState, scopes: readonly ScopeId[]): boolean {
  return state.setOf.has(scopeSetKey(scopes))
}
