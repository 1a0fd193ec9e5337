import type { TransitionCause } from '../events.ts'
import type { Evidence } from '../protocol.ts'
import type { Circuit } from '../rules/circuit.ts'
import type { Gate } from '../rules/gate.ts'
import type { Lockout } from '../rules/lockout.ts'
import { restartWindow } from '../rules/window.ts'
import { nextVersion, publishCircuit, publishLock } from './publish.ts'
import {
  type CircuitDomain,
  type Forced,
  type LockDomain,
  lockStateOf,
  stateOf,
  type TargetDomain,
} from './state.ts'
import type { Turn } from './turn.ts'

/** Every change of a circuit goes through here: told, stored, published. */
export function moveCircuit(
  turn: Turn,
  domain: CircuitDomain,
  next: Circuit,
  cause: TransitionCause,
  evidence: Evidence | null,
): void {
  if (next === domain.circuit) return
  const isClosing = next.phase.kind === 'closed' && domain.circuit.phase.kind !== 'closed'
  if (isClosing) restartWindow(domain.window, turn.nowMs)
  change(turn, domain, cause, evidence, () => {
    domain.circuit = next
  })
}

export function moveForced(
  turn: Turn,
  domain: CircuitDomain,
  forced: Forced | null,
  cause: TransitionCause,
): void {
  if (forced === domain.forced) return
  change(turn, domain, cause, null, () => {
    domain.forced = forced
  })
}

function change(
  turn: Turn,
  domain: CircuitDomain,
  cause: TransitionCause,
  evidence: Evidence | null,
  act: () => void,
): void {
  const from = stateOf(domain)
  act()
  const to = stateOf(domain)
  // Half-open and open teach nothing, and what is slow is judged anew when it closes.
  domain.fullWeightSinceMs = null
  if (domain.circuit.phase.kind !== 'closed') domain.slow = false
  turn.mustPersist = true
  turn.mustSchedule = true
  publishCircuit(turn, domain)
  const { epoch } = domain.circuit
  if (from !== to)
    turn.effects.push({ kind: 'transition', key: domain.key, from, to, epoch, cause, evidence })
}

export function moveLock(
  turn: Turn,
  lock: LockDomain,
  next: Lockout,
  cause: TransitionCause,
): void {
  if (next === lock.lockout) return
  const from = lockStateOf(lock, turn.nowMs)
  lock.lockout = next
  const to = lockStateOf(lock, turn.nowMs)
  turn.mustPersist = true
  turn.mustSchedule = true
  publishLock(turn, lock)
  const { key } = lock
  if (from !== to)
    turn.effects.push({
      kind: 'transition',
      key,
      from,
      to,
      epoch: next.epoch,
      cause,
      evidence: null,
    })
}

export function moveGate(turn: Turn, target: TargetDomain, next: Gate): void {
  if (next === target.gate) return
  target.gate = next
  target.gateVersion = nextVersion(turn.state)
  const unstoredMs = next.notBeforeMs - Math.max(target.storedNotBeforeMs, turn.nowMs)
  if (unstoredMs < turn.state.settings.rateWaitPersistMs) return
  target.storedNotBeforeMs = next.notBeforeMs
  turn.mustPersist = true
}
