import type {
  DomainKey,
  DomainSnapshot,
  HealthReply,
  HealthReport,
  Permit,
  ProbeOutcome,
  SizeClass,
  Speed,
} from '../../../durable-objects/provider-health/protocol.ts'
import {
  defaultHealthSettings,
  type HealthSettings,
} from '../../../durable-objects/provider-health/settings.ts'
import type { TargetHealth } from '../../policy/candidate.ts'
import { CapacityShares } from './capacity-shares.ts'
import { LocalView } from './local-view.ts'
import { OutgoingReports } from './outgoing-reports.ts'
import type { NotedOutcome } from './pending-report.ts'
import type { SharedWord } from '../measure/target-measure.ts'
import { defaultWatchSettings, type WatchSettings } from './settings.ts'
import { SharedView } from './shared-view.ts'
import { combine, type Combined } from './standing.ts'
import { Suspicion } from './suspicion.ts'
import { TargetLoad } from './target-load.ts'
import { TrialTally } from './trial-tally.ts'
import { AdaptiveThrottle } from './throttle.ts'

/** Who watches, and how; plain data. */
export interface WatchSetup {
  /** Names this isolate to the object; random, and says nothing. */
  readonly isolate: string
  readonly bootNonce: string
  /** Fingerprint of the provider's credential; null where it has none. */
  readonly credential: string | null
  /** Circuits and credentials are watched and never enforced; waits that a provider asked for still hold. */
  readonly observeOnly?: boolean
  readonly settings?: WatchSettings
  readonly rules?: HealthSettings
}

/** How a target stands, for the plan and for the attempt. */
export interface Standing {
  /** Undefined while nothing is known and nothing speaks against it. */
  readonly health: TargetHealth | undefined
  /** Epoch ms; 0 when nothing keeps it back. */
  readonly notBeforeMs: number
}

/**
 * What one isolate knows of one provider, and what it has to tell its object.
 *
 * Two sources: what the object last said, and the same rules over the isolate's
 * own outcomes. The object's word decides while it is fresh, because it has seen
 * more; without it the isolate goes by itself. Waits that the provider asked for
 * hold from either. Plain data; nothing here waits.
 */
export class ProviderWatch {
  readonly trials = new TrialTally()
  readonly #setup: WatchSetup
  readonly #settings: WatchSettings
  readonly #random: () => number
  readonly #shared = new SharedView()
  readonly #local: LocalView
  readonly #reports: OutgoingReports
  readonly #suspicion: Suspicion
  readonly #loads = new Map<string, TargetLoad>()
  readonly #shares = new Map<string, CapacityShares>()
  readonly #throttles = new Map<string, AdaptiveThrottle>()

  constructor(setup: WatchSetup, nowMs: number, random: () => number) {
    this.#setup = setup
    this.#settings = setup.settings ?? defaultWatchSettings
    this.#random = random
    this.#local = new LocalView(
      setup.rules ?? defaultHealthSettings,
      setup.bootNonce,
      nowMs,
      random,
    )
    this.#reports = new OutgoingReports(this.#settings)
    this.#suspicion = new Suspicion(this.#settings)
  }

  /** How `target` stands now. */
  standing(target: string, size: SizeClass, nowMs: number): Standing {
    const load = this.#loads.get(target)
    const suspect = this.#isSuspect(target, nowMs)
    const full = load?.full === true && this.#setup.observeOnly !== true
    if (this.#shared.quiet && this.#local.quiet && !suspect && !full) {
      const loadMs = this.#loadMs(target, size)
      if (loadMs === null) return allWell
      return { health: nothingWrong(loadMs), notBeforeMs: 0 }
    }
    const combined = combine(this.#domains(target, nowMs), nowMs)
    const notBeforeMs = Math.max(combined.notBeforeMs, this.#paceMs(target, nowMs))
    const state = this.#stateOf(target, combined, nowMs)
    const passedOver = suspect && state === 'closed'
    return {
      notBeforeMs,
      health: {
        state: passedOver ? 'barred' : state,
        why: passedOver ? 'it has just failed several times in a row here' : combined.why,
        slow: combined.slow,
        weight: combined.weight,
        loadMs: this.#loadMs(target, size),
        full,
      },
    }
  }

  /** A request would have tried `target` out, and had no permit: the next one shall. */
  want(target: string, nowMs: number): void {
    const { barred, probes } = combine(this.#domains(target, nowMs), nowMs)
    if (barred || probes.length === 0 || this.#holdsAll(probes, nowMs)) return
    this.#reports.want(target)
    if (!this.#decides(nowMs)) this.#local.want(target, this.#setup.credential, nowMs)
  }

  /** The permits that a call of `target` would carry now, taken. */
  takePermits(target: string, nowMs: number): readonly Permit[] {
    if (this.#shared.quiet && this.#local.quiet) return noPermits
    const { probes } = combine(this.#domains(target, nowMs), nowMs)
    if (!this.#holdsAll(probes, nowMs)) return []
    return probes.flatMap((key) => {
      const permit = this.#shared.takePermit(key, nowMs) ?? this.#local.takePermit(key, nowMs)
      return permit === null ? [] : [permit]
    })
  }

  /** What the object knows of the speed of `target`; null while nobody has said. */
  speed(target: string): Speed | null {
    return this.#shared.speed(target)
  }

  /** All that the object last said of `target`; null for what it never said, or said too long ago. */
  shared(target: string, nowMs: number): SharedWord {
    const domain = this.#fresh(nowMs) ? this.#shared.domain(`target:${target}`, nowMs) : null
    return { speed: this.#shared.speed(target), domain }
  }

  /** Isolates that the object has heard of lately. */
  get activeIsolates(): number {
    return this.#shared.activeIsolates
  }

  /** The object has not been heard of for long. */
  isAlone(nowMs: number): boolean {
    return !this.#fresh(nowMs)
  }

  load(target: string): TargetLoad {
    let load = this.#loads.get(target)
    if (load === undefined) this.#loads.set(target, (load = new TargetLoad(this.#settings)))
    return load
  }

  /** Whose calls of `target` are on their way from here. */
  shares(target: string): CapacityShares {
    let shares = this.#shares.get(target)
    if (shares === undefined) this.#shares.set(target, (shares = new CapacityShares()))
    return shares
  }

  /** Whether a request may go to `target` although its circuit is open, because there is no other. */
  admits(target: string, nowMs: number): boolean {
    const everyMs = 1000 * this.#shared.activeIsolates
    return this.#throttle(target).admits(nowMs, everyMs, this.#random)
  }

  /** Counts one outcome: here at once, for the object with the next report. */
  note(noted: NotedOutcome, probes: readonly ProbeOutcome[], nowMs: number): void {
    this.#reports.note(noted, probes, nowMs)
    this.#suspicion.note(noted.target, noted.outcome, nowMs)
    if (noted.outcome === 'ok') this.#throttle(noted.target).accepted(nowMs)
    this.#local.note(noted, probes, nowMs)
  }

  /** In how many ms a report should leave; Infinity when there is no hurry. */
  dueInMs(nowMs: number): number {
    return this.#reports.dueInMs(nowMs)
  }

  /** Takes the errand of carrying reports, unless somebody is on it: its number, or null. Whoever takes it gives it back. */
  claim(nowMs: number): number | null {
    return this.#reports.claim(nowMs)
  }

  /** Whoever is on the errand says so before each step; false when it is another's now. */
  keep(errand: number, nowMs: number): boolean {
    return this.#reports.keep(errand, nowMs)
  }

  release(errand: number): void {
    this.#reports.release(errand)
  }

  /** The report that leaves now. */
  report(nowMs: number): HealthReport {
    const { isolate, bootNonce, credential } = this.#setup
    const trials = this.trials.take()
    return {
      isolate,
      bootNonce,
      ...this.#reports.take(nowMs),
      ...(credential === null ? {} : { credential }),
      haveVersion: this.#shared.version,
      haveBoot: this.#shared.boot,
      ...(trials === null ? {} : { trials }),
    }
  }

  /** `sequence`: of the report that it answers. Replies may overtake each other, also those of two lives of the object. */
  received(reply: HealthReply, nowMs: number, sequence = this.#reports.sequence): void {
    this.trials.received(reply.stoppedTrials)
    if (this.#reports.answered(sequence, reply.nextFlushMs)) this.#shared.received(reply, nowMs)
    else this.#shared.overtaken(reply, nowMs)
  }

  #loadMs(target: string, size: SizeClass): number | null {
    const elsewhereMs = this.#shared.speed(target)?.ttftP50Ms[size] ?? null
    return this.#loads.get(target)?.loadMs(size, elsewhereMs) ?? elsewhereMs
  }

  #stateOf(target: string, { barred, probes }: Combined, nowMs: number): TargetHealth['state'] {
    if (barred) return 'barred'
    if (probes.length === 0) return 'closed'
    return this.#holdsAll(probes, nowMs) ? 'probe' : 'barred'
  }

  #holdsAll(keys: readonly DomainKey[], nowMs: number): boolean {
    return keys.every(
      (key) => this.#shared.hasPermit(key, nowMs) || this.#local.hasPermit(key, nowMs),
    )
  }

  /** The domains that a call of `target` touches, each as the source that decides has it. */
  #domains(target: string, nowMs: number): DomainSnapshot[] {
    const { credential, observeOnly } = this.#setup
    const fresh = this.#fresh(nowMs)
    const decides = this.#decides(nowMs)
    const found: DomainSnapshot[] = []
    const add = (domain: DomainSnapshot | null) => {
      if (domain !== null) found.push(domain)
    }
    const told = (key: DomainKey) => (fresh ? this.#shared.domain(key, nowMs) : null)
    if (observeOnly !== true) {
      const circuits: DomainKey[] = ['edge', `target:${target}`]
      for (const key of circuits) {
        const own = decides ? null : this.#local.domain(key, nowMs)
        add(own === null || own.state === 'closed' ? told(key) : own)
      }
      if (credential !== null) add(this.#lock(`credential:${credential}`, told, nowMs))
    }
    add(this.#lock('quota:*', told, nowMs))
    add(told(`quota:${target}`))
    add(this.#local.domain(`quota:${target}`, nowMs))
    return found
  }

  /**
   * A lock of one's own holds at once; once the object must have heard of it, its
   * word stands. Without the object the own one stands, and is probed from here.
   */
  #lock(
    key: DomainKey,
    told: (key: DomainKey) => DomainSnapshot | null,
    nowMs: number,
  ): DomainSnapshot | null {
    const shared = told(key)
    if (shared !== null && shared.state !== 'closed') return shared
    const own = this.#local.domain(key, nowMs)
    if (own === null || !this.#decides(nowMs)) return own
    const newer = own.sinceMs < this.#shared.ageMs(nowMs)
    const unheard = shared === null && own.sinceMs < this.#settings.reportTimeoutMs
    return newer || unheard ? own : shared
  }

  #fresh(nowMs: number): boolean {
    return this.#shared.ageMs(nowMs) < this.#settings.snapshotMaxAgeMs
  }

  #decides(nowMs: number): boolean {
    return this.#shared.ageMs(nowMs) < this.#settings.snapshotTtlMs
  }

  /** Has just failed several times in a row here, and was asked a moment ago. */
  #isSuspect(target: string, nowMs: number): boolean {
    if (this.#setup.observeOnly === true || this.#suspicion.untilMs(target) <= nowMs) return false
    const lastMs = this.#loads.get(target)?.lastBegunAtMs ?? -Infinity
    return nowMs - lastMs < this.#settings.suspectEveryMs
  }

  /** Epoch ms before which a rate-limited target gets no further call from here. */
  #paceMs(target: string, nowMs: number): number {
    const gate = this.#fresh(nowMs) ? this.#shared.domain(`quota:${target}`, nowMs) : null
    const ratePerS = gate?.ratePerS ?? null
    const lastMs = this.#loads.get(target)?.lastBegunAtMs ?? -Infinity
    if (ratePerS === null) return 0
    return lastMs + (1000 * this.#shared.activeIsolates) / ratePerS
  }

  #throttle(target: string): AdaptiveThrottle {
    let throttle = this.#throttles.get(target)
    if (throttle === undefined) this.#throttles.set(target, (throttle = new AdaptiveThrottle()))
    return throttle
  }
}

const noPermits: readonly Permit[] = []

/** While nothing is wrong every standing without a measured load is this one. */
const allWell: Standing = { health: undefined, notBeforeMs: 0 }

function nothingWrong(loadMs: number): TargetHealth {
  return { state: 'closed', why: null, slow: false, weight: 1, loadMs, full: false }
}
