import type { FieldError } from './faults.ts'
import { isFieldError, parseFaultRule, wholeNumber } from './faults.ts'
import type { Json } from './json.ts'
import { isObject, parseJson } from './json.ts'
import { parseReplay } from './replays.ts'
import { maxStanding, type SimulatorState } from './state.ts'

/** Answers `/__control...`: how the simulator is steered. `path` is what follows `/__control`. */
export async function control(
  request: Request,
  path: string,
  state: SimulatorState,
): Promise<Response> {
  const [, collection = '', id] = path.split('/')
  const text = request.method === 'POST' ? await request.text() : ''
  const body = text === '' ? undefined : parseJson(text)
  const nowMs = Date.now()
  switch (`${request.method} ${collection}`) {
    case 'GET ':
      return Response.json(overview(state, nowMs))
    case 'POST faults':
      return addFault(body, state, nowMs)
    case 'GET faults':
      return Response.json({ faults: faultList(state, nowMs) })
    case 'DELETE faults':
      return removed(state.removeFaults(id ?? null), id)
    case 'POST replay':
      return addReplay(body, state)
    case 'DELETE replay':
      return removed(state.removeReplays(id ?? null), id)
    case 'GET requests':
      return listRequests(new URL(request.url).searchParams, state)
    case 'POST pace':
      return setPace(body, state)
    case 'POST reset':
      state.reset()
      return Response.json({ reset: true })
    default:
      return Response.json({ error: `no control call ${request.method} ${path}` }, { status: 404 })
  }
}

function overview(state: SimulatorState, nowMs: number): Record<string, unknown> {
  return {
    seed: state.seed,
    pace: state.pace,
    faults: faultList(state, nowMs),
    replays: state.replayIds,
    requests: state.log.length,
  }
}

function faultList(state: SimulatorState, nowMs: number): unknown[] {
  return state.listFaults(nowMs).map(({ id, rule, left }) => ({ id, ...rule, left }))
}

/** Every complaint about a control call names the field. */
function refused({ field, message }: FieldError): Response {
  const error = field === '' ? message : `${field} ${message}`
  return Response.json({ error, field }, { status: 400 })
}

function tooMany(): Response {
  return Response.json({ error: `more than ${maxStanding} at once` }, { status: 429 })
}

function addFault(body: Json | undefined, state: SimulatorState, nowMs: number): Response {
  const rule = parseFaultRule(body)
  if (isFieldError(rule)) return refused(rule)
  const id = state.addFault(rule, nowMs)
  return id === null ? tooMany() : Response.json({ id })
}

function addReplay(body: Json | undefined, state: SimulatorState): Response {
  const replay = parseReplay(body)
  if (isFieldError(replay)) return refused(replay)
  const id = state.addReplay(replay)
  return id === null ? tooMany() : Response.json({ id })
}

function removed(count: number, id: string | undefined): Response {
  if (id !== undefined && count === 0) {
    return Response.json({ error: `nothing has the id ${id}`, field: 'id' }, { status: 404 })
  }
  return Response.json({ removed: count })
}

/** `since`: ms since 1970, or an ISO time; inclusive. */
function listRequests(query: URLSearchParams, state: SimulatorState): Response {
  const since = query.get('since')
  const sinceMs = since === null ? 0 : /^\d+$/.test(since) ? Number(since) : Date.parse(since)
  if (Number.isNaN(sinceMs)) {
    return refused({ field: 'since', message: 'must be milliseconds since 1970 or an ISO time' })
  }
  return Response.json({ requests: state.log.list(query.get('provider'), sinceMs) })
}

function setPace(body: Json | undefined, state: SimulatorState): Response {
  if (!isObject(body)) return refused({ field: '', message: 'must be a JSON object' })
  const firstByteMs = wholeNumber(body, 'firstByteMs', 0)
  const perChunkMs = wholeNumber(body, 'perChunkMs', 0)
  for (const one of [firstByteMs, perChunkMs]) {
    if (typeof one === 'object' && one !== null) return refused(one)
  }
  state.pace = {
    firstByteMs: typeof firstByteMs === 'number' ? firstByteMs : state.pace.firstByteMs,
    perChunkMs: typeof perChunkMs === 'number' ? perChunkMs : state.pace.perChunkMs,
  }
  return Response.json({ pace: state.pace })
}
