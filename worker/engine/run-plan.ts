import { failureTable, quotaWaitMs, rateWaitMs, type Failure } from '../canonical/failure.ts'
import type { GatewayError } from '../canonical/errors.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import type { Target } from '../edge/runtime.ts'
import type { PlannedStep } from '../policy/plan.ts'
import type { AttemptResult } from './attempt.ts'
import type { Attendance } from './health-port.ts'
import { endFailed, type Leg, type RunLimits, Sender, type Unpaid } from './leg.ts'
import type { AttemptAccount } from './money-port.ts'
import { race } from './race.ts'
import type { IsolateMemory, Ports } from './ports.ts'
import type { AttemptRecord } from './record.ts'
import { RetryBudget } from './retry-budget.ts'

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
    }

export type Answer = Exclude<AttemptResult, { kind: 'failed' }>

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
  const run = new Run(request.stream, limits, sender, ports)
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

export type FailedResult = Extract<AttemptResult, { kind: 'failed' }>

const nothingLeft = { kind: 'next', next: [] } as const

/**
 * Asks for leave to try out what would have stood before the first choice. Not
 * for the tiers behind it: nobody is sent there while it answers, so a permit for
 * them would only keep the object from trying them itself.
 */
export function wantProbes(
  [first, ...rest]: readonly [PlannedStep, ...PlannedStep[]],
  { runtime, health }: Pick<Ports, 'runtime' | 'health'>,
): void {
  for (const { target, tier, barred } of [first, ...rest]) {
    const known = runtime.targets.get(target)
    if (barred && known !== undefined && (first.barred || tier <= first.tier)) health.want(known)
  }
}

type StepOutcome =
  | Extract<RunResult, { kind: 'answered' }>
  | { readonly kind: 'next'; readonly next: readonly PlannedStep[] }

class Run {
  readonly #isStream: boolean
  readonly #limits: RunLimits
  readonly #sender: Sender
  readonly #ports: Ports
  readonly #records: AttemptRecord[] = []
  readonly #failures: Failure[] = []
  #unpaid: GatewayError | null = null
  #lastStep: PlannedStep | null = null
  #fallbacks = 0
  #sent = 0

  constructor(isStream: boolean, limits: RunLimits, sender: Sender, ports: Ports) {
    this.#isStream = isStream
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
      const next = step.probe && retries === 0 ? rest[0] : undefined
      if (next !== undefined && leg.attendance.fallbackAfterMs !== null)
        return this.#probe(leg, next, rest.slice(1), leg.attendance.fallbackAfterMs)
      const result = await leg.result
      if (result.kind !== 'failed') return this.#answered(leg, result)
      this.#note(leg, result)
      if (this.#finished()) return nothingLeft
      if (!this.#mayRetry(step, result.failure, retries, rest.length))
        return { kind: 'next', next: fallbackSteps(step, result.failure, rest) }
      await this.#wait(retryDelayMs(result.failure, this.#ports.random()))
    }
  }

  /**
   * A probe of a half-open circuit with its fallback armed: when it is silent
   * for too long the next target is asked beside it, and the first to answer
   * answers. The caller never waits for the sake of the probe.
   */
  async #probe(
    leg: Leg,
    next: PlannedStep,
    rest: readonly PlannedStep[],
    afterMs: number,
  ): Promise<StepOutcome> {
    const second = (isWanted: () => boolean) => this.#armed(next, rest.length, isWanted)
    const raced = await race(leg, second, afterMs, this.#ports)
    for (const { leg: lost, result } of raced.failed) this.#note(lost, result)
    if (raced.winner !== null) return this.#answered(raced.winner.leg, raced.winner.result)
    if (this.#finished()) return nothingLeft
    const last = raced.failed.at(-1)
    const left = raced.failed.length > 1 ? rest : [next, ...rest]
    if (last === undefined) return nothingLeft
    return { kind: 'next', next: fallbackSteps(last.leg.step, last.result.failure, left) }
  }

  /** The fallback of a probe, sent; null when no attempt is left for it, its provider has no room for retries, or it cannot be paid for. */
  async #armed(step: PlannedStep, left: number, isWanted: () => boolean): Promise<Leg | null> {
    if (this.#attemptsLeft() < 2 || this.#ports.clientGone.aborted) return null
    this.#fallbacks += 1
    if (this.#fallbacks > 1 && !budgetOf(this.#ports.memory, step.provider).take()) return null
    const leg = await this.#send(step, left, isWanted)
    return leg === null || 'error' in leg ? null : leg
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
      sentAtMs,
      firstTokenMs,
      reason: this.#reason(step),
    }
  }

  #send(step: PlannedStep, left: number, isWanted?: () => boolean): ReturnType<Sender['send']> {
    this.#lastStep = step
    this.#sent += 1
    const others = Math.min(left, this.#attemptsLeft() - 1)
    return this.#sender.send(step, this.#sent, others, isWanted)
  }

  #note(leg: Leg, result: FailedResult): void {
    const { step, sentAtMs } = leg
    const { failure, status } = result
    const nowMs = this.#ports.nowMs()
    const durationMs = nowMs - sentAtMs
    endFailed(leg, result, this.#isStream, nowMs)
    const { quota } = failureTable[failure.class]
    const waitMs = failure.retryAfterMs ?? (quota === 'disable' ? quotaWaitMs : rateWaitMs)
    // A caller is told to wait as long as the gate stays closed, also where the provider said nothing.
    if (failure.class !== 'cancelled' || this.#ports.clientGone.aborted)
      this.#failures.push(quota === 'none' ? failure : { ...failure, retryAfterMs: waitMs })
    this.#records.push({
      target: step.target,
      outcome: failure.class,
      durationMs,
      ...(status === null ? {} : { status }),
      ...(failure.providerCode === undefined ? {} : { providerCode: failure.providerCode }),
    })
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
    // Keep the last attempt for another target where there is one.
    if (alternatives > 0 && this.#attemptsLeft() < 2) return false
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

/** What may be tried after `failure`: everything, nothing, or only targets with a larger context. */
function fallbackSteps(
  step: PlannedStep,
  failure: Failure,
  rest: readonly PlannedStep[],
): readonly PlannedStep[] {
  if (failure.targetFault === true) return rest
  switch (failureTable[failure.class].fallback) {
    case 'yes':
    case 'preferred':
      return rest
    case 'no':
      return []
    case 'larger-context':
      return rest.filter(({ contextTokens }) => (contextTokens ?? 0) > (step.contextTokens ?? 0))
  }
}

/** Full jitter over the class's base; an overloaded provider is left alone for at least a second, or as long as it asks. */
function retryDelayMs(failure: Failure, random: number): number {
  const { retryBaseMs } = failureTable[failure.class]
  if (failure.class === 'overloaded')
    return Math.max(retryBaseMs, failure.retryAfterMs ?? 0) * (1 + 0.2 * random)
  return retryBaseMs * random
}

function budgetOf(memory: IsolateMemory, provider: string): RetryBudget {
  let budget = memory.retryBudgets.get(provider)
  if (budget === undefined) memory.retryBudgets.set(provider, (budget = new RetryBudget()))
  return budget
}
