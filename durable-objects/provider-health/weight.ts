import type { DomainSnapshot } from './protocol.ts'
import { defaultHealthSettings, type HealthSettings } from './settings.ts'

/**
 * The share of its traffic that a closed target should get, 0 to 1: its ramp after an outage, a tenth while it
 * is slow, and (1 - f)^2 for the rate f at which it fails. `heldMs`: age of the snapshot.
 */
export function weightOf(
  { slow, failRate, rampAgeMs }: DomainSnapshot,
  heldMs: number,
  settings: HealthSettings = defaultHealthSettings,
): number {
  const ramp = rampAgeMs === null ? 1 : rampWeight(rampAgeMs + heldMs, settings)
  return ramp * (slow ? settings.slowWeight : 1) * (1 - failRate) ** 2
}

/** From a tenth to the whole in 30 s. */
export function rampWeight(
  ageMs: number,
  { rampMinWeight, rampMs }: HealthSettings = defaultHealthSettings,
): number {
  return Math.max(rampMinWeight, Math.min(1, ageMs / rampMs))
}
