import type { Failure } from '../canonical/failure.ts'
import type { GatewayError } from '../canonical/errors.ts'
import type { Target } from '../edge/runtime.ts'
import type { PlannedStep } from '../policy/plan.ts'
import type { AttemptResult } from './attempt.ts'
import type { Attendance } from './health-port.ts'
import type { AttemptAccount } from './money-port.ts'
import type { AttemptRecord } from './record.ts'

/** Who answered, or why nobody did. `records` holds one entry for each upstream call that has ended so far. */
export type RunResult =
  | {
      readonly kind: 'answered'
      readonly step: PlannedStep
      readonly target: Target
      readonly answer: Answer
      /** The attempt as health sees it; whoever carries the answer ends it. */
      readonly attendance: Attendance
      /** Its money; whoever carries the answer ends that too. */
      readonly account: AttemptAccount
      /** The money allowed only a shorter answer than was asked for. */
      readonly isShorter: boolean
      readonly records: readonly AttemptRecord[]
      /** The highest number that one of its calls was paid for under. */
      readonly calls: number
      /** Epoch ms at which the answering call was sent. */
      readonly sentAtMs: number
      /** From sending to the first meaningful token or the whole answer, ms. */
      readonly firstTokenMs: number
      readonly reason: string
    }
  | {
      readonly kind: 'failed'
      readonly failures: readonly [Failure, ...Failure[]]
      /** Nobody was asked, because nothing could be paid for: what the caller is told. */
      readonly unpaid: GatewayError | null
      /** Every circuit was open before anybody was asked: when the first of them may be tried, epoch ms; null otherwise. */
      readonly openUntilMs: number | null
      readonly step: PlannedStep
      readonly records: readonly AttemptRecord[]
      readonly reason: string
      /** Calls that were numbered for it, also those that were not sent in the end. */
      readonly calls?: number
    }

export type Answer = Exclude<AttemptResult, { kind: 'failed' }>

export type FailedResult = Extract<AttemptResult, { kind: 'failed' }>
