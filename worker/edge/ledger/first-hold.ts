import { freeOf, type HeldLease, type HolderState, type Want } from './holder-state.ts'

/**
 * Credit that came with a key and is for the one request that brought it: a hold near a cap, or slices of the routes
 * that it may turn out to be of. What that request does not take goes back with the next word to the ledger.
 */

/** The first request has been admitted from `used`, or by no credit that is here (null). */
export function endFirsts(state: HolderState, used: HeldLease | null): void {
  state.hasFirsts = false
  for (const lease of state.leases.values()) {
    const { purpose, isSealed } = lease
    if (purpose === 'slice' || isSealed) continue
    // Of plenty: who turned out to need it may go on with it.
    if (purpose === 'route-guess' && lease === used) lease.purpose = 'slice'
    else giveBackFirst(state, lease)
  }
}

function giveBackFirst(state: HolderState, lease: HeldLease): void {
  lease.isSealed = true
  if (freeOf(lease) === 0) return
  lease.hasNews = true
  state.isUrgent = true
}

/** Nobody came for it: its request was refused, or is still sending its body. */
export function isUnclaimed({ nowMs, settings }: HolderState, lease: HeldLease): boolean {
  return lease.purpose === 'first-hold' && nowMs - lease.toldAtMs >= settings.reportMs
}

/** Less than the worst case, where a hold would get no more. */
export function lastOfRoom(slices: readonly HeldLease[], want: Want): HeldLease | null {
  for (const lease of slices)
    if (lease.purpose === 'first-hold' && lease.isLast && freeOf(lease) >= want.leastNanoUsd)
      return lease
  return null
}
