import type { ListedKey } from './access/keys.ts'
import type { TenantRow } from './access/rows.ts'
import { addTotals } from './add-totals.ts'
import { byAmount } from './money.ts'
import { ledgerNamespace, type LedgerPlace, type ObjectNamespace } from './place.ts'
import type { Exchange, ExchangeReply } from './protocol.ts'
import {
  type BeginCall,
  type BeginReply,
  type ConfigureCall,
  type CreateKeyCall,
  type FinishCall,
  type FreezeCall,
  type KeyReply,
  type LedgerAdminReply,
  type LedgerStanding,
  type LinesCall,
  type LinesReply,
  type OnceReply,
  type OpenCall,
  type OpenReply,
  type PinCall,
  type PinReply,
  type PutTenantCall,
  type ReconcileCall,
  type ReleaseCall,
  type RequestLinesCall,
  type RestoreCall,
  type RevokeKeyCall,
  type RewindCall,
  type RewindReply,
  type RotateKeyCall,
  rpcVersion,
  type RunCall,
  type TenantLedgerRpc,
  type TenantReply,
  type ThawCall,
  type TotalsCall,
  type TotalsReply,
} from './rpc.ts'
import type { LineRow } from './rows.ts'

/** The ledger that was asked is the one outside, of a tenant that is pinned. */
export class PinnedElsewhere extends Error {
  readonly residency: string

  constructor(residency: string) {
    super('the ledger of this tenant is inside its jurisdiction')
    this.residency = residency
  }
}

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
  rewind(call: RewindCall): Promise<RewindReply>
  pin(call: PinCall): Promise<PinReply>
  pinned(): Promise<string | null>
  putTenant(call: PutTenantCall): Promise<TenantReply>
  tenant(): Promise<TenantRow | null>
  createKey(call: CreateKeyCall): Promise<KeyReply>
  rotateKey(call: RotateKeyCall): Promise<KeyReply>
  revokeKey(call: RevokeKeyCall): Promise<KeyReply>
  keys(): Promise<readonly ListedKey[]>
  /** Rejects with `PinnedElsewhere` where the tenant is pinned and this is not its jurisdiction. */
  open(call: OpenCall): Promise<OpenReply>
  beginOnce(call: BeginCall): Promise<BeginReply>
  finishOnce(call: FinishCall): Promise<OnceReply>
  abandonOnce(call: RunCall): Promise<OnceReply>
  loseOnce(call: RunCall): Promise<OnceReply>
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
  const whose = place.jurisdiction === null ? {} : { tenantId: place.tenantId }
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
    rewind: async (call) => ledger().rewind(rpcVersion, call),
    pin: async (call) => ledger().pin(rpcVersion, call),
    pinned: async () => ledger().pinned(rpcVersion),
    putTenant: async (call) => ledger().putTenant(rpcVersion, { ...call, ...whose }),
    tenant: async () => ledger().tenant(rpcVersion),
    createKey: async (call) => ledger().createKey(rpcVersion, { ...call, ...whose }),
    rotateKey: async (call) => ledger().rotateKey(rpcVersion, call),
    revokeKey: async (call) => ledger().revokeKey(rpcVersion, call),
    keys: async () => ledger().keys(rpcVersion),
    open: async (call) => {
      const reply = await ledger().open(rpcVersion, { ...call, ...whose })
      if (reply.kind === 'elsewhere') throw new PinnedElsewhere(reply.residency)
      return reply
    },
    beginOnce: async (call) => ledger().beginOnce(rpcVersion, call),
    finishOnce: async (call) => ledger().finishOnce(rpcVersion, call),
    abandonOnce: async (call) => ledger().abandonOnce(rpcVersion, call),
    loseOnce: async (call) => ledger().loseOnce(rpcVersion, call),
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
    groups: groups.toSorted((a, b) => byAmount(a.amountNanoUsd, b.amountNanoUsd)),
    lostNanoUsd,
    foundNanoUsd,
  }
}
