import type { Force, Refusal } from '../events.ts'
import type { DomainKey } from '../protocol.ts'
import { openGate } from '../rules/gate.ts'
import { isName } from '../rules/outcomes.ts'
import { applyBaselines } from '../rules/speed.ts'
import { restartWindow } from '../rules/window.ts'
import { moveCircuit, moveForced, moveGate, moveLock } from './move.ts'
import { after, circuitNamed, lockNamed } from './named.ts'
import { type CircuitDomain, isTarget } from './state.ts'
import { targetNamed } from './targets.ts'
import type { Turn } from './turn.ts'

/** Holds a circuit open or closed for a while, also that of a target nobody has used yet. */
export function force(turn: Turn, { key, state, forMs }: Force): Refusal | null {
  const domain = circuitToForce(turn, key)
  if (typeof domain === 'string') return domain
  if (state === 'auto') {
    moveForced(turn, domain, null, 'force_over')
    return null
  }
  if (!(forMs > 0)) return 'bad_duration'
  const { nowMs } = turn
  const untilMs = nowMs + Math.min(forMs, turn.state.settings.forceMaxMs)
  moveForced(turn, domain, { state, sinceMs: nowMs, untilMs }, 'forced')
  return null
}

function circuitToForce(turn: Turn, key: DomainKey): CircuitDomain | Refusal {
  if (key === 'edge') return turn.state.edge
  const name = after('target:', key)
  if (name === null) return 'not_a_circuit'
  return isName(name) ? (targetNamed(turn, name) ?? 'too_many_targets') : 'unknown_key'
}

/** Forgets what went wrong with a domain, and what was usual for a target: both are learned again. */
export function reset(turn: Turn, key: DomainKey): Refusal | null {
  const domain = circuitNamed(turn.state, key)
  if (domain !== null) {
    resetCircuit(turn, domain)
    return null
  }
  const lock = lockNamed(turn.state, key)
  if (lock !== null) {
    const { epoch } = lock.lockout
    moveLock(turn, lock, { kind: 'free', epoch, sinceMs: turn.nowMs }, 'reset')
    return null
  }
  const target = turn.state.targets.get(after('quota:', key) ?? '')
  if (target === undefined) return 'unknown_key'
  target.storedNotBeforeMs = 0
  moveGate(turn, target, openGate)
  turn.mustPersist = true
  return null
}

function resetCircuit(turn: Turn, domain: CircuitDomain): void {
  const { nowMs, state } = turn
  restartWindow(domain.window, nowMs)
  domain.slow = false
  if (isTarget(domain)) {
    for (const { baselines, lesson } of [domain.speed.ttft, domain.speed.cost]) {
      baselines.fill(null)
      lesson.fill(0)
    }
    applyBaselines(domain.speed, domain.name, state.settings)
  }
  const { epoch } = domain.circuit
  const phase = { kind: 'closed', sinceMs: nowMs, afterOutage: false } as const
  moveCircuit(turn, domain, { epoch, multiplier: 0, phase }, 'reset', null)
  // Last, so that the state of the circuit before does not come to light for a moment.
  moveForced(turn, domain, null, 'reset')
}
