import {
  emptyHealth,
  snapshot,
  step,
  type HealthState,
} from '../../../durable-objects/provider-health/health.ts'
import type {
  DomainKey,
  DomainSnapshot,
  Permit,
  ProbeOutcome,
} from '../../../durable-objects/provider-health/protocol.ts'
import type { HealthSettings } from '../../../durable-objects/provider-health/settings.ts'
import { PendingReport, type NotedOutcome } from './pending-report.ts'
import { isPlain, PermitPurse, type HealthSource } from './source.ts'

/** Good outcomes wait so long for the core, ms: one look at the windows costs more than many counts. */
const feedEveryMs = 1000
/** More kinds of outcomes in a second than these say nothing new. */
const maxRows = 64

/** The same rules as the object's, over this isolate's own outcomes: the second line, for when the object is away. */
export class LocalView implements HealthSource {
  readonly #random: () => number
  #state: HealthState
  readonly #permits = new PermitPurse()
  #domains: ReadonlyMap<DomainKey, DomainSnapshot> = new Map()
  readonly #pending = new PendingReport(maxRows)
  #fedAtMs = -Infinity
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

  /** A failure is judged at once, with all that was good until then; good outcomes add up first. */
  note(noted: NotedOutcome, probes: readonly ProbeOutcome[], nowMs: number): void {
    this.#pending.note(noted, nowMs)
    const harmless = noted.outcome === 'ok' || noted.outcome === 'priced'
    if (harmless && probes.length === 0 && nowMs - this.#fedAtMs < feedEveryMs) return
    this.#fedAtMs = nowMs
    const { rows } = this.#pending.take(nowMs)
    this.#take({ kind: 'outcomes', rows, probes }, nowMs)
    this.#stale = true
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
