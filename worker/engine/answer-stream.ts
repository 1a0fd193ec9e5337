import type { GatewayError } from '../canonical/errors.ts'
import { failure } from '../canonical/failure.ts'
import { encode, interruption, type CarryContext, type CarryEnding } from './carry.ts'
import type { OpenStream } from './attempt.ts'
import { servedModelOf } from './call-seen.ts'
import { carryRelayed } from './carry-relay.ts'
import { carryTranslated } from './carry-translate.ts'
import type { Dialect } from '../dialects/dialect.ts'
import type { Target } from '../edge/runtime.ts'
import type { Exchange } from './exchange.ts'
import type { Attendance } from './health-port.ts'
import { type CallSeen, lostCall } from './money-port.ts'
import type { RouteSettings } from './plan-request.ts'
import type { RunResult } from './run-plan.ts'

type Answered = Extract<RunResult, { kind: 'answered' }>

/**
 * Answers a streamed request as soon as it is committed. While the model is
 * silent longer than `heartbeatAfterMs`, the response begins without it, with
 * heartbeats in the dialect; what happens then is told inside the stream.
 */
export async function answerStream(
  running: Promise<RunResult>,
  exchange: Exchange,
  settings: RouteSettings,
  deadlineAtMs: number,
): Promise<Response> {
  const { ports } = exchange
  const first = await firstOf(running, settings.heartbeatAfterMs, exchange)
  if (first !== 'silence') {
    tell(first, exchange)
    if (first.kind === 'failed') return exchange.fail(first)
  }
  const { readable, writable } = new IdentityTransformStream()
  const work =
    first === 'silence'
      ? carryLate(running, exchange, settings, deadlineAtMs, writable)
      : carry(first, exchange, settings, deadlineAtMs, writable)
  ports.waitUntil(guarded(work, exchange, writable))
  return exchange.stream(readable)
}

/** A fault of ours before anybody carries the answer must not leave its money held. */
function tell(result: RunResult, exchange: Exchange): void {
  try {
    exchange.ran(result)
  } catch (fault) {
    if (result.kind === 'answered') {
      result.account.settle(lostCall)
      if (result.answer.kind === 'stream') result.answer.stream.control.stop('superseded')
    }
    throw fault
  }
}

async function firstOf(
  running: Promise<RunResult>,
  silenceMs: number,
  { ports }: Exchange,
): Promise<RunResult | 'silence'> {
  let cancel: () => void = () => undefined
  const silence = new Promise<'silence'>((resolve) => {
    cancel = ports.after(silenceMs, () => resolve('silence'))
  })
  const first = await Promise.race([running, silence])
  cancel()
  return first
}

/** A fault of ours must not leave the client waiting: the connection breaks, and the record says so. */
async function guarded(
  work: Promise<void>,
  exchange: Exchange,
  writable: WritableStream<Uint8Array>,
): Promise<void> {
  try {
    await work
  } catch (fault) {
    exchange.settle({ ending: 'failed', status: 200, errorCode: 'internal' })
    exchange.ports.clientLeft()
    if (!writable.locked) await writable.abort(fault)
    throw fault
  }
}

/** The dialect, less what an error event of the provider may quote of its credential. */
function hidingErrors(dialect: Dialect, { provider: { credential } }: Target): Dialect {
  if (credential === null) return dialect
  return {
    ...dialect,
    renderStreamError: (error, requestId) =>
      dialect.renderStreamError({ ...error, message: credential.hide(error.message) }, requestId),
  }
}

/** Carries the committed stream to the client and settles the request. */
async function carry(
  result: Answered,
  exchange: Exchange,
  settings: RouteSettings,
  deadlineAtMs: number,
  writable: WritableStream<Uint8Array>,
): Promise<void> {
  const { answer, target, step, sentAtMs, firstTokenMs, attendance, account } = result
  let ending: CarryEnding = { kind: 'client_gone', receivedBytes: 0 }
  let seen = lostCall
  if (answer.kind !== 'stream') {
    account.settle(seen)
    throw new Error('a streamed request was answered whole')
  }
  const { stream } = answer
  const { source } = stream
  try {
    const context: CarryContext = {
      dialect: hidingErrors(exchange.dialect, target),
      render: exchange.renderContext(target),
      idleTimeoutMs: settings.timeouts.idleTimeoutMs,
      heartbeatAfterMs: settings.heartbeatAfterMs,
      deadlineAtMs,
      check: exchange.outputCheck(),
      ports: exchange.ports,
    }
    ending =
      source.kind === 'relay'
        ? await carryRelayed(stream, source.client, source.meter, writable, context)
        : await carryTranslated(stream, source.reader, writable.getWriter(), context)
    seen = seenOfStream(ending, stream)
  } finally {
    const elapsedMs = exchange.ports.nowMs() - sentAtMs
    const outcome = outcomeOf(ending)
    account.settle({ ...seen, outcome, durationMs: elapsedMs, firstTokenMs, status: 200 })
    attend(attendance, ending, elapsedMs, exchange.costNanoUsd(target, ending.usage))
  }
  const durationMs = exchange.ports.nowMs() - sentAtMs
  const error =
    ending.kind === 'failed' && ending.failure !== undefined
      ? interruption(ending.failure)
      : undefined
  exchange.settle({
    ending: ending.kind,
    status: 200,
    plumbing: source.kind,
    usage: ending.usage,
    choices: ending.choices,
    ...(error === undefined ? {} : { errorCode: error.code }),
    attempt: {
      target: step.target,
      outcome: outcomeOf(ending),
      durationMs,
      firstTokenMs,
    },
  })
}

/** Tells how a stream ended to whoever watches its target. */
function attend(
  attendance: Attendance,
  ending: CarryEnding,
  durationMs: number,
  costNanoUsd: number | null,
): void {
  if (ending.kind === 'finished')
    return attendance.finished({ broken: ending.broken === true, costNanoUsd })
  attendance.failed(
    ending.kind === 'failed' && ending.failure !== undefined
      ? ending.failure
      : failure('cancelled', 'the client has gone'),
    durationMs,
  )
}

/**
 * A stream that broke off by itself may have been made, and be billed, to its end. One that came to its end has, also
 * where the client did not stay for it.
 */
function seenOfStream(ending: CarryEnding, { events }: OpenStream): CallSeen {
  const { kind, usage, receivedBytes, choices, failure: broken } = ending
  const isWhole = choices !== undefined && broken === undefined
  const isOurs = kind === 'client_gone' || broken?.class === 'timeout'
  const endingOfCall = isWhole ? 'complete' : isOurs ? 'aborted' : 'unknown'
  return { ending: endingOfCall, usage, receivedBytes, servedModel: servedModelOf(events) }
}

function outcomeOf(ending: CarryEnding): 'ok' | NonNullable<CarryEnding['failure']>['class'] {
  if (ending.kind === 'client_gone') return 'cancelled'
  return ending.failure?.class ?? 'ok'
}

/** The response has begun with heartbeats; they go on until someone answers or everybody has failed. */
async function carryLate(
  running: Promise<RunResult>,
  exchange: Exchange,
  settings: RouteSettings,
  deadlineAtMs: number,
  writable: WritableStream<Uint8Array>,
): Promise<void> {
  const { ports, dialect } = exchange
  const writer = writable.getWriter()
  let cancel: () => void = () => undefined
  const beat = () => {
    writer.write(encode(dialect.heartbeat)).catch(() => ports.clientLeft())
    cancel = ports.after(settings.heartbeatAfterMs, beat)
  }
  beat()
  let result: RunResult
  try {
    result = await running
  } finally {
    cancel()
  }
  tell(result, exchange)
  if (result.kind === 'failed') return failLate(exchange.errorOf(result), exchange, writer)
  writer.releaseLock()
  return carry(result, exchange, settings, deadlineAtMs, writable)
}

async function failLate(
  error: GatewayError,
  exchange: Exchange,
  writer: WritableStreamDefaultWriter<Uint8Array>,
): Promise<void> {
  const gone = exchange.ports.clientGone.aborted
  exchange.settle({ ending: gone ? 'client_gone' : 'failed', status: 200, errorCode: error.code })
  try {
    await writer.write(encode(exchange.dialect.renderStreamError(error, exchange.requestId)))
    await writer.close()
  } catch {
    exchange.ports.clientLeft()
  }
}
