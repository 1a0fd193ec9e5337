import { leastOf, minus, minusOrZero, mostNanoUsd, shareDown } from '../money.ts'
import type { LeaseRow } from '../rows.ts'
import { lost, refunded } from '../rules/lease.ts'
import type { LedgerState } from '../state.ts'
import { sweepHabits } from './habits.ts'
import { giveBack } from './limits.ts'
import { moveLease } from './move.ts'
import { alert, remove, type Turn } from './turn.ts'

/** Leases that were not heard of in time are lost: they stay charged. */
export function expire(turn: Turn): void {
  const due = [...turn.state.index.open.values()].filter(
    ({ expiresAtMs }) => expiresAtMs <= turn.nowMs,
  )
  for (const lease of due) {
    const next = moveLease(turn, lease, lost(lease, turn.nowMs))
    giveBack(turn, next, next.units)
    alert(turn, 'lease_lost', lease.id, next.phantomNanoUsd, lease.holder)
  }
  refundBounded(turn)
}

/**
 * The bounded policy, for those who asked for it: once no attempt of a lost lease can still run, what its holder
 * had not reported is taken for unspent, as far as all such refunds of a period stay a small share of each cap.
 */
function refundBounded(turn: Turn): void {
  const { settings, index } = turn.state
  if (settings.lostPolicy === 'strict') return
  for (const lease of index.lost.values()) {
    if (lease.refundedNanoUsd > 0) continue
    if ((lease.endedAtMs ?? 0) + settings.longestStreamMs > turn.nowMs) continue
    const next = refunded(lease, mayRefund(turn, lease, settings.lostPolicy.boundedBasisPoints))
    if (next.limitNanoUsd === lease.limitNanoUsd) continue
    const stored = moveLease(turn, lease, next)
    alert(
      turn,
      'bounded_refund',
      lease.id,
      minus(stored.refundedNanoUsd, lease.refundedNanoUsd),
      lease.holder,
    )
  }
}

function mayRefund({ state }: Turn, lease: LeaseRow, basisPoints: number) {
  let most = lease.accounts.length === 0 ? shareDown(mostNanoUsd, 0) : mostNanoUsd
  for (const id of lease.accounts) {
    const account = state.tables.accounts.get(id)
    const budget = account && state.tables.budgets.get(account.budgetId)
    if (account === undefined || budget === undefined) continue
    const share = shareDown(budget.capNanoUsd, basisPoints)
    most = leastOf(most, minusOrZero(share, account.refundedNanoUsd))
  }
  return most
}

/** Forgets what nobody can ask about any more. */
export function sweep(turn: Turn): void {
  const { state, nowMs } = turn
  const { settings, tables, index } = state
  // All are in the order of time, oldest first: what is not due ends the search.
  for (const { id, atMs } of index.asked.values()) {
    if (atMs + settings.rememberMs > nowMs) break
    remove(turn, 'asks', id)
  }
  for (const { id, atMs } of index.booked.values()) {
    if (atMs + settings.rememberBookedMs > nowMs) break
    remove(turn, 'asks', id)
  }
  for (const { id, endedAtMs } of index.closed.values()) {
    if ((endedAtMs ?? nowMs) + settings.rememberMs > nowMs) break
    remove(turn, 'leases', id)
  }
  if (nowMs < state.sweptAtMs + settings.sweepEveryMs && nowMs >= state.sweptAtMs) return
  state.sweptAtMs = nowMs
  sweepHabits(turn)
  for (const lease of index.lost.values())
    if (isForgettable(state, lease, nowMs)) remove(turn, 'leases', lease.id)
  const used = new Set([...tables.leases.values()].flatMap(({ accounts }) => accounts))
  for (const { id, endsAtMs } of tables.accounts.values())
    if (endsAtMs !== null && endsAtMs + settings.keepEndedMs <= nowMs && !used.has(id))
      remove(turn, 'accounts', id)
}

/** A lost lease may be closed as long as its period is of interest; in one that never ends, as long as any other. */
function isForgettable({ settings, tables }: LedgerState, lease: LeaseRow, nowMs: number): boolean {
  const ends = lease.accounts.map((id) => tables.accounts.get(id)?.endsAtMs ?? lease.endedAtMs ?? 0)
  return Math.max(lease.endedAtMs ?? 0, ...ends) + settings.keepEndedMs <= nowMs
}

/** When the next lease is lost if nothing is heard of it, or the memory of asks ends. */
export function nextWakeMs({ index, settings }: LedgerState, nowMs: number): number {
  let next = Infinity
  if (settings.lostPolicy !== 'strict')
    for (const { endedAtMs } of index.lost.values()) {
      const dueMs = (endedAtMs ?? 0) + settings.longestStreamMs
      // What was due and is there still had nothing to give back.
      if (dueMs > nowMs) next = Math.min(next, dueMs)
    }
  for (const { expiresAtMs } of index.open.values()) next = Math.min(next, expiresAtMs)
  const [firstAsk] = index.asked.values()
  if (firstAsk !== undefined) next = Math.min(next, firstAsk.atMs + settings.rememberMs)
  const [firstBooked] = index.booked.values()
  if (firstBooked !== undefined) next = Math.min(next, firstBooked.atMs + settings.rememberBookedMs)
  const [firstClosed] = index.closed.values()
  if (firstClosed !== undefined)
    next = Math.min(next, (firstClosed.endedAtMs ?? 0) + settings.rememberMs)
  return next
}
