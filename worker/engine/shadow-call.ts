import type { CanonicalEvent } from '../canonical/events.ts'
import { failure, type Failure } from '../canonical/failure.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import { costNanoUsd } from '../catalog/index.ts'
import type { OpenStream } from './open-stream.ts'
import type { BodyReader } from './body-reader.ts'
import { generatedBytes, usageOf } from './call-seen.ts'
import type { CarryEnding } from './carry.ts'
import type { Turn } from './health-port.ts'
import { endFailed, type Leg, Sender } from './leg.ts'
import type { MoneyPort } from './money-port.ts'
import { OutputCheck } from './output-check.ts'
import type { Departure, Ports } from './ports.ts'
import type { Shadow } from './shadow.ts'
import type { ShadowRecord } from './shadow-port.ts'
import { attend, outcomeOf, seenOfStream } from './stream-ending.ts'

/** What a shadow answered. */
export interface ShadowAnswer {
  readonly outcome: ShadowRecord['outcome']
  readonly events: readonly CanonicalEvent[]
  readonly isBroken: boolean
  readonly costNanoUsd: number | null
  readonly firstTokenMs: number | null
  readonly durationMs: number
}

export const unpaidShadow: ShadowAnswer = {
  outcome: 'unpaid',
  events: [],
  isBroken: false,
  costNanoUsd: null,
  firstTokenMs: null,
  durationMs: 0,
}

/** Makes the call of a shadow as any call is made: held, watched, paid for. */
export async function askShadow(
  { step, billing, request, config, promptTokens }: Shadow,
  money: MoneyPort,
  ports: Ports,
): Promise<ShadowAnswer> {
  const { timeoutMs } = config
  const deadlineAtMs = ports.nowMs() + timeoutMs
  const limits = {
    firstTokenTimeoutMs: timeoutMs,
    answerTimeoutMs: timeoutMs,
    deadlineAtMs,
    maxAttempts: 1,
    promptTokens,
    billing,
    ...turnOfShadow(ports),
  }
  const sender = new Sender(request, limits, () => false, apart(ports, money))
  try {
    const leg = await sender.send(step, 1, 0, (isShorter) => !isShorter)
    return leg === null || 'error' in leg
      ? unpaidShadow
      : await answerOf(leg, request, deadlineAtMs, ports)
  } catch (fault) {
    sender.abandon()
    throw fault
  }
}

async function answerOf(
  leg: Leg,
  request: CanonicalRequest,
  deadlineAtMs: number,
  ports: Ports,
): Promise<ShadowAnswer> {
  const result = await leg.result
  const nowMs = ports.nowMs()
  const firstTokenMs = nowMs - leg.sentAtMs
  if (result.kind === 'failed') {
    endFailed(leg, result, request.stream, nowMs)
    return { ...unpaidShadow, outcome: result.failure.class, durationMs: firstTokenMs }
  }
  if (result.kind === 'whole') return ended(leg, request, result.events, null, ports)
  const { stream } = result
  if (stream.source.kind !== 'translate') throw new Error('a shadow was relayed')
  leg.attendance.firstToken(firstTokenMs)
  stream.control.arm(deadlineAtMs - nowMs, 'deadline')
  const events = await drained(stream, stream.source.reader)
  stream.control.release()
  return ended(leg, request, events, firstTokenMs, ports)
}

/** All events of a stream, to its end or to where it broke. */
async function drained(
  { control, decoder, events }: OpenStream,
  reader: BodyReader,
): Promise<readonly CanonicalEvent[]> {
  const all = [...events]
  const isOver = () => all.at(-1)?.type === 'finish' || all.at(-1)?.type === 'failure'
  while (!isOver()) {
    try {
      const bytes = await reader.read()
      all.push(...(bytes === null ? decoder.end() : decoder.push(bytes)))
    } catch {
      all.push({ type: 'failure', failure: control.failure(brokenConnection) })
    }
  }
  reader.cancel().catch(() => undefined)
  return all
}

const brokenConnection: Failure = failure(
  'truncated',
  'the connection to the provider of the shadow broke',
)

function ended(
  leg: Leg,
  request: CanonicalRequest,
  events: readonly CanonicalEvent[],
  firstTokenMs: number | null,
  ports: Ports,
): ShadowAnswer {
  const durationMs = ports.nowMs() - leg.sentAtMs
  const check = OutputCheck.of(request)
  const ending = endingOf(events, check)
  const outcome = outcomeOf(ending)
  const first = firstTokenMs === null ? {} : { firstTokenMs }
  const seen = seenOfStream(ending, { events })
  leg.account.settle({ ...seen, outcome, durationMs, ...first, status: 200 })
  const prices = leg.target.facts?.prices ?? null
  const { usage } = ending
  const cost = usage === undefined || prices === null ? null : costNanoUsd(usage, prices)
  attend(leg.attendance, ending, durationMs, cost, check)
  const isBroken = ending.broken === true
  return { outcome, events, isBroken, costNanoUsd: cost, firstTokenMs, durationMs }
}

function endingOf(events: readonly CanonicalEvent[], check: OutputCheck | null): CarryEnding {
  for (const event of events) check?.see(event)
  const usage = usageOf(events)
  const last = events.at(-1)
  const counted = {
    receivedBytes: generatedBytes(events),
    ...(usage === undefined ? {} : { usage }),
  }
  if (last?.type !== 'finish') {
    const broken = last?.type === 'failure' ? last.failure : brokenConnection
    return { kind: 'failed', failure: broken, ...counted }
  }
  const { choices } = last
  const broken = check?.broken(choices) === true ? { broken: true } : {}
  return { kind: 'finished', choices, ...counted, ...broken }
}

/** Where capacity is shared out, a shadow has what batch work may have. */
function turnOfShadow({ runtime }: Ports): { readonly turn?: Turn } {
  const { scarcity } = runtime.config
  return scarcity === undefined ? {} : { turn: { ...scarcity, priority: 'batch' } }
}

/** The same place with other money, and without its client: whether that has gone by now is nothing to a shadow. */
function apart(ports: Ports, money: MoneyPort): Ports {
  return new Proxy(ports, {
    get(place, name) {
      if (name === 'clientGone') return nobody
      if (name === 'money') return money
      const value: unknown = Reflect.get(place, name, place)
      return typeof value === 'function' ? value.bind(place) : value
    },
  })
}

const nobody: Departure = {
  aborted: false,
  addEventListener: () => undefined,
  removeEventListener: () => undefined,
}
