import type { ProbeResult } from './composition.ts'
import {
  costBucketOf,
  ttftBucketOf,
  type OutcomeRow,
  type Permit,
  type ProbeOutcome,
} from './protocol.ts'

/** A small call of the object's own as evidence: one outcome of the smallest size. */
export function rowOfProbe(
  target: string,
  result: ProbeResult,
  credential: string | null,
): OutcomeRow {
  const { outcome, ttftMs, costNanoUsd, retryAfterMs, ramp } = result
  return {
    target,
    size: 0,
    outcome,
    count: 1,
    ageMs: 0,
    ...(ttftMs === undefined ? {} : { ttft: [[ttftBucketOf(ttftMs), 1]] }),
    ...(costNanoUsd === undefined ? {} : { cost: [[costBucketOf(costNanoUsd), 1]] }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(ramp === undefined ? {} : { ramp }),
    ...(credential === null ? {} : { credential }),
  }
}

/** The same call for each permit it went out with. */
export function probesOf(permits: readonly Permit[], result: ProbeResult): readonly ProbeOutcome[] {
  const { outcome, ttftMs, costNanoUsd, retryAfterMs } = result
  return permits.map(({ permitId }) => ({
    permitId,
    outcome,
    size: 0,
    ...(ttftMs === undefined ? {} : { ttftMs }),
    ...(costNanoUsd === undefined ? {} : { costNanoUsd }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }))
}
