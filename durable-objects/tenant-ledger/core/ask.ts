import { leastOf, mostOf, oneNanoUsd, partDown, zeroNanoUsd } from '../money.ts'
import type { Answer, Ask, Denied, LeaseId, Units } from '../protocol.ts'
import { isReadableAsk } from '../rules/readable.ts'
import { metaOf } from '../state.ts'
import { actionsOf, fairShare, fundsOf, roomOf } from './accounts.ts'
import { advance } from './advance.ts'
import {
  type Case,
  deny,
  endOf,
  granted,
  holdersOf,
  least,
  longest,
  modeOf,
  open,
  short,
} from './case.ts'
import { limitsOf, sliceOf, tightest } from './limits.ts'
import { alert, type Turn } from './turn.ts'

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
