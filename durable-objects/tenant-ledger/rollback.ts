import type { Exchange, LeaseId } from './protocol.ts'
import { isReadableStatement } from './rules/readable.ts'
import { type LedgerState, metaOf } from './state.ts'

/**
 * A database that was rolled back does not know it: everything that could say so was rolled back with it. Its holders
 * do know: one that speaks of a lease that this ledger has yet to grant holds a lease of a future that was taken back.
 */

/** An epoch is the time of a restore: one that lies further ahead than clocks differ is no epoch but a mistake. */
const clocksDifferMs = 3_600_000

/** The latest epoch that a holder knows of and this ledger does not reach; null while nothing says that it was rolled back. */
export function epochBeyond(
  state: LedgerState,
  { statements }: Exchange,
  nowMs: number,
): number | null {
  const { epoch, lastNumber } = metaOf(state)
  let latest: number | null = null
  for (const said of statements) {
    if (!('leaseId' in said) || !isReadableStatement(said)) continue
    const [ofEpoch, number] = partsOf(said.leaseId)
    const isBeyond = ofEpoch > epoch || (ofEpoch === epoch && number > lastNumber)
    if (isBeyond && ofEpoch <= Math.max(epoch, nowMs + clocksDifferMs))
      latest = Math.max(latest ?? 0, ofEpoch)
  }
  return latest
}

function partsOf(id: LeaseId): readonly [epoch: number, number: number] {
  const [epoch, number] = id.split('.')
  return [Number(epoch), Number(number)]
}

/** The time of the restore, or the next number after every epoch that was. */
export function epochAfter(state: LedgerState, beyond: number, nowMs: number): number {
  return Math.max(nowMs, metaOf(state).epoch + 1, beyond + 1)
}
