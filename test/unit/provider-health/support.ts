import {
  emptyHealth,
  type HealthEffect,
  type HealthEvent,
  type HealthState,
  snapshot,
  step,
  type Transition,
} from '../../../durable-objects/provider-health/health.ts'
import type {
  DomainKey,
  DomainSnapshot,
  Evidence,
  HealthReply,
  HealthReport,
  Outcome,
  OutcomeRow,
  Permit,
} from '../../../durable-objects/provider-health/protocol.ts'
import {
  defaultHealthSettings,
  type HealthSettings,
} from '../../../durable-objects/provider-health/settings.ts'

/** A round moment: the beginning of a bucket of two seconds. */
export const startMs = 1_700_000_000_000

export const a = 'a@acme'
export const b = 'b@acme'

/** A report of one isolate, the one after the other, unless something else is said. */
export type ReportParts = Partial<HealthReport>

export function row(outcome: Outcome, count = 1, more: Partial<OutcomeRow> = {}): OutcomeRow {
  return { target: a, size: 0, outcome, count, ageMs: 0, ...more }
}

/** Evidence of a window with nothing in it but what is said. */
export function evidence(counts: Partial<Evidence>): Evidence {
  return {
    windowMs: 30_000,
    judged: 0,
    failed: 0,
    broken: 0,
    slow: 0,
    hung: 0,
    priced: 0,
    dear: 0,
    ...counts,
  }
}

/** One health core with a clock that is moved by hand. Chance is a half until a test says otherwise. */
export class World {
  state: HealthState
  nowMs = startMs
  random = () => 0.5
  effects: readonly HealthEffect[] = []
  #sequence = 0

  constructor(settings: Partial<HealthSettings> = {}) {
    this.state = emptyHealth(
      { ...defaultHealthSettings, syntheticProbes: false, ...settings },
      'boot',
      startMs,
    )
  }

  later(ms: number): this {
    this.nowMs += ms
    return this
  }

  take(event: HealthEvent): readonly HealthEffect[] {
    const { state, effects } = step(this.state, event, this.nowMs, () => this.random())
    this.state = state
    this.effects = effects
    return effects
  }

  tick(): readonly HealthEffect[] {
    return this.take({ kind: 'tick' })
  }

  report(parts: ReportParts = {}): HealthReply {
    this.take({ kind: 'report', report: this.next(parts) })
    const reply = this.effects.find((effect) => effect.kind === 'reply')
    if (reply === undefined) throw new Error('no reply')
    return reply.reply
  }

  next(parts: ReportParts = {}): HealthReport {
    this.#sequence += 1
    return {
      isolate: 'one',
      bootNonce: 'nonce',
      sequence: this.#sequence,
      rows: [],
      probes: [],
      wants: [],
      haveVersion: 0,
      haveBoot: '',
      ...parts,
    }
  }

  /** Counts rows and looks at the windows. */
  count(...rows: readonly OutcomeRow[]): this {
    const counted = this.take({ kind: 'outcomes', rows })
    this.effects = [...counted, ...this.tick()]
    return this
  }

  domain(key: DomainKey): DomainSnapshot {
    const found = this.find(key)
    if (found === undefined) throw new Error(`no domain ${key}`)
    return found
  }

  find(key: DomainKey): DomainSnapshot | undefined {
    return snapshot(this.state, this.nowMs).find((domain) => domain.key === key)
  }

  get target(): DomainSnapshot {
    return this.domain(`target:${a}`)
  }

  transitions(): readonly Transition[] {
    return this.effects.filter((effect) => effect.kind === 'transition')
  }

  /** Total outage: five failures, and the circuit of the target is open. */
  trip(more: Partial<OutcomeRow> = {}): this {
    return this.count(row('server_error', 5, more))
  }

  /** Waits until the open circuit of the target may be probed. */
  toHalfOpen(): this {
    this.later(this.target.openForMs).tick()
    return this
  }

  /** The permit of the target's circuit that an isolate gets now, or null. */
  permit(target = a, key: DomainKey = `target:${target}`): Permit | null {
    const { permits } = this.report({ wants: [target] })
    return permits.find((permit) => permit.key === key) ?? null
  }

  /** Asks for a permit and says at once how the call went. */
  probe(
    outcome: Outcome,
    more: { ttftMs?: number; costNanoUsd?: number; retryAfterMs?: number } = {},
  ) {
    const permit = this.permit()
    if (permit === null) throw new Error('no permit')
    return this.answer(permit, outcome, more)
  }

  answer(
    { permitId }: Permit,
    outcome: Outcome,
    more: { ttftMs?: number; costNanoUsd?: number; retryAfterMs?: number } = {},
  ): this {
    this.report({ probes: [{ permitId, outcome, size: 0, ...more }] })
    return this
  }

  /** Ten clean probes: closed again. */
  recover(): this {
    for (let probe = 0; probe < 10; probe += 1) this.probe('ok')
    return this
  }
}
