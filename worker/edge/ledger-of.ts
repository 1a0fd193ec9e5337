import {
  type ClientPlace,
  type ObjectNamespace,
  regionOf,
} from '../../durable-objects/provider-health/place.ts'
import type { TenantLedgerRpc } from '../../durable-objects/tenant-ledger/rpc.ts'
import {
  tenantLedgerStub,
  type TenantLedgerStub,
} from '../../durable-objects/tenant-ledger/stub.ts'

/** Name of the binding. Without it nothing can be asked, and so nothing is spent. */
const bindingName = 'TENANT_LEDGER'

/** The way to the ledgers of tenants, made near the caller of `request`. Throws where none are bound. */
export function ledgerOf(
  request: Request,
  bindings: Readonly<Record<string, unknown>>,
): (tenant: string) => TenantLedgerStub {
  return (tenantId) => {
    const namespace = bindings[bindingName] as ObjectNamespace<TenantLedgerRpc> | undefined
    if (namespace === undefined) throw new Error(`the binding ${bindingName} is not there`)
    const { cf } = request as { readonly cf?: ClientPlace }
    const place = { tenantId, region: regionOf(cf), jurisdiction: null }
    return tenantLedgerStub(namespace, place, { local: bindings['SWITCHYARD_LOCAL'] === '1' })
  }
}
