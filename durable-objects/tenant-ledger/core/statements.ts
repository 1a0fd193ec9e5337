import { differenceOf, leastOf, plus, zeroNanoUsd } from '../money.ts'
import type { Acknowledgement, AttemptLine, LeaseId, Statement, Units } from '../protocol.ts'
import type { LeaseRow } from '../rows.ts'
import { closed, isEnded, phantomOf, sealed, withLine } from '../rules/lease.ts'
import { isReadableStatement, isReadableUnits } from '../rules/readable.ts'
import { adopt, isForgotten, isOfEarlierLife } from './adopt.ts'
import { book } from './book.ts'
import { giveBack, noUnits } from './limits.ts'
import { moveLease } from './move.ts'
import { alert, put, type Turn } from './turn.ts'

type AboutLease = Exclude<Statement, { readonly kind: 'void' | 'post' | 'book' }>

/** Takes one statement in. Said twice, late, or in another order it comes to the same. */
export function takeStatement(turn: Turn, holder: string, said: Statement): Acknowledgement | null {
  if (!isReadableStatement(said)) {
    alert(turn, 'malformed', null, zeroNanoUsd, 'statement')
    return null
  }
  if (said.kind === 'void') {
    voidAsk(turn, said.askId)
    return null
  }
  if (said.kind === 'book') {
    book(turn, holder, said)
    return null
  }
  if (said.kind === 'post') return takeAbout(turn, holder, closeOfPost(said.leaseId, said.line))
  return takeAbout(turn, holder, said)
}

/** A hold is a lease for one attempt, so to post it is to close it. */
function closeOfPost(leaseId: LeaseId, line: AttemptLine): AboutLease {
  const { inputTokens = 0, outputTokens = 0 } = line.usage
  return {
    kind: 'close',
    leaseId,
    sequence: 1,
    spentNanoUsd: leastOf(line.amountNanoUsd, line.worstNanoUsd),
    heldNanoUsd: zeroNanoUsd,
    lines: [line],
    usedUnits: { requests: 1, tokens: inputTokens + outputTokens, slots: 0 },
  }
}

function takeAbout(turn: Turn, holder: string, said: AboutLease): Acknowledgement {
  const { leaseId, lines } = said
  const lease = turn.state.tables.leases.get(leaseId) ?? adopt(turn, holder, said)
  if (lease === null) {
    const isOver = isForgotten(turn.state, leaseId)
    const lineCount = isOver ? (lines.at(-1)?.number ?? 0) : 0
    return { leaseId, state: isOver ? 'closed' : 'unknown', lineCount }
  }
  // A charge falls by its holder's own word only. Ids are used twice when a rollback was not told of in time.
  if (lease.holder !== holder) {
    alert(turn, 'foreign_lease', leaseId, zeroNanoUsd, holder)
    return { leaseId, state: 'unknown', lineCount: 0 }
  }
  const { lease: counted, taken } = takeLines(turn, lease, lines)
  const next = phase(turn, reported(counted, said), said)
  const stored = next === lease ? lease : moveLease(turn, lease, next, taken)
  if (isEnded(stored) && !isEnded(lease))
    giveBack(turn, stored, usedBy(stored, said.kind === 'close' ? said.usedUnits : undefined))
  return { leaseId, state: stored.state, lineCount: stored.lineCount }
}

/** Without a word on it, everything counts as used. */
function usedBy({ units }: LeaseRow, used: Units | undefined): Units {
  if (used === undefined || !isReadableUnits(used)) return units
  return {
    requests: Math.min(used.requests, units.requests),
    tokens: Math.min(used.tokens, units.tokens),
    slots: 0,
  }
}

/**
 * Lines are numbered, and a holder leaves out only those it knows to be stored: what is not the next is either known
 * already, or follows lines that a restore has lost (their cost is in what the lease is closed for).
 */
function takeLines(
  turn: Turn,
  lease: LeaseRow,
  lines: readonly AttemptLine[],
): { readonly lease: LeaseRow; readonly taken: readonly AttemptLine[] } {
  const taken: AttemptLine[] = []
  let next = lease
  for (const line of lines) {
    if (line.number <= next.lineCount) continue
    // Of a closed lease only what it is charged for anyway.
    if (lease.state === 'closed' && line.amountNanoUsd > phantomOf(next)) {
      alert(turn, 'line_after_close', lease.id, line.amountNanoUsd, line.attemptId)
      break
    }
    next = withLine(next, lease.state === 'closed' ? asHeld(line) : line)
    taken.push(line)
  }
  return { lease: next, taken }
}

/** In a closed lease a line takes the place of money that is charged already, so none of it is an overrun. */
function asHeld(line: AttemptLine): AttemptLine {
  return { ...line, worstNanoUsd: line.amountNanoUsd }
}

function reported(lease: LeaseRow, said: AboutLease): LeaseRow {
  if (said.sequence <= lease.sequence) return lease
  const reportedNanoUsd = plus(said.spentNanoUsd, said.heldNanoUsd)
  return { ...lease, sequence: said.sequence, reportedNanoUsd }
}

function phase(turn: Turn, lease: LeaseRow, said: AboutLease): LeaseRow {
  const { nowMs, state } = turn
  switch (said.kind) {
    case 'report':
      return lease
    case 'seal': {
      if (lease.state === 'closed') return lease
      const bound = plus(said.spentNanoUsd, said.heldNanoUsd)
      return sealed(lease, bound, nowMs + state.settings.longestStreamMs)
    }
    case 'close': {
      if (lease.state === 'closed') return closedAgain(turn, lease, said)
      const next = closed(lease, said.spentNanoUsd, nowMs)
      const missing = phantomOf(next)
      if (missing > 0) alert(turn, 'lines_missing', lease.id, missing)
      return next
    }
  }
}

/** The first word is the last; another one is somebody's mistake. */
function closedAgain(turn: Turn, lease: LeaseRow, said: AboutLease): LeaseRow {
  const { finalNanoUsd } = lease
  if (finalNanoUsd !== said.spentNanoUsd) {
    const difference = differenceOf(finalNanoUsd ?? zeroNanoUsd, said.spentNanoUsd)
    alert(turn, 'close_differs', lease.id, difference)
  }
  return lease
}

/** What was never used costs nothing. Before the ask itself came, the ask will find that it is void. */
function voidAsk(turn: Turn, askId: string): void {
  const asked = turn.state.tables.asks.get(askId)
  if (asked === undefined) {
    put(turn, 'asks', { id: askId, leaseId: null, atMs: turn.nowMs })
    return
  }
  const lease = asked.leaseId === null ? undefined : turn.state.tables.leases.get(asked.leaseId)
  if (lease === undefined || lease.state === 'closed') return
  // Somebody has settled something under it: it was used, whatever this says. A restore may have forgotten that.
  if (lease.sequence > 0 || lease.lineCount > 0 || isOfEarlierLife(turn.state, lease.id)) return
  const next = moveLease(turn, lease, closed(lease, zeroNanoUsd, turn.nowMs))
  if (!isEnded(lease)) giveBack(turn, next, noUnits)
}
