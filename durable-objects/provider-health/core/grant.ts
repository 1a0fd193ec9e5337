import type { DomainKey, Permit } from '../protocol.ts'
import { permitsAllowed } from '../rules/circuit.ts'
import { isName } from '../rules/outcomes.ts'
import { issuePermit, permitsOut } from '../rules/permits.ts'
import {
  type CircuitDomain,
  type LockDomain,
  lockStateOf,
  stateOf,
  type TargetDomain,
} from './state.ts'
import { targetNamed } from './targets.ts'
import type { Turn } from './turn.ts'

interface Need {
  readonly key: DomainKey
  readonly epoch: number
}

/** Permits for an isolate: at most one for each domain, and none that it could not use for want of another. */
export function grantWanted(
  turn: Turn,
  wants: readonly string[],
  credential: string | null,
): readonly Permit[] {
  const permits: Permit[] = []
  for (const name of wants.slice(0, turn.state.settings.maxWants)) {
    const target = isName(name) ? targetNamed(turn, name) : null
    if (target === null) continue
    target.wantedAtMs = turn.nowMs
    if (turn.nowMs < target.gate.notBeforeMs) continue
    const needs = needsOf(turn, target, credential) ?? []
    // One call has one permit of each: a second call through the same half-open domain waits for the next report.
    if (needs.some(({ key }) => permits.some((permit) => permit.key === key))) continue
    permits.push(...grant(turn, target, needs))
  }
  return permits
}

/** Small calls of the object's own for targets that may be probed and that nobody asks for. */
export function probeIdle(turn: Turn): void {
  for (const target of turn.state.targets.values()) {
    const next = nextSynthetic(turn, target)
    if (next === null || turn.nowMs < next.dueAtMs) continue
    const permits = grant(turn, target, next.needs)
    target.syntheticAtMs = turn.nowMs
    turn.effects.push({ kind: 'synthetic_probe', target: target.name, permits })
  }
}

/** The next synthetic probe of a target, or null when there is nothing to find out, or no way to. */
export function nextSynthetic(
  turn: Turn,
  target: TargetDomain,
): { readonly dueAtMs: number; readonly needs: readonly Need[] } | null {
  const { settings } = turn.state
  const needs = settings.syntheticProbes ? needsOf(turn, target, null) : null
  if (needs === null || needs.length === 0) return null
  const dueAtMs = Math.max(
    target.syntheticAtMs + settings.syntheticEveryMs,
    target.wantedAtMs + settings.syntheticIdleMs,
    target.gate.notBeforeMs,
  )
  return { dueAtMs, needs }
}

/** The permits that a call of the target needs now: none when all is closed, null when something forbids it. */
function needsOf(turn: Turn, target: TargetDomain, credential: string | null): Need[] | null {
  const { state } = turn
  const lock = credential === null ? undefined : state.credentials.get(credential)
  const needs: Need[] = []
  const may =
    mayProbe(turn, state.edge, needs) &&
    mayProbe(turn, target, needs) &&
    mayUnlock(turn, state.quota, needs) &&
    (lock === undefined || mayUnlock(turn, lock, needs))
  return may ? needs : null
}

function mayProbe({ state }: Turn, domain: CircuitDomain, needs: Need[]): boolean {
  const holds = stateOf(domain)
  if (holds === 'closed') return true
  const { phase, epoch } = domain.circuit
  if (holds === 'open' || phase.kind !== 'half_open') return false
  const out = permitsOut(state.permits, domain.key, epoch)
  if (out >= permitsAllowed(phase, state.settings)) return false
  needs.push({ key: domain.key, epoch })
  return true
}

function mayUnlock({ state, nowMs }: Turn, lock: LockDomain, needs: Need[]): boolean {
  const holds = lockStateOf(lock, nowMs)
  if (holds === 'closed') return true
  const { epoch } = lock.lockout
  if (holds === 'open' || permitsOut(state.permits, lock.key, epoch) > 0) return false
  needs.push({ key: lock.key, epoch })
  return true
}

function grant(turn: Turn, target: TargetDomain, needs: readonly Need[]): readonly Permit[] {
  const { state, nowMs } = turn
  const forMs = Math.max(...target.speed.abortAfterMs) + state.settings.permitExtraMs
  if (needs.length > 0) turn.mustSchedule = true
  return needs.map(({ key, epoch }) =>
    issuePermit(state.permits, state.boot, key, epoch, forMs, nowMs),
  )
}
