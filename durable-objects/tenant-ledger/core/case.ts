import {
  leastOf,
  minusOrZero,
  mostNanoUsd,
  mostOf,
  type NanoUsd,
  partDown,
  plus,
  shareUp,
  times,
  zeroNanoUsd,
} from '../money.ts'
import type { Ask, Denied, DenyReason, Granted, LeaseId, Mode, Units } from '../protocol.ts'
import type { LeaseRow, LimitRow } from '../rows.ts'
import { newLease } from '../rules/lease.ts'
import { metaOf } from '../state.ts'
import { actionsOf, type Funds, marginOf, roomOf } from './accounts.ts'
import { standingOf, takeUnits, unitsValidMs } from './limits.ts'
import { moveLease } from './move.ts'
import { put, putMeta, type Turn } from './turn.ts'

/** One ask with everything it is decided by. */
export interface Case {
  readonly turn: Turn
  readonly holder: string
  readonly ask: Ask
  readonly funds: readonly Funds[]
  readonly hard: readonly Funds[]
  readonly limits: readonly LimitRow[]
}

/** Holders with a lease in one of these accounts, and the one that asks. */
export function holdersOf({ turn, holder, hard, limits }: Case): number {
  const accounts = new Set(hard.map(({ account }) => account.id))
  const names = new Set(limits.map(({ id }) => id))
  const holders = new Set([holder])
  for (const lease of turn.state.index.open.values()) {
    if (lease.kind !== 'lease') continue
    const shares = lease.accounts.some((id) => accounts.has(id))
    if (shares || lease.limits.some((id) => names.has(id))) holders.add(lease.holder)
  }
  return holders.size
}

/** Slices are for when plenty is left: near the cap each request is set aside exactly. */
export function modeOf({ turn, hard }: Case, leastNanoUsd: NanoUsd): Mode {
  const { settings } = turn.state
  const isLow = hard.some((funds) => {
    const share = shareUp(funds.budget.capNanoUsd, settings.syncBasisPoints)
    const few = leastNanoUsd > partDown(mostNanoUsd, settings.syncGrants)
    const need = few ? mostNanoUsd : mostOf(share, times(leastNanoUsd, settings.syncGrants))
    return roomOf(turn.state, funds) < need
  })
  return isLow ? 'sync' : 'lease'
}

export function open(
  one: Case,
  kind: LeaseRow['kind'],
  grantNanoUsd: NanoUsd,
  units: Units,
): Granted {
  const { turn, holder, ask, funds, limits } = one
  const { settings } = turn.state
  const { epoch, lastNumber, killVersion } = metaOf(turn.state)
  const id: LeaseId = `${epoch}.${lastNumber + 1}`
  putMeta(turn, { lastNumber: lastNumber + 1 })
  const lifeMs =
    kind === 'lease' ? settings.leaseTtlMs : settings.leaseValidMs + settings.longestStreamMs
  const fresh = newLease({
    id,
    kind,
    askId: ask.askId,
    holder,
    scopes: budgetedScopes(one),
    accounts: funds.map(({ account }) => account.id),
    grantNanoUsd,
    expiresAtMs: turn.nowMs + lifeMs,
    limits: limits.map((limit) => limit.id),
    units,
    unitsAtMs: turn.nowMs,
    killVersion,
  })
  const lease = moveLease(turn, null, fresh)
  put(turn, 'asks', { id: ask.askId, leaseId: id, atMs: turn.nowMs })
  takeUnits(turn, limits, units)
  // The accounts as they are with this lease in them, for what is left.
  return granted({ ...one, ...refreshed(one) }, lease)
}

function refreshed({ turn, funds }: Case): Pick<Case, 'funds' | 'hard'> {
  const { accounts } = turn.state.tables
  const now = funds.map(({ budget, account }) => ({
    budget,
    account: accounts.get(account.id) ?? account,
  }))
  return { funds: now, hard: now.filter(({ budget }) => budget.mode === 'hard') }
}

function budgetedScopes({ funds, limits }: Case): LeaseRow['scopes'] {
  return [
    ...new Set([...funds.map(({ budget }) => budget.scope), ...limits.map(({ scope }) => scope)]),
  ].sort()
}

export function granted(one: Case, lease: LeaseRow): Granted {
  const { turn, funds, hard, limits } = one
  const { settings } = turn.state
  const has = (kind: LimitRow['kind']): boolean => limits.some((limit) => limit.kind === kind)
  // From when it was granted: a holder that asks again counts from when it asked first.
  const ends = funds.map(({ account }) => (account.endsAtMs ?? Infinity) - lease.unitsAtMs)
  const left = Math.max(settings.leaseValidMinMs, Math.min(Infinity, ...ends))
  const { requests, tokens, slots } = lease.units
  return {
    ...standing(one),
    kind: 'granted',
    leaseId: lease.id,
    grantNanoUsd: lease.grantNanoUsd,
    scopes: lease.scopes,
    accounts: lease.accounts,
    validForMs: Math.min(settings.leaseValidMs, left, unitsValidMs(turn, limits, lease.unitsAtMs)),
    units: {
      requests: has('requests') ? requests : null,
      tokens: has('tokens') ? tokens : null,
      slots: has('concurrency') ? slots : null,
    },
    killVersion: lease.killVersion,
    ...(one.ask.kind === 'advance' && lease.kind === 'hold' && { isForOne: true }),
    failOpenNanoUsd:
      hard.length > 0 ? zeroNanoUsd : least(funds.map(({ budget }) => budget.failOpenNanoUsd)),
  }
}

/** Money is short: for good, or only while others hold what they may not spend. */
export function short(one: Case, needNanoUsd: NanoUsd): Denied {
  const { turn, hard } = one
  const { settings } = turn.state
  const empty = hard.filter((funds) => roomOf(turn.state, funds) < needNanoUsd)
  const isSpent = (funds: Funds): boolean => {
    const { postedNanoUsd, phantomNanoUsd } = funds.account
    const gone = plus(postedNanoUsd, phantomNanoUsd)
    const usable = minusOrZero(funds.budget.capNanoUsd, marginOf(turn.state, funds))
    return minusOrZero(usable, gone) < needNanoUsd
  }
  const spent = empty.filter(isSpent)
  const by = (spent[0] ?? empty[0])?.budget.id ?? null
  if (spent.length > 0) return deny(one, 'budget_exceeded', longest(one, spent.map(endOf)), by)
  return deny(one, 'budget_reserved', settings.reservedRetryMs, by)
}

export function endOf({ account }: Funds): number | null {
  return account.endsAtMs
}

/** Until the last of these moments, ms; null when one of them never comes. */
export function longest({ turn }: Case, ends: readonly (number | null)[]): number | null {
  if (ends.includes(null)) return null
  return Math.max(0, ...ends.map((end) => (end ?? 0) - turn.nowMs))
}

export function deny(
  one: Case,
  reason: DenyReason,
  retryAfterMs: number | null,
  by: string | null,
): Denied {
  return { ...standing(one), kind: 'denied', reason, retryAfterMs, by }
}

function standing(one: Case): Omit<Granted, 'kind' | keyof GrantedOnly> {
  const { turn, ask, funds, hard, limits } = one
  const actions = actionsOf(funds)
  const rooms = hard.map((each) => roomOf(turn.state, each))
  const needNanoUsd = ask.kind === 'hold' ? ask.worstNanoUsd : ask.leastNanoUsd
  return {
    askId: ask.askId,
    mode: modeOf(one, needNanoUsd),
    remainingNanoUsd: rooms.length === 0 ? null : least(rooms),
    actions: (['degrade', 'clamp'] as const).filter((action) => actions.has(action)),
    limits: standingOf(turn, limits),
  }
}

type GrantedOnly = Pick<
  Granted,
  | 'leaseId'
  | 'grantNanoUsd'
  | 'scopes'
  | 'accounts'
  | 'validForMs'
  | 'units'
  | 'killVersion'
  | 'isForOne'
  | 'failOpenNanoUsd'
>

export function least(amounts: readonly NanoUsd[]): NanoUsd {
  return amounts.reduce(leastOf, mostNanoUsd)
}
