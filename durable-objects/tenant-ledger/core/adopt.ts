import { zeroNanoUsd } from '../money.ts'
import type { LeaseId, Statement } from '../protocol.ts'
import type { LeaseRow } from '../rows.ts'
import { chargeOf } from '../rules/lease.ts'
import { type LedgerState, metaOf } from '../state.ts'
import { accountNamed, putAccount } from './accounts.ts'
import { noUnits } from './limits.ts'
import { lessUnknown, moveLease } from './move.ts'
import { alert, type Turn } from './turn.ts'

function readLeaseId(id: LeaseId): { readonly epoch: number; readonly number: number } {
  const [epoch, number] = id.split('.')
  return { epoch: Number(epoch), number: Number(number) }
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
  said: Exclude<Statement, { readonly kind: 'void' | 'post' }>,
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
  const lease: LeaseRow = {
    id: leaseId,
    kind: 'lease',
    askId: `adopted ${leaseId}`,
    holder,
    scopes: facts.scopes,
    accounts: facts.accounts,
    state: 'active',
    grantNanoUsd: facts.grantNanoUsd,
    limitNanoUsd: facts.grantNanoUsd,
    netNanoUsd: zeroNanoUsd,
    overNanoUsd: zeroNanoUsd,
    phantomNanoUsd: zeroNanoUsd,
    lineCount: 0,
    reportedNanoUsd: null,
    sequence: 0,
    finalNanoUsd: null,
    refundedNanoUsd: zeroNanoUsd,
    expiresAtMs: nowMs + state.settings.longestStreamMs,
    endedAtMs: null,
    limits: [],
    units: noUnits,
    unitsAtMs: nowMs,
  }
  for (const id of facts.accounts) {
    const account = accountNamed(turn, id)
    if (account !== null) putAccount(turn, lessUnknown(account, chargeOf(lease)))
  }
  alert(turn, 'lease_adopted', leaseId, facts.grantNanoUsd)
  return moveLease(turn, null, lease)
}
