import { isRunId, readEventId, type RunMode } from '../durable-objects/run/protocol.ts'
import { gatewayError, invalidRequest, type GatewayError } from './canonical/errors.ts'
import { type AppContext, coloOf, plainHeaders, refuse } from './doors.ts'
import { isColoInside } from './edge/colos.ts'
import type { Isolate } from './edge/isolate.ts'
import { logFault } from './edge/log.ts'
import type { RequestView } from './edge/requests.ts'
import { PlaceConflict, type Residency } from './edge/residency.ts'
import { askRun, type RunAsk, type RunName, runName } from './edge/run/ask-run.ts'
import type { Caller } from './engine/caller.ts'

/**
 * The door behind authentication for what is not answered here: requests of pinned tenants, whose bodies are handed on
 * unread, and requests that outlive their client. Null: it is answered here, which is all that most requests pay for.
 */
export function runDoor(
  context: AppContext,
  isolate: Isolate,
  headers: Headers,
  caller: Caller,
): Promise<Response> | Response | null {
  const { raw } = context.req
  let residency: Residency | null
  try {
    residency = isolate.residencies.ofCaller(caller)
  } catch (fault) {
    if (!(fault instanceof PlaceConflict)) throw fault
    return refuse(context, isolate, gatewayError('region_unavailable', 451, conflict))
  }
  if (residency !== null) {
    const isOutside = isolate.residencies.isStrict(caller) && !isColoInside(coloOf(raw), residency)
    if (isOutside) return refuse(context, isolate, outside(residency))
  }
  if (raw.method !== 'POST') return null
  const wish = wishOf(headers)
  if (residency === null && wish === null) return null
  const asked = { caller, residency, requestId: context.get('requestId') }
  if (wish?.kind === 'attach') return attach(context, isolate, asked, wish.eventId)
  const isDeferred = wish !== null && isolate.residencies.storesAnswers(caller)
  if (residency === null && !isDeferred) {
    context.set('asksForLater', true)
    return null
  }
  const handed = context.get('handed')
  // It is the object's from here on.
  context.set('handed', undefined)
  const given = handed === undefined ? asked : { ...asked, handed }
  return begin(context, isolate, given, isDeferred ? 'defer' : 'serve')
}

const conflict =
  'routes.json and the ledger of this tenant differ in where it is pinned to: it is served nowhere'

function outside(residency: Residency): GatewayError {
  const message = `this tenant is pinned to "${residency}" strictly, and the request came in at a data centre elsewhere`
  return gatewayError('region_unavailable', 451, message)
}

type Wish = { readonly kind: 'defer' } | { readonly kind: 'attach'; readonly eventId: string }

function wishOf(headers: Headers): Wish | null {
  const eventId = headers.get('last-event-id')
  if (eventId !== null) return { kind: 'attach', eventId }
  const prefer = headers.get('prefer')
  return prefer !== null && /\brespond-async\b/i.test(prefer) ? { kind: 'defer' } : null
}

type Asked = Pick<RunAsk, 'caller' | 'residency' | 'requestId' | 'handed'>

function attach(
  context: AppContext,
  isolate: Isolate,
  asked: Asked,
  eventId: string,
): Promise<Response> | Response {
  const read = readEventId(eventId)
  if (read === null) {
    const rule = 'last-event-id: not the id of an event that this gateway sent'
    return refuse(context, isolate, invalidRequest(rule, 'last-event-id'))
  }
  const run = nameOf(read.runId)
  return send(context, isolate, { ...asked, mode: 'attach', run, after: read.number })
}

async function begin(
  context: AppContext,
  isolate: Isolate,
  asked: Asked,
  mode: Extract<RunMode, 'serve' | 'defer'>,
): Promise<Response> {
  const run = await runName(context.req.raw, asked.caller, asked.requestId, isolate)
  return send(context, isolate, { ...asked, mode, run })
}

/** `GET /v1/jobs/{id}`, as it stands, or from its first event on for whoever reads events. */
export function job(context: AppContext, isolate: Isolate): Promise<Response> | Response {
  const id = context.req.param('id') ?? ''
  if (!isRunId(id)) return refuse(context, isolate, noJob)
  const caller = context.get('caller')
  const { headers } = context.req.raw
  const asked = {
    caller,
    residency: isolate.residencies.ofCaller(caller),
    requestId: context.get('requestId'),
    run: nameOf(id),
  }
  const eventId = headers.get('last-event-id')
  const readsEvents = headers.get('accept')?.includes('text/event-stream') === true
  if (eventId === null && !readsEvents) return send(context, isolate, { ...asked, mode: 'job' })
  const read = eventId === null ? { runId: id, number: 0 } : readEventId(eventId)
  if (read?.runId !== id) return refuse(context, isolate, notOfJob)
  return send(context, isolate, { ...asked, mode: 'attach', after: read.number })
}

const noJob = gatewayError('invalid_request', 404, 'no job of this tenant has this id', {
  param: 'id',
})
const notOfJob = invalidRequest('last-event-id: not an event of this job', 'last-event-id')

/**
 * The record of a request whose object still knows it; null where none does. `isKnown`: by its ledger lines, so that an
 * object that is away only leaves the rest out. The object of a request that had an idempotency key is found by that
 * key, sent again in its header.
 */
export async function recordOf(
  context: AppContext,
  isolate: Isolate,
  id: string,
  isKnown: boolean,
): Promise<RequestView | null> {
  if (!isRunId(id)) return null
  const { raw } = context.req
  const caller = context.get('caller')
  const residency = isolate.residencies.ofCaller(caller)
  if (residency === null) return null
  const run = raw.headers.has('idempotency-key')
    ? await runName(raw, caller, id, isolate)
    : nameOf(id)
  const ask = { caller, residency, requestId: context.get('requestId'), run }
  const answer = await toldBy(() => askRun(raw, context.env, { ...ask, mode: 'record' }), isKnown)
  if (answer?.ok !== true) return null
  const view = (await answer.json()) as RequestView
  return view.id === id || run.runId === id ? view : null
}

async function toldBy(ask: () => Promise<Response>, isKnown: boolean): Promise<Response | null> {
  try {
    return await ask()
  } catch (fault) {
    if (isKnown) return null
    throw fault
  }
}

function nameOf(runId: string): RunName {
  return { runId, isOnce: runId.startsWith('once_') }
}

async function send(context: AppContext, isolate: Isolate, ask: RunAsk): Promise<Response> {
  let answer: Response
  try {
    answer = await askRun(context.req.raw, context.env, ask)
  } catch (fault) {
    logFault(ask.requestId, fault)
    return refuse(context, isolate, away(ask.residency))
  }
  // Made anew: headers of an answer that came over a binding cannot be set.
  const response = new Response(answer.body, answer)
  for (const [name, value] of Object.entries(plainHeaders(context, isolate)))
    if (!response.headers.has(name)) response.headers.set(name, value)
  if (ask.residency !== null && !response.headers.has('x-switchyard-region'))
    response.headers.set('x-switchyard-region', ask.residency)
  return response
}

/** No other place is tried. */
function away(residency: Residency | null): GatewayError {
  const where = residency === null ? '' : ` in "${residency}"`
  const message = `the object that runs this request${where} cannot be reached; try again`
  return gatewayError('no_healthy_target', 503, message, { retryAfterMs: 2000 })
}
