import { failureTable, type Failure } from '../../../worker/canonical/failure.ts'
import type { AttendedResult, Attendance } from '../../../worker/engine/health-port.ts'
import type { Candidate } from '../../../worker/policy/candidate.ts'
import type { Timeline } from '../kernel/timeline.ts'
import type { Call } from './provider-model.ts'

/** What follows the first token. */
export interface AnswerRest {
  readonly restMs: number
  readonly cutBy: Failure | null
  readonly result: AttendedResult
}

/** One upstream call on its way. */
export class Leg {
  readonly step: Candidate
  /** Counted from 0 within the request. */
  readonly attempt: number
  readonly attendance: Attendance
  readonly sentAtMs: number
  answer: AnswerRest = { restMs: 0, cutBy: null, result: { broken: false, costNanoUsd: null } }
  /** Ends the call without a word. */
  stop: () => void = () => undefined
  /** Called once: null when it has answered. Set by whoever waits for it. */
  done: (failure: Failure | null) => void = () => undefined

  constructor(step: Candidate, attempt: number, attendance: Attendance, sentAtMs: number) {
    this.step = step
    this.attempt = attempt
    this.attendance = attendance
    this.sentAtMs = sentAtMs
  }

  /** Lets the call go as it was drawn, or be given up at its limit. A whole answer is ready at its end. */
  start(
    timeline: Timeline,
    call: Call,
    isStream: boolean,
    limitMs: number,
    ready: (failure: Failure | null) => void,
  ): void {
    const at = (afterMs: number, failure: Failure | null) => {
      this.stop = timeline.after(Math.max(1, afterMs), () => ready(failure))
    }
    if (call.kind === 'refused' && call.afterMs <= limitMs) {
      at(call.afterMs, call.failure)
      return
    }
    if (call.kind !== 'answers') {
      at(limitMs, tooLate)
      return
    }
    const { firstTokenAfterMs, endsAfterMs, cutBy, broken, costNanoUsd } = call
    const readyMs = isStream ? firstTokenAfterMs : endsAfterMs
    const restMs = isStream ? endsAfterMs - firstTokenAfterMs : 0
    this.answer = { restMs, cutBy, result: { broken, costNanoUsd } }
    if (readyMs > limitMs) at(limitMs, tooLate)
    else at(readyMs, isStream ? null : cutBy)
  }
}

/** How long a call is waited for, with the timeouts that a route has when it names none. */
export function limitMsOf(isStream: boolean, abortAfterMs: number, shareMs: number): number {
  return isStream
    ? Math.min(firstTokenTimeoutMs, abortAfterMs, shareMs)
    : Math.min(answerTimeoutMs, shareMs)
}

const firstTokenTimeoutMs = 30_000
const answerTimeoutMs = 60_000

const tooLate: Failure = { class: 'timeout', message: 'no token in time' }

/** `run-plan.ts`: full jitter over the class's base; an overloaded provider is left alone as long as it asks. */
export function retryDelayMs(failure: Failure, random: number): number {
  const { retryBaseMs } = failureTable[failure.class]
  if (failure.class === 'overloaded')
    return Math.max(retryBaseMs, failure.retryAfterMs ?? 0) * (1 + 0.2 * random)
  return retryBaseMs * random
}
