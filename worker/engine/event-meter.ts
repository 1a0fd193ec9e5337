import type { CanonicalEvent, ChoiceFinish } from '../canonical/events.ts'
import type { Failure } from '../canonical/failure.ts'
import { mergeUsage, type Usage } from '../canonical/usage.ts'
import type { StreamRenderer } from '../dialects/dialect.ts'
import { generatedBytes } from './call-seen.ts'
import { interruption, type CarryContext, type CarryEnding } from './carry.ts'

/** Renders events and remembers what they add up to. */
export class EventMeter {
  ended = false
  readonly #renderer: StreamRenderer
  readonly #context: CarryContext
  #usage: Usage | undefined
  #receivedBytes = 0
  #choices: readonly ChoiceFinish[] | undefined
  failure: Failure | undefined

  constructor(renderer: StreamRenderer, context: CarryContext) {
    this.#renderer = renderer
    this.#context = context
  }

  /** What came and is not sent on. */
  count(events: readonly CanonicalEvent[]): void {
    this.#context.continuation?.count(events)
    this.#receivedBytes += generatedBytes(events)
    for (const event of events)
      if (event.type === 'usage') this.#usage = mergeUsage(this.#usage, event.usage)
  }

  /** The text to send for `events`. */
  take(events: readonly CanonicalEvent[]): string {
    let text = ''
    this.#receivedBytes += generatedBytes(events)
    const { check, continuation } = this.#context
    for (const event of continuation === null ? events : continuation.pass(events)) {
      check?.see(event)
      if (event.type === 'usage') this.#usage = mergeUsage(this.#usage, event.usage)
      else if (event.type === 'finish') {
        this.#choices = event.choices
        this.ended = true
      } else if (event.type === 'failure') {
        this.failure = event.failure
        this.ended = true
        return text
      }
      text += this.#renderer.render(event)
    }
    return text
  }

  /** The answer goes on with the first events of another stream. */
  goOn(events: readonly CanonicalEvent[]): string {
    this.failure = undefined
    this.ended = false
    return this.take(events)
  }

  /** What ends a stream that broke, and with which nobody went on. */
  error(): string {
    if (this.failure === undefined) return ''
    const { dialect, render } = this.#context
    return dialect.renderStreamError(interruption(this.failure), render.requestId)
  }

  ending(kind: 'finished' | 'client_gone'): CarryEnding {
    return {
      kind: kind === 'finished' && this.failure !== undefined ? 'failed' : kind,
      receivedBytes: this.#receivedBytes,
      ...(this.failure === undefined ? {} : { failure: this.failure }),
      ...(this.#usage === undefined ? {} : { usage: this.#usage }),
      ...(this.#choices === undefined ? {} : { choices: this.#choices }),
      ...(this.#context.check?.broken(this.#choices ?? []) === true ? { broken: true } : {}),
    }
  }
}
