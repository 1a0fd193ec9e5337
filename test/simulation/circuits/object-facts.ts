import type { HealthState } from '../../../durable-objects/provider-health/health.ts'

export interface CircuitFacts {
  readonly kind: 'closed' | 'open' | 'half_open'
  readonly epoch: number
  readonly untilMs: number
  readonly answers: number
  /** Permits that may be out. */
  readonly mayBeOut: number
  readonly lapses: number
  readonly slow: boolean
  readonly forced: string | null
}

export interface LockFacts {
  readonly kind: 'free' | 'locked'
  readonly epoch: number
}

interface GateFacts {
  readonly notBeforeMs: number
  readonly isRated: boolean
}

/** What of a state the rules speak of. */
export interface Facts {
  readonly circuits: ReadonlyMap<string, CircuitFacts>
  readonly locks: ReadonlyMap<string, LockFacts>
  readonly gates: ReadonlyMap<string, GateFacts>
}

export const mostPermitsOut = 6

/** Stages of the specification: 1, 3 and 6, from no, one and four clean probes on. */
function stagePermits(clean: number): number {
  if (clean === 0) return 1
  return clean < 4 ? 3 : mostPermitsOut
}

export function factsOf(state: HealthState): Facts {
  const circuits = new Map<string, CircuitFacts>()
  const gates = new Map<string, GateFacts>()
  for (const domain of [state.edge, ...state.targets.values()]) {
    const { circuit, slow, forced } = domain
    const { phase, epoch } = circuit
    circuits.set(domain.key, {
      kind: phase.kind,
      epoch,
      untilMs: phase.kind === 'open' ? phase.untilMs : 0,
      answers: phase.kind === 'half_open' ? phase.clean + phase.slowAnswers : 0,
      mayBeOut: phase.kind === 'half_open' ? stagePermits(phase.clean) : 0,
      lapses: phase.kind === 'half_open' ? phase.lapses : 0,
      slow,
      forced: forced?.state ?? null,
    })
  }
  for (const { name, gate } of state.targets.values())
    gates.set(`quota:${name}`, { notBeforeMs: gate.notBeforeMs, isRated: gate.rate !== null })
  const locks = new Map<string, LockFacts>()
  for (const { key, lockout } of [state.quota, ...state.credentials.values()])
    locks.set(key, { kind: lockout.kind, epoch: lockout.epoch })
  return { circuits, locks, gates }
}
