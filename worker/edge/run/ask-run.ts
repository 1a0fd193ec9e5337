import {
  type ClientPlace,
  type ObjectNamespace,
  regionOf,
} from '../../../durable-objects/provider-health/place.ts'
import { runStub, type RunStub } from '../../../durable-objects/run/place.ts'
import {
  contextHeader,
  type RunContext,
  type RunMode,
  writeContext,
} from '../../../durable-objects/run/protocol.ts'
import type { Caller } from '../../engine/caller.ts'
import { idempotencyId } from '../access/digest.ts'
import { readIdempotencyKey } from '../access/idempotency-key.ts'
import type { Isolate } from '../isolate.ts'
import { placeOf } from '../place.ts'
import type { Residency } from '../residency.ts'
import type { HandedCredit } from './handed-credit.ts'

/** Name of the binding. */
const bindingName = 'RUN'

/** What the pipeline in an object needs that was found out at the edge. Plain JSON. */
export interface Hosted {
  readonly caller: Caller
  readonly colo: string | null
  readonly place: ClientPlace | null
  /** Absent: the object asks its ledger by itself. */
  readonly handed?: HandedCredit
}

export interface RunAsk {
  readonly mode: RunMode
  readonly caller: Caller
  readonly requestId: string
  readonly residency: Residency | null
  /** As it is named by the caller, or made for it. */
  readonly run: RunName
  /** The last event that the client has. */
  readonly after?: number
  /** What stands in the place of the request's own body, which has been read. Absent: the body as it comes, unread. */
  readonly body?: string
  /** The caller's idempotency key is claimed already: an object that claimed it again would find it taken. */
  readonly isClaimed?: boolean
  /** What came with its key. */
  readonly handed?: HandedCredit
}

export interface RunName {
  readonly runId: string
  readonly isOnce: boolean
}

/**
 * Sends a request on to an object of its own, its body unread. Throws where the binding is not there or its jurisdiction
 * cannot be had: nothing falls back to anywhere else.
 */
export async function askRun(
  inbound: Request,
  bindings: Readonly<Record<string, unknown>>,
  { mode, caller, requestId, residency, run, after = 0, body, isClaimed = false, handed }: RunAsk,
): Promise<Response> {
  const namespace = bindings[bindingName] as ObjectNamespace<RunStub> | undefined
  if (namespace === undefined) throw new Error(`the binding ${bindingName} is not there`)
  const { tenant } = caller
  const cf = placeOf(inbound)
  const place = { tenant, runId: run.runId, region: regionOf(cf), jurisdiction: residency }
  const stub = runStub(namespace, place, { local: bindings['SWITCHYARD_LOCAL'] === '1' })
  const hosted: Hosted = {
    caller,
    colo: textOf(cf?.colo),
    place: plainPlace(cf),
    ...(handed !== undefined && { handed }),
  }
  const context: RunContext = { mode, ...run, tenant, requestId, residency, after, hosted }
  const headers = withoutCredentials(inbound.headers)
  if (isClaimed) headers.delete('idempotency-key')
  headers.set(contextHeader, writeContext(context))
  const isAsked = mode === 'serve' || mode === 'defer'
  const { url, method, signal } = inbound
  const sent = isAsked ? (body ?? inbound.body) : null
  // A key in a query would be a mistake; the object needs the path alone.
  const target = new URL(new URL(url).pathname, 'https://run.invalid')
  return stub.fetch(new Request(target, { method, headers, body: sent, signal }))
}

/** By the idempotency key of the caller where one is sent, else by the id of the request. */
export async function runName(
  inbound: Request,
  { tenant, keyId }: Caller,
  requestId: string,
  { peppers, hmac }: Isolate,
): Promise<RunName> {
  const read = readIdempotencyKey(inbound.headers.get('idempotency-key'))
  if (read.kind !== 'read') return { runId: requestId, isOnce: false }
  const pepper = peppers.peppers[peppers.current] ?? ''
  const id = await idempotencyId({ tenantId: tenant, keyId }, read.key, pepper, hmac)
  return { runId: `once_${id.slice(0, 32)}`, isOnce: true }
}

/** What proves the caller has done its work. */
const credentials = ['authorization', 'x-api-key', 'cookie', 'proxy-authorization']

function withoutCredentials(inbound: Headers): Headers {
  const headers = new Headers(inbound)
  for (const name of credentials) headers.delete(name)
  return headers
}

/** Of `request.cf`, only what a region is read from. */
function plainPlace(cf: ClientPlace | undefined): ClientPlace | null {
  if (cf === undefined) return null
  const { continent, country, colo, longitude } = cf
  return { continent, country, colo, longitude }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
