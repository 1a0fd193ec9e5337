import {
  leastOf,
  minusOrZero,
  mostNanoUsd,
  mostOf,
  type NanoUsd,
  oneNanoUsd,
  partDown,
  plus,
  shareUp,
  times,
  zeroNanoUsd,
} from '../money.ts'
import type { Answer, Ask, Denied, DenyReason, Granted, LeaseId, Mode, Units } from '../protocol.ts'
import type { LeaseRow, LimitRow } from '../rows.ts'
import { newLease } from '../rules/lease.ts'
import { isReadableAsk } from '../rules/readable.ts'
import { metaOf } from '../state.ts'
import { actionsOf, fairShare, type Funds, fundsOf, marginOf, roomOf } from './accounts.ts'
import { limitsOf, sliceOf, standingOf, takeUnits, tightest, unitsValidMs } from './limits.ts'
import { moveLease } from './move.ts'
import { alert, put, putMeta, type Turn } from './turn.ts'

/** One ask with everything it is decided by. */
interface Case {
  readonly turn: Turn
  readonly holder: string
  readonly ask: Ask
  readonly funds: readonly Funds[]
  readonly hard: readonly Funds[]
  readonly limits: readonly LimitRow[]
}

/** Grants, or says why not and for how long. All budgets and limits of the scopes agree, or nothing is taken from any. */
export function answerAsk(turn: Turn, holder: string, ask: Ask): Answer {
  if (!isReadableAsk(ask, turn.state.settings.maxScopes)) {
    alert(turn, 'malformed', null, zeroNanoUsd, 'ask')
    return deny({ turn, holder, ask, funds: [], hard: [], limits: [] }, 'malformed', null, null)
  }
  const scopes = [...new Set(ask.scopes)]
  const funds = fundsOf(turn, scopes)
  const hard = funds.filter(({ budget }) => budget.mode === 'hard')
  const one: Case = { turn, holder, ask, funds, hard, limits: limitsOf(turn, scopes) }
  const asked = turn.state.tables.asks.get(ask.askId)
  if (asked !== undefined) return again(one, asked.leaseId)
  return forbidden(one) ?? taken(one)
}

function taken(one: Case): Answer {
  const { ask } = one
  switch (ask.kind) {
    case 'hold':
      return hold(one, ask)
    case 'grant':
      return grant(one, ask)
    case 'advance':
      return advance(one, ask)
  }
}

/** The same ask gets the same lease, whatever has become of it. */
function again(one: Case, leaseId: LeaseId | null): Answer {
  const lease = leaseId === null ? undefined : one.turn.state.tables.leases.get(leaseId)
  return lease === undefined ? deny(one, 'voided', null, null) : granted(one, lease)
}

function forbidden(one: Case): Denied | null {
  const { turn, ask, funds, hard } = one
  for (const scope of ask.scopes) {
    const kill = turn.state.tables.kills.get(scope)
    if (kill !== undefined) return deny(one, kill.reason, null, scope)
  }
  const { frozenUntilMs } = metaOf(turn.state)
  if (turn.nowMs < frozenUntilMs) return deny(one, 'restoring', frozenUntilMs - turn.nowMs, null)
  const uncertain = hard.filter(({ account }) => account.isUncertain)
  if (uncertain.length > 0)
    return deny(
      one,
      'restoring',
      longest(one, uncertain.map(endOf)),
      uncertain[0]?.budget.id ?? null,
    )
  const blocking = funds.filter((each) => actionsOf([each]).has('block'))
  const [first] = blocking
  if (first === undefined) return null
  return deny(one, 'budget_blocked', longest(one, blocking.map(endOf)), first.budget.id)
}

function hold(one: Case, ask: Ask & { readonly kind: 'hold' }): Answer {
  const { turn, hard, limits } = one
  const units: Units = { requests: 1, tokens: ask.tokens, slots: 1 }
  const limited = tightest(turn, limits, units)
  if (limited !== null) return deny(one, 'rate_limited', limited.retryAfterMs, limited.limit.id)
  const roomNanoUsd = least(hard.map((funds) => roomOf(turn.state, funds)))
  if (roomNanoUsd < ask.leastNanoUsd) return short(one, ask.leastNanoUsd)
  return open(one, 'hold', leastOf(ask.worstNanoUsd, roomNanoUsd), units)
}

function grant(one: Case, ask: Ask & { readonly kind: 'grant' }): Answer {
  const { turn, hard, limits } = one
  const { settings } = turn.state
  const roomNanoUsd = least(hard.map((funds) => roomOf(turn.state, funds)))
  const leastNanoUsd = mostOf(ask.leastNanoUsd, oneNanoUsd)
  if (roomNanoUsd < leastNanoUsd) return short(one, leastNanoUsd)
  if (modeOf(one, leastNanoUsd) === 'sync') return deny(one, 'use_holds', 0, null)
  const holders = holdersOf(one)
  const { requests, tokens, slots } = ask.units
  const typical = Math.max(1, Math.ceil(tokens / Math.max(1, requests)))
  const slices = {
    requests: sliceOf(turn, limits, 'requests', requests, 1, holders),
    tokens: sliceOf(turn, limits, 'tokens', tokens, typical, holders),
    slots: sliceOf(turn, limits, 'concurrency', slots, 1, holders),
  }
  const isShort =
    slices.requests === 0 ||
    slices.slots === 0 ||
    (slices.tokens !== null && slices.tokens < typical)
  if (isShort) return deny(one, 'use_holds', 0, null)
  const share =
    hard.length === 0 ? settings.largestGrantNanoUsd : fairShare(turn.state, roomNanoUsd)
  const most = mostOf(partDown(share, hard.length === 0 ? 1 : holders), leastNanoUsd)
  const want = mostOf(ask.wantNanoUsd, leastNanoUsd)
  return open(one, 'lease', leastOf(want, most), {
    requests: slices.requests ?? 0,
    tokens: slices.tokens ?? 0,
    slots: slices.slots ?? 0,
  })
}

/** For one request, out of the holder's fair share of everything and never the least that is left. */
function advance(one: Case, ask: Ask & { readonly kind: 'advance' }): Answer {
  const { turn, hard, limits } = one
  const roomNanoUsd = least(hard.map((funds) => roomOf(turn.state, funds)))
  const leastNanoUsd = mostOf(ask.leastNanoUsd, oneNanoUsd)
  if (roomNanoUsd < leastNanoUsd) return short(one, leastNanoUsd)
  const holders = holdersOf(one)
  const units: Units = { requests: 1, tokens: ask.tokens, slots: 1 }
  const isSpare = (kind: LimitRow['kind'], count: number): boolean =>
    (sliceOf(turn, limits, kind, count, 0, holders) ?? count) >= count
  const hasUnits =
    isSpare('requests', 1) && isSpare('tokens', ask.tokens) && isSpare('concurrency', 1)
  const share =
    hard.length === 0
      ? turn.state.settings.largestGrantNanoUsd
      : partDown(fairShare(turn.state, roomNanoUsd), holders)
  const wantNanoUsd = hard.length === 0 ? ask.softNanoUsd : ask.wantNanoUsd
  const grantNanoUsd = leastOf(mostOf(wantNanoUsd, leastNanoUsd), share)
  if (!hasUnits || grantNanoUsd < leastNanoUsd || modeOf(one, leastNanoUsd) === 'sync')
    return deny(one, 'use_holds', 0, null)
  return open(one, 'lease', grantNanoUsd, units)
}

/** Holders with a lease in one of these accounts, and the one that asks. */
function holdersOf({ turn, holder, hard, limits }: Case): number {
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
function modeOf({ turn, hard }: Case, leastNanoUsd: NanoUsd): Mode {
  const { settings } = turn.state
  const isLow = hard.some((funds) => {
    const share = shareUp(funds.budget.capNanoUsd, settings.syncBasisPoints)
    const few = leastNanoUsd > partDown(mostNanoUsd, settings.syncGrants)
    const need = few ? mostNanoUsd : mostOf(share, times(leastNanoUsd, settings.syncGrants))
    return roomOf(turn.state, funds) < need
  })
  return isLow ? 'sync' : 'lease'
}

function open(one: Case, kind: LeaseRow['kind'], grantNanoUsd: NanoUsd, units: Units): Granted {
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

function granted(one: Case, lease: LeaseRow): Granted {
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
    failOpenNanoUsd:
      hard.length > 0 ? zeroNanoUsd : least(funds.map(({ budget }) => budget.failOpenNanoUsd)),
  }
}

/** Money is short: for good, or only while others hold what they may not spend. */
function short(one: Case, needNanoUsd: NanoUsd): Denied {
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

function endOf({ account }: Funds): number | null {
  return account.endsAtMs
}

/** Until the last of these moments, ms; null when one of them never comes. */
function longest({ turn }: Case, ends: readonly (number | null)[]): number | null {
  if (ends.includes(null)) return null
  return Math.max(0, ...ends.map((end) => (end ?? 0) - turn.nowMs))
}

function deny(
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
  | 'failOpenNanoUsd'
>

function least(amounts: readonly NanoUsd[]): NanoUsd {
  return amounts.reduce(leastOf, mostNanoUsd)
}
