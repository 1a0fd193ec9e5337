import {
  durable,
  type HealthEffect,
  type HealthEvent,
  type HealthState,
} from '../../../durable-objects/provider-health/health.ts'
import type {
  HealthReply,
  HealthReport,
  Permit,
} from '../../../durable-objects/provider-health/protocol.ts'
import { invariant } from '../kernel/broken.ts'
import type { Branches } from './branches.ts'
import { DeltaChecks } from './delta-checks.ts'
import {
  factsOf,
  mostPermitsOut,
  type CircuitFacts,
  type Facts,
  type LockFacts,
} from './object-facts.ts'

interface KnownPermit {
  readonly key: string
  readonly epoch: number
  readonly untilMs: number
}

interface Before {
  readonly facts: Facts
  readonly nowMs: number
  /** Permits by domain that this event may use: of this life and generation, in time, never used. */
  readonly valid: ReadonlyMap<string, number>
  readonly lapsed: ReadonlyMap<string, number>
}

/** A whole object of a simulation has some ten domains; a hundred times the state of one target is far too much. */
const maxDurableBytes = 65_536

/**
 * An observer of one object that knows the rules and not the code: it follows permits by itself and checks each
 * step of the core against what the specification allows (`reliability.md` 1.3).
 */
export class ObjectChecks {
  readonly #branches: Branches
  /** Permits of this life that are out. */
  #permits = new Map<string, KnownPermit>()
  /** Every permit id there ever was, of any life. */
  readonly #issued = new Set<string>()
  #deltas = new DeltaChecks()
  #last: { readonly facts: Facts; readonly nowMs: number } | null = null

  constructor(branches: Branches) {
    this.#branches = branches
  }

  /** A new life: what was open is open, and permits of the life before are worth nothing. `skewMs`: the clock jumped. */
  restored(state: HealthState, nowMs: number, skewMs: number): void {
    this.#permits = new Map()
    this.#deltas = new DeltaChecks()
    const before = this.#last
    if (before === null) return
    const facts = factsOf(state)
    for (const [key, { kind, epoch }] of before.facts.circuits) {
      const now = facts.circuits.get(key)
      if (kind === 'closed' && epoch === 0) continue
      invariant(now !== undefined && now.kind === kind, 'a state outlives the object', () => [
        key,
        kind,
        now?.kind,
      ])
      invariant(now.epoch === epoch, 'a generation outlives the object', () => [key, epoch, now])
      if (kind === 'open') this.#branches.reached('evicted while open')
      if (kind === 'half_open') this.#branches.reached('evicted while half-open')
    }
    for (const [key, { kind }] of before.facts.locks)
      if (kind === 'locked')
        invariant(facts.locks.get(key)?.kind === 'locked', 'a lock outlives the object', () => key)
    // Growth by less than ten seconds is not worth a write.
    const mayLoseMs = state.settings.rateWaitPersistMs + Math.abs(skewMs)
    for (const [key, { notBeforeMs }] of before.facts.gates) {
      const keptMs = facts.gates.get(key)?.notBeforeMs ?? 0
      const isKept = notBeforeMs - nowMs <= mayLoseMs || keptMs >= notBeforeMs - mayLoseMs
      invariant(isKept, 'a wait outlives the object', () => [key, notBeforeMs, keptMs, nowMs])
    }
  }

  before(state: HealthState, event: HealthEvent, nowMs: number): Before {
    const facts = factsOf(state)
    const atMs = Math.max(nowMs, state.nowMs)
    const valid = new Map<string, number>()
    for (const { permitId } of probesOf(event)) {
      const permit = this.#permits.get(permitId)
      if (permit === undefined) {
        if (this.#issued.has(permitId) && !permitId.startsWith(`${state.boot}.`))
          this.#branches.reached('probe of an earlier life ignored')
        continue
      }
      this.#permits.delete(permitId)
      if (atMs >= permit.untilMs) continue
      const epoch = facts.circuits.get(permit.key)?.epoch ?? facts.locks.get(permit.key)?.epoch
      if (epoch === permit.epoch) more(valid, permit.key)
      else this.#branches.reached('probe of an earlier generation ignored')
    }
    const lapsed = new Map<string, number>()
    for (const { key, epoch, untilMs } of this.#permits.values())
      if (atMs >= untilMs && facts.circuits.get(key)?.epoch === epoch) more(lapsed, key)
    return { facts, nowMs: atMs, valid, lapsed }
  }

  after(
    before: Before,
    event: HealthEvent,
    state: HealthState,
    effects: readonly HealthEffect[],
  ): void {
    const facts = factsOf(state)
    const resetKey = event.kind === 'reset' ? event.key : null
    for (const [key, was] of before.facts.circuits) {
      const is = facts.circuits.get(key)
      if (is === undefined || key === resetKey) continue
      this.#circuit(key, was, is, before)
    }
    for (const [key, is] of facts.locks) {
      const was = before.facts.locks.get(key) ?? { kind: 'free', epoch: 0 }
      if (key !== resetKey) this.#lock(key, was, is, before.valid.get(key) ?? 0)
    }
    for (const [key, was] of before.facts.gates) {
      const is = facts.gates.get(key)
      if (is === undefined || key === resetKey) continue
      invariant(is.notBeforeMs >= was.notBeforeMs, 'not_before never shrinks', () => [key, was, is])
      if (is.notBeforeMs > was.notBeforeMs && was.notBeforeMs > before.nowMs)
        this.#branches.reached('wait of a gate grew')
      if (is.isRated && !was.isRated) this.#branches.reached('rate of a gate cut')
    }
    this.#stored(before.facts, facts, effects)
    this.#granted(state, facts, effects)
    this.#lapse(state, facts)
    this.#bounded(state)
    this.#deltas.after(state, event, replyOf(effects))
    this.#last = { facts, nowMs: state.nowMs }
  }

  #circuit(key: string, was: CircuitFacts, is: CircuitFacts, before: Before): void {
    const valid = before.valid.get(key) ?? 0
    const lapsed = before.lapsed.get(key) ?? 0
    const seen = () => [key, was, is, { valid, lapsed, nowMs: before.nowMs }]
    const move = `${was.kind} to ${is.kind}`
    switch (move) {
      case 'closed to closed':
        invariant(is.epoch === was.epoch, 'closed circuits keep their generation', seen)
        break
      case 'closed to open':
        invariant(is.epoch === was.epoch + 1, 'each opening is a generation of its own', seen)
        invariant(was.forced === null || is.forced === null, 'a forced circuit does not trip', seen)
        break
      case 'open to open':
        invariant(is.epoch === was.epoch && is.untilMs === was.untilMs, 'open waits', seen)
        break
      case 'open to half_open':
        invariant(before.nowMs >= was.untilMs, 'no probing before the wait is over', seen)
        invariant(is.epoch === was.epoch, 'half-open is of the generation that opened', seen)
        break
      case 'half_open to half_open':
        invariant(is.epoch === was.epoch, 'half-opens do not overlap', seen)
        invariant(is.answers - was.answers <= valid, 'only permits move a half-open circuit', seen)
        if (is.lapses > was.lapses) this.#branches.reached('permit lapsed')
        break
      case 'half_open to closed':
        invariant(valid > 0, 'a straggler without a permit closes nothing', seen)
        break
      case 'half_open to open':
        invariant(is.epoch === was.epoch + 1, 'each opening is a generation of its own', seen)
        invariant(valid > 0 || was.lapses + lapsed >= 3, 'only permits reopen a circuit', seen)
        break
      default:
        invariant(false, 'no such move', seen)
    }
    if (is.slow && !was.slow) this.#branches.reached('degraded for slowness')
  }

  #lock(key: string, was: LockFacts, is: LockFacts, valid: number): void {
    const seen = () => [key, was, is, valid]
    const subject = key === 'quota:*' ? 'quota' : 'credential'
    if (was.kind === 'free' && is.kind === 'locked') {
      invariant(is.epoch === was.epoch + 1, 'each lock is a generation of its own', seen)
      this.#branches.reached(`${subject} locked`)
    } else if (was.kind === 'locked' && is.kind === 'free') {
      invariant(valid > 0, 'only a permit frees a lock', seen)
      this.#branches.reached(`${subject} freed by a probe`)
    } else if (was.kind === 'locked' && is.epoch !== was.epoch) {
      invariant(valid > 0, 'only a permit prolongs a lock', seen)
      this.#branches.reached('probe of a lock refused again')
    }
  }

  /** What changed is stored before anybody is told. */
  #stored(was: Facts, is: Facts, effects: readonly HealthEffect[]): void {
    const changed = [...is.circuits].some(([key, { kind, epoch, answers, forced }]) => {
      const before = was.circuits.get(key)
      if (before === undefined) return epoch > 0
      return (
        kind !== before.kind ||
        epoch !== before.epoch ||
        answers !== before.answers ||
        forced !== before.forced
      )
    })
    const relocked = [...is.locks].some(
      ([key, { kind, epoch }]) =>
        (was.locks.get(key)?.kind ?? 'free') !== kind || (was.locks.get(key)?.epoch ?? 0) !== epoch,
    )
    if (!changed && !relocked) return
    const stored = effects.findIndex(({ kind }) => kind === 'persist')
    const told = effects.findIndex(({ kind }) => kind === 'reply' || kind === 'permits')
    invariant(stored >= 0 && (told < 0 || stored < told), 'stored before it is told', () =>
      effects.map(({ kind }) => kind),
    )
  }

  #granted(state: HealthState, facts: Facts, effects: readonly HealthEffect[]): void {
    for (const permit of effects.flatMap(permitsOf)) {
      const { permitId, key, epoch, forMs } = permit
      invariant(!this.#issued.has(permitId), 'a permit is given out once', () => permit)
      this.#issued.add(permitId)
      this.#permits.set(permitId, { key, epoch, untilMs: state.nowMs + forMs })
      const circuit = facts.circuits.get(key)
      const lock = facts.locks.get(key)
      const isRight =
        circuit === undefined
          ? lock?.kind === 'locked' && lock.epoch === epoch
          : circuit.kind === 'half_open' && circuit.epoch === epoch
      invariant(isRight, 'permits are for half-open domains, of their generation', () => permit)
    }
    const out = new Map<string, number>()
    for (const { key, epoch, untilMs } of state.permits.held.values())
      if (
        untilMs > state.nowMs &&
        (facts.circuits.get(key) ?? facts.locks.get(key))?.epoch === epoch
      )
        more(out, key)
    for (const [key, permits] of out) {
      const circuit = facts.circuits.get(key)
      const mayBeOut = circuit === undefined ? 1 : circuit.mayBeOut
      const isOver =
        circuit === undefined ? facts.locks.get(key)?.kind === 'free' : circuit.kind !== 'half_open'
      invariant(isOver || permits <= mayBeOut, 'no more permits than the stage allows', () => [
        key,
        permits,
        circuit,
      ])
    }
  }

  /** Permits that the core has given up: each counts against its circuit, so that the third in a row opens it. */
  #lapse(state: HealthState, facts: Facts): void {
    for (const [permitId, { key, epoch, untilMs }] of this.#permits) {
      if (state.nowMs < untilMs || state.permits.held.has(permitId)) continue
      this.#permits.delete(permitId)
      const circuit = facts.circuits.get(key)
      if (circuit === undefined || circuit.kind !== 'half_open' || circuit.epoch !== epoch) continue
      invariant(circuit.lapses > 0 && circuit.lapses < 3, 'lapsed permits are counted', () => [
        key,
        circuit,
      ])
    }
  }

  #bounded(state: HealthState): void {
    const { settings, targets, credentials, senders, permits } = state
    const sizes = () => [targets.size, credentials.size, senders.known.size, permits.held.size]
    const isBounded =
      targets.size <= settings.maxTargets &&
      credentials.size <= settings.maxCredentials &&
      senders.known.size <= settings.maxIsolates &&
      // A generation is six permits of two minutes at most, and opens for 2.5 s at least.
      permits.held.size <= (targets.size + credentials.size + 2) * mostPermitsOut * 50
    invariant(isBounded, 'the state is bounded', sizes)
  }
}

/** Checked now and then: writing a whole state out is dear. */
export function checkDurable(state: HealthState): void {
  const bytes = JSON.stringify(durable(state)).length
  invariant(bytes <= maxDurableBytes, 'what is stored is bounded', () => bytes)
}

export function replyOf(effects: readonly HealthEffect[]): HealthReply | null {
  for (const effect of effects) if (effect.kind === 'reply') return effect.reply
  return null
}

function probesOf(event: HealthEvent): HealthReport['probes'] {
  if (event.kind === 'report') return event.report.probes
  return event.kind === 'outcomes' ? (event.probes ?? []) : []
}

function permitsOf(effect: HealthEffect): readonly Permit[] {
  switch (effect.kind) {
    case 'reply':
      return effect.reply.permits
    case 'permits':
    case 'synthetic_probe':
      return effect.permits
    case 'persist':
    case 'alarm':
    case 'transition':
    case 'trial_stopped':
    case 'refused':
      return []
  }
}

function more(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
