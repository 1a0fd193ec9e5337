import type { GatewayError } from '../canonical/errors.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import type { RouteLadder } from '../edge/ladder.ts'
import type { PlannedStep } from '../policy/plan.ts'
import type { Question } from './answer-port.ts'
import type { Exchange } from './exchange.ts'
import type { RunLimits } from './leg.ts'
import type { Made } from './made.ts'
import type { PlannedRequest } from './plan-request.ts'
import type { RunResult } from './run-result.ts'

/** A job was begun in place of an answer. */
export interface Deferred {
  readonly kind: 'deferred'
  readonly response: Response
  /** What was asked before that, and came to nothing: it may have been billed. */
  readonly failed: Failed
}

export type LadderResult = RunResult | Made | Deferred

export type Steps = readonly [PlannedStep, ...PlannedStep[]]
export type Failed = Extract<RunResult, { kind: 'failed' }>
export type Answered = Extract<RunResult, { kind: 'answered' }>

/** One request on the ladder of its route. */
export interface Climb {
  readonly ladder: RouteLadder
  readonly planned: PlannedRequest
  /** Null where nothing may be kept of this request. */
  readonly question: Question | null
  readonly limits: RunLimits
  readonly exchange: Exchange
  /** Asks the targets of `steps`. */
  run(steps: Steps, request: CanonicalRequest, limits: RunLimits): Promise<RunResult>
  /** Begins a job in place of an answer that is not to be had now; null: not here, or not for this caller. */
  defer(): Promise<Response> | null
  /** Why nobody is asked although there are steps; null: somebody is. */
  shed(step: PlannedStep): GatewayError | null
}
