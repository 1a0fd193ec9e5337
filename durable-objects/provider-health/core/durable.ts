import type { Baseline } from '../rules/baseline.ts'
import type { Circuit } from '../rules/circuit.ts'
import type { Gate } from '../rules/gate.ts'
import { rateAt } from '../rules/gate.ts'
import type { Lockout } from '../rules/lockout.ts'
import type { CircuitDomain, Forced, HealthState, TargetDomain } from './state.ts'
import type { Trial } from './trials.ts'

/**
 * What must outlive the object, as JSON: no windows, which are 30 s of evidence at most, and nothing of what is
 * as a new object would have it. Times are epoch ms of the object's own clock.
 */
export interface DurableHealth {
  readonly form: 1
  readonly edge?: DurableCircuit
  readonly targets?: Readonly<Record<string, DurableTarget>>
  readonly quota?: Lockout
  readonly credentials?: Readonly<Record<string, Lockout>>
  /** Those that were stopped; what runs counts anew. */
  readonly trials?: Readonly<Record<string, Trial>>
}

export interface DurableCircuit {
  readonly circuit?: Circuit
  readonly forced?: Forced
}

export interface DurableTarget extends DurableCircuit {
  readonly gate?: Gate
  readonly usedAtMs: number
  readonly ttft?: readonly (Baseline | null)[]
  readonly cost?: readonly (Baseline | null)[]
}

export function durable(state: HealthState): DurableHealth {
  const edge = durableCircuit(state.edge)
  const targets = [...state.targets.values()].flatMap((target) => {
    const kept = durableTarget(state, target)
    return Object.keys(kept).length === 0
      ? []
      : [[target.name, { ...kept, usedAtMs: target.usedAtMs }] as const]
  })
  const credentials = [...state.credentials].flatMap(([id, { lockout }]) =>
    lockout.kind === 'locked' ? [[id, lockout] as const] : [],
  )
  const trials = [...state.trials].filter(([, { stopped }]) => stopped !== null)
  return {
    form: 1,
    ...(Object.keys(edge).length > 0 && { edge }),
    ...(targets.length > 0 && { targets: Object.fromEntries(targets) }),
    ...(state.quota.lockout.kind === 'locked' && { quota: state.quota.lockout }),
    ...(credentials.length > 0 && { credentials: Object.fromEntries(credentials) }),
    ...(trials.length > 0 && { trials: Object.fromEntries(trials) }),
  }
}

function durableCircuit({ circuit, forced }: CircuitDomain): DurableCircuit {
  return {
    ...(circuit.epoch > 0 && { circuit }),
    ...(forced !== null && { forced }),
  }
}

function durableTarget(
  { nowMs, settings }: HealthState,
  target: TargetDomain,
): Omit<DurableTarget, 'usedAtMs'> {
  const { gate, speed } = target
  const isShut = gate.notBeforeMs > nowMs || rateAt(gate, nowMs, settings) !== null
  return {
    ...durableCircuit(target),
    ...(isShut && { gate }),
    ...(speed.ttft.baselines.some(Boolean) && { ttft: speed.ttft.baselines.map(rounded) }),
    ...(speed.cost.baselines.some(Boolean) && { cost: speed.cost.baselines.map(rounded) }),
  }
}

function rounded(baseline: Baseline | null): Baseline | null {
  return (
    baseline && { p95: Math.round(baseline.p95), learnedAtMs: Math.round(baseline.learnedAtMs) }
  )
}
