import type { Delivery } from './apply-faults.ts'
import { chunksOfSizes, hurtJson, hurtStream } from './apply-faults.ts'
import { watchCall } from './call-watch.ts'
import type { Watch } from './deliver.ts'
import { bodyOf, pause, silence } from './deliver.ts'
import type { Fault } from './faults.ts'
import type { Incoming } from './incoming.ts'
import { openEntry, readIncoming } from './incoming.ts'
import type { Json } from './json.ts'
import { isObject } from './json.ts'
import { planAnswer } from './plan-answer.ts'
import type { Replay } from './replays.ts'
import type { LoggedRequest } from './request-log.ts'
import type { Pace, SimulatorState } from './state.ts'
import { vendorOf } from './vendors.ts'
import type { Call, ErrorAnswer, Problem, Vendor, WireFormat, Writing } from './wire.ts'
import { problem } from './wire.ts'
import { wires } from './wires/index.ts'

/** What one call is answered from. */
interface Room {
  readonly state: SimulatorState
  readonly vendor: Vendor
  readonly wire: WireFormat
  readonly incoming: Incoming
  readonly sequence: number
  readonly entry: LoggedRequest
  readonly watch: Watch
  readonly pace: Pace
  readonly faults: readonly Fault[]
  readonly nowMs: number
}

/** The provider that is called, by which faults and the log know it, and the vendor that it is played as. */
export interface Called {
  readonly provider: string
  readonly played: string
}

/** Answers one call to `/{provider}{path}` as that provider would. */
export async function serve(
  request: Request,
  { provider, played }: Called,
  path: string,
  state: SimulatorState,
  waitUntil: (promise: Promise<unknown>) => void,
): Promise<Response> {
  const nowMs = Date.now()
  const incoming = await readIncoming(request, path)
  const sequence = state.nextSequence()
  const entry = await openEntry(incoming, provider, sequence, nowMs)
  state.log.add(entry, incoming.text.length)
  const { watch, done } = watchCall(entry, request.signal, Date.now)
  waitUntil(done)
  const replayed = state.takeReplay(provider, incoming.model)
  if (replayed !== null) return answerReplay(replayed.id, replayed.replay, entry, watch)
  const faults = state.takeFaults(provider, incoming.model, nowMs)
  entry.faults = faults.map((fault) => fault.kind)
  const vendor = vendorOf(played)
  const wire = wires[vendor.wire]
  const pace = paceOf(state.pace, faults)
  return answer({ state, vendor, wire, incoming, sequence, entry, watch, pace, faults, nowMs })
}

function paceOf(pace: Pace, faults: readonly Fault[]): Pace {
  const slow = faults.findLast((fault) => fault.kind === 'latency')
  if (slow === undefined) return pace
  return { firstByteMs: slow.firstByteMs, perChunkMs: slow.perChunkMs ?? pace.perChunkMs }
}

async function answerReplay(
  id: string,
  replay: Replay,
  entry: LoggedRequest,
  watch: Watch,
): Promise<Response> {
  entry.replay = id
  const delivery: Delivery = { chunks: chunksOfSizes(replay.bytes, replay.chunks), ending: 'close' }
  const pace = { firstByteMs: 0, perChunkMs: replay.chunkDelayMs }
  return respond(replay.status, replay.headers, delivery, pace, entry, watch)
}

async function answer(room: Room): Promise<Response> {
  const { vendor, wire, watch, pace, incoming, entry } = room
  await pause(pace.firstByteMs, watch)
  for (const fault of room.faults) {
    if (fault.kind === 'hang') {
      await silence(watch)
      return new Response(null, { status: 504 })
    }
    if (fault.kind === 'status') return answerStatus(fault, room)
  }
  const refused = requestProblem(incoming, vendor, wire)
  if (refused !== null) return answerError(wire.writeError(refused, vendor), room)
  const reading = wire.read(incoming.call, vendor)
  if (reading.kind === 'problem') return answerError(wire.writeError(reading.problem, vendor), room)
  if (reading.kind === 'count') return answerJson(room, wire.writeCount(reading.ask), 0)
  const { ask } = reading
  const { sequence, nowMs, state } = room
  const cache = state.cache.look(entry.provider, ask)
  const withUsage = !room.faults.some((fault) => fault.kind === 'noUsage')
  const createdS = Math.floor(nowMs / 1000)
  const planned = planAnswer(ask, { sequence, ...cache })
  return answerAsked(room, {
    vendor,
    call: incoming.call,
    ask,
    answer: planned,
    withUsage,
    sequence,
    createdS,
  })
}

/** What is wrong with a request before its wire format is looked at. */
function requestProblem(incoming: Incoming, vendor: Vendor, wire: WireFormat): Problem | null {
  const refused = wire.authenticate(incoming.call, vendor)
  if (refused !== null) return refused
  const isPost = incoming.call.method === 'POST'
  if (!isPost || isObject(incoming.json)) return null
  return problem(400, 'We could not parse the JSON body of your request.')
}

function answerAsked(room: Room, writing: Writing): Response {
  const { wire, faults, pace, entry, watch, incoming } = room
  const { tokens } = writing.answer
  const { input, cacheRead, cacheWrite } = tokens
  entry.billed = { input, output: 0, cacheRead, cacheWrite }
  if (!writing.ask.stream) return answerJson(room, wire.writeJson(writing), tokens.output)
  const delivery = hurtStream(wire.writeStream(writing), faults, {
    corrupt: (frame) => wire.corrupt(frame),
    errorFrames: (isFirst) => wire.writeErrorFrames(failed, writing, isFirst),
  })
  const headers = { ...jsonHeaders(room), 'content-type': streamType(wire, incoming.call) }
  return respond(200, headers, delivery, pace, entry, watch)
}

const failed = problem(503, 'The simulated provider failed while answering.')

/** A whole answer, or a count, with what the faults make of it. */
function answerJson(room: Room, body: Json, tokens: number): Response {
  const { wire, vendor, faults, pace, entry, watch } = room
  const errorBody = (): Json => wire.writeError(failed, vendor).body
  const delivery = hurtJson(body, tokens, faults, errorBody)
  return respond(200, jsonHeaders(room), delivery, pace, entry, watch)
}

function streamType(wire: WireFormat, call: Call): string {
  return wire.streamType(call)
}

function jsonHeaders(room: Room): Record<string, string> {
  const own = room.wire.responseHeaders?.(room.sequence) ?? {}
  return { 'content-type': 'application/json', ...own }
}

function answerStatus(fault: Fault & { kind: 'status' }, room: Room): Response {
  const { status, headers, body } = fault
  const { wire, vendor } = room
  const own = wire.writeError(problem(status, `Simulated error with status ${status}.`), vendor)
  const text = typeof body === 'string'
  const type = text ? { 'content-type': 'text/plain; charset=utf-8' } : {}
  const bytes = text ? body : JSON.stringify(body ?? own.body)
  const merged = { ...jsonHeaders(room), ...own.headers, ...type, ...lowerCased(headers) }
  return respondText(status, merged, bytes, room)
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  )
}

function answerError(error: ErrorAnswer, room: Room): Response {
  const headers = { ...jsonHeaders(room), ...error.headers }
  return respondText(error.status, headers, JSON.stringify(error.body), room)
}

function respondText(
  status: number,
  headers: Readonly<Record<string, string>>,
  text: string,
  room: Room,
): Response {
  const bytes = new TextEncoder().encode(text)
  const chunks = [{ bytes, tokens: 0, isPaced: false }]
  return respond(status, headers, { chunks, ending: 'close' }, room.pace, room.entry, room.watch)
}

/** Statuses that the fetch standard allows no body for. */
const bodiless = new Set([204, 205, 304])

function respond(
  status: number,
  headers: Readonly<Record<string, string>>,
  delivery: Delivery,
  pace: Pace,
  entry: LoggedRequest,
  watch: Watch,
): Response {
  entry.status = status
  if (bodiless.has(status)) {
    watch.finished()
    return new Response(null, { status, headers })
  }
  return new Response(bodyOf(delivery, pace, watch), { status, headers })
}
