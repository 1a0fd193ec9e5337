import type { HealthSettings } from '../settings.ts'

/**
 * A spent quota or a refused credential: no statistics, one answer is enough, and nothing but a reset or one
 * good probe ends it. Half-open is a lock whose wait is over: one permit at a time.
 */
export type Lockout =
  | { readonly kind: 'free'; readonly epoch: number; readonly sinceMs: number }
  | {
      readonly kind: 'locked'
      readonly epoch: number
      readonly sinceMs: number
      readonly untilMs: number
      /** Waits so far: each is twice the one before, to an hour. */
      readonly waits: number
    }

export function freeLockout(nowMs: number): Lockout {
  return { kind: 'free', epoch: 0, sinceMs: nowMs }
}

/** A refusal without a permit: it locks what was free and says nothing new about what is locked. */
export function afterRefusal(lockout: Lockout, nowMs: number, settings: HealthSettings): Lockout {
  return lockout.kind === 'locked' ? lockout : locked(lockout.epoch + 1, 1, nowMs, nowMs, settings)
}

/** `verdict` of a probe with a permit of this epoch. */
export function afterLockProbe(
  lockout: Lockout,
  verdict: 'good' | 'refused' | 'inconclusive',
  nowMs: number,
  settings: HealthSettings,
): Lockout {
  if (lockout.kind === 'free' || verdict === 'inconclusive') return lockout
  if (verdict === 'good') return { kind: 'free', epoch: lockout.epoch, sinceMs: nowMs }
  return locked(lockout.epoch + 1, lockout.waits + 1, lockout.sinceMs, nowMs, settings)
}

function locked(
  epoch: number,
  waits: number,
  sinceMs: number,
  nowMs: number,
  settings: HealthSettings,
): Lockout {
  const waitMs = Math.min(settings.lockoutFirstMs * 2 ** (waits - 1), settings.lockoutMaxMs)
  return { kind: 'locked', epoch, sinceMs, untilMs: nowMs + waitMs, waits }
}
