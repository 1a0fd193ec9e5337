import type { Failure } from '../canonical/failure.ts'
import type { OpenStream } from './open-stream.ts'
import type { AttemptControl } from './attempt-control.ts'
import type { BodyReader } from './body-reader.ts'
import { encode, lastWordsMs, type CarryContext, type CarryEnding, type NextPart } from './carry.ts'
import { EventMeter } from './event-meter.ts'
import { SilenceWatch } from './watch.ts'

/** The connection that is read now. */
interface Connection {
  control: AttemptControl
  decoder: OpenStream['decoder']
  reader: BodyReader
}

/**
 * Carries a stream by reading, decoding and rendering it: one stage, one write
 * for each read. Answers how it ended; the writer is closed or given up by then.
 */
export async function carryTranslated(
  { control, decoder, events }: OpenStream,
  reader: BodyReader,
  writer: WritableStreamDefaultWriter<Uint8Array>,
  context: CarryContext,
): Promise<CarryEnding> {
  const { ports, dialect, continuation } = context
  const meter = await meterOf(context, writer)
  const from: Connection = { control, decoder, reader }
  // A client that does not read is not a provider that does not send: only the wait for bytes counts.
  let reading = false
  const idle = new SilenceWatch(ports, context.idleTimeoutMs, () => {
    if (reading) from.control.stop('idle')
  })
  const beat = new SilenceWatch(ports, context.heartbeatAfterMs, () => {
    writer.write(encode(dialect.heartbeat)).catch(() => {
      from.control.stop('client-gone')
      // Between two parts of an answer there is no call to stop, but one may be on its way.
      if (continuation !== null) ports.clientLeft()
    })
  })
  const leftMs = context.deadlineAtMs - ports.nowMs()
  control.arm(leftMs, 'deadline')
  // Made once, and not a race at each write: giving the writer up fails the write that waits.
  const abandon = () => void writer.abort().catch(() => undefined)
  const cutOff = ports.after(leftMs + lastWordsMs, abandon)
  try {
    let text = meter.take(events)
    for (;;) {
      while (!meter.ended) {
        if (text !== '') {
          await writer.write(encode(text))
          beat.touch()
        }
        idle.touch()
        reading = true
        let bytes: Uint8Array | null | 'broken' = 'broken'
        try {
          bytes = await from.reader.read()
        } catch {
          // What broke it is told below.
        }
        reading = false
        text = textOf(bytes, from, meter)
      }
      if (continuation === null || meter.failure === undefined || from.control.clientGone) break
      if (text !== '') await writer.write(encode(text))
      const next = await continuation.after(meter.failure)
      text = next === null ? '' : next.marker + goOn(from, next, meter, context)
      if (next === null) break
    }
    if (from.control.clientGone) return meter.ending('client_gone')
    return await finish(text + meter.error(), writer, meter)
  } catch {
    return untaken(from, meter)
  } finally {
    cutOff()
    idle.stop()
    beat.stop()
    giveUp(from)
    abandon()
  }
}

async function finish(
  text: string,
  writer: WritableStreamDefaultWriter<Uint8Array>,
  meter: EventMeter,
): Promise<CarryEnding> {
  if (text !== '') await writer.write(encode(text))
  await writer.close()
  return meter.ending('finished')
}

/** Only writes are awaited without a guard: the client has left, unless the deadline or another limit was first. */
function untaken({ control }: Connection, meter: EventMeter): CarryEnding {
  control.stop('client-gone')
  if (control.clientGone) return meter.ending('client_gone')
  meter.take([{ type: 'failure', failure: control.failure(brokenConnection) }])
  return meter.ending('finished')
}

/** A fault of ours before the first write breaks the response: nobody else could, while it is being written. */
async function meterOf(
  context: CarryContext,
  writer: WritableStreamDefaultWriter<Uint8Array>,
): Promise<EventMeter> {
  try {
    return new EventMeter(context.dialect.createStreamRenderer(context.render), context)
  } catch (fault) {
    await writer.abort(fault).catch(() => undefined)
    throw fault
  }
}

/** What to send for one read. */
function textOf(
  bytes: Uint8Array | null | 'broken',
  { control, decoder }: Connection,
  meter: EventMeter,
): string {
  if (control.stopped) {
    // Nothing more is told, but it came, and it is billed.
    if (bytes instanceof Uint8Array) meter.count(decoder.push(bytes))
    return meter.take([{ type: 'failure', failure: control.failure(brokenConnection) }])
  }
  if (bytes === 'broken') return meter.take([{ type: 'failure', failure: brokenConnection }])
  return meter.take(bytes === null ? decoder.end() : decoder.push(bytes))
}

/** Reads the next part of the answer from here on; what broke may be sending still, and is stopped. */
function goOn(
  from: Connection,
  { stream, reader }: NextPart,
  meter: EventMeter,
  { deadlineAtMs, ports }: CarryContext,
): string {
  from.control.stop('superseded')
  giveUp(from)
  from.control = stream.control
  from.decoder = stream.decoder
  from.reader = reader
  from.control.arm(deadlineAtMs - ports.nowMs(), 'deadline')
  return meter.goOn(stream.events)
}

function giveUp({ control, reader }: Connection): void {
  control.release()
  reader.cancel().catch(() => undefined)
}

const brokenConnection: Failure = {
  class: 'truncated',
  message: 'the connection to the provider broke',
}
