import type { GatewayError } from '../canonical/errors.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import type { Target } from '../edge/runtime.ts'
import type { PlannedStep } from '../policy/plan.ts'
import { attempt, type AttemptResult } from './attempt.ts'
import { AttemptControl } from './attempt-control.ts'
import { seenOfFailure } from './call-seen.ts'
import type { Attendance, Turn } from './health-port.ts'
import { judged, type Judge } from './judge.ts'
import { shortOfCapacity } from './short-of-capacity.ts'
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
  /** Of each tier, the route that pays for its calls; null, or absent: that of `billing`. */
  readonly routesOfTiers?: readonly (string | null)[] | undefined
  /** Calls that this request has made before: their numbers are taken. */
  readonly sentBefore?: number
  /** Whether a whole answer may be given; absent: every one may. */
  readonly judge?: Judge
  /** Whose work it is, where capacity is shared out. */
  readonly turn?: Turn | undefined
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

/** Asked when a call has been paid for, before it is sent. */
export type IsWanted = (isShorter: boolean) => boolean

const always: IsWanted = () => true

type Admitted = Extract<Admission, { kind: 'admitted' }>

/** What sends the calls of one request: paid for first, then watched, then on their way. */
export class Sender {
  readonly #request: CanonicalRequest
  readonly #limits: RunLimits
  readonly #relayable: (target: Target) => boolean
  readonly #ports: Ports
  readonly #legs: Leg[] = []
  #isAbandoned = false

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
   * `isWanted` is told whether the money allows only a shorter answer. `isAlone` says that nobody is asked beside it.
   */
  send(
    step: PlannedStep,
    attemptNumber: number,
    others: number,
    isWanted: IsWanted = always,
    isAlone = false,
  ): Leg | Unpaid | null | Promise<Leg | Unpaid | null> {
    const target = this.#ports.runtime.targets.get(step.target)
    if (target === undefined) return null
    const { deadlineAtMs, sentBefore = 0 } = this.#limits
    const short = this.#shortOf(target)
    if (short !== null) return short
    const admission = this.#ports.money.admit({
      request: this.#request,
      target,
      billing: billingOf(step, this.#limits),
      attempt: attemptNumber + sentBefore,
      deadlineAtMs,
      reason: step.reason,
    })
    return admission instanceof Promise
      ? admission.then((given) => this.#sendIfHere(step, target, given, others, isWanted, isAlone))
      : this.#begin(step, target, admission, others, isWanted, isAlone)
  }

  #sendIfHere(
    step: PlannedStep,
    target: Target,
    admission: Admission,
    others: number,
    isWanted: IsWanted,
    isAlone: boolean,
  ): Leg | Unpaid | null {
    if (admission.kind === 'refused') return admission
    const isInTime = this.#ports.nowMs() < this.#limits.deadlineAtMs
    if (isInTime && !this.#ports.clientGone.aborted)
      return this.#begin(step, target, admission, others, isWanted, isAlone)
    admission.account.settle(notSent)
    return null
  }

  #begin(
    step: PlannedStep,
    target: Target,
    admission: Admission,
    others: number,
    isWanted: IsWanted,
    isAlone: boolean,
  ): Leg | Unpaid | null {
    if (admission.kind === 'refused') return admission
    if (this.#isAbandoned || !isWanted(admission.isShorter)) {
      admission.account.settle(notSent)
      return null
    }
    // Others may have begun while the ledger was asked.
    const short = this.#shortOf(target)
    if (short !== null) {
      admission.account.settle(notSent)
      return short
    }
    try {
      const leg = this.#sent(step, target, admission, others, isAlone)
      this.#legs.push(leg)
      return leg
    } catch (fault) {
      // Whatever went wrong did so before the call: `attempt` itself rejects.
      admission.account.settle(notSent)
      throw fault
    }
  }

  #shortOf(target: Target): Unpaid | null {
    const { turn } = this.#limits
    if (turn === undefined) return null
    const roomInMs = this.#ports.health.roomInMs?.(target, turn) ?? 0
    return roomInMs === 0 ? null : { error: shortOfCapacity(roomInMs), isFinal: false }
  }

  /** After a fault of ours: calls are stopped, and one that was sent and not settled by then may have cost its worst case. */
  abandon(): void {
    this.#isAbandoned = true
    for (const { control, account } of this.#legs) {
      control.stop('superseded')
      account.settle(control.isSent ? lostCall : notSent)
    }
  }

  #sent(
    step: PlannedStep,
    target: Target,
    admission: Admitted,
    others: number,
    isAlone: boolean,
  ): Leg {
    const { account, maxOutputTokens, isShorter } = admission
    const { firstTokenTimeoutMs, answerTimeoutMs, promptTokens, deadlineAtMs } = this.#limits
    const attendance = this.#ports.health.begin(
      target,
      promptTokens,
      this.#limits.turn?.priority,
      step.mark,
    )
    const sentAtMs = this.#ports.nowMs()
    // A slow first choice must leave time for those behind it.
    const shareMs = (deadlineAtMs - sentAtMs) / (others + 1)
    const limits = {
      firstTokenTimeoutMs: Math.min(firstTokenTimeoutMs, attendance.abortAfterMs, shareMs),
      answerTimeoutMs: Math.min(answerTimeoutMs, shareMs),
    }
    const control = new AttemptControl(this.#ports, isAlone && !this.#request.stream)
    const relay = this.#relayable(target)
    const request = maxOutputTokens === null ? this.#request : { ...this.#request, maxOutputTokens }
    const { judge } = this.#limits
    const tried = attempt(request, target, limits, relay, this.#ports, control)
    const result =
      judge === undefined ? tried : tried.then((answer) => judged(answer, target, judge))
    return { step, target, attendance, account, isShorter, control, sentAtMs, result }
  }
}

/** Of a request that names several routes, each call is paid for by the one that its target comes from. */
function billingOf({ tier }: PlannedStep, { billing, routesOfTiers }: RunLimits): Billing {
  const route = routesOfTiers?.[tier] ?? null
  return route === null ? billing : { ...billing, route }
}

const notSent: CallSeen = { ending: 'not_sent', receivedBytes: 0 }

/** A call came to nothing: whoever watches its target is told, and it is paid for as far as it may be billed. */
export function endFailed(
  { attendance, account, control, sentAtMs }: Leg,
  { failure, status, usage, unfit }: Extract<AttemptResult, { kind: 'failed' }>,
  isStream: boolean,
  nowMs: number,
): void {
  const durationMs = nowMs - sentAtMs
  if (unfit !== undefined) {
    account.settle({ ...unfit.seen, durationMs })
    attendance.finished({ broken: unfit.isTargetFault, costNanoUsd: null })
    return
  }
  // What broke before the call left (its body, its signature) was never bought.
  const seen = control.isSent ? seenOfFailure(failure, status, isStream, usage) : notSent
  account.settle({ ...seen, durationMs })
  attendance.failed(failure, nowMs - sentAtMs)
}
