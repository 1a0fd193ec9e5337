import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import {
  namespaceAt,
  type ObjectNamespace,
  type Whereabouts,
  withoutStandIn,
} from '../provider-health/place.ts'

export interface RunPlace extends Whereabouts {
  readonly tenant: string
  readonly runId: string
}

/** A digest: the platform logs names outside any jurisdiction, and another tenant's run is another object. */
export function runObjectName(tenant: string, runId: string): string {
  return bytesToHex(sha256(utf8ToBytes(`run ${tenant.length}:${tenant}${runId}`)))
}

/** The object of a request, from outside. */
export interface RunStub {
  fetch(request: Request): Promise<Response>
}

/** The one way to the object of a request. */
export function runStub(
  namespace: ObjectNamespace<RunStub>,
  { tenant, runId, ...where }: RunPlace,
  options: { readonly local: boolean },
): RunStub {
  const placed = namespaceAt(namespace, where, options)
  return placed.get(placed.idFromName(runObjectName(tenant, runId)))
}

/** What an object is called, read back by the object itself. `pinnedTo` is the jurisdiction of its id. */
export function readRunName(
  fullName: string,
  pinnedTo: string | undefined,
): { readonly name: string; readonly residency: string | null } {
  const { name, jurisdiction } = withoutStandIn(fullName)
  return { name, residency: pinnedTo ?? jurisdiction }
}
