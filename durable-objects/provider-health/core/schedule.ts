import { nextSynthetic, probeIdle } from './grant.ts'
import { circuitsOf, locksOf } from './state.ts'
import type { Turn } from './turn.ts'

/** Sends what is due without anybody asking, and asks to be woken for what comes next. */
export function schedule(turn: Turn): void {
  const { state, nowMs } = turn
  probeIdle(turn)
  const nextMs = nextEventMs(turn)
  if (nextMs === Infinity) return
  const atMs = Math.ceil(Math.max(nextMs, nowMs + state.settings.evaluateEveryMs))
  // An alarm costs a write: one that comes too early is cheaper than one that is moved back.
  if (state.alarmAtMs !== null && state.alarmAtMs <= atMs) return
  state.alarmAtMs = atMs
  turn.effects.push({ kind: 'alarm', atMs })
}

function nextEventMs(turn: Turn): number {
  const { state, nowMs } = turn
  let nextMs = Infinity
  const consider = (atMs: number) => {
    nextMs = Math.min(nextMs, atMs)
  }
  for (const { circuit, forced } of circuitsOf(state)) {
    if (circuit.phase.kind === 'open') consider(circuit.phase.untilMs)
    if (forced !== null) consider(forced.untilMs)
  }
  for (const { lockout } of locksOf(state))
    if (lockout.kind === 'locked' && lockout.untilMs > nowMs) consider(lockout.untilMs)
  for (const held of state.permits.held.values()) consider(held.untilMs)
  for (const target of state.targets.values())
    consider(nextSynthetic(turn, target)?.dueAtMs ?? Infinity)
  return nextMs
}
