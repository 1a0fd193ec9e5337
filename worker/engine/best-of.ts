import type { GatewayError } from '../canonical/errors.ts'
import type { Failure } from '../canonical/failure.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import { costNanoUsd } from '../catalog/index.ts'
import type { BestOfConfig } from '../edge/parallel-schema.ts'
import type { PlannedStep } from '../policy/plan.ts'
import type { AttemptResult } from './attempt.ts'
import { judge, type Judged, type Picked, pickOf, type Standing } from './best-of-pick.ts'
import { seenOfAnswer, usageOf } from './call-seen.ts'
import { recordOfFailed, toldFailure, tooLate } from './failed-leg.ts'
import { hasServerTools } from './hedge.ts'
import { endFailed, type Leg, type RunLimits, Sender } from './leg.ts'
import type { Ports } from './ports.ts'
import type { AttemptRecord } from './record.ts'
import { budgetOf } from './retry-rules.ts'
import type { FailedResult, RunResult } from './run-result.ts'
import { wantProbes } from './want-probes.ts'
import { wholeAsStream } from './whole-as-stream.ts'

type Steps = readonly [PlannedStep, ...PlannedStep[]]
type Whole = Extract<AttemptResult, { kind: 'whole' }>

/** Several answers of one call, and tools that the provider runs, are asked for once. */
export function mayAskSeveral(request: CanonicalRequest): boolean {
  return (request.sampling.n ?? 1) === 1 && !hasServerTools(request)
}

/**
 * Asks several targets at once for the whole answer, and takes one by the rule of the route (`reliability.md` 2). Each
 * call is held at its worst case before it is sent; a call that nobody may pay for is left out. The others are each
 * other's fallback, and nobody is asked a second time. Those that lose are stopped, and paid for.
 */
export async function runBestOf(
  steps: Steps,
  request: CanonicalRequest,
  limits: RunLimits,
  config: BestOfConfig,
  ports: Ports,
): Promise<RunResult> {
  wantProbes(steps, ports)
  const sender = new Sender({ ...request, stream: false }, limits, () => false, ports)
  const contest = new Contest(request, config, limits.sentBefore ?? 0, ports)
  try {
    return await contest.run(legSteps(steps, config.n, ports.nowMs()), sender)
  } catch (fault) {
    sender.abandon()
    throw fault
  }
}

/** Each target of the plan in turn, and from the front again when there are fewer; what should not be asked only when there is no other. */
export function legSteps(steps: Steps, n: number, nowMs: number): Steps {
  const ready = steps.filter(({ barred, notBeforeMs }) => !barred && notBeforeMs <= nowMs)
  const [first = steps[0], ...rest] = ready
  const all = [first, ...rest]
  return [
    first,
    ...Array.from({ length: n - 1 }, (_, index) => all[(index + 1) % all.length] ?? first),
  ]
}

class Contest {
  readonly #request: CanonicalRequest
  readonly #config: BestOfConfig
  readonly #sentBefore: number
  readonly #ports: Ports
  readonly #legs: (Leg | null)[] = []
  readonly #standings: Standing[] = []
  readonly #answers: (Whole | undefined)[] = []
  readonly #arrived: number[] = []
  readonly #records: AttemptRecord[] = []
  readonly #failures: Failure[] = []
  #unpaid: GatewayError | null = null
  #isOver = false
  #isDecided = false
  #cancelPatience: (() => void) | null = null
  #decide: (picked: Picked | null) => void = () => undefined

  constructor(request: CanonicalRequest, config: BestOfConfig, sentBefore: number, ports: Ports) {
    this.#request = request
    this.#config = config
    this.#sentBefore = sentBefore
    this.#ports = ports
  }

  async run(steps: Steps, sender: Sender): Promise<RunResult> {
    for (const _ of steps) {
      this.#standings.push('waiting')
      this.#legs.push(null)
    }
    const decided = new Promise<Picked | null>((resolve, reject) => {
      this.#decide = resolve
      for (const [index, step] of steps.entries()) this.#call(index, step, sender).catch(reject)
    })
    let picked: Picked | null
    try {
      picked = await decided
    } finally {
      // After a fault, too: what is still being paid for must not go out any more.
      this.#isDecided = true
      this.#cancelPatience?.()
    }
    return this.#close(picked, steps)
  }

  async #call(index: number, step: PlannedStep, sender: Sender): Promise<void> {
    const sent = await sender.send(step, index + 1, 0, () => !this.#isDecided)
    if (sent === null || 'error' in sent) {
      if (sent !== null) this.#unpaid ??= sent.error
      this.#stand(index, 'failed')
      return
    }
    this.#legs[index] = sent
    const result = await sent.result
    // It has been stopped, and paid for.
    if (this.#isDecided) return
    if (result.kind === 'whole') {
      this.#answers[index] = result
      this.#arrived.push(index)
      this.#stand(index, judge(this.#request, result.events))
    } else {
      this.#failed(sent, result.kind === 'failed' ? result : tooLate)
      this.#legs[index] = null
      this.#stand(index, 'failed')
    }
  }

  #stand(index: number, standing: Standing): void {
    this.#standings[index] = standing
    if (typeof standing === 'object' && standing.isValid) this.#startPatience()
    this.#look()
  }

  #startPatience(): void {
    this.#cancelPatience ??= this.#ports.after(this.#config.patienceMs, () => {
      this.#isOver = true
      this.#look()
    })
  }

  #look(): void {
    const picked = pickOf(this.#config.pick, this.#standings, this.#arrived, this.#isOver)
    if (picked !== null) this.#decide(picked)
    else if (this.#standings.every((one) => one === 'failed')) this.#decide(null)
  }

  #failed(leg: Leg, result: FailedResult): void {
    const nowMs = this.#ports.nowMs()
    endFailed(leg, result, false, nowMs)
    this.#records.push(recordOfFailed(leg, result, nowMs))
    if (result !== tooLate) this.#failures.push(toldFailure(result.failure))
  }

  #close(picked: Picked | null, steps: Steps): RunResult {
    for (const [index, leg] of this.#legs.entries())
      if (leg !== null && index !== picked?.index) this.#loses(index, leg)
    const leg = picked === null ? null : (this.#legs[picked.index] ?? null)
    const answer = picked === null ? undefined : this.#answers[picked.index]
    return leg === null || answer === undefined
      ? this.#nobody(steps)
      : this.#won(leg, answer, `picked of ${steps.length}: ${picked?.why ?? ''}`, steps.length)
  }

  /** What has come is paid as it is; what has not is stopped, and may have been made all the same. */
  #loses(index: number, leg: Leg): void {
    const answer = this.#answers[index]
    if (answer === undefined) {
      leg.control.stop('superseded')
      this.#failed(leg, tooLate)
      return
    }
    const { target, account, attendance, sentAtMs, step } = leg
    const durationMs = this.#ports.nowMs() - sentAtMs
    const seen = seenOfAnswer(answer.events, 'complete')
    account.settle({ ...seen, outcome: 'ok', durationMs, status: 200 })
    const usage = usageOf(answer.events)
    const prices = target.facts?.prices ?? null
    const cost = usage === undefined || prices === null ? null : costNanoUsd(usage, prices)
    const { isBroken } = this.#standings[index] as Judged
    attendance.finished({ broken: isBroken, costNanoUsd: cost })
    this.#records.push({ target: step.target, outcome: 'ok', durationMs })
  }

  #won(leg: Leg, answer: Whole, why: string, calls: number): RunResult {
    const { step, target, attendance, account, isShorter, sentAtMs } = leg
    budgetOf(this.#ports.memory, step.provider).succeeded()
    return {
      kind: 'answered',
      step,
      target,
      answer: this.#request.stream ? wholeAsStream(answer, target, this.#ports) : answer,
      attendance,
      account,
      isShorter,
      records: this.#records,
      calls: calls + this.#sentBefore,
      sentAtMs,
      firstTokenMs: this.#ports.nowMs() - sentAtMs,
      reason: `${step.reason}; ${why}`,
    }
  }

  #nobody([first, ...more]: Steps): RunResult {
    const [failure, ...failures] = this.#failures
    return {
      kind: 'failed',
      failures: [
        failure ?? { class: 'timeout', message: 'the deadline of the request has passed' },
        ...failures,
      ],
      unpaid: this.#records.length === 0 ? this.#unpaid : null,
      openUntilMs: first.barred ? first.notBeforeMs : null,
      step: first,
      records: this.#records,
      reason: `${first.reason}; none of ${more.length + 1} calls was answered`,
      calls: more.length + 1 + this.#sentBefore,
    }
  }
}
