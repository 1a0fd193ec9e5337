import type { Statement } from '../../../durable-objects/tenant-ledger/protocol.ts'
import type { HeldLease, HolderState } from './holder-state.ts'

/**
 * What the ledger has to be told now: at most `maxStatements` with `maxLines` lines, those that waited longest first.
 * What does not fit is said when this is acknowledged. `isLeaving`: all that was not acknowledged, however lately it
 * was said, because nobody may be here to say it again.
 */
export function statementsDue(state: HolderState, isLeaving = false): readonly Statement[] {
  const { nowMs, settings } = state
  const statements: Statement[] = []
  let lines = settings.maxLines
  const lastMs = isLeaving ? nowMs : nowMs - settings.resendMs
  const isDue = (toldAtMs: number): boolean =>
    toldAtMs <= lastMs && statements.length < settings.maxStatements
  for (const [askId, toldAtMs] of state.voids) {
    if (!isDue(toldAtMs)) continue
    state.voids.set(askId, nowMs)
    statements.push({ kind: 'void', askId })
  }
  for (const entry of state.bookings.values()) {
    if (lines === 0 || !isDue(entry.toldAtMs)) continue
    lines -= 1
    entry.toldAtMs = nowMs
    statements.push(entry.booking)
  }
  for (const lease of owed(state, lastMs)) {
    if (statements.length >= settings.maxStatements) break
    if (lines === 0 && lease.lines.length > 0) continue
    const said = say(state, lease, lines)
    lines -= said.lines.length
    statements.push(said)
  }
  return statements
}

/**
 * In how many ms something has to be said, if nothing happens before; Infinity: nothing. What gives money back is told
 * at once; lines of a lease that goes on wait `reportMs` for more to come, and no longer.
 */
export function dueInMs(state: HolderState): number {
  const { nowMs, settings, voids, bookings } = state
  let dueMs = Infinity
  for (const toldAtMs of voids.values()) dueMs = Math.min(dueMs, toldAtMs + settings.resendMs)
  for (const { toldAtMs } of bookings.values())
    dueMs = Math.min(dueMs, toldAtMs + settings.resendMs)
  for (const lease of state.leases.values()) {
    if (lease.hasNews)
      dueMs = Math.min(dueMs, lease.isSealed ? nowMs : lease.newsAtMs + settings.reportMs)
    else if (isUnheard(lease)) dueMs = Math.min(dueMs, lease.toldAtMs + settings.resendMs)
  }
  return Math.max(0, dueMs - nowMs)
}

function owed({ leases }: HolderState, lastMs: number): readonly HeldLease[] {
  const due: HeldLease[] = []
  for (const lease of leases.values())
    if (lease.hasNews || (isUnheard(lease) && lease.toldAtMs <= lastMs)) due.push(lease)
  return due.length < 2 ? due : due.sort((a, b) => a.toldAtMs - b.toldAtMs)
}

/** The ledger does not know all of it yet. */
function isUnheard({ kind, isSealed, lines, tickets, knownState }: HeldLease): boolean {
  if (lines.length > 0 || knownState === 'unknown') return true
  // A hold is sealed from its beginning: what it can cost is what was granted.
  if (!isSealed || (kind === 'hold' && tickets.size > 0)) return false
  return tickets.size === 0 ? knownState !== 'closed' : knownState === 'active'
}

type AboutLease = Extract<Statement, { readonly kind: 'report' | 'seal' | 'close' }>

/** The first of its lines, as far as there is room. It is closed by the statement that has the last of them. */
function say(state: HolderState, lease: HeldLease, mostLines: number): AboutLease {
  lease.sequence += 1
  lease.hasNews = false
  lease.newsAtMs = Infinity
  lease.toldAtMs = state.nowMs
  const { id: leaseId, sequence, spentNanoUsd, heldNanoUsd, isSealed, tickets } = lease
  const lines = lease.lines.slice(0, mostLines)
  const about = {
    leaseId,
    sequence,
    spentNanoUsd,
    heldNanoUsd,
    lines,
    ...(lease.epoch !== state.epoch && { adopt: adoptionOf(lease) }),
  }
  if (!isSealed) return { kind: 'report', ...about }
  if (tickets.size > 0 || lines.length < lease.lines.length) return { kind: 'seal', ...about }
  return { kind: 'close', ...about, usedUnits: { ...lease.usedUnits, slots: 0 } }
}

function adoptionOf({ grantNanoUsd, accounts, scopes }: HeldLease) {
  return { grantNanoUsd, accounts, scopes }
}
