import type { CanonicalEvent } from '../canonical/events.ts'
import type { Failure } from '../canonical/failure.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import { mergeUsage, type Usage } from '../canonical/usage.ts'
import type { RenderContext } from '../dialects/dialect.ts'
import type { Target } from '../edge/runtime.ts'
import type { PlannedStep } from '../policy/plan.ts'
import { withoutSecret } from './attempt.ts'
import { generatedBytes } from './call-seen.ts'
import type { CarryEnding, Continuation, NextPart } from './carry.ts'
import {
  type ContinuationMode,
  continuationSteps,
  continuedRequest,
  mayContinueAfter,
  ToldAnswer,
  whyNotByRoute,
  whyNotContinued,
} from './continuation-rules.ts'
import { markerOf, reasonOf } from './continuation-notes.ts'
import type { Called, Exchange } from './exchange.ts'
import { recordOfFailed, tooLate } from './failed-leg.ts'
import type { Attendance } from './health-port.ts'
import { endFailed, type RunLimits, Sender } from './leg.ts'
import type { AttemptAccount, CallSeen } from './money-port.ts'
import type { OutputCheck } from './output-check.ts'
import { OverlapFilter } from './overlap.ts'
import type { PlannedRequest } from './plan-request.ts'
import type { OpenStream } from './open-stream.ts'
import type { Ports } from './ports.ts'
import type { AttemptRecord, Continued } from './record.ts'
import { budgetOf } from './retry-rules.ts'
import type { RunResult } from './run-result.ts'
import { attend, outcomeOf, seenOfStream } from './stream-ending.ts'
import { addUsage, usageOfPart } from './two-part-usage.ts'

type Answered = Extract<RunResult, { kind: 'answered' }>

/** Makes the continuation of an answer that begins. */
export type Resume = (result: Answered, stream: OpenStream) => ResumableAnswer

/** Lets the answer of this request go on elsewhere when its stream breaks, or tells the caller why it may not. */
export function letResume(planned: PlannedRequest, limits: RunLimits, exchange: Exchange): void {
  const { request, settings, ladder } = planned
  // What comes whole is not interrupted.
  if (!request.stream || settings.bestOf !== undefined) return
  const why = whyNotContinued(request) ?? whyNotByRoute(ladder)
  if (why !== null) return exchange.warn(`x-switchyard-resume does not apply: ${why}`)
  exchange.resume = (result, stream) =>
    new ResumableAnswer(planned, limits, exchange, result, stream)
}

/** The call whose stream is read now. */
interface Part {
  readonly step: PlannedStep
  readonly target: Target
  readonly stream: OpenStream
  readonly attendance: Attendance
  readonly account: AttemptAccount
  readonly sentAtMs: number
  readonly firstTokenMs: number
  usage: Usage | undefined
  receivedBytes: number
}

/** An answer whose beginning was told by a call that broke. */
interface Beginning {
  readonly part: Part
  readonly failure: Failure
  /** As its provider said; estimated where it did not. */
  readonly usage: Usage
  readonly isEstimated: boolean
}

/**
 * One answer that may go on elsewhere, once, when its stream breaks (`reliability.md` 2). It keeps the money, the
 * health and the records of its calls apart, and makes one text and one usage of what they say.
 */
export class ResumableAnswer implements Continuation {
  readonly render: RenderContext
  readonly #planned: PlannedRequest
  readonly #limits: RunLimits
  readonly #exchange: Exchange
  readonly #ports: Ports
  readonly #result: Answered
  readonly #told = new ToldAnswer()
  /** Attempts that ended after the answer had begun. */
  readonly #records: AttemptRecord[] = []
  #part: Part
  #beginning: Beginning | null = null
  /** What the part that is read now goes on with; null while it is the first. */
  #continues: Continued | null = null
  #filter: OverlapFilter | null = null
  #calls: number

  constructor(
    planned: PlannedRequest,
    limits: RunLimits,
    exchange: Exchange,
    result: Answered,
    stream: OpenStream,
  ) {
    this.#planned = planned
    this.#limits = limits
    this.#exchange = exchange
    this.#ports = exchange.ports
    this.#result = result
    this.#calls = result.calls
    const { step, target, attendance, account, sentAtMs, firstTokenMs } = result
    const call = { step, target, attendance, account, sentAtMs, firstTokenMs }
    this.#part = { ...call, stream, usage: undefined, receivedBytes: 0 }
    const render = exchange.renderContext(target)
    this.render = {
      ...render,
      costUsd: (usage) => {
        const nano = this.#beginning === null ? null : this.#costNanoUsd()
        if (this.#beginning === null) return render.costUsd(usage)
        return nano === null ? null : nano / 1e9
      },
    }
  }

  count(events: readonly CanonicalEvent[]): void {
    const part = this.#part
    part.receivedBytes += generatedBytes(events)
    for (const event of events)
      if (event.type === 'usage') part.usage = mergeUsage(part.usage, event.usage)
  }

  pass(events: readonly CanonicalEvent[]): readonly CanonicalEvent[] {
    this.count(events)
    if (this.#beginning !== null) return this.#joined(events, this.#beginning)
    for (const event of events) this.#told.see(event)
    return events
  }

  /** What a second part adds to the first: no beginning of its own, no thoughts, nothing twice. */
  #joined(events: readonly CanonicalEvent[], { usage: before }: Beginning): CanonicalEvent[] {
    const out: CanonicalEvent[] = []
    for (const event of events) {
      if (event.type === 'start' || event.type === 'reasoning') continue
      if (event.type === 'text') {
        this.#tell(this.#filter?.push(event.text) ?? event.text, out)
      } else if (event.type === 'usage') {
        out.push({ type: 'usage', usage: addUsage(before, this.#part.usage ?? event.usage) })
      } else {
        this.#tell(this.#filter?.flush() ?? '', out)
        const { target } = this.#part
        out.push(
          event.type === 'failure'
            ? { ...event, failure: withoutSecret(event.failure, target) }
            : event,
        )
      }
    }
    return out
  }

  /** In the block that is open, so that the client sees one text. */
  #tell(text: string, out: CanonicalEvent[]): void {
    if (text === '') return
    const { block } = this.#told
    out.push({ type: 'text', choice: 0, text, ...(block === undefined ? {} : { block }) })
  }

  async after(failure: Failure): Promise<NextPart | null> {
    const { eventDecoder } = this.#part.stream
    if (this.#beginning !== null || !this.#told.isPlain || !mayContinueAfter(failure)) return null
    // All of the answer is there; only its end mark is missing.
    if (eventDecoder.hasFinish === true || !this.#mayCall()) return null
    const beginning = this.#endBeginning(failure)
    for (const { step, mode } of this.#steps()) {
      if (!this.#mayCall()) return null
      const { request } = this.#planned
      const rest = continuedRequest(request, this.#told.text, mode)
      if (rest === null) return null
      if (!this.#isFirstFallback() && !budgetOf(this.#ports.memory, step.provider).take()) continue
      const next = await this.#call(step, mode, rest, beginning)
      if (next !== null) return next
    }
    return null
  }

  /** It is free, as every first fallback is (`RetryBudget`): a provider that breaks often must not be seen to. */
  #isFirstFallback(): boolean {
    return this.#result.records.length === 0 && this.#records.length === 1
  }

  /** A call is left, and time, and somebody who waits for it. */
  #mayCall(): boolean {
    const made = this.#result.records.length + Math.max(1, this.#records.length)
    const { maxAttempts, deadlineAtMs } = this.#limits
    return (
      made < maxAttempts && this.#ports.nowMs() < deadlineAtMs && !this.#ports.clientGone.aborted
    )
  }

  #steps() {
    const failed = this.#result.records.filter(({ outcome }) => outcome !== 'cancelled')
    const asked = new Set([this.#part.step.target, ...failed.map(({ target }) => target)])
    const { plan, settings } = this.#planned
    const allowsUserTurn = settings.resume?.userTurn === true
    const { nowMs, runtime } = { nowMs: this.#ports.nowMs(), runtime: this.#ports.runtime }
    return continuationSteps(this.#part.step, plan.steps, asked, allowsUserTurn, nowMs, runtime)
  }

  /** The call that broke is over, whatever comes: it is paid for, and its target is told. */
  #endBeginning(failure: Failure): Beginning {
    const part = this.#part
    const { usage, receivedBytes } = part
    this.#end({ kind: 'failed', failure, receivedBytes, ...(usage === undefined ? {} : { usage }) })
    const { promptTokens } = this.#limits
    const isEstimated = usage?.inputTokens === undefined || usage.outputTokens === undefined
    return { part, failure, usage: usageOfPart(usage, receivedBytes, promptTokens), isEstimated }
  }

  async #call(
    step: PlannedStep,
    mode: ContinuationMode,
    request: CanonicalRequest,
    beginning: Beginning,
  ): Promise<NextPart | null> {
    const continues: Continued = {
      from: beginning.part.step.target,
      because: beginning.failure.class,
      mode,
    }
    const billing = { ...this.#limits.billing, continues }
    const sender = new Sender(request, { ...this.#limits, billing }, () => false, this.#ports)
    try {
      this.#calls += 1
      // A rest that the money would cut short is none.
      const told = { ...step, reason: reasonOf(continues, step.reason) }
      const leg = await sender.send(told, this.#calls, 0, (isShorter) => !isShorter)
      if (leg === null || 'error' in leg) return null
      const result = await leg.result
      const nowMs = this.#ports.nowMs()
      if (result.kind !== 'stream' || result.stream.source.kind !== 'translate') {
        const failed = result.kind === 'failed' ? result : tooLate
        endFailed(leg, failed, true, nowMs)
        this.#records.push({ ...recordOfFailed(leg, failed, nowMs), continues })
        return null
      }
      const { stream } = result
      const { target, attendance, account, sentAtMs } = leg
      const firstTokenMs = nowMs - sentAtMs
      attendance.firstToken(firstTokenMs)
      budgetOf(this.#ports.memory, step.provider).succeeded()
      const call = { step, target, attendance, account, sentAtMs, firstTokenMs }
      this.#part = { ...call, stream, usage: undefined, receivedBytes: 0 }
      this.#beginning = beginning
      this.#continues = continues
      this.#filter = new OverlapFilter(this.#told.text)
      const marker = markerOf(continues, step.target, beginning)
      return { stream, reader: result.stream.source.reader, marker }
    } catch {
      // A fault of ours: the client is told that the answer broke, which is true.
      sender.abandon()
      return null
    }
  }

  /** The stream that was read last is over. `seen` of a call that was lost sight of stands. */
  close(ending: CarryEnding, seen: CallSeen, check: OutputCheck | null): void {
    if (this.#beginning === null && this.#records.length > 0) return
    const { usage, receivedBytes } = this.#part
    const { usage: _, ...rest } = ending
    this.#end({ ...rest, receivedBytes, ...(usage === undefined ? {} : { usage }) }, seen, check)
  }

  #end(ending: CarryEnding, lost?: CallSeen, check?: OutputCheck | null): void {
    const { stream, account, attendance, target, step, sentAtMs, firstTokenMs } = this.#part
    const durationMs = this.#ports.nowMs() - sentAtMs
    const outcome = outcomeOf(ending)
    const isLost = lost?.ending === 'unknown' && ending.kind === 'client_gone'
    const seen = isLost ? lost : seenOfStream(ending, stream)
    account.settle({ ...seen, outcome, durationMs, firstTokenMs, status: 200 })
    const cost = this.#exchange.costNanoUsd(target, ending.usage)
    attend(attendance, ending, durationMs, cost, check)
    const record = { target: step.target, outcome, durationMs, firstTokenMs }
    const continues = this.#continues
    this.#records.push(continues === null ? record : { ...record, continues })
  }

  /** How it went, where it went on elsewhere or tried to; null where it came from one target. */
  story(): (Called & { readonly costNanoUsd: number | null }) | null {
    const [first, ...more] = this.#records
    if (first === undefined || (this.#beginning === null && more.length === 0)) return null
    const { step, firstTokenMs, records, reason } = this.#result
    const told =
      this.#beginning === null
        ? `${first.target} broke off (${first.outcome}), and nobody could go on`
        : `${first.target} broke off (${first.outcome}), and ${this.#part.step.target} went on`
    return {
      step: this.#beginning === null ? step : this.#part.step,
      reason: `${reason}; ${told}`,
      attempts: [...records, first, ...more],
      firstTokenMs,
      costNanoUsd: this.#costNanoUsd(),
    }
  }

  /** Of both parts, nano-USD; null where one of them has no price. */
  #costNanoUsd(): number | null {
    const { target, usage } = this.#part
    const own = this.#exchange.costNanoUsd(target, usage)
    if (this.#beginning === null) return own
    const { part, usage: before } = this.#beginning
    const first = this.#exchange.costNanoUsd(part.target, before)
    return own === null || first === null ? null : own + first
  }
}
