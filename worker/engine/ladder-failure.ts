import type { GatewayError } from '../canonical/errors.ts'
import type { Failure, FailureClass } from '../canonical/failure.ts'
import type { Rung } from '../edge/ladder.ts'
import type { PlannedStep } from '../policy/plan.ts'
import type { PlannedRequest } from './plan-request.ts'
import type { Ports } from './ports.ts'
import type { Failed } from './climb.ts'
import type { RunResult } from './run-result.ts'
import { isShortOfCapacity } from './short-of-capacity.ts'

/** What is missing, and so what may stand in for it. */
export interface Shortfall {
  /** `answer`: nobody answered; `capacity`: nobody was asked, others go first; `money`; `ledger`: nobody may spend. */
  readonly what: 'answer' | 'capacity' | 'money' | 'ledger'
  /** Every call was too slow. */
  readonly isSlow: boolean
  /** In words, for the reason of the answer that is given in its place. */
  readonly why: string
}

/** What the caller's own request is to blame for is never answered with something else. */
const ownFaults: ReadonlySet<FailureClass> = new Set([
  'bad_request',
  'context_length',
  'content_policy',
  'cancelled',
])

/** Null: no rung may stand in for this; the caller is told what it is. */
export function shortfallOf({ unpaid, failures }: Failed): Shortfall | null {
  if (unpaid !== null) return unpaidShortfall(unpaid)
  const last = failures[failures.length - 1] ?? failures[0]
  if (ownFaults.has(last.class) && last.targetFault !== true) return null
  const classes = [...new Set(failures.map((one: Failure) => one.class))].join(', ')
  return {
    what: 'answer',
    isSlow: failures.every((one) => one.class === 'timeout'),
    why: `no target answered (${classes})`,
  }
}

function unpaidShortfall(error: GatewayError): Shortfall | null {
  const isSlow = false
  switch (error.code) {
    case 'budget_exceeded':
      return { what: 'money', isSlow, why: 'the budget does not allow more' }
    case 'ledger_unavailable':
      return { what: 'ledger', isSlow, why: 'the ledger of this tenant cannot be reached' }
    case 'no_healthy_target':
      return isShortOfCapacity(error)
        ? { what: 'capacity', isSlow, why: 'capacity is short' }
        : { what: 'answer', isSlow, why: 'no target is healthy' }
    default:
      return null
  }
}

/** Whether a rung can give what is missing: where money is, only what costs less; where nobody may spend, what costs nothing. */
export function helps({ kind }: Rung, { what, isSlow }: Shortfall): boolean {
  switch (kind) {
    case 'cache':
    case 'template':
      return true
    case 'smaller-model':
      return what !== 'ledger'
    case 'shorter':
      return what === 'money' || isSlow
    case 'deferred':
      return what === 'answer' || what === 'capacity'
  }
}

/** A second run of the same request: its calls come behind those of the first. */
export function followed(before: Failed, after: RunResult, why: string): RunResult {
  const records = [...before.records, ...after.records]
  if (after.kind === 'answered') return { ...after, records, reason: `${after.reason}; ${why}` }
  const isAsked = after.records.length > 0
  return {
    ...after,
    records,
    // Numbers of calls go on counting: one that was shed made none.
    calls: Math.max(before.calls ?? before.records.length, after.calls ?? 0),
    failures: isAsked ? [...before.failures, ...after.failures] : before.failures,
    // Whoever was asked says more than whoever could not be paid.
    unpaid: records.length === 0 ? (before.unpaid ?? after.unpaid) : null,
    step: isAsked ? after.step : before.step,
    reason: isAsked ? `${before.reason}; ${after.reason}` : before.reason,
  }
}

/** Nobody is asked, for the reason in `error`. */
export function refusedBy(error: GatewayError, step: PlannedStep): Failed {
  return {
    kind: 'failed',
    failures: [{ class: 'overloaded', message: error.message }],
    unpaid: error,
    openUntilMs: null,
    step,
    records: [],
    reason: error.message,
    calls: 0,
  }
}

/**
 * The end of a ladder: 503, and when the first target may be asked again as it is known now. What is the money's or
 * the caller's own stays what it is.
 */
export function withTrueRetry(failed: Failed, planned: PlannedRequest, ports: Ports): Failed {
  return failed.openUntilMs === null
    ? { ...failed, openUntilMs: soonestMs(planned, ports) }
    : failed
}

/** When the first target of the plan may be asked again, as it is known now, epoch ms; in the past where that is now. */
export function soonestMs({ plan }: PlannedRequest, { runtime, health }: Ports): number {
  const waits = plan.steps.map(({ target: name, notBeforeMs }) => {
    const target = runtime.targets.get(name)
    return target === undefined
      ? notBeforeMs
      : health.standing(target, plan.facts.promptTokens).notBeforeMs
  })
  return Math.min(...waits)
}
