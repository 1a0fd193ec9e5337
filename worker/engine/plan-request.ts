import { gatewayError, invalidRequest, type GatewayError } from '../canonical/errors.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import { candidates, nameSpace } from '../edge/runtime.ts'
import { timeoutsSchema, type RouteConfig } from '../edge/config-schema.ts'
import type { Exclusion } from '../policy/candidate.ts'
import { classify } from '../policy/classify.ts'
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
}

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
): PlannedOrRefused {
  const { runtime } = ports
  const space = nameSpace(runtime, caller.tenant)
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
  const settings =
    (resolved.route === null ? undefined : runtime.routes.get(resolved.route)) ?? directSettings
  const { limited, shortened } = limitOutput(request, settings.limits.maxOutputTokens)
  const facts = classify(limited)
  const found = candidates(runtime, resolved.tiers, (target) =>
    ports.health.standing(target, facts.promptTokens),
  )
  const made = plan(limited, found, ports.nowMs(), ports.random, facts)
  if (made.kind === 'none') return refuse(noTarget(request.model, made), made.exclusions)
  return {
    ok: true,
    value: { request: limited, plan: made, route: resolved.route, settings, shortened },
  }
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
