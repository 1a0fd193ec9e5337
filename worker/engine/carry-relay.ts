import type { FailureClass } from '../canonical/failure.ts'
import type { AttemptControl } from './attempt-control.ts'
import {
  type CarryContext,
  type CarryEnding,
  costComment,
  encode,
  interruption,
  lastWordsMs,
} from './carry.ts'
import { meterBufferBytes, type OpenStream, type RelaySource } from './open-stream.ts'
import type { Ports } from './ports.ts'
import { RelayAccount } from './relay-account.ts'
import { SilenceWatch } from './watch.ts'

/** How often the metering branch is looked at, ms: seldom, and more often while much is found there. */
const meterIntervalMs = 1000
const firstIntervalMs = 25
const leastIntervalMs = 5
/** What may queue there unseen is memory: above this a look comes sooner, bytes. */
const manyBytes = 262_144
/** How long the metering branch is drained after a broken pipe, ms. */
const drainLimitMs = 20
/**
 * A stream that is over by what was read of it goes on for so long where its provider does not hang up, ms: until a
 * client that reads has it all. Behind a broken event nothing more is wanted.
 */
const lingerMs = meterIntervalMs

/**
 * Carries a stream without touching it: the runtime moves the bytes, and a
 * second branch is read once a second for usage, silence and the end mark. A
 * third of the cost of anything that runs JavaScript for each chunk.
 *
 * Finished is decided by the end mark alone, never by how the pipe ended.
 */
export async function carryRelayed(
  stream: OpenStream,
  source: RelaySource,
  writable: WritableStream<Uint8Array>,
  context: CarryContext,
): Promise<CarryEnding> {
  const { control } = stream
  const { client, meter } = source
  const { ports } = context
  const account = new RelayAccount(stream, context.dialect)
  const idle = new SilenceWatch(ports, context.idleTimeoutMs + meterIntervalMs, () =>
    control.stop('idle'),
  )
  control.arm(context.deadlineAtMs - ports.nowMs(), 'deadline')
  const halt = new AbortController()
  const abort = () => halt.abort()
  if (control.stopped) abort()
  else control.signal.addEventListener('abort', abort)
  const isDelivered = () => halt.signal.aborted && !control.stopped && account.over === 'ended'
  const pipe = pipeWhole(client, writable, halt.signal, isDelivered)
  const stop = () => {
    abort()
    meter.cancel().catch(() => undefined)
  }
  const metering = watchMeter(source, account, idle, pipe, stop, context)
  const intact = await pipe
  await finishMeter(metering, intact, context)
  idle.stop()
  const ending = account.close()
  try {
    return await end(ending, account, intact, stream, writable, context)
  } finally {
    control.release()
    // The pipe has ended: what stops the call has nothing to say to it any more.
    control.signal.removeEventListener('abort', abort)
    control.stop('client-gone')
    meter.cancel().catch(() => undefined)
    client.cancel().catch(() => undefined)
  }
}

/**
 * Writes what follows the last byte: the cost, the error event, or nothing when
 * the client has left, or has been sent the end mark behind an event that was
 * broken: a second ending would be one too many.
 */
async function end(
  ending: CarryEnding,
  account: RelayAccount,
  intact: boolean,
  stream: OpenStream,
  writable: WritableStream<Uint8Array>,
  context: CarryContext,
): Promise<CarryEnding> {
  const { control } = stream
  const { dialect, render, ports } = context
  const writer = writable.getWriter()
  let isOverdue = false
  const leftMs = Math.max(0, context.deadlineAtMs - ports.nowMs())
  const cutOff = ports.after(leftMs + lastWordsMs, () => {
    isOverdue = true
    writer.abort().catch(() => undefined)
  })
  const told =
    ending.failure !== undefined &&
    (!silentFailures.has(ending.failure.class) || account.hasEndMark)
  const failure =
    ending.failure === undefined || told ? ending.failure : control.failure(ending.failure)
  // An event that was cut in two is closed, so that what follows is an event of its own. A pipe that was stopped may have cut one.
  const boundary = intact ? account.boundary : '\n\n'
  try {
    if (ending.kind === 'finished') {
      const comment = costComment(ending.usage === undefined ? null : render.costUsd(ending.usage))
      if (comment !== '' && intact) await writer.write(encode(boundary + comment))
    } else if (failure !== undefined && !told) {
      const error = dialect.renderStreamError(interruption(failure), render.requestId)
      await writer.write(encode(boundary + error))
    }
    await writer.close()
  } catch {
    if (ending.kind === 'finished') return ending
    // What stopped the call is what happened, whether the client could still be told or not.
    return failure !== undefined && (isOverdue || isLimit(control))
      ? { ...ending, failure }
      : { ...ending, kind: 'client_gone' }
  } finally {
    cutOff()
  }
  if (control.clientGone && ending.kind !== 'finished') return { ...ending, kind: 'client_gone' }
  return failure === undefined ? ending : { ...ending, failure }
}

/** One of our own limits has stopped the call, and not the client. */
function isLimit({ stopped, clientGone }: AttemptControl): boolean {
  return stopped && !clientGone
}

/** Failures of which the client has not been told by an error event of the provider's own. */
const silentFailures: ReadonlySet<FailureClass> = new Set(['truncated', 'malformed'])

/** Lets the runtime move the bytes; true when it moved all that count. */
async function pipeWhole(
  client: ReadableStream<Uint8Array>,
  writable: WritableStream<Uint8Array>,
  signal: AbortSignal,
  isDelivered: () => boolean,
): Promise<boolean> {
  try {
    // One branch of a tee is not given up before the other: that would be waited for, and the meter is still read.
    const keep = { preventClose: true, preventAbort: true, preventCancel: true }
    await client.pipeTo(writable, { ...keep, signal })
    return true
  } catch {
    return isDelivered()
  }
}

/**
 * Reads what has queued on the metering branch, at the slowest once a second,
 * until the branch ends, or until what was read ends the stream: then `stop`
 * ends the pipe, and what the provider sends behind it does not pass, as far as
 * it has not passed already.
 */
async function watchMeter(
  { meter, lastRead }: RelaySource,
  account: RelayAccount,
  idle: SilenceWatch,
  pipe: Promise<boolean>,
  stop: () => void,
  { ports }: CarryContext,
): Promise<void> {
  let piping = true
  const stopped = async () => {
    await pipe
    piping = false
  }
  const ended = stopped()
  let buffer = bufferOf(lastRead)
  let intervalMs = firstIntervalMs
  let found = 0
  let lingering: number | null = null
  let cancelStop = () => {}
  for (;;) {
    const linger = lingerOf(account)
    if (linger !== null && linger !== lingering) {
      cancelStop()
      cancelStop = ports.after(linger, stop)
      lingering = linger
    }
    const read = await readMeter(meter, buffer)
    if (read === null) {
      // All of it has come. A client that reads slowly is no provider that is silent.
      idle.stop()
      return cancelStop()
    }
    idle.touch()
    account.saw(read)
    const full = read.byteLength === meterBufferBytes
    buffer = read.buffer as ArrayBuffer
    found += read.byteLength
    if (full || !piping || lingerOf(account) !== null) continue
    intervalMs =
      found > manyBytes
        ? Math.max(leastIntervalMs, intervalMs / 4)
        : Math.min(meterIntervalMs, intervalMs * 2)
    found = 0
    await pause(ended, intervalMs, ports)
  }
}

/** The buffer of what was read last, so that a stream holds one and not two. */
function bufferOf({ buffer }: Uint8Array): ArrayBuffer {
  return buffer.byteLength === meterBufferBytes
    ? (buffer as ArrayBuffer)
    : new ArrayBuffer(meterBufferBytes)
}

/** How long the pipe may still go on, ms; null while nothing speaks against it. What has queued by now is read first. */
function lingerOf(account: RelayAccount): number | null {
  const { over } = account
  if (over === null) return null
  // Asked for last: it reads all of the tail again.
  return over === 'broken' && !account.hasEndMark ? 0 : lingerMs
}

/** What has queued; null when there is no more, or the connection broke. */
async function readMeter(
  meter: ReadableStreamBYOBReader,
  buffer: ArrayBuffer,
): Promise<Uint8Array<ArrayBufferLike> | null> {
  try {
    const { done, value } = await meter.read(new Uint8Array(buffer))
    return done || value === undefined ? null : value
  } catch {
    return null
  }
}

/** Waits until `ended`, but no longer than `delayMs`. */
async function pause(ended: Promise<void>, delayMs: number, ports: Ports): Promise<void> {
  let cancel: () => void = () => undefined
  const delay = new Promise<void>((resolve) => {
    cancel = ports.after(delayMs, resolve)
  })
  await Promise.race([ended, delay])
  cancel()
}

/** After a whole pipe the branch is read to its end; after a broken one for a moment only, what is queued is all there is. */
async function finishMeter(
  metering: Promise<void>,
  intact: boolean,
  { ports }: CarryContext,
): Promise<void> {
  return intact ? metering : pause(metering, drainLimitMs, ports)
}
