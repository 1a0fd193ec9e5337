import { plus, zeroNanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import {
  type Acknowledgement,
  type Answer,
  type Denied,
  type DenyReason,
  type ExchangeReply,
  type Granted,
} from '../../../durable-objects/tenant-ledger/protocol.ts'
import { take } from './admit.ts'
import {
  clock,
  dropLease,
  fade,
  forgetBudgets,
  type HeldLease,
  type HolderState,
  keepLease,
  learnBudgets,
  markUnused,
  type PendingAsk,
  scopeKeyOf,
  type ScopeSet,
  setNamed,
} from './holder-state.ts'
import { booked } from './settle.ts'

/**
 * Takes in what the ledger answered, however late, doubled or out of order it comes. `sentAtMs`: when the exchange was
 * sent, which is the latest that a revocation is known not to have come before.
 */
export function takeReply(
  state: HolderState,
  reply: ExchangeReply,
  nowMs: number,
  sentAtMs = nowMs,
): void {
  clock(state, nowMs)
  // A reply of an earlier life that comes late says nothing that holds.
  if (!sawEpoch(state, reply.epoch)) return
  sawKillVersion(state, reply.killVersion, sentAtMs)
  for (const acknowledgement of reply.acknowledgements) takeAcknowledgement(state, acknowledgement)
  for (const askId of reply.noted) {
    state.voids.delete(askId)
    booked(state, askId)
  }
  for (const answer of reply.answers) takeAnswer(state, reply, answer)
}

/** False: it is of an earlier life of the ledger than is known here. */
export function sawEpoch(state: HolderState, epoch: number): boolean {
  if (state.epoch !== null && epoch < state.epoch) return false
  if (state.epoch !== epoch) startEpoch(state, epoch)
  return true
}

/**
 * The ledger was restored: every lease of before is only good for being settled, and the ledger may not know it. Its
 * kill versions begin anew from the backup's, which may be lower than what was known here.
 */
function startEpoch(state: HolderState, epoch: number): void {
  if (state.epoch !== null) state.killVersion = 0
  state.epoch = epoch
  for (const lease of state.leases.values()) {
    lease.isSealed = true
    lease.hasNews = true
  }
}

/** Also told by the configuration snapshot, as of `atMs`. An older version than is known confirms nothing. */
export function sawKillVersion(state: HolderState, killVersion: number, atMs: number): void {
  clock(state, atMs)
  if (killVersion < state.killVersion) return
  // What has a budget may be another set now.
  if (killVersion > state.killVersion) forgetBudgets(state)
  state.killVersion = killVersion
  state.confirmedAtMs = Math.max(state.confirmedAtMs, atMs)
}

function takeAcknowledgement(state: HolderState, said: Acknowledgement): void {
  const lease = state.leases.get(said.leaseId)
  if (lease === undefined) return
  lease.knownState = said.state
  if (said.state === 'unknown') return
  const before = lease.lines.length
  lease.lines = lease.lines.filter(({ number }) => number > said.lineCount)
  // There was no room for all of them: the next can go at once.
  if (lease.lines.length > 0 && lease.lines.length < before) {
    lease.hasNews = true
    lease.newsAtMs = -Infinity
  }
  if (said.state === 'closed') {
    lease.isSealed = true
    if (lease.tickets.size === 0) dropLease(state, lease)
  }
}

function takeAnswer(state: HolderState, reply: ExchangeReply, answer: Answer): void {
  const pending = state.pending.get(answer.askId)
  if (pending === undefined) {
    // A doubled answer of a lease that is, or was, in use says nothing; what nobody will use is given back.
    if (answer.kind === 'granted' && state.unused.has(answer.askId))
      state.voids.set(answer.askId, -Infinity)
    return
  }
  state.pending.delete(answer.askId)
  const killVersion = killVersionOf(reply, pending, answer)
  // What was overtaken says nothing of the budgets that there are by now.
  const isLatest = killVersion === state.killVersion && !isDoubtful(pending, answer)
  if (answer.kind === 'granted') {
    if (isLatest) learnGrant(state, answer, pending)
    takeGrant(state, killVersion, answer, pending)
    return
  }
  markUnused(state, answer.askId)
  if (isLatest) learnDenial(state, answer, pending)
  if (pending.kind === 'hold') state.answers.set(answer.askId, answer)
}

/**
 * As of when an ask was answered. The same ask is answered by the same lease, which says what was known when it was
 * granted; a denial is of now. A ledger of the version before does not say: its lease may be of before what the reply
 * has heard of, a revocation or a new budget, and is trusted only as far as was known when it was asked for. Who knows
 * nothing yet has nothing to compare, and takes a hold all the same: it is one attempt, not all that follow.
 */
function killVersionOf(
  { killVersion }: ExchangeReply,
  pending: PendingAsk,
  answer: Answer,
): number {
  if (answer.kind === 'denied') return killVersion
  if (answer.killVersion !== undefined) return answer.killVersion
  const knewNothing = pending.killVersion === 0 && (pending.kind === 'hold' || !pending.isResent)
  return knewNothing ? killVersion : Math.min(killVersion, pending.killVersion)
}

/** It may have been answered before, by a ledger with other budgets, and does not say: nothing is learned from it. */
function isDoubtful({ killVersion, isResent }: PendingAsk, answer: Answer): boolean {
  if (answer.kind === 'denied' || answer.killVersion !== undefined) return false
  return killVersion === 0 && isResent
}

/** Which of the scopes have budgets, and how those stand. */
function learnGrant(state: HolderState, answer: Granted, { want, setKey }: PendingAsk): void {
  const key = scopeKeyOf(answer.scopes)
  const set = learned(setNamed(state, key, answer.scopes), state, answer)
  learnBudgets(state, want.scopes, answer.scopes)
  mergeSet(state, setKey, set)
  set.failOpenNanoUsd = answer.failOpenNanoUsd
}

/** Who was told to stop does not go on because the ledger cannot be reached. */
const stopReasons: ReadonlySet<DenyReason> = new Set(['budget_blocked', 'revoked', 'frozen'])

function learnDenial(state: HolderState, answer: Denied, { want, setKey }: PendingAsk): void {
  const set = learned(setNamed(state, setKey, want.scopes), state, answer)
  if (stopReasons.has(answer.reason)) set.failOpenNanoUsd = zeroNanoUsd
}

/** Before it was known which scopes have budgets the set had a longer name: its traffic is that of the shorter one. */
function mergeSet(state: HolderState, longKey: string, set: ScopeSet): void {
  const long = state.sets.get(longKey)
  if (long === undefined || long === set) return
  state.sets.delete(longKey)
  fade(state, long)
  fade(state, set)
  set.requests += long.requests
  set.burned += long.burned
  set.tokens = Math.max(set.tokens, long.tokens)
  set.usedAtMs = Math.max(set.usedAtMs, long.usedAtMs)
  set.awayNanoUsd = plus(set.awayNanoUsd, long.awayNanoUsd)
  for (const worst of long.worsts.slice(-state.settings.sampleSize)) {
    set.worsts[set.worstAt] = worst
    set.worstAt = (set.worstAt + 1) % state.settings.sampleSize
  }
}

function learned(set: ScopeSet, state: HolderState, answer: Answer): ScopeSet {
  set.remainingNanoUsd = answer.remainingNanoUsd
  set.actions = answer.actions
  set.limits = answer.limits
  const mustHold = answer.mode === 'sync' || answer.kind === 'denied'
  if (mustHold) set.syncUntilMs = state.nowMs + state.settings.syncMs
  return set
}

function takeGrant(
  state: HolderState,
  killVersion: number,
  answer: Granted,
  { kind, want, firstSentAtMs }: PendingAsk,
): void {
  const lease: HeldLease = {
    id: answer.leaseId,
    kind: kind === 'hold' ? 'hold' : 'lease',
    setKey: scopeKeyOf(answer.scopes),
    scopes: answer.scopes,
    accounts: answer.accounts,
    epoch: epochOf(answer),
    killVersion,
    grantNanoUsd: answer.grantNanoUsd,
    deadlineMs: firstSentAtMs + answer.validForMs,
    validForMs: answer.validForMs,
    grantedUnits: answer.units,
    isHard: answer.remainingNanoUsd !== null,
    spentNanoUsd: zeroNanoUsd,
    heldNanoUsd: zeroNanoUsd,
    usedUnits: { requests: 0, tokens: 0, slots: 0 },
    isSealed: kind === 'hold',
    purpose: answer.isForOne === true ? 'first-hold' : 'slice',
    isLast: answer.remainingNanoUsd === zeroNanoUsd,
    tickets: new Map(),
    lines: [],
    lineCount: 0,
    sequence: 0,
    knownState: 'active',
    hasNews: false,
    newsAtMs: Infinity,
    toldAtMs: state.nowMs,
  }
  keepLease(state, lease)
  if (lease.purpose !== 'slice') state.hasFirsts = true
  if (kind !== 'hold') return
  // A hold belongs to the request that asked for it, if that is still in time.
  const { deadlineMs, epoch } = lease
  const isOvertaken = epoch !== state.epoch || killVersion !== state.killVersion
  const isLate = state.nowMs >= deadlineMs || isOvertaken
  if (isLate) state.answers.set(answer.askId, late(answer))
  else state.answers.set(answer.askId, take(state, lease, answer.grantNanoUsd, want.tokens))
  lease.hasNews = isLate
}

/** The life of the ledger that granted it, which may be an earlier one than that which answers. */
function epochOf({ leaseId }: Granted): number {
  return Number(leaseId.split('.')[0])
}

function late(answer: Granted) {
  const { askId, mode, remainingNanoUsd, actions, limits } = answer
  const standing = { askId, mode, remainingNanoUsd, actions, limits }
  return { ...standing, kind: 'denied', reason: 'voided', retryAfterMs: 0, by: null } as const
}
