import { gatewayError, type GatewayError } from '../canonical/errors.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import { authorize, type Authorized } from '../edge/access/authorize.ts'
import { nameSpaceOf } from '../edge/access/name-space.ts'
import type { Tags } from '../edge/access/tags.ts'
import type { Runtime } from '../edge/runtime.ts'
import { resolve, type Resolved } from '../policy/resolve.ts'
import type { Caller } from './caller.ts'
import { clip } from './plan-refusals.ts'

/** What the caller named and may use, and the tags that its request counts under. */
export interface ResolvedRequest {
  readonly named: Extract<Resolved, { kind: 'tiers' }>
  readonly tags: Tags
}

/** What stands beside the body, as far as a key may forbid it. */
interface AskedOperation {
  readonly operation: string
  readonly tags: Tags
}

/** From the name in `model` to tiers of targets, or to the refusal of a name that is unknown or forbidden. */
export function resolveRequest(
  request: CanonicalRequest,
  caller: Caller,
  asked: AskedOperation,
  runtime: Runtime,
): ResolvedRequest | GatewayError {
  const space = nameSpaceOf(runtime, caller)
  if (space === null)
    return gatewayError('unauthorized', 401, 'the tenant of this key is not configured')
  const named = resolve([request.model, ...(request.models ?? [])], space)
  if (named.kind === 'unknown') {
    const message = `no route, target or model is named "${clip(named.name)}"`
    return gatewayError('unknown_model', 404, message, { param: 'model' })
  }
  if (named.kind === 'forbidden') {
    const message = `this key may not use "${clip(named.name)}"`
    return gatewayError('route_forbidden', 403, message, { param: 'model' })
  }
  const authorized = authorization(request, named.route, caller, asked, runtime.environment)
  if (authorized.kind === 'denied') {
    const { code, status, message } = authorized
    return gatewayError(code, status, message)
  }
  return { named, tags: authorized.tags }
}

/** Whether the key may do this at all, and the tags that it counts under. */
function authorization(
  request: CanonicalRequest,
  route: string | null,
  { profile }: Caller,
  { operation, tags }: AskedOperation,
  environment: string | null,
): Authorized {
  if (profile === null) return { kind: 'ok', tags }
  const model = route === null ? request.model : null
  return authorize(profile, { route, model, operation, region: null, environment, tags })
}
