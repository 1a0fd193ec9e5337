import type { CanonicalEvent, ChoiceFinish } from '../canonical/events.ts'
import type { Failure, FailureClass } from '../canonical/failure.ts'
import { mergeUsage, type Usage } from '../canonical/usage.ts'
import { StreamDecoder } from '../streams/stream-decoder.ts'
import { meterBufferBytes, type OpenStream } from './attempt.ts'
import { costComment, encode, interruption, type CarryContext, type CarryEnding } from './carry.ts'
import type { Ports } from './ports.ts'
import { SilenceWatch } from './watch.ts'

/** How often the metering branch is looked at, ms: seldom, and more often while much is found there. */
const meterIntervalMs = 1000
const firstIntervalMs = 25
const leastIntervalMs = 5
/** What may queue there unseen is memory: above this a look comes sooner, bytes. */
const manyBytes = 262_144
/** How long the metering branch is drained after a broken pipe, ms. */
const drainLimitMs = 20
/** What is kept of the end of a stream: the usage block, the finish and the end mark are in it, bytes. */
const tailBytes = 16_384

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
  const account = new Account(stream)
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
    return await end(ending, { intact, boundary: account.boundary }, stream, writable, context)
  } finally {
    control.release()
    control.stop('client-gone')
    meter.cancel().catch(() => undefined)
  }
}

/**
 * Writes what follows the last byte: the cost, the error event, or nothing when
 * the client has left. `boundary` closes an event that was cut in two, so that
 * what follows is an event of its own.
 */
async function end(
  ending: CarryEnding,
  { intact, boundary }: { readonly intact: boolean; readonly boundary: string },
  stream: OpenStream,
  writable: WritableStream<Uint8Array>,
  context: CarryContext,
): Promise<CarryEnding> {
  const { control } = stream
  const writer = writable.getWriter()
  const told = ending.failure !== undefined && !silentFailures.has(ending.failure.class)
  const failure =
    ending.failure === undefined || told ? ending.failure : control.failure(ending.failure)
  try {
    if (ending.kind === 'finished') {
      const comment = costComment(
        ending.usage === undefined ? null : context.render.costUsd(ending.usage),
      )
      if (comment !== '' && intact) await writer.write(encode(boundary + comment))
    } else if (failure !== undefined && !told) {
      const { dialect, render } = context
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
  account: Account,
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

/** What the metered bytes add up to: counts from the first events, and from the kept tail. */
class Account {
  readonly #stream: OpenStream
  #usage: Usage | undefined
  #choices: readonly ChoiceFinish[] | undefined
  #failure: Failure | undefined
  #tail: Uint8Array[] = []
  #tailBytes = 0
  #skipped = false

  constructor(stream: OpenStream) {
    this.#stream = stream
    this.#take(stream.events)
  }

  saw(bytes: Uint8Array): void {
    // The buffer is reused: what is kept must be a copy.
    this.#tail.push(bytes.slice())
    this.#tailBytes += bytes.byteLength
    while (this.#tailBytes - (this.#tail[0]?.byteLength ?? 0) >= tailBytes) {
      this.#tailBytes -= this.#tail.shift()?.byteLength ?? 0
      this.#skipped = true
    }
  }

  /** What brings the client to the beginning of an event: nothing where the last one is known to be whole. */
  get boundary(): string {
    const end = String.fromCharCode(...join(this.#tail, this.#tailBytes).subarray(-4))
    return /(?:\n\n|\r\r|\r\n\r\n)$/.test(end) ? '' : '\n\n'
  }

  /** The ending that the end mark decides. */
  close(): CarryEnding {
    if (this.#choices === undefined && this.#failure === undefined) this.#readTail()
    const counts = this.#usage === undefined ? {} : { usage: this.#usage }
    if (this.#choices !== undefined) return { kind: 'finished', choices: this.#choices, ...counts }
    const failure = this.#failure ?? {
      class: 'truncated',
      message: 'the provider ended its answer early',
    }
    return { kind: 'failed', failure, ...counts }
  }

  /**
   * Goes on with the decoder that has seen the beginning. Where the middle was
   * let go, it is fed from the first event that stands whole in the tail.
   */
  #readTail(): void {
    const tail = join(this.#tail, this.#tailBytes)
    if (!this.#skipped)
      return this.#take([...this.#stream.decoder.push(tail), ...this.#stream.decoder.end()])
    const decoder = new StreamDecoder('sse', this.#stream.eventDecoder)
    this.#take([...decoder.push(tail.subarray(firstEventStart(tail))), ...decoder.end()])
  }

  #take(events: readonly CanonicalEvent[]): void {
    for (const event of events) {
      if (event.type === 'usage') this.#usage = mergeUsage(this.#usage, event.usage)
      else if (event.type === 'finish') this.#choices = event.choices
      else if (event.type === 'failure') this.#failure = event.failure
    }
  }
}

function join(pieces: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes)
  let offset = 0
  for (const piece of pieces) {
    whole.set(piece, offset)
    offset += piece.byteLength
  }
  return whole
}

/** Where the first event after a blank line begins. */
function firstEventStart(bytes: Uint8Array): number {
  const lineFeed = 10
  const carriageReturn = 13
  for (let index = 1; index < bytes.length; index++) {
    if (bytes[index] !== lineFeed) continue
    if (bytes[index - 1] === lineFeed) return index + 1
    if (bytes[index - 1] === carriageReturn && bytes[index - 2] === lineFeed) return index + 1
  }
  return bytes.length
}
