import {
  emptyHealth,
  step,
  type HealthState,
} from '../../../durable-objects/provider-health/health.ts'
import { defaultHealthSettings } from '../../../durable-objects/provider-health/settings.ts'

/** A rule that hears of every call of one target, in order and at once: the best case for any of them. */
export interface TripRule {
  readonly name: string
  /** Whether a call may be sent now. Asked before each. */
  admits(nowMs: number): boolean
  /** Takes in how a call went; true when the rule takes the target out because of it. */
  ended(nowMs: number, failed: boolean): boolean
}

/**
 * The rules of this gateway without isolates and network, over single outcomes. For counting false trips it
 * forgets after each trip and goes on at once, as the reference does (`breaker_multi.py`).
 */
export class OwnRule implements TripRule {
  readonly name = 'Switchyard, rules alone'
  readonly #random: () => number
  #state: HealthState

  constructor(random: () => number, nowMs: number) {
    this.#random = random
    this.#state = emptyHealth({ ...defaultHealthSettings, syntheticProbes: false }, 'rule', nowMs)
  }

  admits(): boolean {
    return true
  }

  ended(nowMs: number, failed: boolean): boolean {
    const outcome = failed ? 'server_error' : 'ok'
    const row = { target, size: 0, outcome, count: 1, ageMs: 0 } as const
    const { effects } = step(this.#state, { kind: 'outcomes', rows: [row] }, nowMs, this.#random)
    const trips = effects.some((effect) => effect.kind === 'transition' && effect.to === 'open')
    if (trips) step(this.#state, { kind: 'reset', key: `target:${target}` }, nowMs, this.#random)
    return trips
  }
}

/**
 * LiteLLM's router as `reliability.md` 1.1 has it: over half of the calls of this calendar minute failed, of at
 * least five; then five seconds without the target, and then all traffic again. No probe, no growth.
 */
export class LiteLlmRule implements TripRule {
  readonly name = "LiteLLM's rule"
  #minute = -1
  #calls = 0
  #failures = 0
  #coolsUntilMs = -Infinity

  admits(nowMs: number): boolean {
    return nowMs >= this.#coolsUntilMs
  }

  ended(nowMs: number, failed: boolean): boolean {
    const minute = Math.floor(nowMs / 60_000)
    if (minute !== this.#minute) {
      this.#minute = minute
      this.#calls = 0
      this.#failures = 0
    }
    this.#calls += 1
    if (!failed) return false
    this.#failures += 1
    if (this.#calls < 5 || this.#failures * 2 <= this.#calls) return false
    this.#coolsUntilMs = nowMs + 5000
    return true
  }
}

/** The breaker of every textbook: five failures in a row, half a minute without the target, one probe. */
export class FiveInARowRule implements TripRule {
  readonly name = 'five in a row'
  #row = 0
  #opensAgainAtMs = -Infinity
  #isProbing = false

  admits(nowMs: number): boolean {
    return nowMs >= this.#opensAgainAtMs
  }

  ended(nowMs: number, failed: boolean): boolean {
    if (!failed) {
      this.#row = 0
      this.#isProbing = false
      return false
    }
    this.#row += 1
    if (this.#row < 5 && !this.#isProbing) return false
    this.#row = 0
    this.#isProbing = true
    this.#opensAgainAtMs = nowMs + 30_000
    return true
  }
}

const target = 'model@provider'
