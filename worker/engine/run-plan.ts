import { failureTable, type Failure } from '../canonical/failure.ts'
import type { GatewayError } from '../canonical/errors.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import type { Target } from '../edge/runtime.ts'
import type { PlannedStep } from '../policy/plan.ts'
import { recordOfFailed, toldFailure } from './failed-leg.ts'
import { type Hedge, hedgeOf, type HedgeOptions } from './hedge.ts'
import {
  endFailed,
  type IsWanted,
  type Leg,
  type RunLimits as LegLimits,
  Sender,
  type Unpaid,
} from './leg.ts'
import type { Ports } from './ports.ts'
import { race } from './race.ts'
import type { AttemptRecord } from './record.ts'
import { budgetOf, fallbackSteps, retryDelayMs } from './retry-rules.ts'
import type { Answer, FailedResult, RunResult } from './run-result.ts'
import { wantProbes } from './want-probes.ts'

export type { Answer, RunResult } from './run-result.ts'

export interface RunLimits extends LegLimits {
  /** Absent: the route does not hedge. */
  readonly hedge?: HedgeOptions | undefined
}

/** Longest wait for a provider that asked for one, when it is the last that could answer, ms. */
const longestGateWaitMs = 2000

/**
 * Carries a plan out: step by step, until one answers, the failure speaks for
 * all, or attempts, retry budget or time are used up.
 */
export async function runPlan(
  steps: readonly [PlannedStep, ...PlannedStep[]],
  request: CanonicalRequest,
  limits: RunLimits,
  relayable: (target: Target) => boolean,
  ports: Ports,
): Promise<RunResult> {
  wantProbes(steps, ports)
  const sender = new Sender(request, limits, relayable, ports)
  const run = new Run(request, limits, sender, ports)
  let queue: readonly PlannedStep[] = steps
  try {
    for (;;) {
      const [step, ...rest] = queue
      if (step === undefined) break
      const outcome = await run.step(step, rest)
      if (outcome.kind === 'answered') return outcome
      queue = outcome.next
    }
    return run.failed(steps)
  } catch (fault) {
    sender.abandon()
    throw fault
  }
}

const nothingLeft = { kind: 'next', next: [] } as const

type StepOutcome =
  | Extract<RunResult, { kind: 'answered' }>
  | { readonly kind: 'next'; readonly next: readonly PlannedStep[] }

/** A call that may be made beside one that is silent for `afterMs`. */
interface Rival {
  readonly next: PlannedStep
  readonly afterMs: number
  /** Null: it is the fallback of a probe. */
  readonly hedge: Hedge | null
}

class Run {
  readonly #request: CanonicalRequest
  readonly #limits: RunLimits
  readonly #sender: Sender
  readonly #ports: Ports
  readonly #records: AttemptRecord[] = []
  readonly #failures: Failure[] = []
  #unpaid: GatewayError | null = null
  #lastStep: PlannedStep | null = null
  #fallbacks = 0
  #sent = 0

  constructor(request: CanonicalRequest, limits: RunLimits, sender: Sender, ports: Ports) {
    this.#request = request
    this.#limits = limits
    this.#sender = sender
    this.#ports = ports
  }

  /** Tries one target, once or (where its failure class allows) twice, and says what is left to try. */
  async step(step: PlannedStep, rest: readonly PlannedStep[]): Promise<StepOutcome> {
    if (!this.#mayFallBack(step)) return nothingLeft
    await this.#waitForGate(step, rest.length === 0)
    for (let retries = 0; ; retries++) {
      if (this.#leftWhileWaiting()) return nothingLeft
      const sent = this.#send(step, rest.length)
      const leg = sent instanceof Promise ? await sent : sent
      if (leg === null) {
        // The client may have left while the ledger was asked.
        this.#leftWhileWaiting()
        return nothingLeft
      }
      if ('error' in leg) return { kind: 'next', next: this.#afterUnpaid(leg, rest) }
      const rival = retries === 0 ? this.#rivalOf(leg, rest) : null
      const result = rival === null ? await leg.result : await this.#race(leg, rival, rest)
      if (result.kind === 'answered' || result.kind === 'next') return result
      if (result.kind !== 'failed') return this.#answered(leg, result)
      this.#note(leg, result)
      if (this.#finished()) return nothingLeft
      if (!this.#mayRetry(step, result.failure, retries, rest.length))
        return { kind: 'next', next: fallbackSteps(step, result.failure, rest) }
      await this.#wait(retryDelayMs(result.failure, this.#ports.random()))
    }
  }

  /**
   * What may be asked beside a leg that is silent: the fallback of a probe of a half-open circuit, so that the caller
   * never waits for the sake of the probe, or the hedge of the first call of a request.
   */
  #rivalOf({ step, attendance }: Leg, rest: readonly PlannedStep[]): Rival | null {
    if (step.probe) {
      const [next] = rest
      const { fallbackAfterMs: afterMs } = attendance
      return next === undefined || afterMs === null ? null : { next, afterMs, hedge: null }
    }
    const { hedge: options } = this.#limits
    if (options === undefined || this.#sent > 1) return null
    const hedge = hedgeOf(step, rest, this.#request, options, this.#ports)
    return hedge === null ? null : { next: hedge.next, afterMs: hedge.afterMs, hedge }
  }

  /**
   * When `leg` is silent for too long its rival is asked beside it, and the first to answer answers. A failure, where
   * it came before a hedge was sent: then it is a call like any other.
   */
  async #race(
    leg: Leg,
    { next, afterMs, hedge }: Rival,
    rest: readonly PlannedStep[],
  ): Promise<StepOutcome | FailedResult> {
    const others = rest.filter((step) => step !== next)
    const second = (isWanted: IsWanted) => this.#armed(next, others.length, isWanted, hedge)
    const raced = await race(leg, second, afterMs, this.#ports)
    const [alone, both] = raced.failed
    if (hedge !== null && raced.winner === null && alone !== undefined && both === undefined)
      return alone.result
    for (const { leg: lost, result } of raced.failed) this.#note(lost, result)
    if (raced.winner !== null) return this.#answered(raced.winner.leg, raced.winner.result)
    if (this.#finished()) return nothingLeft
    let left = raced.failed.length > 1 ? others : rest
    for (const { leg: lost, result } of raced.failed)
      left = fallbackSteps(lost.step, result.failure, left)
    return { kind: 'next', next: left }
  }

  /** The rival of a leg, sent; null when no attempt is left for it, its provider has no room for retries, or it cannot be paid for. */
  async #armed(
    step: PlannedStep,
    left: number,
    isWanted: IsWanted,
    hedge: Hedge | null,
  ): Promise<Leg | null> {
    if (this.#attemptsLeft() < 2 || this.#ports.clientGone.aborted) return null
    if (hedge !== null && !hedge.take()) return null
    this.#fallbacks += 1
    const isFree = hedge !== null || this.#fallbacks === 1
    if (!isFree && !budgetOf(this.#ports.memory, step.provider).take()) return null
    // A hedge that the money would make shorter is no second chance of the same answer.
    const asIs: IsWanted = hedge === null ? isWanted : (isShorter) => !isShorter && isWanted(false)
    const before = this.#lastStep
    const leg = await this.#send(step, left, asIs)
    if (leg !== null && !('error' in leg)) return leg
    this.#lastStep = before
    return null
  }

  /** What is too dear, or has no price, may not be so at another target; what the caller may not spend at all is. */
  #afterUnpaid({ error, isFinal }: Unpaid, rest: readonly PlannedStep[]): readonly PlannedStep[] {
    this.#unpaid ??= error
    return isFinal ? [] : rest
  }

  failed(steps: readonly [PlannedStep, ...PlannedStep[]]): RunResult {
    const [first] = steps
    const [failure, ...more] = this.#failures
    const step = this.#lastStep ?? first
    return {
      kind: 'failed',
      failures: [
        failure ?? { class: 'timeout', message: 'the deadline of the request has passed' },
        ...more,
      ],
      unpaid: this.#records.length === 0 ? this.#unpaid : null,
      // The plan puts barred steps behind all others: where the first is, all are.
      openUntilMs: first.barred ? this.#soonestMs(steps) : null,
      step,
      records: this.#records,
      reason: this.#reason(step),
      calls: this.#sent + (this.#limits.sentBefore ?? 0),
    }
  }

  /** When the first of them may be asked again, as it is known now. */
  #soonestMs(steps: readonly PlannedStep[]): number {
    const { runtime, health } = this.#ports
    const waits = steps.map(({ target: name, notBeforeMs }) => {
      const target = runtime.targets.get(name)
      if (target === undefined) return notBeforeMs
      return health.standing(target, this.#limits.promptTokens).notBeforeMs
    })
    return Math.min(...waits)
  }

  #answered(leg: Leg, answer: Answer): StepOutcome {
    const { step, target, attendance, account, isShorter, sentAtMs } = leg
    budgetOf(this.#ports.memory, step.provider).succeeded()
    const firstTokenMs = this.#ports.nowMs() - sentAtMs
    if (answer.kind === 'stream') attendance.firstToken(firstTokenMs)
    return {
      kind: 'answered',
      step,
      target,
      answer,
      attendance,
      account,
      isShorter,
      records: this.#records,
      calls: this.#sent + (this.#limits.sentBefore ?? 0),
      sentAtMs,
      firstTokenMs,
      reason: this.#reason(step),
    }
  }

  #send(step: PlannedStep, left: number, isWanted?: IsWanted): ReturnType<Sender['send']> {
    this.#lastStep = step
    this.#sent += 1
    const others = Math.min(left, this.#attemptsLeft() - 1)
    // A probe and a first call that may be hedged can have a rival, and a rival is itself wanted or not.
    const isAlone = isWanted === undefined && !step.probe && this.#limits.hedge === undefined
    return this.#sender.send(step, this.#sent, others, isWanted, isAlone)
  }

  #note(leg: Leg, result: FailedResult): void {
    const nowMs = this.#ports.nowMs()
    endFailed(leg, result, this.#request.stream, nowMs)
    const { failure } = result
    if (failure.class !== 'cancelled' || this.#ports.clientGone.aborted)
      this.#failures.push(toldFailure(failure))
    this.#records.push(recordOfFailed(leg, result, nowMs))
  }

  /** The first fallback is free (`RetryBudget`); each further one costs a token of the provider it goes to. */
  #mayFallBack(step: PlannedStep): boolean {
    if (this.#records.length === 0) return true
    this.#fallbacks += 1
    return this.#fallbacks === 1 || budgetOf(this.#ports.memory, step.provider).take()
  }

  #mayRetry(step: PlannedStep, failure: Failure, retries: number, alternatives: number): boolean {
    const row = failureTable[failure.class]
    if (retries >= row.sameTargetRetries) return false
    if (row.fallback === 'preferred' && alternatives > 0) return false
    // A second try takes no attempt from a target that has not been asked.
    if (this.#attemptsLeft() <= alternatives) return false
    if (retryDelayMs(failure, 1) >= this.#remainingMs()) return false
    return budgetOf(this.#ports.memory, step.provider).take()
  }

  /** A client that leaves during a wait costs no further call; the record says that it was the client. */
  #leftWhileWaiting(): boolean {
    if (!this.#ports.clientGone.aborted) return false
    this.#failures.push({ class: 'cancelled', message: 'the client has gone' })
    return true
  }

  #finished(): boolean {
    return this.#attemptsLeft() === 0 || this.#remainingMs() <= 0 || this.#ports.clientGone.aborted
  }

  #attemptsLeft(): number {
    return this.#limits.maxAttempts - this.#records.length
  }

  #remainingMs(): number {
    return this.#limits.deadlineAtMs - this.#ports.nowMs()
  }

  /**
   * The last target is asked even while its gate is closed, and so is the first
   * of a plan that has none better; a short wait may save the request.
   */
  async #waitForGate(step: PlannedStep, last: boolean): Promise<void> {
    const waitMs = step.notBeforeMs - this.#ports.nowMs()
    const nobodyElse = last || this.#records.length === 0
    if (nobodyElse && waitMs > 0 && waitMs <= longestGateWaitMs && waitMs < this.#remainingMs())
      await this.#wait(waitMs)
  }

  #wait(delayMs: number): Promise<void> {
    if (delayMs <= 0) return Promise.resolve()
    return new Promise((resolve) => {
      const cancel = this.#ports.after(delayMs, resolve)
      this.#ports.clientGone.addEventListener(
        'abort',
        () => {
          cancel()
          resolve()
        },
        { once: true },
      )
    })
  }

  #reason(step: PlannedStep): string {
    const before = this.#records.map(({ target, outcome }) =>
      outcome === 'cancelled' ? `${target} was silent` : `${target} failed before (${outcome})`,
    )
    return [step.reason, ...before].join('; ')
  }
}
