import type { Billed, LedgerEvent } from '../events.ts'
import { isNanoUsd, minusOrZero, type NanoUsd, plus, zeroNanoUsd } from '../money.ts'
import type { AccountRow } from '../rows.ts'
import { closed, newLease } from '../rules/lease.ts'
import { periodAt } from '../rules/period.ts'
import { type LedgerState, metaOf } from '../state.ts'
import { accountNamed } from './accounts.ts'
import { noUnits } from './limits.ts'
import { moveLease } from './move.ts'
import { put, putMeta, type Turn } from './turn.ts'

/**
 * Somebody has accounted for everything that was granted before the last restore: hard budgets grant again. What
 * providers billed beyond what is firmly charged is charged for good, because leases that a restore lost, and that
 * nobody speaks of any more, may have spent it. The reason when it is refused, and then nothing is changed.
 */
export function release(
  turn: Turn,
  { actor, billed = [] }: Extract<LedgerEvent, { readonly kind: 'release' }>,
): string | null {
  const flaw = flawOf(turn, billed)
  if (flaw !== null) return flaw
  for (const one of billed) chargeMissing(turn, one)
  for (const account of turn.state.tables.accounts.values())
    if (account.isUncertain) put(turn, 'accounts', { ...account, isUncertain: false })
  putMeta(turn, { restoredAtMs: null })
  turn.effects.push({ kind: 'audit', action: 'release', actor, subject: 'restored' })
  return null
}

function flawOf(turn: Turn, billed: readonly Billed[]): string | null {
  const leftMs = metaOf(turn.state).frozenUntilMs - turn.nowMs
  // Whatever anybody has counted by now may still grow.
  if (leftMs > 0)
    return `what was granted before the restore can be spent for ${Math.ceil(leftMs / 1000)} s more`
  for (const { accountId, amountNanoUsd } of billed) {
    if (!isNanoUsd(amountNanoUsd)) return `money of ${accountId}`
    if (!isUncertain(turn, accountId)) return `not an uncertain account: ${accountId}`
  }
  return null
}

/** A restore may have lost the account itself: then its id has to be that of a period. */
function isUncertain(turn: Turn, id: string): boolean {
  const { accounts, budgets } = turn.state.tables
  const account = accountNamed(turn, id)
  if (account?.isUncertain !== true) return false
  const budget = budgets.get(account.budgetId)
  if (budget === undefined || accounts.has(id)) return budget !== undefined
  const { startsAtMs } = account
  return periodAt(budget.period, budget.zone, startsAtMs).startsAtMs === startsAtMs
}

/**
 * What can never be charged less: attempt lines, and what closed leases cost beyond theirs. The rest of a charge is
 * of leases whose holders, or somebody with proof, may yet say less: it covers nothing but these leases.
 */
function firmOf(
  { index }: LedgerState,
  { id, postedNanoUsd, phantomNanoUsd }: AccountRow,
): NanoUsd {
  let mayFall = zeroNanoUsd
  for (const lease of index.lost.values())
    if (lease.accounts.includes(id)) mayFall = plus(mayFall, lease.phantomNanoUsd)
  return plus(postedNanoUsd, minusOrZero(phantomNanoUsd, mayFall))
}

function chargeMissing(turn: Turn, { accountId, amountNanoUsd }: Billed): void {
  const account = accountNamed(turn, accountId)
  const budget = turn.state.tables.budgets.get(account?.budgetId ?? '')
  if (account === null || budget === undefined) return
  const missing = minusOrZero(amountNanoUsd, firmOf(turn.state, account))
  if (missing === 0) return
  const { epoch, lastNumber, killVersion } = metaOf(turn.state)
  putMeta(turn, { lastNumber: lastNumber + 1 })
  const lease = newLease({
    id: `${epoch}.${lastNumber + 1}`,
    kind: 'hold',
    askId: `released ${accountId}`,
    holder: 'release',
    scopes: [budget.scope],
    accounts: [accountId],
    grantNanoUsd: missing,
    expiresAtMs: turn.nowMs,
    limits: [],
    units: noUnits,
    unitsAtMs: turn.nowMs,
    killVersion,
  })
  moveLease(turn, null, closed(lease, missing, turn.nowMs))
}
