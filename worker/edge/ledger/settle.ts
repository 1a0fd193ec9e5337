import {
  leastOf,
  minus,
  minusOrZero,
  type NanoUsd,
  plus,
} from '../../../durable-objects/tenant-ledger/money.ts'
import type { AttemptLine, Basis } from '../../../durable-objects/tenant-ledger/protocol.ts'
import {
  clock,
  fade,
  type HeldLease,
  type HolderState,
  type ScopeSet,
  setKeyOf,
  type Ticket,
  type Want,
} from './holder-state.ts'

/** What is written down of an attempt; its number and its worst case are the lease's. */
export type AttemptFacts = Omit<AttemptLine, 'number' | 'worstNanoUsd' | 'amountNanoUsd' | 'basis'>

export type Outcome =
  /** No call went out. */
  | { readonly kind: 'void' }
  | {
      readonly kind: 'posted'
      readonly amountNanoUsd: NanoUsd
      readonly basis: 'exact' | 'estimated'
      readonly facts: AttemptFacts
    }
  /** A call went out, and nobody knows what it cost: all that was set aside. */
  | { readonly kind: 'unknown'; readonly facts: AttemptFacts }

/** Ends a ticket. Every ticket ends once: a second word on it changes nothing, and answers false. */
export function settle(
  state: HolderState,
  ticket: Ticket,
  outcome: Outcome,
  nowMs: number,
): boolean {
  clock(state, nowMs)
  const lease = state.leases.get(ticket.leaseId)
  if (lease === undefined || !lease.tickets.delete(ticket.id)) return false
  lease.heldNanoUsd = minus(lease.heldNanoUsd, ticket.worstNanoUsd)
  lease.hasNews = true
  lease.newsAtMs = Math.min(lease.newsAtMs, state.nowMs)
  if (lease.kind === 'hold') lease.isSealed = true
  freeUnits(lease, ticket, outcome)
  if (outcome.kind !== 'void') writeLine(state, lease, ticket, outcome)
  return true
}

function writeLine(
  state: HolderState,
  lease: HeldLease,
  { worstNanoUsd, setKey }: Ticket,
  outcome: Exclude<Outcome, { readonly kind: 'void' }>,
): void {
  const isKnown = outcome.kind === 'posted'
  const amountNanoUsd = isKnown ? outcome.amountNanoUsd : worstNanoUsd
  const basis = isKnown ? outcome.basis : 'worst_case'
  lease.lineCount += 1
  lease.lines.push({
    ...outcome.facts,
    number: lease.lineCount,
    worstNanoUsd,
    amountNanoUsd,
    basis,
  })
  // What it cost beyond its worst case is an overrun, which the ledger reads off the line.
  lease.spentNanoUsd = plus(lease.spentNanoUsd, leastOf(amountNanoUsd, worstNanoUsd))
  burn(state, setKey, amountNanoUsd)
}

/** A place is free again; tokens that were set aside and not used may be used by the next. */
function freeUnits(lease: HeldLease, ticket: Ticket, outcome: Outcome): void {
  const { usedUnits } = lease
  const isVoid = outcome.kind === 'void'
  const unused = isVoid ? ticket.tokens : ticket.tokens - tokensOf(outcome, ticket.tokens)
  if (isVoid) usedUnits.requests -= 1
  usedUnits.tokens -= unused
  usedUnits.slots -= 1
}

function tokensOf(outcome: Exclude<Outcome, { readonly kind: 'void' }>, most: number): number {
  const { inputTokens, outputTokens } = outcome.facts.usage
  if (inputTokens === undefined || outputTokens === undefined) return most
  const tokens = inputTokens + outputTokens
  return Number.isSafeInteger(tokens) && tokens >= 0 ? Math.min(most, tokens) : most
}

function burn(state: HolderState, setKey: string, amountNanoUsd: NanoUsd): void {
  const set = state.sets.get(setKey)
  if (set === undefined) return
  fade(state, set)
  // oxlint-disable-next-line switchyard/integer-money -- an average, no money
  set.burned += amountNanoUsd
}

/**
 * Ends an attempt that was let through while the ledger was out of reach, once. `setKey`: the set whose allowance it
 * was taken from, which may go by another name by now.
 */
export function bookAway(
  state: HolderState,
  want: Want,
  outcome: Outcome,
  nowMs: number,
  setKey: string = setKeyOf(state, want.scopes),
): void {
  clock(state, nowMs)
  const { worstNanoUsd, scopes } = want
  const set = awaySet(state, setKey, scopes)
  if (outcome.kind === 'void') {
    if (set !== undefined) set.awayNanoUsd = minusOrZero(set.awayNanoUsd, worstNanoUsd)
    return
  }
  const isKnown = outcome.kind === 'posted'
  const amountNanoUsd = isKnown ? outcome.amountNanoUsd : worstNanoUsd
  const basis: Basis = isKnown ? outcome.basis : 'worst_case'
  state.askCount += 1
  const askId = `${state.holder}-${state.askCount}`
  const line = { ...outcome.facts, number: 1, worstNanoUsd, amountNanoUsd, basis }
  state.bookings.set(askId, {
    booking: { kind: 'book', askId, scopes, line },
    setKey,
    toldAtMs: -Infinity,
  })
  if (set === undefined) return
  // What was set aside beyond the cost may be spent again; the rest is free when it is booked.
  set.awayNanoUsd = plus(minusOrZero(set.awayNanoUsd, worstNanoUsd), amountNanoUsd)
  burn(state, set.key, amountNanoUsd)
}

/** The set whose allowance it was; it may have become part of another since. */
function awaySet(state: HolderState, setKey: string, scopes: Want['scopes']): ScopeSet | undefined {
  return state.sets.get(setKey) ?? state.sets.get(setKeyOf(state, scopes))
}

/** The booking is stored: the allowance is there again. */
export function booked(state: HolderState, askId: string): void {
  const entry = state.bookings.get(askId)
  if (entry === undefined) return
  state.bookings.delete(askId)
  const { setKey, booking } = entry
  const set = awaySet(state, setKey, booking.scopes)
  if (set !== undefined) set.awayNanoUsd = minusOrZero(set.awayNanoUsd, booking.line.amountNanoUsd)
}

/** Everything is settled and told: the isolate may go without stranding a cent. */
export function isClean({ leases, pending, voids, bookings }: HolderState): boolean {
  return leases.size + pending.size + voids.size + bookings.size === 0
}
