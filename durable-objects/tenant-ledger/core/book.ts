import { zeroNanoUsd } from '../money.ts'
import type { Statement } from '../protocol.ts'
import { closed, newLease, withLine } from '../rules/lease.ts'
import { bookedId, metaOf } from '../state.ts'
import { fundsOf } from './accounts.ts'
import { noUnits } from './limits.ts'
import { moveLease } from './move.ts'
import { alert, put, putMeta, type Turn } from './turn.ts'

/**
 * Takes in an attempt that nothing was set aside for, because the ledger was out of reach. It is what it cost: soft
 * budgets take it as spent, and in a hard one, where it should not have happened, it is an overrun.
 */
export function book(
  turn: Turn,
  holder: string,
  { askId, scopes, line }: Extract<Statement, { readonly kind: 'book' }>,
): void {
  const { state, nowMs } = turn
  const id = bookedId(askId)
  const { asks } = state.tables
  // Under its own id by the version before.
  if (asks.has(id) || asks.has(askId)) return
  const funds = fundsOf(turn, [...new Set(scopes)])
  const isHard = funds.some(({ budget }) => budget.mode === 'hard')
  const { epoch, lastNumber, killVersion } = metaOf(state)
  putMeta(turn, { lastNumber: lastNumber + 1 })
  const { amountNanoUsd } = line
  const fresh = newLease({
    id: `${epoch}.${lastNumber + 1}`,
    kind: 'hold',
    askId,
    holder,
    scopes,
    accounts: funds.map(({ account }) => account.id),
    grantNanoUsd: isHard ? zeroNanoUsd : amountNanoUsd,
    expiresAtMs: nowMs,
    limits: [],
    units: noUnits,
    unitsAtMs: nowMs,
    killVersion,
  })
  const first = { ...line, number: 1, worstNanoUsd: amountNanoUsd }
  moveLease(turn, null, closed(withLine(fresh, first), amountNanoUsd, nowMs), [first])
  put(turn, 'asks', { id, leaseId: fresh.id, atMs: nowMs })
  if (isHard) alert(turn, 'booked_beyond_budget', fresh.id, amountNanoUsd)
}
