import type { GatewayError } from '../canonical/errors.ts'
import { encode, interruption, type CarryContext, type CarryEnding } from './carry.ts'
import { carryRelayed } from './carry-relay.ts'
import { carryTranslated } from './carry-translate.ts'
import type { Dialect } from '../dialects/dialect.ts'
import type { Target } from '../edge/runtime.ts'
import type { Exchange } from './exchange.ts'
import { answerMade, answerMadeLate, type Made } from './made.ts'
import type { ResumableAnswer } from './continuation.ts'
import { lostCall } from './money-port.ts'
import type { RouteSettings } from './plan-request.ts'
import type { RunResult } from './run-plan.ts'
import { attend, outcomeOf, seenOfStream } from './stream-ending.ts'

type Answered = Extract<RunResult, { kind: 'answered' }>

/**
 * Answers a streamed request as soon as it is committed. While the model is
 * silent longer than `heartbeatAfterMs`, the response begins without it, with
 * heartbeats in the dialect; what happens then is told inside the stream.
 */
export async function answerStream(
  running: Promise<RunResult | Made>,
  exchange: Exchange,
  settings: RouteSettings,
  deadlineAtMs: number,
): Promise<Response> {
  const { ports } = exchange
  const first = await firstOf(running, settings.heartbeatAfterMs, exchange)
  if (first !== 'silence') {
    if (first.kind === 'made') return answerMade(first, true, exchange)
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
  running: Promise<RunResult | Made>,
  silenceMs: number,
  { ports }: Exchange,
): Promise<RunResult | Made | 'silence'> {
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
  let continuation: ResumableAnswer | null = null
  const check = exchange.outputCheck()
  try {
    if (exchange.resume !== null) continuation = exchange.resume(result, stream)
    const context: CarryContext = {
      dialect: hidingErrors(exchange.dialect, target),
      render: continuation?.render ?? exchange.renderContext(target),
      idleTimeoutMs: settings.timeouts.idleTimeoutMs,
      heartbeatAfterMs: settings.heartbeatAfterMs,
      deadlineAtMs,
      check,
      continuation,
      ports: exchange.ports,
    }
    ending =
      source.kind === 'relay'
        ? await carryRelayed(stream, source, writable, context)
        : await carryTranslated(stream, source.reader, writable.getWriter(), context)
    seen = seenOfStream(ending, stream)
  } finally {
    if (continuation === null) {
      const elapsedMs = exchange.ports.nowMs() - sentAtMs
      const outcome = outcomeOf(ending)
      account.settle({ ...seen, outcome, durationMs: elapsedMs, firstTokenMs, status: 200 })
      attend(attendance, ending, elapsedMs, exchange.costNanoUsd(target, ending.usage), check)
    } else continuation.close(ending, seen, check)
  }
  const durationMs = exchange.ports.nowMs() - sentAtMs
  const errorCode = errorCodeOf(ending)
  const story = continuation?.story() ?? null
  if (story !== null) exchange.called(story)
  exchange.settle({
    ending: ending.kind,
    status: 200,
    plumbing: source.kind,
    usage: ending.usage,
    choices: ending.choices,
    ...(errorCode === null ? {} : { errorCode }),
    ...(ending.broken === true ? { broken: true } : {}),
    ...(story === null
      ? { attempt: { target: step.target, outcome: outcomeOf(ending), durationMs, firstTokenMs } }
      : { costNanoUsd: story.costNanoUsd }),
  })
}

function errorCodeOf({ kind, failure }: CarryEnding): string | null {
  return kind === 'failed' && failure !== undefined ? interruption(failure).code : null
}

/** The response has begun with heartbeats; they go on until someone answers or everybody has failed. */
async function carryLate(
  running: Promise<RunResult | Made>,
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
  let result: RunResult | Made
  try {
    result = await running
    if (result.kind !== 'made') tell(result, exchange)
    if (result.kind === 'failed') return await failLate(exchange.errorOf(result), exchange, writer)
    if (result.kind === 'made') return await answerMadeLate(result, exchange, writer)
  } catch (fault) {
    // A fault of ours: the response has begun, and must not stay open for ever.
    await writer.abort(fault).catch(() => undefined)
    throw fault
  } finally {
    cancel()
  }
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
  const told = encode(exchange.dialect.renderStreamError(error, exchange.requestId))
  try {
    await writer.write(told)
    await writer.close()
  } catch {
    exchange.ports.clientLeft()
  }
}
