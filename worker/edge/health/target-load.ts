import type { SizeClass } from '../../../durable-objects/provider-health/protocol.ts'
import type { WatchSettings } from './settings.ts'

/**
 * What one isolate sees of the load of one target: how many calls are on their
 * way, how many it takes well (additive increase, multiplicative decrease, from the first time that it struggles), and
 * how fast it answers (peak-sensitive average: it believes a slower answer at
 * once and a faster one gradually; `reliability.md` 1.1, Peak-EWMA).
 */
export class TargetLoad {
  readonly #settings: WatchSettings
  readonly #ttftMs: (number | null)[] = [null, null, null, null]
  readonly #measuredAtMs = [0, 0, 0, 0]
  #limit: number
  #cutAtMs = -Infinity
  #inFlight = 0
  #lastBegunAtMs = -Infinity

  constructor(settings: WatchSettings) {
    this.#settings = settings
    this.#limit = settings.concurrencyStart
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** How many calls at once it takes well; before it has struggled once, the most that is ever learned. */
  get limit(): number {
    return this.#cutAtMs === -Infinity ? this.#settings.concurrencyMax : this.#limit
  }

  /**
   * Never before it has struggled once: nothing speaks for less room than is asked for, and a cold isolate that gets 64
   * requests at once, or holds 500 streams, must not send the rest of them to the second tier, to another model.
   */
  get full(): boolean {
    return this.#cutAtMs !== -Infinity && this.#inFlight >= Math.floor(this.#limit)
  }

  get lastBegunAtMs(): number {
    return this.#lastBegunAtMs
  }

  began(nowMs: number): void {
    this.#inFlight += 1
    this.#lastBegunAtMs = nowMs
  }

  ended(): void {
    this.#inFlight -= 1
  }

  /** It answered: room for one more, where the room there is was needed. */
  answered(): void {
    if (this.#inFlight > this.#limit / 2)
      this.#limit = Math.min(this.#settings.concurrencyMax, this.#limit + 1)
  }

  measured(size: SizeClass, ttftMs: number, nowMs: number): void {
    const before = this.#ttftMs[size] ?? null
    const passed = nowMs - (this.#measuredAtMs[size] ?? 0)
    this.#measuredAtMs[size] = nowMs
    const kept = Math.exp(-passed / this.#settings.latencyTauMs)
    this.#ttftMs[size] =
      before === null || ttftMs > before ? ttftMs : before * kept + ttftMs * (1 - kept)
  }

  /** It was overloaded, or sent no token in time: fewer at once, at most one cut a second. */
  struggled(nowMs: number): void {
    if (nowMs - this.#cutAtMs < this.#settings.concurrencyCutEveryMs) return
    const { concurrencyMin, concurrencyCut, concurrencyMax } = this.#settings
    // The first time it is known to take less than what is on its way.
    const before = this.#cutAtMs === -Infinity ? Math.max(this.#limit, this.#inFlight) : this.#limit
    this.#cutAtMs = nowMs
    this.#limit = Math.max(concurrencyMin, Math.min(before, concurrencyMax) * concurrencyCut)
  }

  /** Average time to first token times the calls it would then have, ms; `elsewhereMs` stands in for what was not measured here. */
  loadMs(size: SizeClass, elsewhereMs: number | null): number | null {
    const ttftMs = this.#ttftMs[size] ?? elsewhereMs
    return ttftMs === null ? null : ttftMs * (this.#inFlight + 1)
  }
}
