import type { HolderState, ScopeSet } from './holder-state.ts'

/** The span that a decayed sum stands for: as long as the average, less while the set is young. */
export function spanMs({ settings, nowMs }: HolderState, { bornAtMs }: ScopeSet): number {
  const { averageMs, averageMinMs } = settings
  return Math.max(averageMinMs, averageMs * (1 - Math.exp((bornAtMs - nowMs) / averageMs)))
}

/** Requests a second that a lease is worth its calls for: fewer hold one by one. */
export function isSlow(state: HolderState, set: ScopeSet): boolean {
  const perS = set.requests / (spanMs(state, set) / 1000)
  return perS < state.settings.leaseRequestsPerS
}

/** Lets the averages fade to now. */
export function fade(state: HolderState, set: ScopeSet): void {
  const pastMs = state.nowMs - set.averagedAtMs
  if (pastMs <= 0) return
  const kept = Math.exp(-pastMs / state.settings.averageMs)
  set.burned *= kept
  set.requests *= kept
  set.averagedAtMs = state.nowMs
}
