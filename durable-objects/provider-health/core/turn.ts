import type { HealthEffect } from '../events.ts'
import type { HealthState } from './state.ts'

/** One step while it is taken. */
export interface Turn {
  readonly state: HealthState
  readonly nowMs: number
  readonly random: () => number
  readonly effects: HealthEffect[]
  /** Something changed that must outlive the object. */
  mustPersist: boolean
  /** Something changed that may ask for an earlier alarm. */
  mustSchedule: boolean
}
