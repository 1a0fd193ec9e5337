import {
  durable,
  restore,
  step,
  type HealthEffect,
  type HealthEvent,
  type HealthState,
  type Transition,
} from '../../../durable-objects/provider-health/health.ts'
import {
  costBucketOf,
  ttftBucketOf,
  type HealthReply,
  type HealthReport,
  type Outcome,
  type OutcomeRow,
  type Permit,
} from '../../../durable-objects/provider-health/protocol.ts'
import {
  defaultHealthSettings,
  type HealthSettings,
} from '../../../durable-objects/provider-health/settings.ts'
import type { EventLog } from '../kernel/event-log.ts'
import type { Random } from '../kernel/random.ts'
import type { Timeline } from '../kernel/timeline.ts'
import type { Branches } from './branches.ts'
import { checkDurable, ObjectChecks, replyOf } from './object-checks.ts'
import type { Upstream } from './provider-model.ts'

export interface ObjectSetup {
  readonly provider: string
  readonly timeline: Timeline
  readonly random: Random
  readonly log: EventLog
  readonly branches: Branches
  readonly upstream: Upstream
  readonly settings?: HealthSettings
  /** Checks every step against the rules: for short runs. */
  readonly isChecked: boolean
  readonly onTransition: (transition: Transition) => void
}

/** A shell around the pure core, as thin as the real one: storage, alarm, lives. Its clock may be wrong. */
export class ObjectHost {
  readonly provider: string
  /** How far its clock is ahead, ms. */
  skewMs = 0
  /** Drops the next step, or the next that changes what is stored, whole: before anything of it is stored or told. */
  killOn: 'step' | 'change' | null = null
  readonly #setup: ObjectSetup
  readonly #checks: ObjectChecks | null
  #state: HealthState | null = null
  #stored: string | null = null
  #lives = 0
  #stepCount = 0
  #seen = new Set<string>()
  #cancelAlarm: () => void = () => undefined

  constructor(setup: ObjectSetup) {
    this.provider = setup.provider
    this.#setup = setup
    this.#checks = setup.isChecked ? new ObjectChecks(setup.branches) : null
  }

  get #nowMs(): number {
    return Math.floor(this.#setup.timeline.nowMs + this.skewMs)
  }

  /** As it is in memory; null when it is not. */
  get state(): HealthState | null {
    return this.#state
  }

  /** Takes a report in; null when the object is killed over it. */
  report(report: HealthReport): HealthReply | null {
    this.#noteOrder(report)
    const effects = this.take({ kind: 'report', report })
    return effects === null ? null : replyOf(effects)
  }

  take(event: HealthEvent): readonly HealthEffect[] | null {
    const state = this.#awake()
    const { timeline, random, branches } = this.#setup
    const before = this.#checks?.before(state, event, this.#nowMs)
    const { effects } = step(state, event, this.#nowMs, random.next)
    const isChange = effects.some(({ kind }) => kind === 'persist')
    if (this.killOn === 'step' || (this.killOn === 'change' && isChange)) {
      this.killOn = null
      if (isChange) branches.reached('killed before a change was stored')
      this.evict('killed')
      return null
    }
    if (before !== undefined) this.#checks?.after(before, event, state, effects)
    this.#stepCount += 1
    if (this.#checks !== null && this.#stepCount % durableEverySteps === 0) checkDurable(state)
    for (const effect of effects) this.#act(effect, state, timeline.nowMs)
    return effects
  }

  /** Out of memory: windows, permits and senders are lost, what was stored and the alarm are not. */
  evict(how: 'evicted' | 'killed', skewMs = this.skewMs): void {
    if (this.#state === null) return
    this.#write(how)
    this.#state = null
    this.#seen = new Set()
    this.skewMs = skewMs
  }

  #awake(): HealthState {
    if (this.#state !== null) return this.#state
    this.#lives += 1
    const boot = `${this.provider}-${this.#lives}`
    const stored: unknown = this.#stored === null ? undefined : JSON.parse(this.#stored)
    const settings = this.#setup.settings ?? defaultHealthSettings
    this.#state = restore(stored, settings, boot, this.#nowMs)
    this.#checks?.restored(this.#state, this.#nowMs, this.skewMs)
    this.#write(`life ${this.#lives} begins`)
    return this.#state
  }

  #act(effect: HealthEffect, state: HealthState, nowMs: number): void {
    switch (effect.kind) {
      case 'persist':
        this.#stored = JSON.stringify(durable(state))
        return
      case 'alarm':
        this.#cancelAlarm()
        this.#cancelAlarm = this.#setup.timeline.at(
          Math.max(nowMs, effect.atMs - this.skewMs),
          () => this.#ring(),
        )
        return
      case 'transition':
        this.#told(effect)
        return
      case 'synthetic_probe':
        this.#probe(effect.target, effect.permits)
        return
      case 'refused':
        this.#write(`refused: ${effect.reason}`)
        return
      case 'reply':
      case 'permits':
        return
    }
  }

  #ring(): void {
    if (this.#state === null) this.#setup.branches.reached('alarm woke an evicted object')
    this.take({ kind: 'tick' })
  }

  #told(transition: Transition): void {
    const { key, from, to, cause, epoch, evidence } = transition
    const counts = evidence === null ? '' : ` ${evidence.failed} of ${evidence.judged}`
    this.#write(`${key} ${from} to ${to}: ${cause}${counts}, generation ${epoch}`)
    this.#noteCause(transition)
    this.#setup.onTransition(transition)
  }

  #noteCause({ cause, to }: Transition): void {
    const { branches } = this.#setup
    if (to === 'closed' && cause === 'recovered') branches.reached('closed by clean probes')
    if (cause === 'force_over') branches.reached('forced state expired')
    if (cause === 'probes_lost') branches.reached('opened again after three lapsed permits')
    if (cause === 'probe_failed') branches.reached('opened again by a failed probe')
    if (to !== 'open') return
    if (cause === 'blackout') branches.reached('opened for a blackout')
    if (cause === 'brownout') branches.reached('opened for a brownout')
    if (cause === 'slow') branches.reached('opened for slowness')
    if (cause === 'broken_output') branches.reached('opened for broken outputs')
    if (cause === 'cost') branches.reached('opened for cost')
  }

  /** A small call of the object's own; its outcome comes back as one. */
  #probe(target: string, permits: readonly Permit[]): void {
    const { timeline, upstream, branches } = this.#setup
    branches.reached('synthetic probe sent')
    this.#write(`probes ${target} with ${permits.length} permits`)
    const call = upstream.call(target, timeline.nowMs)
    const life = this.#lives
    const done = (afterMs: number, outcome: Outcome, more: Partial<OutcomeRow>, ttftMs?: number) =>
      timeline.after(afterMs, () => {
        // A call of a life that is over: nobody waits for it.
        if (life !== this.#lives || this.#state === null) return
        const speed = ttftMs === undefined ? {} : { ttftMs }
        const probes = permits.map(
          ({ permitId }) => ({ permitId, outcome, size: 0, ...speed }) as const,
        )
        const row: OutcomeRow = { target, size: 0, outcome, count: 1, ageMs: 0, ...more }
        this.take({ kind: 'outcomes', rows: [row], probes })
      })
    if (call.kind === 'silent') done(syntheticTimeoutMs, 'timeout', {})
    else if (call.kind === 'refused') done(call.afterMs, call.failure.class, {})
    else {
      const { firstTokenAfterMs: ttftMs, costNanoUsd } = call
      const measured = {
        ttft: [[ttftBucketOf(ttftMs), 1]],
        cost: [[costBucketOf(costNanoUsd), 1]],
      } as const
      done(ttftMs, 'ok', measured, ttftMs)
    }
  }

  #noteOrder(report: HealthReport): void {
    const sender = `${report.isolate} ${report.bootNonce}`
    const id = `${sender} ${report.sequence}`
    const last = this.#state?.senders.known.get(sender)?.last ?? -1
    if (this.#seen.has(id)) this.#setup.branches.reached('duplicate report not counted')
    else if (report.sequence < last) this.#setup.branches.reached('report counted out of order')
    if (this.#checks !== null) this.#seen.add(id)
  }

  #write(text: string): void {
    this.#setup.log.write(
      `${this.#setup.timeline.nowMs.toFixed(0)} object ${this.provider}: ${text}`,
    )
  }
}

const durableEverySteps = 200

const syntheticTimeoutMs = 20_000
