import {
  mostOf,
  minusOrZero,
  type NanoUsd,
  nanoUsd,
  plus,
  times,
  zeroNanoUsd,
} from '../../../durable-objects/tenant-ledger/money.ts'
import type { Ask, Exchange, Units } from '../../../durable-objects/tenant-ledger/protocol.ts'
import {
  abandon,
  clock,
  fade,
  freeOf,
  type HeldLease,
  type HolderState,
  isSlow,
  type ScopeSet,
  spanMs,
  type Want,
} from './holder-state.ts'
import { isUsable } from './admit.ts'
import { askFor, resend } from './asks.ts'
import { isUnclaimed } from './first-hold.ts'
import { dueInMs, statementsDue } from './statements.ts'

/** What has to be said now, or null. Call it after each settlement, each second, and before the isolate goes idle. */
export function outgoing(state: HolderState, nowMs: number, isLeaving = false): Exchange | null {
  clock(state, nowMs)
  sealDue(state, isLeaving)
  if (isLeaving) abandonGrants(state)
  const asks = isLeaving ? [] : asksDue(state)
  const isEarly = state.nowMs - state.saidAtMs < state.settings.reportMs || dueInMs(state) > 0
  if (isEarly && !isLeaving && asks.length === 0) return null
  const statements = statementsDue(state, isLeaving)
  if (statements.length === 0 && asks.length === 0) return null
  // What found no room need not wait for its turn.
  state.saidAtMs = isFull(state, statements) ? -Infinity : state.nowMs
  return { holder: state.holder, statements, asks }
}

/** There may be more to say than this exchange had room for. */
export function isFull({ settings }: HolderState, statements: Exchange['statements']): boolean {
  let lines = 0
  for (const said of statements)
    lines += 'lines' in said ? said.lines.length : said.kind === 'void' ? 0 : 1
  return statements.length >= settings.maxStatements || lines >= settings.maxLines
}

/** Seals what may no longer be used, and what is not needed. */
function sealDue(state: HolderState, isLeaving: boolean): void {
  for (const lease of state.leases.values()) {
    if (lease.kind === 'hold' || lease.isSealed) continue
    if (isLeaving || !isUsable(state, lease) || isIdle(state, lease)) seal(lease)
    else if (isUnclaimed(state, lease) || isSpent(state, lease)) seal(lease)
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

/** It has paid for what it was for, and its set is too slow to need one: it goes back with its lines, in one call. */
function isSpent(state: HolderState, lease: HeldLease): boolean {
  const { lineCount, tickets, setKey, newsAtMs } = lease
  if (lineCount === 0 || tickets.size > 0) return false
  const set = state.sets.get(setKey)
  return (
    set !== undefined &&
    isSlow(state, set) &&
    state.nowMs - Math.max(set.usedAtMs, Math.min(newsAtMs, state.nowMs)) >= state.settings.reportMs
  )
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
  return (state.slices.get(set.key) ?? []).filter((lease) => isUsable(state, lease))
}

/** A large request of this set: the worst of the last hundred. */
export function largeOf(set: ScopeSet): NanoUsd {
  return set.worsts.reduce(mostOf, zeroNanoUsd)
}

/** Free credit to aim at: a few large requests, or some seconds of spending (of settled cost: holds come back). */
export function targetOf(state: HolderState, set: ScopeSet): NanoUsd {
  const { targetRequests, targetMs } = state.settings
  return mostOf(times(largeOf(set), targetRequests), comingIn(state, set, targetMs))
}

/** What is spent in so long, if it goes on as it does. */
function comingIn(state: HolderState, set: ScopeSet, forMs: number): NanoUsd {
  fade(state, set)
  return nanoUsd(Math.ceil((set.burned / spanMs(state, set)) * forMs))
}

function asksDue(state: HolderState): readonly Ask[] {
  const { settings, nowMs } = state
  const asks: Ask[] = []
  const asked = new Set<string>()
  // Whatever has become of the set that they were for: it may be part of another by now.
  for (const pending of state.pending.values()) {
    // One that was lost with its request.
    if (pending.kind === 'advance' && nowMs - pending.firstSentAtMs >= settings.askLifeMs)
      abandon(state, pending.askId)
    if (pending.kind !== 'grant') continue
    asked.add(pending.setKey)
    // Its lease would be worth nothing by now.
    if (nowMs - pending.firstSentAtMs >= settings.askLifeMs) abandon(state, pending.askId)
    else if (nowMs - pending.sentAtMs >= settings.askAgainMs) asks.push(resend(pending, nowMs))
  }
  for (const set of state.sets.values()) {
    if (asks.length >= settings.maxAsks) break
    const want = asked.has(set.key) ? null : refillOf(state, set)
    if (want !== null)
      asks.push(askFor(state, 'grant', set.key, want.want, want.nanoUsd, want.units).ask)
  }
  return asks.slice(0, settings.maxAsks)
}

/** Nobody may be here to take what was asked for. */
function abandonGrants(state: HolderState): void {
  for (const { askId, kind } of state.pending.values()) if (kind !== 'hold') abandon(state, askId)
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
  if (isSlow(state, set) || nowMs < set.syncUntilMs) return null
  if (nowMs - set.usedAtMs >= settings.idleMs) return null
  const worstNanoUsd = largeOf(set)
  const leases = usableLeases(state, set).filter(
    ({ deadlineMs, validForMs }) => deadlineMs - nowMs > Math.min(settings.renewMs, validForMs / 4),
  )
  const free = leases.reduce((sum, lease) => plus(sum, freeOf(lease)), zeroNanoUsd)
  const target = targetOf(state, set)
  // Credit in pieces, none of which is enough for a large request by the time the next one is here, does not help it.
  const soon = plus(worstNanoUsd, comingIn(state, set, settings.refillMs))
  const fits = leases.some((lease) => freeOf(lease) >= soon && hasUnits(lease))
  if (free >= Math.ceil(target / 2) && fits) return null
  const requests = Math.ceil((set.requests / spanMs(state, set)) * settings.targetMs)
  return {
    want: { scopes: set.scopes, worstNanoUsd, leastNanoUsd: worstNanoUsd, tokens: 0 },
    // A piece that has room for one large request is worth nothing when something else was paid from it.
    nanoUsd: mostOf(minusOrZero(target, free), plus(soon, comingIn(state, set, settings.refillMs))),
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
