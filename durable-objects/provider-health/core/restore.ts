import type { Baseline } from '../rules/baseline.ts'
import type { Circuit } from '../rules/circuit.ts'
import type { Gate } from '../rules/gate.ts'
import type { Lockout } from '../rules/lockout.ts'
import { applyBaselines, type Measure } from '../rules/speed.ts'
import type { HealthSettings } from '../settings.ts'
import type { DurableCircuit, DurableHealth, DurableTarget } from './durable.ts'
import { nextVersion } from './publish.ts'
import { type CircuitDomain, emptyState, type HealthState, newLock, newTarget } from './state.ts'

/**
 * The state that `durable` wrote down; an empty one when there is none, or one of another form. Windows begin
 * anew, permits of the life before are unknown. A clock that was set back holds nothing shut for longer than
 * the longest wait there is.
 */
export function restore(
  stored: unknown,
  settings: HealthSettings,
  boot: string,
  nowMs: number,
): HealthState {
  const state = emptyState(settings, boot, nowMs)
  if (!isDurable(stored)) return state
  restoreCircuit(state.edge, stored.edge ?? {}, settings, nowMs)
  const targets = Object.entries(stored.targets ?? {}).slice(0, settings.maxTargets)
  for (const [name, kept] of targets) restoreTarget(state, name, kept, nowMs)
  if (stored.quota) state.quota.lockout = boundLockout(stored.quota, settings, nowMs)
  const credentials = Object.entries(stored.credentials ?? {}).slice(0, settings.maxCredentials)
  for (const [id, lockout] of credentials) {
    const lock = newLock(`credential:${id}`, nowMs)
    lock.lockout = boundLockout(lockout, settings, nowMs)
    state.credentials.set(id, lock)
  }
  for (const [name, trial] of Object.entries(stored.trials ?? {})) state.trials.set(name, trial)
  return state
}

function isDurable(stored: unknown): stored is DurableHealth {
  return typeof stored === 'object' && stored !== null && 'form' in stored && stored.form === 1
}

function restoreCircuit(
  domain: CircuitDomain,
  { circuit, forced }: DurableCircuit,
  settings: HealthSettings,
  nowMs: number,
): void {
  domain.fullWeightSinceMs = null
  if (circuit) domain.circuit = boundCircuit(circuit, settings, nowMs)
  if (!forced) return
  const untilMs = Math.min(forced.untilMs, nowMs + settings.forceMaxMs)
  domain.forced = { ...forced, sinceMs: Math.min(forced.sinceMs, nowMs), untilMs }
}

function boundCircuit(circuit: Circuit, settings: HealthSettings, nowMs: number): Circuit {
  const { phase } = circuit
  const sinceMs = Math.min(phase.sinceMs, nowMs)
  if (phase.kind !== 'open') return { ...circuit, phase: { ...phase, sinceMs } }
  const longestMs = Math.max(settings.openMaxMs, settings.retryAfterOpenMaxMs)
  const untilMs = Math.min(phase.untilMs, nowMs + longestMs)
  return { ...circuit, phase: { ...phase, sinceMs, untilMs } }
}

function restoreTarget(state: HealthState, name: string, kept: DurableTarget, nowMs: number): void {
  const { settings } = state
  const target = newTarget(name, settings, nowMs)
  restoreCircuit(target, kept, settings, nowMs)
  target.usedAtMs = Math.min(kept.usedAtMs, nowMs)
  restoreBaselines(target.speed.ttft, kept.ttft, nowMs)
  restoreBaselines(target.speed.cost, kept.cost, nowMs)
  applyBaselines(target.speed, name, settings)
  if (kept.gate) {
    target.gate = boundGate(kept.gate, settings, nowMs)
    target.storedNotBeforeMs = target.gate.notBeforeMs
    target.gateVersion = nextVersion(state)
  }
  state.targets.set(name, target)
}

function boundGate({ notBeforeMs, rate }: Gate, settings: HealthSettings, nowMs: number): Gate {
  const longestMs = settings.rateWaitMaxMs * (1 + settings.rateWaitJitter)
  return {
    notBeforeMs: Math.min(notBeforeMs, nowMs + longestMs),
    rate: rate && { ...rate, cutAtMs: Math.min(rate.cutAtMs, nowMs) },
  }
}

function boundLockout(lockout: Lockout, settings: HealthSettings, nowMs: number): Lockout {
  const sinceMs = Math.min(lockout.sinceMs, nowMs)
  if (lockout.kind === 'free') return { ...lockout, sinceMs }
  return { ...lockout, sinceMs, untilMs: Math.min(lockout.untilMs, nowMs + settings.lockoutMaxMs) }
}

function restoreBaselines(
  measure: Measure,
  kept: readonly (Baseline | null)[] | undefined,
  nowMs: number,
): void {
  for (const [size, baseline] of (kept ?? []).entries()) {
    if (baseline === null || size >= measure.baselines.length) continue
    const learnedAtMs = Math.min(baseline.learnedAtMs, nowMs)
    measure.baselines[size] = { p95: baseline.p95, learnedAtMs }
  }
}
