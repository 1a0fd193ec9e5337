import {
  emptyHealth,
  snapshot,
  step,
  type HealthState,
} from '../../../durable-objects/provider-health/health.ts'
import type {
  DomainKey,
  DomainSnapshot,
  OutcomeRow,
  Permit,
  ProbeOutcome,
} from '../../../durable-objects/provider-health/protocol.ts'
import type { HealthSettings } from '../../../durable-objects/provider-health/settings.ts'
import { isPlain, PermitPurse, type HealthSource } from './source.ts'

/** How long a snapshot of the own core is good enough while nothing is wrong, ms. */
const lookEveryMs = 1000

/** The same rules as the object's, over this isolate's own outcomes: the second line, for when the object is away. */
export class LocalView implements HealthSource {
  readonly #random: () => number
  #state: HealthState
  readonly #permits = new PermitPurse()
  #domains: ReadonlyMap<DomainKey, DomainSnapshot> = new Map()
  #lookedAtMs = -Infinity
  #stale = false
  #quiet = true

  constructor(rules: HealthSettings, boot: string, nowMs: number, random: () => number) {
    this.#state = emptyHealth({ ...rules, syntheticProbes: false }, boot, nowMs)
    this.#random = random
  }

  /** As of the last look: a failure is looked at when the next request asks. */
  get quiet(): boolean {
    return this.#quiet && !this.#stale
  }

  note(rows: readonly OutcomeRow[], probes: readonly ProbeOutcome[], nowMs: number): void {
    this.#take({ kind: 'outcomes', rows, probes }, nowMs)
    const harmless = rows.every(({ outcome }) => outcome === 'ok')
    if (!harmless || !this.#quiet || nowMs - this.#lookedAtMs > lookEveryMs) this.#stale = true
  }

  /** Asks the own core for the permits that a probe of `target` needs. */
  want(target: string, credential: string | null, nowMs: number): void {
    const who = credential === null ? {} : { credential }
    this.#take({ kind: 'outcomes', rows: [], wants: [target], ...who }, nowMs)
    this.#stale = true
  }

  domain(key: DomainKey, nowMs: number): DomainSnapshot | null {
    if (this.#stale || (!this.#quiet && nowMs !== this.#lookedAtMs)) this.#look(nowMs)
    return this.#domains.get(key) ?? null
  }

  hasPermit(key: DomainKey, nowMs: number): boolean {
    return this.#permits.has(key, nowMs)
  }

  takePermit(key: DomainKey, nowMs: number): Permit | null {
    return this.#permits.take(key, nowMs)
  }

  #look(nowMs: number): void {
    this.#take({ kind: 'tick' }, nowMs)
    const domains = snapshot(this.#state, nowMs)
    this.#domains = new Map(domains.map((domain) => [domain.key, domain]))
    this.#quiet = domains.every(isPlain)
    this.#lookedAtMs = nowMs
    this.#stale = false
  }

  #take(event: Parameters<typeof step>[1], nowMs: number): void {
    const { state, effects } = step(this.#state, event, nowMs, this.#random)
    this.#state = state
    for (const effect of effects)
      if (effect.kind === 'permits') this.#permits.add(effect.permits, nowMs)
  }
}
