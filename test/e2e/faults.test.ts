import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { faultKinds } from '../../simulator/faults.ts'
import { adapters } from '../../worker/providers/index.ts'
import {
  ask,
  dialectIds,
  type DialectId,
  type Question,
  type Seen,
} from '../support/ask-gateway.ts'
import { pool } from '../support/pool.ts'
import { report } from '../support/report.ts'
import { startRawGateway, type RawGateway } from '../support/start-raw-gateway.ts'
import { startSimulator, type RunningSimulator } from '../support/start-simulator.ts'
import {
  emptyRoutes,
  patientTimeouts,
  shippedProvider,
  shortTimeouts,
} from '../support/test-routes.ts'

/**
 * The fault matrix: every fault of the simulator x how the client asks x every
 * adapter of the registry, the rows of the compatible vendors among them, x each
 * dialect x with and without a second provider.
 *
 * Each cell has a target of its own, so that gates and faults of one cell are
 * not seen by another, and cells may run at once.
 */

interface FaultCase {
  readonly name: string
  readonly fault: Readonly<Record<string, unknown>>
  readonly whole: Outcome
  readonly stream: Outcome
}

/** What must follow. `before`: invisible when there is a second provider; `after`: the dialect's error event. */
type Outcome =
  | { readonly kind: 'answer' }
  | { readonly kind: 'refused'; readonly status: number; readonly code: string }
  | { readonly kind: 'before'; readonly status: number; readonly code: string }
  | { readonly kind: 'after'; readonly code: string }

const answer: Outcome = { kind: 'answer' }
const failed: Outcome = { kind: 'before', status: 502, code: 'upstream_error' }
const timedOut: Outcome = { kind: 'before', status: 504, code: 'upstream_timeout' }
const limited: Outcome = { kind: 'before', status: 429, code: 'rate_limited' }
const refused: Outcome = { kind: 'refused', status: 400, code: 'invalid_request' }
const broke: Outcome = { kind: 'after', code: 'upstream_interrupted' }
const stalled: Outcome = { kind: 'after', code: 'upstream_timeout' }

const cases: readonly FaultCase[] = [
  { name: 'none', fault: { kind: 'noUsage' }, whole: answer, stream: answer },
  ...[401, 404, 500, 503, 529].map((status) => ({
    name: `status ${status}`,
    fault: { kind: 'status', status },
    whole: failed,
    stream: failed,
  })),
  {
    name: 'status 400',
    fault: { kind: 'status', status: 400 },
    whole: refused,
    stream: refused,
  },
  {
    name: 'status 429',
    fault: { kind: 'status', status: 429, headers: { 'retry-after': '7' } },
    whole: limited,
    stream: limited,
  },
  {
    name: 'latency within the limit',
    fault: { kind: 'latency', firstByteMs: 30, perChunkMs: 1 },
    whole: answer,
    stream: answer,
  },
  {
    name: 'latency over the limit',
    fault: { kind: 'latency', firstByteMs: 5000 },
    whole: timedOut,
    stream: timedOut,
  },
  { name: 'hang', fault: { kind: 'hang' }, whole: timedOut, stream: timedOut },
  {
    name: 'reset after the headers',
    fault: { kind: 'reset', afterBytes: 0 },
    whole: failed,
    stream: failed,
  },
  {
    name: 'reset in the middle',
    fault: { kind: 'reset', afterBytes: 1500 },
    whole: { kind: 'before', status: 502, code: 'upstream_error' },
    stream: broke,
  },
  ...(['truncate', 'malformed', 'errorEvent'] as const).flatMap((kind) => [
    {
      name: `${kind} at once`,
      fault: { kind, afterEvents: 0 },
      whole: failed,
      stream: failed,
    },
    {
      name: `${kind} in the middle`,
      fault: { kind, afterEvents: 8 },
      whole: failed,
      stream: broke,
    },
  ]),
  {
    name: 'stall at once',
    fault: { kind: 'stall', afterEvents: 0 },
    whole: timedOut,
    stream: timedOut,
  },
  {
    name: 'stall in the middle',
    fault: { kind: 'stall', afterEvents: 8 },
    whole: timedOut,
    stream: stalled,
  },
  { name: 'split', fault: { kind: 'split', bytes: 11 }, whole: answer, stream: answer },
]

const providers = [...adapters.keys()]

/** How the client asks. A usage block turns OpenAI's dialect to the relay, a cost turns Anthropic's away from it. */
interface Mode {
  readonly name: string
  /** Makes a difference at providers of this wire only. */
  readonly only?: string
  readonly dialect: DialectId
  readonly stream: boolean
  readonly more: Readonly<Record<string, unknown>>
}

const modes: readonly Mode[] = [
  ...dialectIds.flatMap((dialect) => [
    { name: 'whole', dialect, stream: false, more: {} },
    { name: 'stream', dialect, stream: true, more: {} },
  ]),
  {
    name: 'stream with usage',
    only: 'openai-chat',
    dialect: 'openai',
    stream: true,
    more: { stream_options: { include_usage: true } },
  },
  {
    name: 'stream with cost',
    only: 'anthropic-messages',
    dialect: 'anthropic',
    stream: true,
    more: { usage: { include: true } },
  },
]

interface Cell {
  readonly id: string
  readonly provider: string
  readonly fault: FaultCase
  readonly mode: Mode
  readonly second: 'openai' | 'anthropic' | null
}

const modesOf = (provider: string): Mode[] =>
  modes.filter(({ only }) => only === undefined || only === adapters.get(provider)?.wire)

const cellsOf = (provider: string): Cell[] =>
  cases.flatMap((fault, faultIndex) =>
    modesOf(provider).flatMap((mode, modeIndex) =>
      [true, false].map((hasSecond) => ({
        id: `${provider}-${faultIndex}-${modeIndex}-${hasSecond ? 'two' : 'one'}`,
        provider,
        fault,
        mode,
        second: hasSecond ? secondOf(provider, faultIndex + modeIndex) : null,
      })),
    ),
  )

function secondOf(provider: string, index: number): 'openai' | 'anthropic' {
  if (provider === 'openai') return 'anthropic'
  if (provider === 'anthropic') return 'openai'
  return index % 2 === 0 ? 'openai' : 'anthropic'
}

/** What every cell asks for: long enough that the middle is after the first token and before the end. */
const words = 40
const expectedText = Array.from({ length: words }, (_, index) => `w${index + 1}`).join(' ')

let gateway: RawGateway
let simulator: RunningSimulator

beforeAll(async () => {
  const routes = emptyRoutes()
  for (const id of new Set([...providers, 'openai', 'anthropic']))
    routes.providers[id] = providerOf(id)
  routes.targets['backup@openai'] = {}
  routes.targets['backup@anthropic'] = {}
  for (const cell of providers.flatMap(cellsOf)) {
    const target = `${cell.id}@${cell.provider}`
    routes.targets[target] = {}
    routes.routes[cell.id] = {
      tiers: [[target], ...(cell.second === null ? [] : [[`backup@${cell.second}`]])],
      timeouts: timed(cell) ? shortTimeouts : patientTimeouts,
    }
  }
  simulator = await startSimulator()
  gateway = await startRawGateway(routes, { SWITCHYARD_SIMULATOR_URL: simulator.url })
})
afterAll(async () => {
  await gateway.close()
  await simulator.close()
})

/** As shipped where it is; an adapter that routes.json does not use gets a plain entry. */
function providerOf(id: string): object {
  try {
    return shippedProvider(id)
  } catch {
    const host = 'api.vendor.example'
    return {
      adapter: id,
      baseUrl: `https://${host}/v1`,
      credential: { kind: 'bearer', secret: 'VENDOR_KEY', host },
    }
  }
}

/** Cells that end by a limit of the route: it is short for them, and long enough everywhere else for a busy machine. */
function timed({ fault: { whole, stream } }: Cell): boolean {
  return [whole, stream].some((one) => one === timedOut || one === stalled)
}

/** Cells that spend their time waiting: for a limit, or before an overloaded provider is asked again. */
function waits(cell: Cell): boolean {
  return timed(cell) || /status (503|529)/.test(cell.fault.name)
}

/**
 * A relay looks at what has passed within the first second, then every second: what it finds is told while there is
 * more to come. (A burst has passed, end mark and all, before anybody looks: robustness.test.ts.)
 */
const pace = { kind: 'latency', perChunkMs: 40 }

function isSlow({ provider, fault, mode }: Cell): boolean {
  return (
    fault.name === 'malformed in the middle' &&
    mode.stream &&
    adapters.get(provider)?.relay === true
  )
}

async function run(cell: Cell): Promise<string[]> {
  const { mode, fault } = cell
  const where = { provider: cell.provider, model: cell.id }
  await simulator.fault({ ...where, fault: fault.fault })
  if (isSlow(cell)) await simulator.fault({ ...where, fault: pace })
  const question: Question = {
    dialect: mode.dialect,
    model: cell.id,
    stream: mode.stream,
    prompt: `[[tokens:${words}]]`,
    more: mode.more,
  }
  const seen = await ask(gateway, question)
  const record = await gateway.logs.waitFor(seen.headers.get('x-switchyard-request-id') ?? '')
  const outcome = mode.stream ? fault.stream : fault.whole
  const problems = judge(cell, seen, outcome, record)
  const lines = gateway.logs.of(seen.headers.get('x-switchyard-request-id') ?? '')
  if (lines.length !== 1) problems.push(`${lines.length} records`)
  return problems.map(
    (problem) =>
      `${fault.name} | ${mode.dialect} ${mode.name} | ${cell.second === null ? 'alone' : 'second'} | ${problem} | ${seen.status} ${seen.raw.slice(-300)}`,
  )
}

function judge(
  cell: Cell,
  seen: Seen,
  outcome: Outcome,
  record: Readonly<Record<string, unknown>>,
): string[] {
  const problems: string[] = []
  const is = (what: string, found: unknown, wanted: unknown) => {
    if (found !== wanted)
      problems.push(`${what}: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`)
  }
  const attempts = Number(seen.headers.get('x-switchyard-attempts'))
  const header = (name: string) => seen.headers.get(`x-switchyard-${name}`)
  is('a request id', /^req_[0-9a-f]{32}$/.test(header('request-id') ?? ''), true)
  is('a reason', header('reason') !== null && header('reason') !== '', true)
  is('a route', header('route'), cell.id)
  const answered = (provider: string) => {
    is('status', seen.status, 200)
    is('text', seen.text, expectedText)
    is('ended', seen.ended, true)
    is('events after the end mark', seen.afterEnd, 0)
    is('error', seen.error, null)
    is('streamed', seen.stream, cell.mode.stream)
    is('provider', header('provider'), provider)
  }
  const refusedWith = (status: number, code: string) => {
    is('status', seen.status, status)
    is('code', seen.error?.code, code)
    is('ended', seen.ended, false)
    is('streamed', seen.stream, false)
    is('an error', seen.error !== null, true)
    is('x-should-retry', seen.headers.get('x-should-retry'), 'false')
    is('provider', header('provider'), cell.provider)
    is('1 to 3 attempts', attempts >= 1 && attempts <= 3, true)
    if (seen.error !== null) shapeOf(cell.mode.dialect, seen, is)
  }
  switch (outcome.kind) {
    case 'answer':
      answered(cell.provider)
      is('attempts', attempts, 1)
      break
    case 'refused':
      refusedWith(outcome.status, outcome.code)
      is('attempts', attempts, 1)
      break
    case 'before':
      if (cell.second !== null) {
        answered(cell.second)
        is('2 or 3 attempts', attempts === 2 || attempts === 3, true)
        is('the reason names the failure', header('reason')?.includes('failed before'), true)
        break
      }
      refusedWith(outcome.status, outcome.code)
      if (outcome.code === 'rate_limited') is('retry-after', seen.headers.get('retry-after'), '7')
      break
    case 'after':
      judgeBroken(cell, seen, outcome.code, record, is)
  }
  return problems
}

type Is = (what: string, found: unknown, wanted: unknown) => void

/** A stream that broke after its first token: what came is a true beginning, the error event is last, no end mark. */
function judgeBroken(
  cell: Cell,
  seen: Seen,
  code: string,
  record: Readonly<Record<string, unknown>>,
  is: Is,
): void {
  is('status', seen.status, 200)
  is('provider', seen.headers.get('x-switchyard-provider'), cell.provider)
  is('some text', seen.text !== '', true)
  const relayed = record['switchyard.plumbing'] === 'relay'
  const attempts = record['switchyard.attempts'] as readonly { outcome: string }[]
  const outcome = attempts.at(-1)?.outcome
  is('a failure in the record', record['switchyard.ending'], 'failed')
  is('an error event', seen.error !== null, true)
  is('ended', seen.ended, false)
  if (relayed && cell.fault.name.startsWith('malformed')) {
    // The runtime had moved the bytes when they were looked at: the client meets the broken event and what followed it.
    is('the broken event', seen.broken, 1)
    is('outcome', outcome, 'malformed')
    is('less than the whole', seen.text.length < expectedText.length, true)
  } else is('a true beginning', expectedText.startsWith(seen.text), true)
  is('events after the error', seen.afterError, 0)
  // On a relay the provider's own error event is the dialect's, and stands.
  if (!(relayed && cell.fault.name.startsWith('errorEvent'))) is('code', seen.error?.code, code)
}

function shapeOf(dialect: DialectId, seen: Seen, is: Is): void {
  const body = JSON.parse(seen.raw) as Record<string, unknown>
  if (dialect === 'anthropic') {
    is('shape', Object.keys(body).toSorted().join(), 'error,request_id,type')
    is('request_id', body['request_id'], seen.headers.get('x-switchyard-request-id'))
    return
  }
  is('shape', Object.keys(body).join(), 'error')
  is(
    'error shape',
    Object.keys(body['error'] as object)
      .toSorted()
      .join(),
    'code,message,param,type',
  )
}

describe('the fault matrix', () => {
  let cells = 0
  const kinds = new Set(cases.map(({ fault }) => fault['kind']))

  it.each(providers)(
    '%s: every fault ends in the answer of the second provider, one typed error, or an error event',
    { timeout: 60_000 },
    async (provider) => {
      const all = cellsOf(provider)
      await simulator.reset()
      const quick = all.filter((cell) => !waits(cell))
      const [waited, ran] = await Promise.all([
        pool(all.filter(waits), 24, run),
        pool(quick, 4, run),
      ])
      const problems = [...waited, ...ran]
      cells += all.length
      expect(problems.flat()).toEqual([])
    },
  )

  it('holds every fault of the simulator, every adapter, every dialect', () => {
    report(
      `fault matrix: ${cells} cells (${cases.length} cases of ${kinds.size} kinds x up to ${Math.max(...providers.map((one) => modesOf(one).length))} ways of asking x ${providers.length} providers x with and without a second)`,
    )
    expect([...kinds].toSorted()).toEqual(faultKinds.toSorted())
    expect(providers).toEqual([...adapters.keys()])
    expect(cells).toBe(providers.flatMap(cellsOf).length)
  })
})
