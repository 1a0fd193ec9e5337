import type { DomainKey, DomainState } from '../protocol.ts'
import { type Circuit, closedCircuit } from '../rules/circuit.ts'
import { type Gate, openGate } from '../rules/gate.ts'
import { freeLockout, type Lockout } from '../rules/lockout.ts'
import { noPermits, type PermitBook } from '../rules/permits.ts'
import { noSenders, type Senders } from '../rules/senders.ts'
import { emptySpeedBook, type SpeedBook } from '../rules/speed.ts'
import { emptyWindow, type Window } from '../rules/window.ts'
import type { HealthSettings } from '../settings.ts'
import type { Trial } from './trials.ts'

export interface Forced {
  readonly state: 'open' | 'closed'
  readonly sinceMs: number
  readonly untilMs: number
}

/** A circuit with its evidence: the provider's edge, or one target. */
export interface CircuitDomain {
  readonly key: DomainKey
  circuit: Circuit
  readonly window: Window
  forced: Forced | null
  slow: boolean
  failRate: number
  /** Closed, not forced, not slow, its ramp over; null otherwise. Only then a baseline learns, epoch ms. */
  fullWeightSinceMs: number | null
  /** Counted something since it was last looked at. */
  isDirty: boolean
  publishedAtMs: number
  /** What isolates act on, written out: another text is another version. */
  face: string
  version: number
}

export interface TargetDomain extends CircuitDomain {
  readonly name: string
  readonly speed: SpeedBook
  gate: Gate
  /** 0: never had a limit. */
  gateVersion: number
  storedNotBeforeMs: number
  usedAtMs: number
  /** Last time that an isolate reported on it or asked to probe it. */
  wantedAtMs: number
  syntheticAtMs: number
}

export interface LockDomain {
  readonly key: DomainKey
  lockout: Lockout
  face: string
  version: number
}

/** Plain data (`structuredClone` copies it), owned by the caller of `step`, changed in place. */
export interface HealthState {
  readonly settings: HealthSettings
  readonly boot: string
  nowMs: number
  version: number
  evaluateAtMs: number
  /** The alarm that was asked for last, or null when it has rung. */
  alarmAtMs: number | null
  readonly edge: CircuitDomain
  readonly targets: Map<string, TargetDomain>
  readonly quota: LockDomain
  readonly credentials: Map<string, LockDomain>
  readonly trials: Map<string, Trial>
  readonly permits: PermitBook
  readonly senders: Senders
}

function newCircuitDomain(key: DomainKey, settings: HealthSettings, nowMs: number): CircuitDomain {
  return {
    key,
    circuit: closedCircuit(nowMs),
    window: emptyWindow(settings),
    forced: null,
    slow: false,
    failRate: 0,
    fullWeightSinceMs: 0,
    isDirty: true,
    publishedAtMs: -Infinity,
    face: '',
    version: 0,
  }
}

export function newTarget(name: string, settings: HealthSettings, nowMs: number): TargetDomain {
  return {
    ...newCircuitDomain(`target:${name}`, settings, nowMs),
    name,
    speed: emptySpeedBook(name, settings),
    gate: openGate,
    gateVersion: 0,
    storedNotBeforeMs: 0,
    usedAtMs: nowMs,
    wantedAtMs: nowMs,
    syntheticAtMs: -Infinity,
  }
}

export function newLock(key: DomainKey, nowMs: number): LockDomain {
  return { key, lockout: freeLockout(nowMs), face: 'closed 0', version: 0 }
}

export function emptyState(settings: HealthSettings, boot: string, nowMs: number): HealthState {
  return {
    settings,
    boot,
    nowMs,
    version: 0,
    evaluateAtMs: 0,
    alarmAtMs: null,
    edge: newCircuitDomain('edge', settings, nowMs),
    targets: new Map(),
    quota: newLock('quota:*', nowMs),
    credentials: new Map(),
    trials: new Map(),
    permits: noPermits(),
    senders: noSenders(settings),
  }
}

export function isTarget(domain: CircuitDomain): domain is TargetDomain {
  return domain.key !== 'edge'
}

/** What holds: a forced state hides the circuit's own. */
export function stateOf({ circuit, forced }: CircuitDomain): DomainState {
  return forced === null ? circuit.phase.kind : forced.state
}

export function lockStateOf({ lockout }: LockDomain, nowMs: number): DomainState {
  if (lockout.kind === 'free') return 'closed'
  return nowMs < lockout.untilMs ? 'open' : 'half_open'
}

/** The domains that have a circuit. */
export function* circuitsOf(state: HealthState): Generator<CircuitDomain> {
  yield state.edge
  yield* state.targets.values()
}

export function* locksOf(state: HealthState): Generator<LockDomain> {
  yield state.quota
  yield* state.credentials.values()
}
