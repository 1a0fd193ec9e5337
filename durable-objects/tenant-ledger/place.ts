import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import {
  namespaceAt,
  type ObjectNamespace,
  type PlacedNamespace,
  type Whereabouts,
  withoutStandIn,
} from '../provider-health/place.ts'

export type { Jurisdiction, ObjectNamespace, Region } from '../provider-health/place.ts'

/**
 * Where the ledger of a tenant is: inside the jurisdiction that the tenant is pinned to, or near `region`, which only
 * counts when it is first reached: an object does not move afterwards.
 */
export interface LedgerPlace extends Whereabouts {
  readonly tenantId: string
}

/**
 * As `routes.json` and keys have it. Names of objects are logged by the platform outside any jurisdiction, so inside of
 * one the name is a digest; outside, where it says nothing that a log line does not, it is the id itself.
 */
const tenantForm = /^[a-z0-9][a-z0-9._-]{0,63}$/

/**
 * The one way to choose where a ledger is. A tenant whose jurisdiction changes gets another, empty ledger: there is
 * no way back to the plain namespace.
 */
export function ledgerNamespace<Stub>(
  namespace: ObjectNamespace<Stub>,
  { tenantId, region, jurisdiction }: LedgerPlace,
  options: { readonly local: boolean },
): { readonly name: string; readonly placed: PlacedNamespace<Stub> } {
  if (!tenantForm.test(tenantId)) throw new RangeError('a ledger is named by the id of a tenant')
  const name = jurisdiction === null ? tenantId : pinnedLedgerName(tenantId)
  return { name, placed: namespaceAt(namespace, { region, jurisdiction }, options) }
}

/** Of a ledger inside a jurisdiction: whoever reads it does not learn whose it is. */
export function pinnedLedgerName(tenantId: string): string {
  return `t-${bytesToHex(sha256(utf8ToBytes(`ledger ${tenantId}`))).slice(0, 40)}`
}

/** What an object is called, read back by the object itself. `pinnedTo` is the jurisdiction of its id. */
export function readLedgerName(
  fullName: string,
  pinnedTo: string | undefined,
): { readonly tenantId: string; readonly jurisdiction: string | null } {
  const { name, jurisdiction } = withoutStandIn(fullName)
  if (!tenantForm.test(name)) throw new Error('a ledger has another name than the id of a tenant')
  return { tenantId: name, jurisdiction: pinnedTo ?? jurisdiction }
}
