import { allows } from '../../../durable-objects/tenant-ledger/access/grant.ts'
import type { KeyProfile, Rejection } from '../../../durable-objects/tenant-ledger/access/verify.ts'
import type { ErrorCode } from '../../canonical/errors.ts'
import { mergeTags, type Tags } from './tags.ts'

/** What a request is about. Null: it says nothing of it. */
export interface RequestFacts {
  readonly route: string | null
  /** A model or `model@provider` that the caller named itself; those of a route are for `allowsTarget`. */
  readonly model: string | null
  /** `chat`, `embeddings`, `images`, ... */
  readonly operation: string
  /** Where it is to be processed, when that is settled already. */
  readonly region: string | null
  /** Of this deployment, such as `production`. */
  readonly environment: string | null
  /** Of the header. */
  readonly tags: Tags
}

export interface Denial {
  readonly kind: 'denied'
  readonly code: Extract<
    ErrorCode,
    'route_forbidden' | 'unauthorized' | 'key_revoked' | 'invalid_request'
  >
  readonly status: 400 | 401 | 403
  readonly message: string
}

export type Authorized = { readonly kind: 'ok'; readonly tags: Tags } | Denial

/** Whether a key may do this; `tags` are those that the request counts under. */
export function authorize({ grant, requiredTags }: KeyProfile, facts: RequestFacts): Authorized {
  const { route, model, operation, region, environment } = facts
  if (!allows('operations', grant.operations, operation)) return forbidden('operation', operation)
  if (route !== null && !allows('routes', grant.routes, route)) return forbidden('route', route)
  // A model that is named past all routes is not in the list of routes.
  if (route === null && model !== null && grant.routes !== null && grant.models === null)
    return forbidden('model', model, 'it may name its routes only')
  if (model !== null && !allows('models', grant.models, model)) return forbidden('model', model)
  if (region !== null && !allows('regions', grant.regions, region))
    return forbidden('region', region)
  if (
    grant.environments !== null &&
    (environment === null || !grant.environments.includes(environment))
  )
    return forbidden('environment', environment ?? 'unnamed')
  const tags = mergeTags(grant.tags, facts.tags)
  const missing = requiredTags.find((name) => !Object.hasOwn(tags, name))
  if (missing !== undefined)
    return {
      kind: 'denied',
      code: 'invalid_request',
      status: 400,
      message: `a budget is kept by the tag "${missing}": send x-switchyard-tags: ${missing}=...`,
    }
  return { kind: 'ok', tags }
}

/** Whether a target of a plan may be called with this key: the filter over every attempt. */
export function allowsTarget(
  { grant }: KeyProfile,
  target: {
    readonly model: string
    readonly provider: string
    readonly regions: readonly string[]
  },
): boolean {
  const isModel = allows('models', grant.models, `${target.model}@${target.provider}`)
  const { regions } = grant
  // Every region that a provider may process in has to be allowed: nobody can choose among them.
  const isRegion =
    regions === null ||
    (target.regions.length > 0 && target.regions.every((one) => regions.includes(one)))
  return isModel && isRegion
}

/** What a caller is told whose key was not verified. Whether a key exists is told to nobody who has not its secret. */
export function denialOf(reason: Rejection | 'malformed'): Denial {
  switch (reason) {
    case 'revoked':
      return unauthorized('key_revoked', 'this key has been revoked')
    case 'expired':
      return unauthorized('unauthorized', 'this key has expired')
    case 'malformed':
    case 'unknown':
    case 'wrong_secret':
      return unauthorized('unauthorized', 'no valid key: send authorization: Bearer sk-sy-...')
  }
}

function unauthorized(code: 'unauthorized' | 'key_revoked', message: string): Denial {
  return { kind: 'denied', code, status: 401, message }
}

function forbidden(scope: string, name: string, why = 'its scopes do not name it'): Denial {
  return {
    kind: 'denied',
    code: 'route_forbidden',
    status: 403,
    message: `this key may not use the ${scope} "${name.slice(0, 128)}": ${why}`,
  }
}
