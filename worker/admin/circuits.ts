import type { Context, Env, Hono } from 'hono'
import * as z from 'zod/mini'
import { described, toolText } from '../../durable-objects/described.ts'
import { lazily } from '../../durable-objects/lazily.ts'
import '../../durable-objects/zod-english.ts'
import type { HealthPlace } from '../../durable-objects/provider-health/object-name.ts'
import {
  homeRegionOf,
  type Jurisdiction,
  jurisdictions,
  regions,
  type Region,
} from '../../durable-objects/provider-health/place.ts'
import type { DomainKey } from '../../durable-objects/provider-health/protocol.ts'
import type { ProviderHealthStub } from '../../durable-objects/provider-health/stub.ts'
import { gatewayError, invalidRequest, type GatewayError } from '../canonical/errors.ts'
import { circuitRows, type CircuitRow } from './circuit-rows.ts'
import { askAll, type Asked } from './fan-out.ts'

/** A provider of the configuration, and what is asked of it. */
export interface AdminProvider {
  readonly id: string
  /** Its secrets are set here. */
  readonly callable: boolean
  /** `model@provider`. */
  readonly targets: readonly string[]
}

/** A region, or a jurisdiction: circuits are one for all that is asked from inside of it. */
export type CircuitPlace = Region | Jurisdiction

/** One line for each write: who did what to which circuit, and how far it got. */
export interface CircuitAudit {
  readonly event: 'circuit_admin'
  readonly requestId: string
  readonly adminKeyId: string
  readonly provider: string
  /** Null for the provider's edge. */
  readonly target: string | null
  readonly action: 'open' | 'closed' | 'reset'
  readonly forMs: number | null
  readonly regions: readonly CircuitPlace[]
  readonly unreachable: readonly CircuitPlace[]
}

/** What the calls take from the app they are mounted in. */
export interface CircuitDependencies<E extends Env> {
  stubOf(context: Context<E>, place: HealthPlace): ProviderHealthStub
  providersOf(context: Context<E>): readonly AdminProvider[]
  /** Those with a provider that pinned tenants may use: no other has circuits. */
  jurisdictionsOf(context: Context<E>): readonly Jurisdiction[]
  /** Where the caller is. */
  regionOf(context: Context<E>): Region
  callerOf(context: Context<E>): { readonly requestId: string; readonly adminKeyId: string }
  answer(context: Context<E>, body: object): Response
  refuse(context: Context<E>, error: GatewayError): Response
  log(entry: CircuitAudit): void
}

export const circuitsQuery = lazily(() =>
  z.strictObject({
    provider: z.optional(z.string().check(z.minLength(1))),
    region: z.optional(z.enum([...regions, ...jurisdictions, 'all'])),
  }),
)

/** A day, as `forceMaxMs` of the core's settings: what an operator forgot ends by itself. */
const longestForceMs = 86_400_000

export const forceBody = lazily(() =>
  z.strictObject({
    state: z.enum(['open', 'closed', 'auto']),
    forMs: described(
      z._default(z.int().check(z.minimum(1000), z.maximum(longestForceMs)), 3_600_000),
      toolText('How long it is held, ms; without meaning for `auto`.'),
    ),
  }),
)

/** Such a body has two short fields. */
const maxBodyBytes = 4096

/** The model part that means the provider's edge and all that is the provider's as a whole. */
const edgeName = 'edge'

export function mountCircuits<E extends Env>(app: Hono<E>, deps: CircuitDependencies<E>): void {
  app.get('/admin/v1/circuits', (context) => list(context, deps))
  app.put('/admin/v1/circuits/:provider/:model{.+}', async (context) => {
    const place = placeIn(context, deps)
    if ('code' in place) return deps.refuse(context, place)
    const body = await readBody(context.req.raw)
    if ('code' in body) return deps.refuse(context, body)
    const { state, forMs } = body
    return state === 'auto'
      ? reset(context, deps, place)
      : force(context, deps, place, state, forMs)
  })
  app.delete('/admin/v1/circuits/:provider/:model{.+}', (context) => {
    const place = placeIn(context, deps)
    return 'code' in place ? deps.refuse(context, place) : reset(context, deps, place)
  })
}

async function list<E extends Env>(
  context: Context<E>,
  deps: CircuitDependencies<E>,
): Promise<Response> {
  const query = circuitsQuery().safeParse(context.req.query())
  if (!query.success) return deps.refuse(context, problemOf(query.error))
  const { provider, region = deps.regionOf(context) } = query.data
  const all = deps.providersOf(context)
  const asked = all.filter(({ id, callable }) =>
    provider === undefined ? callable : id === provider,
  )
  if (provider !== undefined && asked.length === 0)
    return deps.refuse(context, unknown('provider', 'no provider of the configuration has this id'))
  const places = asked.flatMap((one) =>
    (region === 'all' ? placesOf(context, deps) : [region]).map((place) => ({
      ...one,
      region: place,
    })),
  )
  const nowMs = Date.now()
  const answers = await askAll(places, async (place) => {
    const reply = await deps.stubOf(context, healthPlace(place.id, place.region)).circuits()
    return circuitRows(place.id, place.region, place.targets, reply, nowMs)
  })
  const data: CircuitRow[] = answers.flatMap(({ reply }) => reply ?? [])
  const unreachable = answers.flatMap(({ of, reply }) =>
    reply === null ? [{ provider: of.id, region: of.region }] : [],
  )
  return deps.answer(context, { object: 'list', data, unreachable })
}

interface Addressed {
  readonly provider: string
  readonly target: string | null
}

/** Hono types parameters by the path's text, which a generic app does not have. */
function placeIn<E extends Env>(
  context: Context<E>,
  deps: CircuitDependencies<E>,
): Addressed | GatewayError {
  const { provider = '', model = '' } = context.req.param() as Readonly<Record<string, string>>
  const known = deps.providersOf(context).find(({ id }) => id === provider)
  if (known === undefined)
    return unknown('provider', 'no provider of the configuration has this id')
  const target = `${model}@${provider}`
  if (known.targets.includes(target)) return { provider, target }
  if (model === edgeName) return { provider, target: null }
  return unknown('model', 'no target of this provider has this model')
}

async function force<E extends Env>(
  context: Context<E>,
  deps: CircuitDependencies<E>,
  addressed: Addressed,
  state: 'open' | 'closed',
  forMs: number,
): Promise<Response> {
  const { provider, target } = addressed
  const key: DomainKey = target === null ? 'edge' : `target:${target}`
  const answers = await askAll(placesOf(context, deps), async (region) => {
    const stub = deps.stubOf(context, healthPlace(provider, region))
    return (await stub.force({ key, state, forMs })).refused
  })
  return done(context, deps, addressed, { action: state, forMs }, answers)
}

/** Lets go of what was forced, and forgets what went wrong: circuit, gate and, for the edge, credentials. */
async function reset<E extends Env>(
  context: Context<E>,
  deps: CircuitDependencies<E>,
  addressed: Addressed,
): Promise<Response> {
  const { provider, target } = addressed
  const answers = await askAll(placesOf(context, deps), async (region) => {
    const stub = deps.stubOf(context, healthPlace(provider, region))
    for (const key of await keysToReset(stub, target)) {
      const { refused } = await stub.reset({ key })
      // What it never heard of is as a reset would leave it.
      if (refused !== null && refused !== 'unknown_key') return refused
    }
    return null
  })
  return done(context, deps, addressed, { action: 'reset', forMs: null }, answers)
}

async function keysToReset(
  stub: ProviderHealthStub,
  target: string | null,
): Promise<readonly DomainKey[]> {
  if (target !== null) return [`target:${target}`, `quota:${target}`]
  const { domains } = await stub.circuits()
  const credentials = domains.map(({ key }) => key).filter((key) => key.startsWith('credential:'))
  return ['edge', 'quota:*', ...credentials]
}

function done<E extends Env>(
  context: Context<E>,
  deps: CircuitDependencies<E>,
  { provider, target }: Addressed,
  what: Pick<CircuitAudit, 'action' | 'forMs'>,
  answers: readonly Asked<CircuitPlace, string | null>[],
): Response {
  const unreachable = answers.flatMap(({ of, failed }) => (failed ? [of] : []))
  const reached = answers.flatMap(({ of, failed, reply }) =>
    !failed && reply === null ? [of] : [],
  )
  const refused = answers.find(({ reply }) => reply !== null)?.reply
  const audit = { ...deps.callerOf(context), provider, target, ...what }
  deps.log({ event: 'circuit_admin', ...audit, regions: reached, unreachable })
  if (reached.length > 0)
    return deps.answer(context, { provider, target, ...what, regions: reached, unreachable })
  return deps.refuse(
    context,
    typeof refused === 'string'
      ? invalidRequest(`the circuits of ${provider} refuse this: ${refused}`)
      : gatewayError('internal', 503, `no circuit of ${provider} could be reached; try again`),
  )
}

async function readBody(
  request: Request,
): Promise<z.output<ReturnType<typeof forceBody>> | GatewayError> {
  const text = await request.text()
  if (text.length > maxBodyBytes)
    return gatewayError('body_too_large', 413, `the body has more than ${maxBodyBytes} bytes`)
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch {
    return invalidRequest('the body must be JSON')
  }
  const body = forceBody().safeParse(raw)
  return body.success ? body.data : problemOf(body.error)
}

/** The first rule that is broken, with the field that breaks it. */
function problemOf(error: z.core.$ZodError): GatewayError {
  const [issue] = error.issues
  const path = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : (issue?.path ?? [])
  const rule = issue?.message ?? 'is not valid'
  if (path.length === 0) return invalidRequest(`the body: ${rule}`)
  const field = path.map(String).join('.')
  return invalidRequest(`${field}: ${rule}`, field)
}

function unknown(param: string, message: string): GatewayError {
  return gatewayError('unknown_model', 404, message, { param })
}

function healthPlace(provider: string, place: CircuitPlace): HealthPlace {
  return isJurisdiction(place)
    ? { provider, region: homeRegionOf(place), jurisdiction: place }
    : { provider, region: place, jurisdiction: null }
}

function isJurisdiction(place: CircuitPlace): place is Jurisdiction {
  return (jurisdictions as readonly string[]).includes(place)
}

function placesOf<E extends Env>(
  context: Context<E>,
  deps: CircuitDependencies<E>,
): readonly CircuitPlace[] {
  return [...regions, ...deps.jurisdictionsOf(context)]
}
