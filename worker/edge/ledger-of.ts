import {
  type Jurisdiction,
  type ObjectNamespace,
  regionOf,
} from '../../durable-objects/provider-health/place.ts'
import type { TenantLedgerRpc } from '../../durable-objects/tenant-ledger/rpc.ts'
import {
  PinnedElsewhere,
  tenantLedgerStub,
  type TenantLedgerStub,
} from '../../durable-objects/tenant-ledger/stub.ts'
import { placeOf } from './place.ts'
import type { Residencies } from './residency.ts'

/** Name of the binding. Without it nothing can be asked, and so nothing is spent. */
const bindingName = 'TENANT_LEDGER'

type Bindings = Readonly<Record<string, unknown>>

/**
 * The way to the ledgers of tenants: inside the jurisdiction that a tenant is pinned to, or near the caller of
 * `request`. Throws where none are bound.
 */
export function ledgerOf(
  request: Request,
  bindings: Bindings,
  residencies: Residencies,
): (tenant: string) => TenantLedgerStub {
  return (tenant) => {
    const jurisdiction = residencies.of(tenant)
    const stub = ledgerIn(request, bindings, tenant, jurisdiction)
    return jurisdiction === null ? following(stub, request, bindings, tenant, residencies) : stub
  }
}

/** Also where nobody has asked for the tenant here yet: the ledger outside knows whether it is pinned. */
export async function findLedger(
  request: Request,
  bindings: Bindings,
  residencies: Residencies,
  tenant: string,
): Promise<TenantLedgerStub> {
  if (residencies.of(tenant) === null) {
    const residency = await ledgerIn(request, bindings, tenant, null).pinned()
    if (residency !== null) residencies.learn(tenant, residency)
  }
  return ledgerOf(request, bindings, residencies)(tenant)
}

export function ledgerIn(
  request: Request,
  bindings: Bindings,
  tenantId: string,
  jurisdiction: Jurisdiction | null,
): TenantLedgerStub {
  const namespace = bindings[bindingName] as ObjectNamespace<TenantLedgerRpc> | undefined
  if (namespace === undefined) throw new Error(`the binding ${bindingName} is not there`)
  const place = { tenantId, region: regionOf(placeOf(request)), jurisdiction }
  return tenantLedgerStub(namespace, place, { local: bindings['SWITCHYARD_LOCAL'] === '1' })
}

/** A ledger that says where the tenant is pinned to is asked no more: the one there is. */
function following(
  stub: TenantLedgerStub,
  request: Request,
  bindings: Bindings,
  tenant: string,
  residencies: Residencies,
): TenantLedgerStub {
  return {
    ...stub,
    open: async (call) => {
      try {
        return await stub.open(call)
      } catch (fault) {
        if (!(fault instanceof PinnedElsewhere)) throw fault
        const residency = residencies.learn(tenant, fault.residency)
        return ledgerIn(request, bindings, tenant, residency).open(call)
      }
    },
  }
}
