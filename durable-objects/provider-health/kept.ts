import { noAlerts, type AlertBook } from './alert-book.ts'
import type { DurableHealth } from './health.ts'
import { nothingSpent, type ProbeSpending } from './probe-spending.ts'
import { emptyStandby, type StandbyBook } from './standby.ts'

/** What an object of provider health stores, as one value: everything that must outlive it, and no window. */
export interface Kept {
  readonly form: 1
  readonly health: DurableHealth | null
  readonly standby: StandbyBook
  readonly synthetic: ProbeSpending
  readonly alerts: AlertBook
}

export const nothingKept: Kept = {
  form: 1,
  health: null,
  standby: emptyStandby,
  synthetic: nothingSpent,
  alerts: noAlerts,
}

/** What was stored, or nothing when another version of this code wrote it in another form. */
export function readKept(stored: unknown): Kept {
  const isOurs = typeof stored === 'object' && stored !== null && 'form' in stored
  return isOurs && stored.form === 1 ? { ...nothingKept, ...(stored as Kept) } : nothingKept
}
