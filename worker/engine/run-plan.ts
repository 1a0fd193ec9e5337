import { failureTable, type Failure } from '../canonical/failure.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import { quotaWaitMs, rateWaitMs } from '../edge/gates.ts'
import type { Target } from '../edge/runtime.ts'
import type { PlannedStep } from '../policy/plan.ts'
import { attempt, type AttemptResult } from './attempt.ts'
import type { IsolateMemory, Ports } from './ports.ts'
import type { AttemptRecord } from './record.ts'
import { RetryBudget } from './retry-budget.ts'

export interface RunLimits {
  readonly firstTokenTimeoutMs: number
  readonly answerTimeoutMs: number
  /** Epoch ms: no attempt runs on after it. */
  readonly deadlineAtMs: number
  readonly maxAttempts: number
}

/** Who answered, or why nobody did. `records` holds one entry for each upstream call that has ended so far. */
export type RunResult =
  | {
      readonly kind: 'answered'
      readonly step: PlannedStep
      readonly target: Target
      readonly answer: Answer
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
  const run = new Run(request, limits, relayable, ports)
  let queue: readonly PlannedStep[] = steps
  for (;;) {
    const [step, ...rest] = queue
    if (step === undefined) break
    const outcome = await run.step(step, rest)
    if (outcome.kind === 'answered') return outcome
    queue = outcome.next
  }
  return run.failed(steps[0])
}

type StepOutcome =
  | Extract<RunResult, { kind: 'answered' }>
  | { readonly kind: 'next'; readonly next: readonly PlannedStep[] }

class Run {
  readonly #request: CanonicalRequest
  readonly #limits: RunLimits
  readonly #relayable: (target: Target) => boolean
  readonly #ports: Ports
  readonly #records: AttemptRecord[] = []
  readonly #failures: Failure[] = []
  #lastStep: PlannedStep | null = null
  #fallbacks = 0

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

  /** Tries one target, once or (where its failure class allows) twice, and says what is left to try. */
  async step(step: PlannedStep, rest: readonly PlannedStep[]): Promise<StepOutcome> {
    const target = this.#ports.runtime.targets.get(step.target)
    if (target === undefined || !this.#mayFallBack(step)) return { kind: 'next', next: [] }
    this.#lastStep = step
    await this.#waitForGate(step, rest.length === 0)
    for (let retries = 0; ; retries++) {
      if (this.#leftWhileWaiting()) return { kind: 'next', next: [] }
      const sentAtMs = this.#ports.nowMs()
      const result = await this.#call(target, rest.length)
      const durationMs = this.#ports.nowMs() - sentAtMs
      if (result.kind !== 'failed')
        return this.#answered(step, target, result, sentAtMs, durationMs)
      this.#note(step, result.failure, result.status, durationMs)
      if (this.#finished()) return { kind: 'next', next: [] }
      if (!this.#mayRetry(step, result.failure, retries, rest.length))
        return { kind: 'next', next: fallbackSteps(step, result.failure, rest) }
      await this.#wait(retryDelayMs(result.failure, this.#ports.random()))
    }
  }

  failed(first: PlannedStep): RunResult {
    const [failure, ...more] = this.#failures
    const step = this.#lastStep ?? first
    return {
      kind: 'failed',
      failures: [
        failure ?? { class: 'timeout', message: 'the deadline of the request has passed' },
        ...more,
      ],
      step,
      records: this.#records,
      reason: this.#reason(step),
    }
  }

  #answered(
    step: PlannedStep,
    target: Target,
    answer: Answer,
    sentAtMs: number,
    firstTokenMs: number,
  ): StepOutcome {
    budgetOf(this.#ports.memory, step.provider).succeeded()
    return {
      kind: 'answered',
      step,
      target,
      answer,
      records: this.#records,
      sentAtMs,
      firstTokenMs,
      reason: this.#reason(step),
    }
  }

  #call(target: Target, left: number): Promise<AttemptResult> {
    const { firstTokenTimeoutMs, answerTimeoutMs } = this.#limits
    // A slow first choice must leave time for those behind it.
    const shareMs = this.#remainingMs() / Math.min(left + 1, this.#attemptsLeft())
    const limits = {
      firstTokenTimeoutMs: Math.min(firstTokenTimeoutMs, shareMs),
      answerTimeoutMs: Math.min(answerTimeoutMs, shareMs),
    }
    return attempt(this.#request, target, limits, this.#relayable(target), this.#ports)
  }

  #note(step: PlannedStep, failure: Failure, status: number | null, durationMs: number): void {
    const { quota } = failureTable[failure.class]
    const waitMs = failure.retryAfterMs ?? (quota === 'disable' ? quotaWaitMs : rateWaitMs)
    // A caller is told to wait as long as the gate stays closed, also where the provider said nothing.
    this.#failures.push(quota === 'none' ? failure : { ...failure, retryAfterMs: waitMs })
    this.#records.push({
      target: step.target,
      outcome: failure.class,
      durationMs,
      ...(status === null ? {} : { status }),
      ...(failure.providerCode === undefined ? {} : { providerCode: failure.providerCode }),
    })
    if (quota === 'none') return
    this.#ports.memory.gates.close(step.target, this.#ports.nowMs(), waitMs, this.#ports.random)
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

  /** The last target is asked even while its gate is closed; a short wait may save the request. */
  async #waitForGate(step: PlannedStep, last: boolean): Promise<void> {
    const waitMs = step.notBeforeMs - this.#ports.nowMs()
    if (last && waitMs > 0 && waitMs <= longestGateWaitMs && waitMs < this.#remainingMs())
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
    const before = this.#records.map(
      ({ target, outcome }) => `${target} failed before (${outcome})`,
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
