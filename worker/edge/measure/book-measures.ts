import { sizeClassOf } from '../../../durable-objects/provider-health/protocol.ts'
import type { MeasurePort } from '../../engine/measure-port.ts'
import type { Warmth } from '../../policy/affinity.ts'
import type { Measured } from '../../policy/measured.ts'
import type { HealthBook } from '../health/health-book.ts'
import type { Target } from '../runtime.ts'

const nothingSaid = { speed: null, domain: null }

/** The measurements of an isolate, with the word of the objects that it has heard. */
export class BookMeasures implements MeasurePort {
  readonly #book: HealthBook

  constructor(book: HealthBook) {
    this.#book = book
  }

  measured({ name, provider }: Target, promptTokens: number, nowMs: number): Measured {
    const shared = this.#book.known(provider.id)?.shared(name, nowMs) ?? nothingSaid
    return this.#book.memory.measure(name).measured(sizeClassOf(promptTokens), shared, nowMs)
  }

  hasRoom({ name, provider, reserved }: Target, tokens: number, nowMs: number): boolean {
    if (reserved === null) return false
    const isolates = this.#book.known(provider.id)?.activeIsolates ?? 1
    return this.#book.memory.reserves.hasRoom(name, reserved, tokens, isolates, nowMs)
  }

  warmth(affinityKey: string, nowMs: number): Warmth | null {
    return this.#book.memory.sessions.warmth(affinityKey, nowMs)
  }

  outputTokens(route: string, nowMs: number): number | null {
    return this.#book.memory.outputTokens(route, nowMs)
  }

  stopped(trial: string, provider: string): string | null {
    return this.#book.known(provider)?.trials.stopped(trial) ?? null
  }
}
