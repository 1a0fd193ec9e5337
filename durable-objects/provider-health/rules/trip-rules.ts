import type { Cause, Evidence } from '../protocol.ts'
import type { HealthSettings } from '../settings.ts'
import { wilsonLowerBound } from './wilson.ts'

/** Why one window asks for the circuit to open, or null. */
export function tripCause(evidence: Evidence, settings: HealthSettings): Cause | null {
  const { judged, failed, broken, priced, dear } = evidence
  const failBound = wilsonLowerBound(failed, judged, settings.z)
  const failCause = (cause: Cause): Cause => (broken * 2 > failed ? 'broken_output' : cause)
  if (judged >= settings.blackoutMinOutcomes && failBound >= settings.blackoutBound)
    return failCause('blackout')
  if (judged >= settings.brownoutMinOutcomes && failBound >= settings.brownoutBound)
    return failCause('brownout')
  if (slowBound(evidence, settings) >= settings.slowOpenBound) return 'slow'
  if (
    priced >= settings.costMinOutcomes &&
    wilsonLowerBound(dear, priced, settings.z) >= settings.costBound
  )
    return 'cost'
  return null
}

/**
 * Whether a target is degraded. Once it is, it stays so until at most half of the last 30 s are slow: a tenth
 * of the traffic is rarely the twenty answers that the rule itself asks for.
 */
export function isSlow(
  wasSlow: boolean,
  short: Evidence,
  long: Evidence,
  settings: HealthSettings,
): boolean {
  if (
    slowBound(short, settings) >= settings.slowBound ||
    slowBound(long, settings) >= settings.slowBound
  )
    return true
  return wasSlow && long.slow * 2 > long.judged + long.hung
}

/** Lower bound of the share of slow answers; 0 while there are too few to say. */
function slowBound({ judged, hung, slow }: Evidence, settings: HealthSettings): number {
  const trials = judged + hung
  return trials < settings.slowMinOutcomes ? 0 : wilsonLowerBound(slow, trials, settings.z)
}

/** f of the weight (1 - f)^2: the worse of the two windows, too few outcomes filled up with good ones. */
export function failRateOf(short: Evidence, long: Evidence, settings: HealthSettings): number {
  const share = ({ failed, judged }: Evidence) =>
    failed / Math.max(judged, settings.failRateMinOutcomes)
  return Math.max(share(short), share(long))
}
