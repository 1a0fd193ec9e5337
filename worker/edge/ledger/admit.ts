import {
  leastOf,
  minus,
  minusOrZero,
  type NanoUsd,
  plus,
} from '../../../durable-objects/tenant-ledger/money.ts'
import type { Denied, Exchange, ScopeId } from '../../../durable-objects/tenant-ledger/protocol.ts'
import {
  abandon,
  clock,
  fade,
  freeOf,
  type HeldLease,
  type HolderState,
  knownSet,
  setKeyOf,
  setNamed,
  type Ticket,
  type Want,
} from './holder-state.ts'
import { askFor, resend } from './asks.ts'
import { endFirsts, lastOfRoom } from './first-hold.ts'
import { statementsDue } from './statements.ts'

/**
 * Takes the worst case of an attempt from a lease that is here: checked and set aside in one synchronous step, no
 * `await` between. Null: ask for a hold.
 */
export function admit(state: HolderState, want: Want, nowMs: number): Ticket | null {
  clock(state, nowMs)
  countRequest(state, want)
  if (!isConfirmed(state)) return null
  const slices = state.slices.get(setKeyOf(state, want.scopes))
  if (slices === undefined) return null
  for (const lease of slices) if (canTake(state, lease, want)) return pay(state, lease, want)
  if (!state.hasFirsts) return null
  const last = lastOfRoom(slices, want)
  if (last === null) return null
  const shorter = { ...want, worstNanoUsd: freeOf(last) }
  return canTake(state, last, shorter) ? pay(state, last, shorter) : null
}

function pay(state: HolderState, lease: HeldLease, { worstNanoUsd, tokens }: Want): Ticket {
  const ticket = take(state, lease, worstNanoUsd, tokens)
  if (state.hasFirsts) endFirsts(state, lease)
  return ticket
}

/** Somebody said lately that nobody was revoked. */
export function isConfirmed({ nowMs, confirmedAtMs, settings }: HolderState): boolean {
  return nowMs - confirmedAtMs <= settings.killVersionMs
}

/** May be admitted under at all: not promised away, not late, of this life of the ledger, nobody revoked since. */
export function isUsable(state: HolderState, lease: HeldLease): boolean {
  return (
    !lease.isSealed &&
    state.nowMs < lease.deadlineMs &&
    lease.epoch === state.epoch &&
    lease.killVersion === state.killVersion
  )
}

function canTake(state: HolderState, lease: HeldLease, want: Want): boolean {
  if (!isUsable(state, lease) || freeOf(lease) < want.worstNanoUsd) return false
  const { grantedUnits, usedUnits } = lease
  return (
    fits(grantedUnits.requests, usedUnits.requests, 1) &&
    fits(grantedUnits.tokens, usedUnits.tokens, want.tokens) &&
    fits(grantedUnits.slots, usedUnits.slots, 1)
  )
}

function fits(granted: number | null, used: number, more: number): boolean {
  return granted === null || used + more <= granted
}

export function take(
  state: HolderState,
  lease: HeldLease,
  worstNanoUsd: NanoUsd,
  tokens: number,
): Ticket {
  lease.heldNanoUsd = plus(lease.heldNanoUsd, worstNanoUsd)
  const { id: leaseId, setKey, isHard, usedUnits } = lease
  usedUnits.requests += 1
  usedUnits.tokens += tokens
  usedUnits.slots += 1
  state.ticketCount += 1
  const id = `${state.holder}:${state.ticketCount}`
  const ticket: Ticket = { id, leaseId, setKey, worstNanoUsd, tokens, isHard }
  lease.tickets.set(id, ticket)
  return ticket
}

function countRequest(state: HolderState, want: Want): void {
  const set = setNamed(state, setKeyOf(state, want.scopes), want.scopes)
  fade(state, set)
  set.requests += 1
  set.usedAtMs = state.nowMs
  set.worsts[set.worstAt] = want.worstNanoUsd
  set.worstAt = (set.worstAt + 1) % state.settings.sampleSize
  set.tokens = Math.max(set.tokens * 0.99, want.tokens)
}

/**
 * Sets an attempt's worst case aside at the ledger: send the exchange, and hand its reply to `takeReply`. What is owed
 * goes along: statements are taken in first, and what they give back may be what this needs.
 */
export function askForHold(
  state: HolderState,
  want: Want,
  nowMs: number,
): { readonly askId: string; readonly exchange: Exchange } {
  clock(state, nowMs)
  const setKey = setKeyOf(state, want.scopes)
  if (state.hasFirsts) endFirsts(state, null)
  const asked = askFor(state, 'hold', setKey, want, want.worstNanoUsd, {
    requests: 1,
    tokens: want.tokens,
    slots: 1,
  })
  return {
    askId: asked.askId,
    exchange: {
      holder: state.holder,
      statements: statementsDue(state),
      asks: [asked.ask],
    },
  }
}

/**
 * The same ask again, after no reply came: the same id is the same hold. Alone, in case something beside it was what
 * could not be taken in. Null when it was answered since, and when it
 * is so old that the ledger may have forgotten the id: then it is given up.
 */
export function askAgain(state: HolderState, askId: string, nowMs: number): Exchange | null {
  const pending = state.pending.get(askId)
  if (pending === undefined || pending.kind !== 'hold') return null
  clock(state, nowMs)
  if (state.nowMs - pending.firstSentAtMs >= state.settings.askLifeMs) {
    abandon(state, askId)
    return null
  }
  return { holder: state.holder, statements: [], asks: [resend(pending, state.nowMs)] }
}

/** The answer to a hold, once; null while there is none. Its worst case may be less than was wanted: a shorter answer. */
export function claim(state: HolderState, askId: string): Ticket | Denied | null {
  const answer = state.answers.get(askId) ?? null
  state.answers.delete(askId)
  return answer
}

export function isAnswered(state: HolderState, askId: string): boolean {
  return state.answers.has(askId)
}

/**
 * Promises slices of these scopes away, because what is free in them may be all that is left: the ledger has it as
 * soon as it hears of it. False: there is nothing to give.
 */
export function giveBack(state: HolderState, scopes: readonly ScopeId[]): boolean {
  let hasGiven = false
  for (const lease of state.leases.values()) {
    if (lease.kind !== 'lease' || lease.isSealed || freeOf(lease) === 0) continue
    if (!lease.scopes.some((scope) => scopes.includes(scope))) continue
    lease.isSealed = true
    lease.hasNews = true
    hasGiven = true
  }
  return hasGiven
}

/** The request does not wait for the answer any more: whatever comes of the ask is void. */
export function giveUp(state: HolderState, askId: string): void {
  const answer = state.answers.get(askId)
  state.answers.delete(askId)
  if (answer !== undefined && 'leaseId' in answer) dropTicket(state, answer)
  else abandon(state, askId)
}

/** A hold that came too late for its request: closed for nothing. */
function dropTicket(state: HolderState, ticket: Ticket): void {
  const lease = state.leases.get(ticket.leaseId)
  if (lease === undefined || !lease.tickets.delete(ticket.id)) return
  lease.heldNanoUsd = minus(lease.heldNanoUsd, ticket.worstNanoUsd)
  Object.assign(lease.usedUnits, { requests: 0, tokens: 0, slots: 0 })
  lease.isSealed = true
  lease.hasNews = true
}

/**
 * Lets a request through while the ledger is out of reach, where every budget of its scopes is soft and allows so
 * much. Its line is booked later.
 */
export function admitWhileAway(state: HolderState, want: Want, nowMs: number): boolean {
  clock(state, nowMs)
  const set = knownSet(state, want.scopes)
  if (set === null) return false
  const left = minusOrZero(set.failOpenNanoUsd, set.awayNanoUsd)
  if (leastOf(left, want.worstNanoUsd) < want.worstNanoUsd) return false
  set.awayNanoUsd = plus(set.awayNanoUsd, want.worstNanoUsd)
  return true
}
