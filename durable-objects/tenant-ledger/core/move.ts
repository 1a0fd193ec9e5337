import { exchange, minus, type NanoUsd, zeroNanoUsd } from '../money.ts'
import type { AttemptLine } from '../protocol.ts'
import type { AccountRow, LeaseRow, LineRow } from '../rows.ts'
import { chargeOf, overrunOf, phantomOf, postedOf } from '../rules/lease.ts'
import { accountNamed, putAccount } from './accounts.ts'
import { learnHabit } from './habits.ts'
import { alert, put, type Turn } from './turn.ts'

/**
 * The only way money moves: a lease becomes another, its accounts follow by the difference, and what no attempt
 * accounts for gets a line of its own. So an account is always the sum of its leases, and of its lines.
 */
export function moveLease(
  turn: Turn,
  before: LeaseRow | null,
  after: LeaseRow,
  attempts: readonly AttemptLine[] = [],
): LeaseRow {
  const phantomNanoUsd = phantomOf(after)
  const next = { ...after, phantomNanoUsd }
  for (const id of next.accounts) {
    const account = accountNamed(turn, id)
    if (account !== null) putAccount(turn, moved(account, before, next))
  }
  for (const attempt of attempts) {
    appendAttempt(turn, next, attempt)
    learnHabit(turn, attempt)
  }
  appendPhantom(turn, next, before?.phantomNanoUsd ?? zeroNanoUsd)
  tellOverrun(turn, before, next)
  put(turn, 'leases', next)
  return next
}

function moved(account: AccountRow, before: LeaseRow | null, after: LeaseRow): AccountRow {
  const follow = (sum: NanoUsd, of: (lease: LeaseRow) => NanoUsd): NanoUsd =>
    exchange(sum, before === null ? zeroNanoUsd : of(before), of(after))
  return {
    ...account,
    chargedNanoUsd: follow(account.chargedNanoUsd, chargeOf),
    postedNanoUsd: follow(account.postedNanoUsd, postedOf),
    phantomNanoUsd: follow(account.phantomNanoUsd, (lease) => lease.phantomNanoUsd),
    overrunNanoUsd: follow(account.overrunNanoUsd, overrunOf),
    refundedNanoUsd: follow(account.refundedNanoUsd, (lease) => lease.refundedNanoUsd),
  }
}

function appendAttempt(turn: Turn, lease: LeaseRow, attempt: AttemptLine): void {
  append(turn, lease, {
    id: `${lease.id}/${attempt.number}`,
    kind: 'attempt',
    amountNanoUsd: attempt.amountNanoUsd,
    basis: attempt.basis,
    attempt,
  })
  if (attempt.isImpossible === true)
    alert(turn, 'impossible_usage', lease.id, attempt.amountNanoUsd, attempt.target)
}

/** Named by what is lost after it, which is another amount each time; the count keeps ids apart. */
function appendPhantom(turn: Turn, lease: LeaseRow, beforeNanoUsd: NanoUsd): void {
  const { phantomNanoUsd } = lease
  if (phantomNanoUsd === beforeNanoUsd) return
  const isMore = phantomNanoUsd > beforeNanoUsd
  append(turn, lease, {
    id: `${lease.id}/${lease.sequence}.${lease.lineCount}-${beforeNanoUsd}-${phantomNanoUsd}`,
    kind: isMore ? 'lost' : 'found',
    amountNanoUsd: isMore
      ? minus(phantomNanoUsd, beforeNanoUsd)
      : minus(beforeNanoUsd, phantomNanoUsd),
    basis: 'worst_case',
    attempt: null,
  })
}

function append(
  turn: Turn,
  { id: leaseId, accounts }: LeaseRow,
  line: Omit<LineRow, 'leaseId' | 'accounts' | 'atMs'>,
): void {
  turn.lines.push({ ...line, leaseId, accounts, atMs: turn.nowMs })
}

function tellOverrun(turn: Turn, before: LeaseRow | null, after: LeaseRow): void {
  const was = before === null ? zeroNanoUsd : overrunOf(before)
  const is = overrunOf(after)
  if (is > was) alert(turn, 'overrun', after.id, minus(is, was))
}
