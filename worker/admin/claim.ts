import { conflictMessage } from '../../durable-objects/tenant-ledger/access/idempotency.ts'
import { gatewayError, invalidRequest, type GatewayError } from '../canonical/errors.ts'
import { idempotencyId, requestDigest } from '../edge/access/digest.ts'
import { readIdempotencyKey } from '../edge/access/idempotency-key.ts'
import { LedgerAway, type TenantCall } from './tenant-door.ts'

/**
 * How a call with an idempotency key stands. `run`: it is ours to do; doing it twice at once does it once. `done`: it
 * was done. `unclear`: somebody began it long ago and nobody knows.
 */
export type Claim =
  | { readonly kind: 'run' | 'done' | 'unclear'; readonly end: Ending }
  | { readonly kind: 'refused'; readonly error: GatewayError }

/** Says how it ended, so that the same call again knows. A word that is lost only makes it `unclear`. */
export type Ending = (how: 'done' | 'refused') => Promise<void>

const nothingToEnd: Ending = () => Promise.resolve()

export type KeyRead =
  | { readonly kind: 'none' }
  | { readonly kind: 'read'; readonly key: string }
  | { readonly kind: 'refused'; readonly error: GatewayError }

export function idempotencyKeyOf(request: Request): KeyRead {
  const read = readIdempotencyKey(request.headers.get('idempotency-key'))
  if (read.kind !== 'invalid') return read
  return { kind: 'refused', error: invalidRequest(read.message, 'idempotency-key') }
}

/** For writes that are not by themselves the same done twice as done once. */
export async function claimOf(call: TenantCall, body: unknown): Promise<Claim> {
  const { peppers, hmac } = call.secrets
  const read = idempotencyKeyOf(call.request)
  if (read.kind === 'refused') return read
  if (read.kind === 'none') return { kind: 'run', end: nothingToEnd }
  const pepper = peppers.peppers[peppers.current] ?? ''
  const owner = { tenantId: call.tenantId, keyId: call.actor }
  const [id, digest] = await Promise.all([
    idempotencyId(owner, read.key, pepper, hmac),
    requestDigest(new URL(call.request.url).pathname, JSON.stringify(body), pepper, hmac),
  ])
  const begun = await call.ask((ledger) =>
    ledger.beginOnce({ id, requestDigest: digest, runId: call.requestId }),
  )
  switch (begun.kind) {
    case 'fresh':
      return { kind: 'run', end: endingOf(call, id, call.requestId) }
    case 'running':
      return { kind: 'run', end: endingOf(call, id, begun.runId) }
    case 'replay':
      return { kind: 'done', end: nothingToEnd }
    case 'conflict':
      if (begun.reason === 'other_request')
        return { kind: 'refused', error: conflict(conflictMessage(begun.reason, begun.runId)) }
      return { kind: begun.reason === 'unknown_outcome' ? 'unclear' : 'done', end: nothingToEnd }
  }
}

export function conflict(message: string): GatewayError {
  return gatewayError('idempotency_conflict', 409, message)
}

/** Nothing of the answer is kept: it may be a key. */
function endingOf(call: TenantCall, id: string, runId: string): Ending {
  const answer = { status: 200, headers: [], chunks: [] }
  return async (how) => {
    try {
      await call.ask((ledger) =>
        how === 'done'
          ? ledger.finishOnce({ id, runId, answer })
          : ledger.abandonOnce({ id, runId }),
      )
    } catch (fault) {
      if (!(fault instanceof LedgerAway)) throw fault
    }
  }
}
