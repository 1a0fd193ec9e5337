import type { TransitionCause } from '../events.ts'
import type { ProbeOutcome } from '../protocol.ts'
import { afterProbe, type ProbeVerdict, type Trouble } from '../rules/circuit.ts'
import { afterLockProbe } from '../rules/lockout.ts'
import { isSize, isWait, verdictOf } from '../rules/outcomes.ts'
import { type HeldPermit, returnPermit } from '../rules/permits.ts'
import { moveCircuit, moveLock } from './move.ts'
import { circuitNamed, lockNamed } from './named.ts'
import { type CircuitDomain, isTarget, type LockDomain, type TargetDomain } from './state.ts'
import type { Turn } from './turn.ts'

/** The outcome of a call with a permit. Without a permit of the present generation nothing moves. */
export function applyProbe(turn: Turn, probe: ProbeOutcome): void {
  if (typeof probe !== 'object' || probe === null) return
  const held = returnPermit(turn.state.permits, probe.permitId, turn.nowMs)
  if (held === null) return
  const lock = lockNamed(turn.state, held.key)
  if (lock !== null) applyToLock(turn, lock, held, probe)
  const domain = circuitNamed(turn.state, held.key)
  if (domain !== null) applyToCircuit(turn, domain, held, probe)
}

function applyToCircuit(
  turn: Turn,
  domain: CircuitDomain,
  held: HeldPermit,
  probe: ProbeOutcome,
): void {
  const { circuit } = domain
  if (circuit.phase.kind !== 'half_open' || circuit.epoch !== held.epoch) return
  const { trouble } = circuit.phase
  const verdict = probeVerdict(turn, domain, trouble, probe)
  const next = afterProbe(circuit, verdict, turn.nowMs, turn.random, turn.state.settings)
  const cause: TransitionCause = verdict.kind === 'failed' ? verdict.cause : 'recovered'
  moveCircuit(turn, domain, next, cause, trouble.evidence)
}

function probeVerdict(
  turn: Turn,
  domain: CircuitDomain,
  trouble: Trouble,
  probe: ProbeOutcome,
): ProbeVerdict {
  const says = verdictOf(probe.outcome)
  if (says === null || !isSize(probe.size)) return { kind: 'inconclusive' }
  const verdict = isTarget(domain) ? says.target : says.edge
  if (verdict === 'fail') {
    const cause = probe.outcome === 'broken_output' ? 'broken_output' : 'probe_failed'
    const waitMs = isWait(probe.retryAfterMs) ? probe.retryAfterMs : 0
    return { kind: 'failed', cause, waitUntilMs: waitMs > 0 ? turn.nowMs + waitMs : 0 }
  }
  if (verdict !== 'ok') return { kind: 'inconclusive' }
  return isTarget(domain) ? answerVerdict(turn, domain, trouble, probe) : { kind: 'clean' }
}

/** A good answer is judged by what the circuit opened for: one that opened for slowness must be fast again. */
function answerVerdict(
  turn: Turn,
  { speed }: TargetDomain,
  { cause }: Trouble,
  { size, ttftMs, costNanoUsd }: ProbeOutcome,
): ProbeVerdict {
  const usualCost = speed.cost.baselines[size]?.p95 ?? Infinity
  const band = usualCost * turn.state.settings.costBandFactor
  if (cause === 'cost' && costNanoUsd !== undefined && !(costNanoUsd <= band))
    return { kind: 'failed', cause: 'cost', waitUntilMs: 0 }
  const isSlow = ttftMs !== undefined && !(ttftMs < speed.slowAfterMs[size])
  if (!isSlow) return { kind: 'clean' }
  return cause === 'slow' ? { kind: 'failed', cause: 'slow', waitUntilMs: 0 } : { kind: 'slow' }
}

function applyToLock(turn: Turn, lock: LockDomain, held: HeldPermit, probe: ProbeOutcome): void {
  const says = verdictOf(probe.outcome)
  if (says === null || lock.lockout.epoch !== held.epoch) return
  const isQuota = lock.key === 'quota:*'
  const isRefused = (isQuota ? says.quota : says.credential) === 'disable'
  // Only a whole answer proves that the credential is paid for and believed.
  const verdict = isRefused ? 'refused' : says.credential === 'ok' ? 'good' : 'inconclusive'
  const next = afterLockProbe(lock.lockout, verdict, turn.nowMs, turn.state.settings)
  const cause = verdict === 'good' ? 'recovered' : isQuota ? 'quota' : 'credential'
  moveLock(turn, lock, next, cause)
}
