import { gatewayError, invalidRequest, type GatewayError } from '../canonical/errors.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import { allowsTarget, authorize, type Authorized } from '../edge/access/authorize.ts'
import { nameSpaceOf } from '../edge/access/name-space.ts'
import type { Tags } from '../edge/access/tags.ts'
import { candidates } from '../edge/runtime.ts'
import { timeoutsSchema, type RouteConfig } from '../edge/config-schema.ts'
import type { Candidate, Exclusion } from '../policy/candidate.ts'
import { classify, type RequestFacts } from '../policy/classify.ts'
import { plan, type Plan } from '../policy/plan.ts'
import { resolve } from '../policy/resolve.ts'
import type { Caller } from './caller.ts'
import type { Ports } from './ports.ts'

export interface PlannedRequest {
  /** The caller's request with the route's limits laid over it. */
  readonly request: CanonicalRequest
  readonly plan: Extract<Plan, { kind: 'steps' }>
  readonly route: string | null
  readonly settings: RouteSettings
  /** The route allows a shorter answer than the caller asked for. */
  readonly shortened: boolean
  /** Those of the key over those of the caller. */
  readonly tags: Tags
  /** A budget has crossed a threshold that asks for cheaper targets: they stand in front. */
  readonly isThrifty: boolean
}

/** What stands beside the body of a request. */
export interface Asked {
  readonly operation: 'chat' | 'count_tokens'
  readonly tags: Tags
}

export const plainChat: Asked = { operation: 'chat', tags: {} }

export type RouteSettings = Pick<RouteConfig, 'timeouts' | 'heartbeatAfterMs' | 'limits'>

export type PlannedOrRefused =
  | { readonly ok: true; readonly value: PlannedRequest }
  | { readonly ok: false; readonly error: GatewayError; readonly exclusions: readonly Exclusion[] }

/** Settings of a request that names a target or a model instead of a route: the schema's own defaults. */
const directSettings: RouteSettings = {
  timeouts: timeoutsSchema.parse({}),
  heartbeatAfterMs: 15_000,
  limits: { maxAttempts: 3 },
}

/** From the name in `model` to an ordered plan, or to the refusal that says why there is none. */
export function planRequest(
  request: CanonicalRequest,
  caller: Caller,
  ports: Ports,
  asked: Asked = plainChat,
): PlannedOrRefused {
  const { runtime } = ports
  const space = nameSpaceOf(runtime, caller)
  if (space === null)
    return refuse(gatewayError('unauthorized', 401, 'the tenant of this key is not configured'))
  const resolved = resolve([request.model, ...(request.models ?? [])], space)
  if (resolved.kind === 'unknown')
    return refuse(
      gatewayError(
        'unknown_model',
        404,
        `no route, target or model is named "${clip(resolved.name)}"`,
        { param: 'model' },
      ),
    )
  if (resolved.kind === 'forbidden')
    return refuse(
      gatewayError('route_forbidden', 403, `this key may not use "${clip(resolved.name)}"`, {
        param: 'model',
      }),
    )
  const { profile } = caller
  const authorized = authorization(request, resolved.route, caller, asked, runtime.environment)
  if (authorized.kind === 'denied') {
    const { code, status, message } = authorized
    return refuse(gatewayError(code, status, message))
  }
  const settings =
    (resolved.route === null ? undefined : runtime.routes.get(resolved.route)) ?? directSettings
  const { limited, shortened } = limitOutput(request, settings.limits.maxOutputTokens)
  const facts = classify(limited)
  const found = candidates(runtime, resolved.tiers, (target) =>
    ports.health.standing(target, facts.promptTokens),
  )
  const { route } = resolved
  const { tags } = authorized
  const isThrifty = ports.money.asksToDegrade({ caller, route, tags })
  const made = planAllowed(limited, found, facts, profile, isThrifty, ports)
  if (made === null) return refuse(forbiddenTargets(request.model))
  if (made.kind === 'none') return refuse(noTarget(request.model, made), made.exclusions)
  return {
    ok: true,
    value: { request: limited, plan: made, route, settings, shortened, tags, isThrifty },
  }
}

/** Whether the key may do this at all, and the tags that it counts under. */
function authorization(
  request: CanonicalRequest,
  route: string | null,
  { profile }: Caller,
  { operation, tags }: Asked,
  environment: string | null,
): Authorized {
  if (profile === null) return { kind: 'ok', tags }
  const model = route === null ? request.model : null
  return authorize(profile, { route, model, operation, region: null, environment, tags })
}

/** The plan over what the key may call; null when it may call none of what there is. */
function planAllowed(
  request: CanonicalRequest,
  found: readonly Candidate[],
  facts: RequestFacts,
  profile: Caller['profile'],
  isThrifty: boolean,
  ports: Ports,
): Plan | null {
  const { kept, exclusions } = allowed(found, profile, ports)
  if (kept.length === 0 && exclusions.length > 0) return null
  const made = plan(request, kept, ports.nowMs(), ports.random, facts, isThrifty)
  return { ...made, exclusions: [...exclusions, ...made.exclusions] }
}

function forbiddenTargets(model: string): GatewayError {
  const message = `this key may use no target of "${clip(model)}"`
  return gatewayError('route_forbidden', 403, message, { param: 'model' })
}

/** Leaves out what the key may not call, each with its reason: the filter over every attempt. */
function allowed(
  found: readonly Candidate[],
  profile: Caller['profile'],
  { runtime }: Ports,
): { readonly kept: readonly Candidate[]; readonly exclusions: readonly Exclusion[] } {
  if (profile === null || (profile.grant.models === null && profile.grant.regions === null))
    return { kept: found, exclusions: [] }
  const kept: Candidate[] = []
  const exclusions: Exclusion[] = []
  for (const candidate of found) {
    const { target, model, provider } = candidate
    const regions = runtime.targets.get(target)?.provider.regions ?? []
    if (allowsTarget(profile, { model, provider, regions })) kept.push(candidate)
    else exclusions.push({ target, reason: 'the key that asks may not use it' })
  }
  return { kept, exclusions }
}

function refuse(error: GatewayError, exclusions: readonly Exclusion[] = []): PlannedOrRefused {
  return { ok: false, error, exclusions }
}

function limitOutput(
  request: CanonicalRequest,
  most: number | undefined,
): { limited: CanonicalRequest; shortened: boolean } {
  const asked = request.maxOutputTokens
  if (most === undefined || (asked !== undefined && asked <= most))
    return { limited: request, shortened: false }
  return { limited: { ...request, maxOutputTokens: most }, shortened: asked !== undefined }
}

function noTarget(
  model: string,
  { exclusions, facts }: Extract<Plan, { kind: 'none' }>,
): GatewayError {
  const reasons = exclusions.map(({ target, reason }) => `${target}: ${reason}`).join('; ')
  const message = `no target of "${clip(model)}" can answer this request (${reasons})`
  if (exclusions.every(({ unavailable }) => unavailable === true))
    return gatewayError('no_healthy_target', 503, message)
  const param = [...facts.needs, ...facts.preferred, ...facts.wishes].find(({ param }) =>
    reasons.includes(`"${param}"`),
  )?.param
  return invalidRequest(message, param ?? facts.wires.find(({ hard }) => hard)?.param ?? 'provider')
}

function clip(name: string): string {
  return name.length > 200 ? `${name.slice(0, 197)}...` : name
}
