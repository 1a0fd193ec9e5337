import { plus, zeroNanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import {
  type Acknowledgement,
  type Answer,
  type ExchangeReply,
  type Granted,
  scopeSetKey,
} from '../../../durable-objects/tenant-ledger/protocol.ts'
import { take } from './admit.ts'
import {
  clock,
  fade,
  type HeldLease,
  type HolderState,
  markUnused,
  type PendingAsk,
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
  if (state.epoch !== null && reply.epoch < state.epoch) return
  if (state.epoch !== reply.epoch) startEpoch(state, reply.epoch)
  sawKillVersion(state, reply.killVersion, sentAtMs)
  for (const acknowledgement of reply.acknowledgements) takeAcknowledgement(state, acknowledgement)
  for (const askId of reply.noted) {
    state.voids.delete(askId)
    booked(state, askId)
  }
  for (const answer of reply.answers) takeAnswer(state, reply, answer)
}

/** The ledger was restored: every lease of before is only good for being settled, and the ledger may not know it. */
function startEpoch(state: HolderState, epoch: number): void {
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
  if (killVersion > state.killVersion) state.setOf.clear()
  state.killVersion = killVersion
  state.confirmedAtMs = Math.max(state.confirmedAtMs, atMs)
}

function takeAcknowledgement(state: HolderState, said: Acknowledgement): void {
  const lease = state.leases.get(said.leaseId)
  if (lease === undefined) return
  lease.knownState = said.state
  if (said.state === 'unknown') return
  lease.lines = lease.lines.filter(({ number }) => number > said.lineCount)
  if (said.state === 'closed') {
    lease.isSealed = true
    if (lease.tickets.size === 0) state.leases.delete(lease.id)
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
  const { scopes } = pending.want
  if (answer.kind === 'granted') {
    const key = scopeSetKey(answer.scopes)
    if (state.setOf.size >= 4 * state.settings.maxSets) state.setOf.clear()
    state.setOf.set(scopeSetKey(scopes), key)
    const set = learned(setNamed(state, key, answer.scopes), state, answer)
    mergeSet(state, pending.setKey, set)
    set.failOpenNanoUsd = answer.failOpenNanoUsd
    takeGrant(state, reply, answer, pending, key)
    return
  }
  markUnused(state, answer.askId)
  learned(setNamed(state, pending.setKey, scopes), state, answer)
  if (pending.kind === 'hold') state.answers.set(answer.askId, answer)
}

/** Before it was known which scopes have budgets the set had a longer name: its traffic is that of the shorter one. */
function mergeSet(state: HolderState, longKey: string, set: ScopeSet): void {
  const long = state.sets.get(longKey)
  if (long === undefined || long === set) return
  state.sets.delete(longKey)
  fade(state, long)
  fade(state, set)
  set.requests += long.requests
  set.burnedNanoUsd += long.burnedNanoUsd
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
  reply: ExchangeReply,
  answer: Granted,
  { kind, want, firstSentAtMs }: PendingAsk,
  setKey: string,
): void {
  const lease: HeldLease = {
    id: answer.leaseId,
    kind: kind === 'hold' ? 'hold' : 'lease',
    setKey,
    scopes: answer.scopes,
    accounts: answer.accounts,
    epoch: epochOf(answer),
    killVersion: reply.killVersion,
    grantNanoUsd: answer.grantNanoUsd,
    deadlineMs: firstSentAtMs + answer.validForMs,
    validForMs: answer.validForMs,
    grantedUnits: answer.units,
    spentNanoUsd: zeroNanoUsd,
    heldNanoUsd: zeroNanoUsd,
    usedUnits: { requests: 0, tokens: 0, slots: 0 },
    isSealed: kind === 'hold',
    tickets: new Map(),
    lines: [],
    lineCount: 0,
    sequence: 0,
    knownState: 'active',
    hasNews: false,
    toldAtMs: state.nowMs,
  }
  state.leases.set(lease.id, lease)
  if (kind !== 'hold') return
  // A hold belongs to the request that asked for it, if that is still in time.
  const isLate = state.nowMs >= lease.deadlineMs || lease.epoch !== state.epoch
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
