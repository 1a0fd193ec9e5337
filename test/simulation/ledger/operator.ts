import type { Billed } from '../../../durable-objects/tenant-ledger/events.ts'
import type { NanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import { type LedgerState, metaOf } from '../../../durable-objects/tenant-ledger/state.ts'
import type { LedgerHost } from './ledger-host.ts'
import type { Truth } from './truth.ts'
import type { LedgerWorld } from './world.ts'

/** Somebody has the providers' bills, of everything of which something may be missing, and hard budgets grant again. */
export function releaseByBills({ host, truth, ledgerNowMs, branches }: LedgerWorld): void {
  if (metaOf(host.state).restoredAtMs === null) return
  const event = { kind: 'release', actor: 'ops', billed: billsOf(host.state, truth) } as const
  const charged = chargedOf(host)
  host.take(event, ledgerNowMs)
  if (metaOf(host.state).restoredAtMs !== null) {
    branches.reached('release refused while it can be spent')
    return
  }
  branches.reached('uncertain accounts released')
  if (chargedOf(host) > charged) branches.reached('release charged what was missing')
}

/** Somebody with the provider's bill closes so many lost leases whose holders are dead for what they were. */
export function reconcileLost(world: LedgerWorld, most: number): void {
  const { host, truth } = world
  const living = new Set(world.isolates.map(({ name }) => name))
  let left = most
  for (const lease of host.books.leases.values()) {
    if (lease.state !== 'lost' || living.has(lease.holder)) continue
    const finalNanoUsd = Math.max(truth.ofLease(lease.id), lease.netNanoUsd) as NanoUsd
    if (finalNanoUsd > lease.limitNanoUsd) continue
    if (left <= 0) return
    left -= 1
    const event = { kind: 'reconcile', leaseId: lease.id, finalNanoUsd, actor: 'ops' } as const
    host.take(event, world.ledgerNowMs)
    world.reached('lost lease reconciled')
  }
}

function chargedOf({ books }: LedgerHost): number {
  return [...books.accounts.values()].reduce((sum, { chargedNanoUsd }) => sum + chargedNanoUsd, 0)
}

/** Also of accounts that the restore has lost altogether. */
function billsOf(state: LedgerState, truth: Truth): readonly Billed[] {
  const bills: Billed[] = []
  for (const [accountId, { billed }] of truth.accounts)
    if (isUncertain(state, accountId)) bills.push({ accountId, amountNanoUsd: billed as NanoUsd })
  return bills
}

function isUncertain(state: LedgerState, accountId: string): boolean {
  const { accounts, budgets } = state.tables
  const account = accounts.get(accountId)
  if (account !== undefined) return account.isUncertain
  const [budgetId = '', startsAtMs] = accountId.split('@')
  const restoredAtMs = metaOf(state).restoredAtMs ?? -Infinity
  return budgets.get(budgetId)?.mode === 'hard' && Number(startsAtMs) <= restoredAtMs
}
