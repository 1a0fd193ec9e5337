import type { DomainSnapshot } from '../protocol.ts'
import type { Phase } from '../rules/circuit.ts'
import { rateAt } from '../rules/gate.ts'
import { speedOf } from '../rules/speed.ts'
import { evidenceOf, tally } from '../rules/window.ts'
import { isRamping } from './evaluate.ts'
import {
  type CircuitDomain,
  circuitsOf,
  type HealthState,
  isTarget,
  type LockDomain,
  locksOf,
  lockStateOf,
  stateOf,
  type TargetDomain,
} from './state.ts'

/** Every domain that has something to say, as it is at `nowMs`. */
export function snapshot(state: HealthState, nowMs: number): readonly DomainSnapshot[] {
  return domainsSince(state, -1, nowMs)
}

/**
 * Those that changed after a version; all for -1. Gates and locks that are open are not worth a word among all,
 * only as a change.
 */
export function domainsSince(
  state: HealthState,
  version: number,
  nowMs: number,
): readonly DomainSnapshot[] {
  const domains: DomainSnapshot[] = []
  for (const domain of circuitsOf(state))
    if (domain.version > version) domains.push(circuitSnapshot(state, domain, nowMs))
  const add = (changedAt: number, of: () => DomainSnapshot) => {
    if (changedAt <= version) return
    const domain = of()
    if (version >= 0 || domain.cause !== null) domains.push(domain)
  }
  for (const target of state.targets.values())
    add(target.gateVersion, () => gateSnapshot(state, target, nowMs))
  for (const lock of locksOf(state)) add(lock.version, () => lockSnapshot(lock, nowMs))
  return domains
}

const quiet = {
  epoch: 0,
  cause: null,
  openForMs: 0,
  sinceMs: 0,
  slow: false,
  failRate: 0,
  rampAgeMs: null,
  notBeforeForMs: 0,
  ratePerS: null,
  speed: null,
  evidence: null,
  forced: null,
} satisfies Partial<DomainSnapshot>

function circuitSnapshot(state: HealthState, domain: CircuitDomain, nowMs: number): DomainSnapshot {
  const { circuit, forced } = domain
  const { phase, epoch } = circuit
  return {
    key: domain.key,
    state: stateOf(domain),
    ...quiet,
    epoch,
    cause: phase.kind === 'closed' ? null : phase.trouble.cause,
    openForMs: openForMs(domain, nowMs),
    sinceMs: whole(nowMs - (forced ?? phase).sinceMs),
    slow: domain.slow,
    failRate: domain.failRate,
    rampAgeMs: isRamping(domain, nowMs, state.settings.rampMs)
      ? whole(nowMs - phase.sinceMs)
      : null,
    speed: isTarget(domain) ? speedOf(domain.speed) : null,
    evidence: evidenceNow(state, domain, phase, nowMs),
    forced: forced && { state: forced.state, forMs: whole(forced.untilMs - nowMs) },
  }
}

function openForMs({ circuit, forced }: CircuitDomain, nowMs: number): number {
  if (forced !== null) return forced.state === 'open' ? whole(forced.untilMs - nowMs) : 0
  return circuit.phase.kind === 'open' ? whole(circuit.phase.untilMs - nowMs) : 0
}

function evidenceNow(state: HealthState, { window }: CircuitDomain, phase: Phase, nowMs: number) {
  if (phase.kind !== 'closed') return phase.trouble.evidence
  return evidenceOf(tally(window, nowMs, state.settings.longWindowBuckets, state.settings))
}

function gateSnapshot(state: HealthState, target: TargetDomain, nowMs: number): DomainSnapshot {
  const waitMs = whole(target.gate.notBeforeMs - nowMs)
  const perS = rateAt(target.gate, nowMs, state.settings)
  return {
    key: `quota:${target.name}`,
    state: waitMs > 0 ? 'open' : 'closed',
    ...quiet,
    cause: waitMs > 0 || perS !== null ? 'quota' : null,
    openForMs: waitMs,
    notBeforeForMs: waitMs,
    ratePerS: perS === null ? null : Number(perS.toPrecision(2)),
  }
}

function lockSnapshot(lock: LockDomain, nowMs: number): DomainSnapshot {
  const { key, lockout } = lock
  const isLocked = lockout.kind === 'locked'
  const waitMs = isLocked ? whole(lockout.untilMs - nowMs) : 0
  return {
    key,
    state: lockStateOf(lock, nowMs),
    ...quiet,
    epoch: lockout.epoch,
    cause: isLocked ? (key === 'quota:*' ? 'quota' : 'credential') : null,
    openForMs: waitMs,
    sinceMs: whole(nowMs - lockout.sinceMs),
    notBeforeForMs: key === 'quota:*' ? waitMs : 0,
  }
}

/** Whole milliseconds from 0, rounded up: a wait must not be over a little early. */
function whole(ms: number): number {
  return Math.max(0, Math.ceil(ms))
}
