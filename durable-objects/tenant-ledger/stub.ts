import { addTotals } from './add-totals.ts'
import { ledgerNamespace, type LedgerPlace, type ObjectNamespace } from './place.ts'
import type { Exchange, ExchangeReply } from './protocol.ts'
import {
  type ConfigureCall,
  type FreezeCall,
  type LedgerAdminReply,
  type LedgerStanding,
  type LinesCall,
  type LinesReply,
  type ReconcileCall,
  type ReleaseCall,
  type RequestLinesCall,
  type RestoreCall,
  rpcVersion,
  type TenantLedgerRpc,
  type ThawCall,
  type TotalsCall,
  type TotalsReply,
} from './rpc.ts'
import type { LineRow } from './rows.ts'

/** One tenant's ledger, from outside. */
export interface TenantLedgerStub {
  exchange(exchange: Exchange): Promise<ExchangeReply>
  configure(call: ConfigureCall): Promise<LedgerAdminReply>
  freeze(call: FreezeCall): Promise<LedgerAdminReply>
  thaw(call: ThawCall): Promise<LedgerAdminReply>
  budgets(): Promise<LedgerStanding>
  lines(call: LinesCall): Promise<LinesReply>
  /** All of a time, in as many calls as it takes; groups with the largest amount first. */
  lineTotals(call: Omit<TotalsCall, 'cursor'>): Promise<Omit<TotalsReply, 'nextCursor'>>
  requestLines(call: RequestLinesCall): Promise<readonly LineRow[]>
  reconcile(call: ReconcileCall): Promise<LedgerAdminReply>
  restore(call: RestoreCall): Promise<LedgerAdminReply>
  release(call: ReleaseCall): Promise<LedgerAdminReply>
}

/** The one way to the ledger of a tenant. */
export function tenantLedgerStub(
  namespace: ObjectNamespace<TenantLedgerRpc>,
  place: LedgerPlace,
  options: { readonly local: boolean },
): TenantLedgerStub {
  const { name, placed } = ledgerNamespace(namespace, place, options)
  /** A new one for each call, because many failures leave a stub broken. */
  const ledger = (): TenantLedgerRpc => placed.get(placed.idFromName(name))
  return {
    exchange: async (exchange) => ledger().exchange(rpcVersion, exchange),
    configure: async (call) => ledger().configure(rpcVersion, call),
    freeze: async (call) => ledger().freeze(rpcVersion, call),
    thaw: async (call) => ledger().thaw(rpcVersion, call),
    budgets: async () => ledger().budgets(rpcVersion),
    lines: async (call) => ledger().lines(rpcVersion, call),
    lineTotals: (call) => allTotals(ledger, call),
    requestLines: async (call) => ledger().requestLines(rpcVersion, call),
    reconcile: async (call) => ledger().reconcile(rpcVersion, call),
    restore: async (call) => ledger().restore(rpcVersion, call),
    release: async (call) => ledger().release(rpcVersion, call),
  }
}

async function allTotals(
  ledger: () => TenantLedgerRpc,
  call: Omit<TotalsCall, 'cursor'>,
): Promise<Omit<TotalsReply, 'nextCursor'>> {
  let all = await ledger().lineTotals(rpcVersion, { ...call, cursor: null })
  while (all.nextCursor !== null)
    all = addTotals(all, await ledger().lineTotals(rpcVersion, { ...call, cursor: all.nextCursor }))
  const { groups, lostNanoUsd, foundNanoUsd } = all
  return {
    groups: groups.toSorted((a, b) => b.amountNanoUsd - a.amountNanoUsd),
    lostNanoUsd,
    foundNanoUsd,
  }
}
