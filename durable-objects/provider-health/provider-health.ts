import { dropAlert, type OutgoingAlert } from './alert-book.ts'
import { AlertCourier } from './alert-courier.ts'
import { alertOfStandby, alertOfTransition, alertOfTrial, type Alert } from './alerts.ts'
import { Background } from './background.ts'
import type {
  HealthComposition,
  HealthLogEntry,
  ObjectSettings,
  ProbeResult,
  Variables,
} from './composition.ts'
import {
  durable,
  restore,
  snapshot,
  step,
  type HealthEffect,
  type HealthEvent,
  type HealthState,
} from './health.ts'
import { IttyObject } from './itty.ts'
import { nothingKept, readKept, type Kept } from './kept.ts'
import { readObjectName, type HealthPlace } from './object-name.ts'
import { probesOf, rowOfProbe } from './probe-rows.ts'
import { affordableAtMs, charged, priceOf, settled } from './probe-spending.ts'
import type { DomainKey, HealthReply, HealthReport, Permit } from './protocol.ts'
import {
  answered,
  asked,
  heard,
  onlyConfigured,
  provenByTraffic,
  shutForMs,
  standbyDueMs,
  standbySnapshot,
} from './standby.ts'
import type { AdminReply, CircuitsReply, ForceCall } from './stub.ts'

/** The class that a Worker exports: `export class ProviderHealth extends providerHealthClass(composition) {}`. */
export function providerHealthClass(composition: HealthComposition) {
  return class extends ProviderHealthObject {
    constructor(state: DurableObjectState, env: Variables) {
      super(state, env, composition)
    }
  }
}

const platformClock = { nowMs: () => Date.now(), random: () => Math.random() }

type Effect<Kind extends HealthEffect['kind']> = Extract<HealthEffect, { kind: Kind }>

/**
 * The health of one provider as it is seen from one region; its name carries both.
 *
 * Holds no rules: it reads the clock, asks `health.ts`, `standby.ts` and `alert-book.ts` what follows, and does it.
 * Windows live in memory; what changes a state is stored before anybody is told. A call never waits for the
 * network: probes and alerts run behind it.
 */
export class ProviderHealthObject extends IttyObject {
  /** The only public field, because the library stores those and no private ones. */
  kept: Kept = nothingKept

  readonly #env: Variables
  readonly #composition: HealthComposition
  readonly #clock: NonNullable<HealthComposition['clock']>
  #place!: HealthPlace
  #settings!: ObjectSettings
  #health!: HealthState
  #courier!: AlertCourier
  /** When the core wants to be asked again, and for when the platform's alarm is set; Infinity for never. */
  #tickAtMs = Infinity
  #alarmAtMs = Infinity
  readonly #behind: Background

  constructor(state: DurableObjectState, env: Variables, composition: HealthComposition) {
    super(state, env)
    this.#env = env
    this.#composition = composition
    this.#clock = composition.clock ?? platformClock
    this.#behind = new Background(
      (work) => state.waitUntil(work),
      (fault) => this.#log({ event: 'health_fault', place: this.#place, fault }),
    )
  }

  override async onLoad(): Promise<void> {
    const { id } = this.state
    this.#place = readObjectName(id.name ?? '', id.jurisdiction)
    this.#settings = this.#composition.settingsOf(this.#env, this.#place.provider)
    this.kept = readKept(this.kept)
    const boot = crypto.randomUUID()
    const { health, standby, alerts } = this.#settings
    this.#courier = new AlertCourier(alerts, (alertId, status, givenUp) =>
      this.#log({ event: 'alert_unsent', place: this.#place, alertId, status, givenUp }),
    )
    this.#health = restore(this.kept.health, health, boot, this.#clock.nowMs())
    this.#keep({ standby: onlyConfigured(this.kept.standby, standby) })
    this.#alarmAtMs = (await this.getAlarm()) ?? Infinity
  }

  async report(report: HealthReport): Promise<HealthReply> {
    const effects = await this.#take({ kind: 'report', report })
    const reply = effects.find((one): one is Effect<'reply'> => one.kind === 'reply')
    if (reply === undefined) throw new RangeError('a report of another form than protocol.ts has')
    const nowMs = this.#clock.nowMs()
    const standby = heard(this.kept.standby, nowMs)
    this.#keep({ standby: provenByTraffic(standby, report.rows, this.#settings.standby, nowMs) })
    await this.#setAlarm()
    return reply.reply
  }

  circuits(): CircuitsReply {
    const nowMs = this.#clock.nowMs()
    const standby = [...this.#settings.standby.keys()]
    return {
      domains: snapshot(this.#health, nowMs),
      standby: standby.map((target) => standbySnapshot(this.kept.standby, target, nowMs)),
    }
  }

  async force({ key, state, forMs }: ForceCall): Promise<AdminReply> {
    return this.#obey({ kind: 'force', key, state, forMs })
  }

  async resetDomain({ key }: { readonly key: DomainKey }): Promise<AdminReply> {
    return this.#obey({ kind: 'reset', key })
  }

  /**
   * Loads first: the library does that for calls only, and a `persist()` of an object that was just made
   * would put nothing in the place of an open circuit.
   */
  async alarm(): Promise<void> {
    await this.loadFromStorage()
    this.#alarmAtMs = Infinity
    await this.#take({ kind: 'tick' })
    await this.#askStandby()
    await this.#tell([], false)
    await this.#setAlarm()
  }

  /** When nothing runs behind the calls any more. */
  idle(): Promise<void> {
    return this.#behind.idle()
  }

  async #obey(event: HealthEvent): Promise<AdminReply> {
    const effects = await this.#take(event)
    await this.#setAlarm()
    const refused = effects.find((one): one is Effect<'refused'> => one.kind === 'refused')
    return { refused: refused?.reason ?? null }
  }

  /** One event through the core; when this answers, what must be stored is, and what follows is on its way. */
  async #take(event: HealthEvent): Promise<readonly HealthEffect[]> {
    const nowMs = this.#clock.nowMs()
    if (this.#tickAtMs <= nowMs) this.#tickAtMs = Infinity
    const { state, effects } = step(this.#health, event, nowMs, () => this.#clock.random())
    this.#health = state
    const alerts: Alert[] = []
    const probes: (() => Promise<void>)[] = []
    for (const effect of effects) {
      if (effect.kind === 'alarm') this.#tickAtMs = effect.atMs
      if (effect.kind === 'synthetic_probe') probes.push(this.#paidProbe(effect, nowMs))
      if (effect.kind === 'transition') {
        this.#log({ event: 'circuit', place: this.#place, transition: effect })
        const alert = alertOfTransition(effect, this.#place, nowMs)
        if (alert !== null) alerts.push(alert)
      }
      if (effect.kind === 'trial_stopped') {
        this.#log({ event: 'trial', place: this.#place, stopped: effect })
        alerts.push(alertOfTrial(effect, this.#place, nowMs))
      }
    }
    const mustStore = probes.length > 0 || effects.some(({ kind }) => kind === 'persist')
    await this.#tell(alerts, mustStore)
    for (const probe of probes) this.#behind.run(probe)
    return effects
  }

  /** A small call to a target that is open and that nobody asks for; when it cannot be paid, its permits go back. */
  #paidProbe({ target, permits }: Effect<'synthetic_probe'>, nowMs: number): () => Promise<void> {
    const { synthetic } = this.kept
    const dueMs = affordableAtMs(synthetic, this.#settings.syntheticMaxNanoUsdPerDay, nowMs)
    if (dueMs > nowMs) return () => this.#learn(target, null, permits)
    const paidNanoUsd = priceOf(synthetic)
    this.#keep({ synthetic: charged(synthetic, nowMs) })
    return async () => {
      const result = await this.#probe(target)
      const { costNanoUsd } = result ?? {}
      this.#keep({ synthetic: settled(this.kept.synthetic, paidNanoUsd, costNanoUsd, nowMs) })
      await this.#learn(target, result, permits)
    }
  }

  async #askStandby(): Promise<void> {
    const nowMs = this.#clock.nowMs()
    const due = [...this.#settings.standby.keys()].filter((one) => this.#dueMs(one, nowMs) <= nowMs)
    for (const target of due) this.#keep({ standby: asked(this.kept.standby, target, nowMs) })
    if (due.length > 0) await this.#store()
    for (const target of due) this.#behind.run(() => this.#standby(target))
  }

  async #standby(target: string): Promise<void> {
    const { credential } = this.#settings
    const own = credential === null ? {} : { credential }
    const effects = await this.#take({ kind: 'outcomes', rows: [], wants: [target], ...own })
    const permits = effects.flatMap((one) => (one.kind === 'permits' ? one.permits : []))
    const result = await this.#probe(target)
    const nowMs = this.#clock.nowMs()
    const { book, change } = answered(this.kept.standby, target, result, nowMs)
    this.#keep({ standby: book })
    if (change !== null) this.#log({ event: 'standby', place: this.#place, change })
    const alerts = change === null ? [] : [alertOfStandby(change, this.#place, nowMs)]
    await this.#tell(alerts, true)
    await this.#learn(target, result, permits)
  }

  /** Null when it could not be sent. */
  async #probe(target: string): Promise<ProbeResult | null> {
    try {
      return await this.#composition.prober(target, this.#env)
    } catch (fault) {
      this.#log({ event: 'health_fault', place: this.#place, fault })
      return null
    }
  }

  /** A call of our own is evidence like any other; one that was not sent only gives its permits back. */
  async #learn(
    target: string,
    result: ProbeResult | null,
    permits: readonly Permit[],
  ): Promise<void> {
    const rows = result === null ? [] : [rowOfProbe(target, result, this.#settings.credential)]
    const probes = probesOf(permits, result ?? { outcome: 'cancelled' })
    await this.#take({ kind: 'outcomes', rows, probes })
    await this.#setAlarm()
  }

  /** When a standby target is to be asked. Cheap as long as that is not before `unlessBeforeMs`. */
  #dueMs(target: string, nowMs: number, unlessBeforeMs = Infinity): number {
    const settings = this.#settings.standby.get(target)
    if (settings === undefined) return Infinity
    const atMs = standbyDueMs(this.kept.standby, target, settings, 0, nowMs)
    if (atMs >= unlessBeforeMs) return atMs
    const shutMs = shutForMs(snapshot(this.#health, nowMs), target)
    return standbyDueMs(this.kept.standby, target, settings, shutMs, nowMs)
  }

  /** Stores what changed, and only then tells of it. */
  async #tell(alerts: readonly Alert[], mustStore: boolean): Promise<void> {
    const before = this.kept.alerts
    const { book, sending } = this.#courier.pack(before, alerts, this.#clock.nowMs())
    this.#keep({ alerts: book })
    if (mustStore || book !== before) await this.#store()
    for (const one of sending) this.#behind.run(() => this.#send(one))
  }

  async #send(outgoing: OutgoingAlert): Promise<void> {
    if (!(await this.#courier.send(outgoing, this.#clock.nowMs()))) return
    this.#keep({ alerts: dropAlert(this.kept.alerts, outgoing.alert.id) })
    await this.#store()
  }

  /** One alarm for everything that has a time. Never moved back: one that comes too early costs less than a write. */
  async #setAlarm(): Promise<void> {
    const nowMs = this.#clock.nowMs()
    const alertsMs = this.#courier.dueMs(this.kept.alerts)
    const standby = [...this.#settings.standby.keys()]
    const dueMs = standby.map((target) => this.#dueMs(target, nowMs, this.#alarmAtMs))
    const atMs = Math.max(nowMs, Math.min(this.#tickAtMs, alertsMs, ...dueMs))
    if (atMs >= this.#alarmAtMs) return
    this.#alarmAtMs = atMs
    await this.setAlarm(atMs)
  }

  #keep(changed: Partial<Kept>): void {
    this.kept = { ...this.kept, ...changed }
  }

  async #store(): Promise<void> {
    this.#keep({ health: durable(this.#health) })
    await this.persist()
  }

  #log(entry: HealthLogEntry): void {
    this.#composition.log(entry)
  }
}
