import { multiplierAt } from '../rules/circuit.ts'
import { newLock, newTarget, type LockDomain, type TargetDomain } from './state.ts'
import type { Turn } from './turn.ts'

/**
 * The target of that name, made when it is new. A full house forgets the target that was used least lately and
 * has nothing worth remembering; null when all have, so that a flood of names cannot wash an open circuit away.
 */
export function targetNamed(turn: Turn, name: string): TargetDomain | null {
  const { targets, settings } = turn.state
  const known = targets.get(name)
  if (known !== undefined) {
    known.usedAtMs = turn.nowMs
    return known
  }
  if (targets.size >= settings.maxTargets) {
    const oldest = leastUsed(turn)
    if (oldest === null) return null
    targets.delete(oldest.name)
  }
  const target = newTarget(name, settings, turn.nowMs)
  targets.set(name, target)
  return target
}

function leastUsed(turn: Turn): TargetDomain | null {
  let oldest: TargetDomain | null = null
  for (const target of turn.state.targets.values()) {
    if (!isPlain(target, turn)) continue
    if (oldest === null || target.usedAtMs < oldest.usedAtMs) oldest = target
  }
  return oldest
}

/** A circuit that is not closed has a multiplier, which falls only when it is. */
function isPlain(target: TargetDomain, { nowMs, state }: Turn): boolean {
  return (
    multiplierAt(target.circuit, nowMs, state.settings) === 0 &&
    target.forced === null &&
    target.gate.rate === null &&
    target.gate.notBeforeMs <= nowMs
  )
}

/** Targets that left the config: nobody speaks of them any more, and an open one would be probed for ever. */
export function forgetUnused(turn: Turn): void {
  const { targets, settings } = turn.state
  for (const target of targets.values()) {
    if (turn.nowMs - target.usedAtMs < settings.forgetAfterMs) continue
    targets.delete(target.name)
    turn.mustPersist = true
  }
}

/** The lock of a credential; the oldest one makes room, because credentials go out of use and not back. */
export function credentialNamed(turn: Turn, id: string): LockDomain {
  const { credentials, settings } = turn.state
  const known = credentials.get(id)
  if (known !== undefined) return known
  const [oldest] = credentials.keys()
  if (credentials.size >= settings.maxCredentials && oldest !== undefined)
    credentials.delete(oldest)
  const lock = newLock(`credential:${id}`, turn.nowMs)
  credentials.set(id, lock)
  return lock
}
