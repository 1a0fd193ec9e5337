import {
  mostOf,
  minusOrZero,
  type NanoUsd,
  nanoUsd,
  plus,
  times,
  zeroNanoUsd,
} from '../../../durable-objects/tenant-ledger/money.ts'
import type {
  Ask,
  Exchange,
  Statement,
  Units,
} from '../../../durable-objects/tenant-ledger/protocol.ts'
import {
  abandon,
  clock,
  fade,
  freeOf,
  type HeldLease,
  type HolderState,
  type ScopeSet,
  spanMs,
  type Want,
} from './holder-state.ts'
import { isUsable } from './admit.ts'
import { askFor, askOf } from './asks.ts'

/** What has to be said now, or null. Call it after each settlement, each second, and before the isolate goes idle. */
export function outgoing(state: HolderState, nowMs: number, isLeaving = false): Exchange | null {
  clock(state, nowMs)
  sealDue(state, isLeaving)
  const asks = isLeaving ? [] : asksDue(state)
  const isEarly = state.nowMs - state.saidAtMs < state.settings.reportMs
  if (isEarly && !isLeaving && asks.length === 0) return null
  const statements = statementsDue(state)
  if (statements.length === 0 && asks.length === 0) return null
  state.saidAtMs = state.nowMs
  return { holder: state.holder, statements, asks }
}

/** Seals what may no longer be used, and what is not needed. */
function sealDue(state: HolderState, isLeaving: boolean): void {
  for (const lease of state.leases.values()) {
    if (lease.kind === 'hold' || lease.isSealed) continue
    if (isLeaving || !isUsable(state, lease) || isIdle(state, lease)) seal(lease)
  }
  for (const set of state.sets.values()) sealSurplus(state, set)
}

function seal(lease: HeldLease): void {
  lease.isSealed = true
  lease.hasNews = true
}

function isIdle({ sets, settings, nowMs }: HolderState, lease: HeldLease): boolean {
  const usedAtMs = sets.get(lease.setKey)?.usedAtMs ?? -Infinity
  return nowMs - usedAtMs >= settings.idleMs
}

/** Credit for more than twice what is aimed at goes back, the oldest lease first. */
function sealSurplus(state: HolderState, set: ScopeSet): void {
  const leases = usableLeases(state, set)
  const [oldest] = leases
  if (oldest === undefined || leases.length < 2) return
  const free = leases.reduce((sum, lease) => plus(sum, freeOf(lease)), zeroNanoUsd)
  if (free > times(targetOf(state, set), 2)) seal(oldest)
}

function usableLeases(state: HolderState, set: ScopeSet): readonly HeldLease[] {
  return [...state.leases.values()].filter(
    (lease) => lease.kind === 'lease' && lease.setKey === set.key && isUsable(state, lease),
  )
}

/** A large request of this set: the worst of the last hundred. */
export function largeOf(set: ScopeSet): NanoUsd {
  return set.worsts.reduce(mostOf, zeroNanoUsd)
}

/** Free credit to aim at: a few large requests, or some seconds of spending (of settled cost: holds come back). */
export function targetOf(state: HolderState, set: ScopeSet): NanoUsd {
  const { targetRequests, targetMs } = state.settings
  fade(state, set)
  const coming = nanoUsd(Math.ceil((set.burnedNanoUsd / spanMs(state, set)) * targetMs))
  return mostOf(times(largeOf(set), targetRequests), coming)
}

function asksDue(state: HolderState): readonly Ask[] {
  const asks: Ask[] = []
  for (const set of state.sets.values()) {
    const pending = [...state.pending.values()].find(
      ({ kind, setKey }) => kind === 'grant' && setKey === set.key,
    )
    if (pending !== undefined) {
      // Its lease would be worth nothing by now.
      if (state.nowMs - pending.firstSentAtMs >= state.settings.askLifeMs) {
        abandon(state, pending.askId)
        continue
      }
      if (state.nowMs - pending.sentAtMs < state.settings.askAgainMs) continue
      pending.sentAtMs = state.nowMs
      asks.push(askOf(pending))
      continue
    }
    const want = refillOf(state, set)
    if (want !== null)
      asks.push(askFor(state, 'grant', set.key, want.want, want.nanoUsd, want.units).ask)
  }
  return asks
}

interface Refill {
  readonly want: Want
  readonly nanoUsd: NanoUsd
  readonly units: Units
}

/** In the background, when less than half of the target is free, or about to end; never for a set that is slow, idle or told to hold. */
function refillOf(state: HolderState, set: ScopeSet): Refill | null {
  const { settings, nowMs } = state
  fade(state, set)
  const perS = set.requests / (spanMs(state, set) / 1000)
  if (perS < settings.leaseRequestsPerS || nowMs < set.syncUntilMs) return null
  if (nowMs - set.usedAtMs >= settings.idleMs) return null
  const worstNanoUsd = largeOf(set)
  const leases = usableLeases(state, set).filter(
    ({ deadlineMs, validForMs }) => deadlineMs - nowMs > Math.min(settings.renewMs, validForMs / 4),
  )
  const free = leases.reduce((sum, lease) => plus(sum, freeOf(lease)), zeroNanoUsd)
  const target = targetOf(state, set)
  // Credit in pieces, none of which is enough for a large request, does not help it.
  const fits = leases.some((lease) => freeOf(lease) >= worstNanoUsd && hasUnits(lease))
  if (free >= Math.ceil(target / 2) && fits) return null
  const requests = Math.ceil((perS * settings.targetMs) / 1000)
  return {
    want: { scopes: set.scopes, worstNanoUsd, leastNanoUsd: worstNanoUsd, tokens: 0 },
    nanoUsd: mostOf(minusOrZero(target, free), worstNanoUsd),
    units: {
      requests,
      tokens: Math.ceil(requests * set.tokens),
      slots: Math.max(1, Math.ceil(requests / 2)),
    },
  }
}

function hasUnits({ grantedUnits, usedUnits }: HeldLease): boolean {
  const { requests, tokens, slots } = grantedUnits
  return (
    (requests === null || usedUnits.requests < requests) &&
    (tokens === null || usedUnits.tokens < tokens) &&
    (slots === null || usedUnits.slots < slots)
  )
}

function statementsDue(state: HolderState): readonly Statement[] {
  const { nowMs, settings } = state
  const statements: Statement[] = []
  const isDue = (toldAtMs: number): boolean =>
    nowMs - toldAtMs >= settings.resendMs && statements.length < settings.maxStatements
  for (const [askId, toldAtMs] of state.voids) {
    if (!isDue(toldAtMs)) continue
    state.voids.set(askId, nowMs)
    statements.push({ kind: 'void', askId })
  }
  for (const entry of state.bookings.values()) {
    if (!isDue(entry.toldAtMs)) continue
    entry.toldAtMs = nowMs
    statements.push(entry.booking)
  }
  for (const lease of state.leases.values()) {
    const isOwed = lease.hasNews || (isUnheard(lease) && isDue(lease.toldAtMs))
    if (isOwed && statements.length < settings.maxStatements) statements.push(say(state, lease))
  }
  return statements
}

/** The ledger does not know all of it yet. */
function isUnheard({ kind, isSealed, lines, tickets, knownState }: HeldLease): boolean {
  if (lines.length > 0 || knownState === 'unknown') return true
  // A hold is sealed from its beginning: what it can cost is what was granted.
  if (!isSealed || (kind === 'hold' && tickets.size > 0)) return false
  return tickets.size === 0 ? knownState !== 'closed' : knownState === 'active'
}

function say(state: HolderState, lease: HeldLease): Statement {
  lease.sequence += 1
  lease.hasNews = false
  lease.toldAtMs = state.nowMs
  const { id: leaseId, sequence, spentNanoUsd, heldNanoUsd, lines, isSealed, tickets } = lease
  const about = {
    leaseId,
    sequence,
    spentNanoUsd,
    heldNanoUsd,
    lines: [...lines],
    ...(lease.epoch !== state.epoch && { adopt: adoptionOf(lease) }),
  }
  if (!isSealed) return { kind: 'report', ...about }
  if (tickets.size > 0) return { kind: 'seal', ...about }
  return { kind: 'close', ...about, usedUnits: { ...lease.usedUnits, slots: 0 } }
}

function adoptionOf({ grantNanoUsd, accounts, scopes }: HeldLease) {
  return { grantNanoUsd, accounts, scopes }
}
