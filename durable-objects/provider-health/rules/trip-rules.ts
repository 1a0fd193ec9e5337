import { slowTrials, type Cause, type Evidence } from '../protocol.ts'
import type { HealthSettings } from '../settings.ts'
import { wilsonLowerBound } from './wilson.ts'

/** Why one window asks for the circuit to open, or null. */
export function tripCause(evidence: Evidence, settings: HealthSettings): Cause | null {
  const { judged, failed, priced, dear } = evidence
  const blackout = blackoutCause(evidence, settings)
  if (blackout !== null) return blackout
  const failBound = wilsonLowerBound(failed, judged, settings.z)
  if (judged >= settings.brownoutMinOutcomes && failBound >= settings.brownoutBound)
    return failCause('brownout', evidence)
  if (slowBound(evidence, settings) >= settings.slowOpenBound) return 'slow'
  if (
    priced >= settings.costMinOutcomes &&
    wilsonLowerBound(dear, priced, settings.z) >= settings.costBound
  )
    return 'cost'
  return null
}

/** The same for a single bucket, which has nothing to say but that everything fails. */
export function blackoutCause(evidence: Evidence, settings: HealthSettings): Cause | null {
  const { judged, failed } = evidence
  if (judged < settings.blackoutMinOutcomes) return null
  const failBound = wilsonLowerBound(failed, judged, settings.z)
  return failBound >= settings.blackoutBound ? failCause('blackout', evidence) : null
}

function failCause(cause: Cause, { broken, failed }: Evidence): Cause {
  return broken * 2 > failed ? 'broken_output' : cause
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
  return wasSlow && long.slow * 2 > slowTrials(long)
}

/** Lower bound of the share of slow answers; 0 while there are too few to say. */
function slowBound(evidence: Evidence, settings: HealthSettings): number {
  const trials = slowTrials(evidence)
  if (trials < settings.slowMinOutcomes) return 0
  return wilsonLowerBound(evidence.slow, trials, settings.z)
}

/** f of the weight (1 - f)^2: the worse of the two windows, too few outcomes filled up with good ones. */
export function failRateOf(short: Evidence, long: Evidence, settings: HealthSettings): number {
  const share = ({ failed, judged }: Evidence) =>
    failed / Math.max(judged, settings.failRateMinOutcomes)
  return Math.max(share(short), share(long))
}
