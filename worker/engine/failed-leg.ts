import { failureTable, quotaWaitMs, rateWaitMs, type Failure } from '../canonical/failure.ts'
import type { Leg } from './leg.ts'
import type { AttemptRecord } from './record.ts'
import type { FailedResult } from './run-result.ts'

/** A leg that was stopped because another one answered. */
export const tooLate: FailedResult = {
  kind: 'failed',
  failure: { class: 'cancelled', message: 'another target answered first' },
  status: null,
}

/** A caller is told to wait as long as the gate stays closed, also where the provider said nothing. */
export function toldFailure(failure: Failure): Failure {
  const { quota } = failureTable[failure.class]
  if (quota === 'none') return failure
  const waitMs = quota === 'disable' ? quotaWaitMs : rateWaitMs
  return { ...failure, retryAfterMs: failure.retryAfterMs ?? waitMs }
}

export function recordOfFailed(
  { step, sentAtMs }: Leg,
  { failure, status }: FailedResult,
  nowMs: number,
): AttemptRecord {
  return {
    target: step.target,
    outcome: failure.class,
    durationMs: nowMs - sentAtMs,
    ...(status === null ? {} : { status }),
    ...(failure.providerCode === undefined ? {} : { providerCode: failure.providerCode }),
  }
}
