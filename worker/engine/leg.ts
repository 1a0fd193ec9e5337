import type { GatewayError } from '../canonical/errors.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import type { Target } from '../edge/runtime.ts'
import type { PlannedStep } from '../policy/plan.ts'
import { attempt, type AttemptResult } from './attempt.ts'
import { AttemptControl } from './attempt-control.ts'
import { seenOfFailure } from './call-seen.ts'
import type { Attendance } from './health-port.ts'
import {
  type Admission,
  type AttemptAccount,
  type Billing,
  type CallSeen,
  lostCall,
} from './money-port.ts'
import type { Ports } from './ports.ts'

export interface RunLimits {
  readonly firstTokenTimeoutMs: number
  readonly answerTimeoutMs: number
  /** Epoch ms: no attempt runs on after it. */
  readonly deadlineAtMs: number
  readonly maxAttempts: number
  /** Rough size of the prompt: health is kept by size. */
  readonly promptTokens: number
  readonly billing: Billing
}

/** One call on its way. */
export interface Leg {
  readonly step: PlannedStep
  readonly target: Target
  readonly attendance: Attendance
  readonly account: AttemptAccount
  /** The money allowed only a shorter answer than was asked for. */
  readonly isShorter: boolean
  readonly control: AttemptControl
  readonly sentAtMs: number
  readonly result: Promise<AttemptResult>
}

/** A call that was not sent, because its worst case could not be set aside. */
export interface Unpaid {
  readonly error: GatewayError
  readonly isFinal: boolean
}

type Admitted = Extract<Admission, { kind: 'admitted' }>

/** What sends the calls of one request: paid for first, then watched, then on their way. */
export class Sender {
  readonly #request: CanonicalRequest
  readonly #limits: RunLimits
  readonly #relayable: (target: Target) => boolean
  readonly #ports: Ports
  readonly #legs: Leg[] = []

  constructor(
    request: CanonicalRequest,
    limits: RunLimits,
    relayable: (target: Target) => boolean,
    ports: Ports,
  ) {
    this.#request = request
    this.#limits = limits
    this.#relayable = relayable
    this.#ports = ports
  }

  /**
   * The `attempt`-th call, with `others` more that its time must leave room for. A promise only where the ledger had
   * to be asked. Null for a target that is not there, and for a call that nobody wants any more when the ledger has
   * answered: the client has left, the time is up, or `isWanted` says no.
   */
  send(
    step: PlannedStep,
    attemptNumber: number,
    others: number,
    isWanted: () => boolean = () => true,
  ): Leg | Unpaid | null | Promise<Leg | Unpaid | null> {
    const target = this.#ports.runtime.targets.get(step.target)
    if (target === undefined) return null
    const { billing, deadlineAtMs } = this.#limits
    const admission = this.#ports.money.admit({
      request: this.#request,
      target,
      billing,
      attempt: attemptNumber,
      deadlineAtMs,
      reason: step.reason,
    })
    return admission instanceof Promise
      ? admission.then((given) => this.#sendIfHere(step, target, given, others, isWanted))
      : this.#begin(step, target, admission, others)
  }

  #sendIfHere(
    step: PlannedStep,
    target: Target,
    admission: Admission,
    others: number,
    isWanted: () => boolean,
  ): Leg | Unpaid | null {
    if (admission.kind === 'refused') return admission
    const isInTime = this.#ports.nowMs() < this.#limits.deadlineAtMs
    if (isInTime && !this.#ports.clientGone.aborted && isWanted())
      return this.#begin(step, target, admission, others)
    admission.account.settle(notSent)
    return null
  }

  #begin(step: PlannedStep, target: Target, admission: Admission, others: number): Leg | Unpaid {
    if (admission.kind === 'refused') return admission
    try {
      const leg = this.#sent(step, target, admission, others)
      this.#legs.push(leg)
      return leg
    } catch (fault) {
      // Whatever went wrong did so before the call: `attempt` itself rejects.
      admission.account.settle(notSent)
      throw fault
    }
  }

  /** After a fault of ours: calls are stopped, and what was not settled by then may have cost its worst case. */
  abandon(): void {
    for (const { control, account } of this.#legs) {
      control.stop('superseded')
      account.settle(lostCall)
    }
  }

  #sent(step: PlannedStep, target: Target, admission: Admitted, others: number): Leg {
    const { account, maxOutputTokens, isShorter } = admission
    const { firstTokenTimeoutMs, answerTimeoutMs, promptTokens, deadlineAtMs } = this.#limits
    const attendance = this.#ports.health.begin(target, promptTokens)
    const sentAtMs = this.#ports.nowMs()
    // A slow first choice must leave time for those behind it.
    const shareMs = (deadlineAtMs - sentAtMs) / (others + 1)
    const limits = {
      firstTokenTimeoutMs: Math.min(firstTokenTimeoutMs, attendance.abortAfterMs, shareMs),
      answerTimeoutMs: Math.min(answerTimeoutMs, shareMs),
    }
    const control = new AttemptControl(this.#ports)
    const relay = this.#relayable(target)
    const request = maxOutputTokens === null ? this.#request : { ...this.#request, maxOutputTokens }
    const result = attempt(request, target, limits, relay, this.#ports, control)
    return { step, target, attendance, account, isShorter, control, sentAtMs, result }
  }
}

const notSent: CallSeen = { ending: 'not_sent', receivedBytes: 0 }

/** A call came to nothing: whoever watches its target is told, and it is paid for as far as it may be billed. */
export function endFailed(
  { attendance, account, sentAtMs }: Leg,
  { failure, status, usage }: Extract<AttemptResult, { kind: 'failed' }>,
  isStream: boolean,
  nowMs: number,
): void {
  const durationMs = nowMs - sentAtMs
  account.settle({ ...seenOfFailure(failure, status, isStream, usage), durationMs })
  attendance.failed(failure, nowMs - sentAtMs)
}
