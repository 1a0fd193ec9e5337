import type { CanonicalEvent, ChoiceFinish } from '../canonical/events.ts'
import type { Failure } from '../canonical/failure.ts'
import { mergeUsage, type Usage } from '../canonical/usage.ts'
import type { StreamRenderer } from '../dialects/dialect.ts'
import type { OpenStream } from './attempt.ts'
import type { BodyReader } from './body-reader.ts'
import { generatedBytes } from './call-seen.ts'
import { encode, interruption, type CarryContext, type CarryEnding } from './carry.ts'
import { SilenceWatch } from './watch.ts'

/**
 * Carries a stream by reading, decoding and rendering it: one stage, one write
 * for each read. Answers how it ended; the writer is closed or given up by then.
 */
export async function carryTranslated(
  stream: OpenStream,
  reader: BodyReader,
  writer: WritableStreamDefaultWriter<Uint8Array>,
  context: CarryContext,
): Promise<CarryEnding> {
  const { control, decoder } = stream
  const { ports, dialect } = context
  const meter = new EventMeter(dialect.createStreamRenderer(context.render), context)
  // A client that does not read is not a provider that does not send: only the wait for bytes counts.
  let reading = false
  const idle = new SilenceWatch(ports, context.idleTimeoutMs, () => {
    if (reading) control.stop('idle')
  })
  const beat = new SilenceWatch(ports, context.heartbeatAfterMs, () => {
    writer.write(encode(dialect.heartbeat)).catch(() => control.stop('client-gone'))
  })
  control.arm(context.deadlineAtMs - ports.nowMs(), 'deadline')
  try {
    let text = meter.take(stream.events)
    while (!meter.ended) {
      if (text !== '') {
        await writer.write(encode(text))
        beat.touch()
      }
      idle.touch()
      reading = true
      let bytes: Uint8Array | null | 'broken' = 'broken'
      try {
        bytes = await reader.read()
      } catch {
        // What broke it is told below.
      }
      reading = false
      if (control.stopped) {
        // Nothing more is told, but it came, and it is billed.
        if (bytes instanceof Uint8Array) meter.count(decoder.push(bytes))
        text = meter.take([{ type: 'failure', failure: control.failure(brokenConnection) }])
      } else if (bytes === 'broken')
        text = meter.take([{ type: 'failure', failure: brokenConnection }])
      else text = meter.take(bytes === null ? decoder.end() : decoder.push(bytes))
    }
    if (control.clientGone) return meter.ending('client_gone')
    if (text !== '') await writer.write(encode(text))
    await writer.close()
    return meter.ending('finished')
  } catch {
    // Only writes are awaited here without a guard: the client has left.
    control.stop('client-gone')
    return meter.ending('client_gone')
  } finally {
    idle.stop()
    beat.stop()
    control.release()
    reader.cancel().catch(() => undefined)
    writer.abort().catch(() => undefined)
  }
}

const brokenConnection: Failure = {
  class: 'truncated',
  message: 'the connection to the provider broke',
}

/** Renders events and remembers what they add up to. */
class EventMeter {
  ended = false
  readonly #renderer: StreamRenderer
  readonly #context: CarryContext
  #usage: Usage | undefined
  #receivedBytes = 0
  #choices: readonly ChoiceFinish[] | undefined
  #failure: Failure | undefined

  constructor(renderer: StreamRenderer, context: CarryContext) {
    this.#renderer = renderer
    this.#context = context
  }

  /** What came and is not sent on. */
  count(events: readonly CanonicalEvent[]): void {
    this.#receivedBytes += generatedBytes(events)
    for (const event of events)
      if (event.type === 'usage') this.#usage = mergeUsage(this.#usage, event.usage)
  }

  /** The text to send for `events`. */
  take(events: readonly CanonicalEvent[]): string {
    let text = ''
    this.#receivedBytes += generatedBytes(events)
    const { check } = this.#context
    for (const event of events) {
      check?.see(event)
      if (event.type === 'usage') this.#usage = mergeUsage(this.#usage, event.usage)
      else if (event.type === 'finish') {
        this.#choices = event.choices
        this.ended = true
      } else if (event.type === 'failure') {
        this.#failure = event.failure
        this.ended = true
        const { dialect, render } = this.#context
        return text + dialect.renderStreamError(interruption(event.failure), render.requestId)
      }
      text += this.#renderer.render(event)
    }
    return text
  }

  ending(kind: 'finished' | 'client_gone'): CarryEnding {
    return {
      kind: kind === 'finished' && this.#failure !== undefined ? 'failed' : kind,
      receivedBytes: this.#receivedBytes,
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
      ...(this.#usage === undefined ? {} : { usage: this.#usage }),
      ...(this.#choices === undefined ? {} : { choices: this.#choices }),
      ...(this.#context.check?.broken(this.#choices ?? []) === true ? { broken: true } : {}),
    }
  }
}
