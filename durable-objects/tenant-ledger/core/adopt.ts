import type { LeaseId, Statement } from '../protocol.ts'
import type { LeaseRow } from '../rows.ts'
import { newLease } from '../rules/lease.ts'
import { type LedgerState, metaOf } from '../state.ts'
import { noUnits } from './limits.ts'
import { moveLease } from './move.ts'
import { alert, type Turn } from './turn.ts'

function readLeaseId(id: LeaseId): { readonly epoch: number; readonly number: number } {
  const [epoch, number] = id.split('.')
  return { epoch: Number(epoch), number: Number(number) }
}

export function isOfEarlierLife(state: LedgerState, id: LeaseId): boolean {
  return readLeaseId(id).epoch !== metaOf(state).epoch
}

/** It was granted here, ended, and is no longer remembered: nothing about it can change any more. */
export function isForgotten(state: LedgerState, id: LeaseId): boolean {
  const { epoch, number } = readLeaseId(id)
  const meta = metaOf(state)
  const last =
    epoch === meta.epoch ? meta.lastNumber : state.tables.epochs.get(String(epoch))?.lastNumber
  return last !== undefined && number <= last
}

/**
 * Takes in a lease that this ledger granted and does not know since it was restored: charged in full, as it was
 * when it was granted, until the statement that follows says less. Null for a lease that nobody can have granted.
 */
export function adopt(
  turn: Turn,
  holder: string,
  said: Exclude<Statement, { readonly kind: 'void' | 'post' | 'book' }>,
): LeaseRow | null {
  const { state, nowMs } = turn
  const { leaseId, adopt: facts } = said
  const { epoch, number } = readLeaseId(leaseId)
  const isSound = Number.isSafeInteger(epoch) && Number.isSafeInteger(number) && number > 0
  if (!isSound || isForgotten(state, leaseId)) return null
  if (epoch >= metaOf(state).epoch) {
    alert(turn, 'foreign_lease', leaseId)
    return null
  }
  if (facts === undefined) return null
  const lease = newLease({
    id: leaseId,
    kind: 'lease',
    askId: `adopted ${leaseId}`,
    holder,
    scopes: facts.scopes,
    accounts: facts.accounts,
    grantNanoUsd: facts.grantNanoUsd,
    expiresAtMs: nowMs + state.settings.longestStreamMs,
    limits: [],
    units: noUnits,
    unitsAtMs: nowMs,
    // Of an earlier life: nothing is admitted under it any more.
    killVersion: 0,
  })
  alert(turn, 'lease_adopted', leaseId, facts.grantNanoUsd)
  return moveLease(turn, null, lease)
}
