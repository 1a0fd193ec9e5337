import type { FailureClass } from '../canonical/failure.ts'
import { meterBufferBytes, type OpenStream } from './attempt.ts'
import { costComment, encode, interruption, type CarryContext, type CarryEnding } from './carry.ts'
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
 * Carries a stream without touching it: the runtime moves the bytes, and a
 * second branch is read once a second for usage, silence and the end mark. A
 * third of the cost of anything that runs JavaScript for each chunk.
 *
 * Finished is decided by the end mark alone, never by how the pipe ended.
 */
export async function carryRelayed(
  stream: OpenStream,
  client: ReadableStream<Uint8Array>,
  meter: ReadableStreamBYOBReader,
  writable: WritableStream<Uint8Array>,
  context: CarryContext,
): Promise<CarryEnding> {
  const { control } = stream
  const { ports } = context
  const account = new RelayAccount(stream)
  const idle = new SilenceWatch(ports, context.idleTimeoutMs + meterIntervalMs, () =>
    control.stop('idle'),
  )
  control.arm(context.deadlineAtMs - ports.nowMs(), 'deadline')
  const pipe = pipeWhole(client, writable, control.signal)
  const metering = watchMeter(meter, account, idle, pipe, context)
  const intact = await pipe
  await finishMeter(metering, intact, context)
  idle.stop()
  const ending = account.close()
  try {
    return await end(ending, account, intact, stream, writable, context)
  } finally {
    control.release()
    control.stop('client-gone')
    meter.cancel().catch(() => undefined)
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
  const { dialect, render } = context
  const writer = writable.getWriter()
  const told =
    ending.failure !== undefined &&
    (!silentFailures.has(ending.failure.class) || account.hasEndMark(dialect))
  const failure =
    ending.failure === undefined || told ? ending.failure : control.failure(ending.failure)
  // An event that was cut in two is closed, so that what follows is an event of its own.
  const { boundary } = account
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
    return ending.kind === 'finished' ? ending : { ...ending, kind: 'client_gone' }
  }
  if (control.clientGone && ending.kind !== 'finished') return { ...ending, kind: 'client_gone' }
  return failure === undefined ? ending : { ...ending, failure }
}

/** Failures of which the client has not been told by an error event of the provider's own. */
const silentFailures: ReadonlySet<FailureClass> = new Set(['truncated', 'malformed'])

/** Lets the runtime move the bytes; true when it moved them all. */
async function pipeWhole(
  client: ReadableStream<Uint8Array>,
  writable: WritableStream<Uint8Array>,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await client.pipeTo(writable, { preventClose: true, preventAbort: true, signal })
    return true
  } catch {
    return false
  }
}

/**
 * Reads what has queued on the metering branch, at the slowest once a second,
 * until the pipe has ended and the branch is empty.
 */
async function watchMeter(
  meter: ReadableStreamBYOBReader,
  account: RelayAccount,
  idle: SilenceWatch,
  pipe: Promise<boolean>,
  { ports }: CarryContext,
): Promise<void> {
  let piping = true
  const stopped = async () => {
    await pipe
    piping = false
  }
  const ended = stopped()
  let buffer = new ArrayBuffer(meterBufferBytes)
  let intervalMs = firstIntervalMs
  let found = 0
  for (;;) {
    let read: ReadableStreamReadResult<Uint8Array>
    try {
      read = await meter.read(new Uint8Array(buffer))
    } catch {
      return
    }
    if (read.done || read.value === undefined) return
    idle.touch()
    account.saw(read.value)
    const full = read.value.byteLength === meterBufferBytes
    buffer = read.value.buffer as ArrayBuffer
    found += read.value.byteLength
    if (full || !piping) continue
    intervalMs =
      found > manyBytes
        ? Math.max(leastIntervalMs, intervalMs / 4)
        : Math.min(meterIntervalMs, intervalMs * 2)
    found = 0
    await pause(ended, intervalMs, ports)
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
