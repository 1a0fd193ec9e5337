import { forgottenAtMs } from './keys.ts'
import type { AccessChange, KeyRow, TenantRow } from './rows.ts'
import type { AccessSettings } from './settings.ts'
import { plainTenant } from './tenant.ts'

/** Keys and the tenant as they are stored; idempotency is read from the rows each time. */
export interface AccessState {
  readonly keys: Map<string, KeyRow>
  /** Null: nobody has put it. */
  tenant: TenantRow | null
}

/** The rules of a tenant that nobody has put are those of the configuration. */
export function tenantOf({ tenant }: AccessState, tenantId: string): TenantRow {
  return tenant ?? plainTenant(tenantId)
}

/** Keys lie in the order in which they were last written, as their rows do: an eviction moves none. */
export function applyAccess(state: AccessState, changes: readonly AccessChange[]): void {
  for (const { table, id, row } of changes)
    if (table === 'tenant') state.tenant = row
    else if (table === 'keys') {
      state.keys.delete(id)
      if (row !== null) state.keys.set(id, row)
    }
}

/** When the next dead key is to be forgotten; Infinity when none is dead. */
export function keysDueMs({ keys }: AccessState, settings: AccessSettings): number {
  let dueMs = Infinity
  for (const key of keys.values()) dueMs = Math.min(dueMs, forgottenAtMs(keys, key, settings))
  return dueMs
}
