import type { Outcome } from '../../../durable-objects/provider-health/protocol.ts'
import type { WatchSettings } from './settings.ts'

/** Outcomes that say the target is down, not merely busy or wrong for the request. */
const hardFailures: ReadonlySet<Outcome> = new Set([
  'connect',
  'server_error',
  'overloaded',
  'timeout',
])

/**
 * The fast path of one isolate: some hard failures in a row make it prefer
 * another target for two seconds, until the object has answered. It changes
 * nothing that others see.
 */
export class Suspicion {
  readonly #settings: WatchSettings
  readonly #failures = new Map<string, { count: number; sinceMs: number }>()
  readonly #untilMs = new Map<string, number>()

  constructor(settings: WatchSettings) {
    this.#settings = settings
  }

  note(target: string, outcome: Outcome, nowMs: number): void {
    if (outcome === 'ok') {
      this.#failures.delete(target)
      this.#untilMs.delete(target)
      return
    }
    if (!hardFailures.has(outcome)) return
    const { suspectFailures, suspectForMs, suspectWithinMs } = this.#settings
    const before = this.#failures.get(target)
    const row =
      before === undefined || nowMs - before.sinceMs > suspectWithinMs
        ? { count: 0, sinceMs: nowMs }
        : before
    row.count += 1
    this.#failures.set(target, row)
    if (row.count >= suspectFailures) this.#untilMs.set(target, nowMs + suspectForMs)
  }

  /** Epoch ms until which `target` is suspect; 0 when it is not. */
  untilMs(target: string): number {
    return this.#untilMs.size === 0 ? 0 : (this.#untilMs.get(target) ?? 0)
  }
}
