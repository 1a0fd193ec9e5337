import { errorOfFailures, gatewayError, type GatewayError } from '../canonical/errors.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import type { Usage } from '../canonical/usage.ts'
import type { WholeAnswer } from '../../durable-objects/tenant-ledger/rpc.ts'
import { costNanoUsd } from '../catalog/index.ts'
import type { Dialect, RenderContext } from '../dialects/dialect.ts'
import type { Target } from '../edge/runtime.ts'
import type { Floors } from '../policy/floors.ts'
import { unappliedPreferences } from '../policy/filter.ts'
import { mayBeBilled } from './call-seen.ts'
import type { Caller } from './caller.ts'
import type { Resume } from './continuation.ts'
import { OutputCheck } from './output-check.ts'
import type { Billing } from './money-port.ts'
import type { DecisionRecord } from './decision.ts'
import type { PlannedOrRefused, PlannedRequest } from './plan-request.ts'
import { answerHeaders, headedAnswer } from './answer-headers.ts'
import { type Degradation, departuresOf, isShortened } from './departures.ts'
import { type Called, decisionOfKnown, type Known, type Outcome, targetOf } from './known.ts'
import { makeRecord } from './make-record.ts'
import type { Made } from './made.ts'
import type { Ports } from './ports.ts'
import type { AttemptRecord, RequestRecord } from './record.ts'
import { retryHeaders } from './retry-headers.ts'
import type { RunResult } from './run-plan.ts'

export type { Called, Outcome } from './known.ts'

/**
 * One request and what is known of it so far: the answer's headers and the
 * record are both made from here, whatever way the request ends.
 */
export class Exchange {
  readonly requestId: string
  readonly dialect: Dialect
  readonly ports: Ports
  /** The caller wants a stream that breaks to go on elsewhere. */
  resumes = false
  /** How a stream that breaks may go on elsewhere; null: the caller did not ask for that. */
  resume: Resume | null = null
  /** Is told the record of this request, once. */
  onRecord: ((record: RequestRecord, outcome: Outcome) => void) | null = null
  readonly #known: Known
  #ended: Outcome | null = null
  #tellEnded: ((outcome: Outcome) => void) | null = null
  #cost: {
    readonly target: Target
    readonly usage: Usage
    readonly nanoUsd: number | null
  } | null = null

  constructor(
    requestId: string,
    dialect: Dialect,
    caller: Caller,
    operation: RequestRecord['operation'],
    colo: string | null,
    ports: Ports,
  ) {
    this.requestId = requestId
    this.dialect = dialect
    this.ports = ports
    this.#known = {
      requestId,
      dialect,
      ports,
      caller,
      operation,
      colo,
      startedMs: ports.nowMs(),
      planned: null,
      plannedMs: 0,
      called: null,
      names: null,
      decided: null,
      warnings: [],
      isShortened: false,
      degraded: [],
      made: null,
      isSettled: false,
    }
  }

  named({ model, models = [] }: Pick<CanonicalRequest, 'model' | 'models'>): void {
    this.#known.names = [model, ...models]
  }

  /** Epoch ms. */
  get startedMs(): number {
    return this.#known.startedMs
  }

  /** Why this request goes where it goes; null before there is a plan. */
  get decision(): DecisionRecord | null {
    return decisionOfKnown(this.#known)
  }

  /** The answer to a request that no plan could be made for; what left no target goes into the record. */
  unplanned({ error, decided }: Extract<PlannedOrRefused, { ok: false }>): Response {
    this.#known.decided = decided
    return this.refuse(error)
  }

  planned(planned: PlannedRequest): void {
    this.#known.planned = planned
    this.#known.decided = planned
    const { ignored = [] } = planned.request
    if (ignored.length > 0) this.warn(`not understood here and left out: ${ignored.join(', ')}`)
    const unapplied = unappliedPreferences(planned.request.provider ?? {}, planned.input.candidates)
    if (unapplied.length > 0)
      this.warn(`not applied, no target is known by it: ${unapplied.join(', ')}`)
    this.#known.plannedMs = this.ports.nowMs() - this.#known.startedMs
  }

  ran(result: RunResult): void {
    const { step, reason, records } = result
    if (result.kind === 'failed')
      this.called({ step, reason, attempts: records, firstTokenMs: null })
    else {
      const { firstTokenMs } = result
      const last: AttemptRecord = {
        target: step.target,
        outcome: 'ok',
        durationMs: firstTokenMs,
        firstTokenMs,
      }
      this.called({ step, reason, attempts: [...records, last], firstTokenMs })
    }
    const { planned, warnings } = this.#known
    if (planned === null) return
    warnings.push(...departuresOf(result, planned))
    this.#known.isShortened ||= isShortened(result)
  }

  called(called: Called): void {
    this.#known.called = called
  }

  /** An answer that nobody was asked for now. */
  made({ by, source, records, reason }: Made): void {
    this.#known.made = { by, reason }
    this.degrade(by)
    const step = source?.step ?? this.#known.planned?.plan.steps[0]
    if (step !== undefined) this.called({ step, reason, attempts: records, firstTokenMs: null })
  }

  /** The answer is less than what was asked for, in this. */
  degrade(how: Degradation): void {
    this.#known.degraded = [...new Set([...this.#known.degraded, how])]
  }

  warn(text: string): void {
    this.#known.warnings.push(text)
  }

  /** Under what the calls of this request are paid for. */
  billing({ route, tags }: Pick<PlannedRequest, 'route' | 'tags'>): Billing {
    return { requestId: this.requestId, caller: this.#known.caller, route, tags }
  }

  renderContext(target: Target): RenderContext {
    return this.#context(target.adapterTarget.upstreamModel, (usage) => {
      const nano = this.costNanoUsd(target, usage)
      return nano === null ? null : nano / 1e9
    })
  }

  /** Of an answer that nobody was asked for, and that costs nothing. */
  madeContext({ source }: Made): RenderContext {
    const model =
      source?.target.adapterTarget.upstreamModel ?? this.#known.planned?.request.model ?? ''
    return this.#context(model, () => 0)
  }

  #context(model: string, costUsd: RenderContext['costUsd']): RenderContext {
    const request = this.#known.planned?.request
    return {
      requestId: this.requestId,
      model,
      nowS: Math.floor(this.ports.nowMs() / 1000),
      includeUsage: request?.includeUsage ?? true,
      includeCost: request?.includeCost ?? false,
      legacyFunctions: request?.legacyFunctions === true,
      costUsd,
    }
  }

  /** What answers of the route must be worth; undefined where it says nothing of that. */
  get floors(): Floors | undefined {
    return this.#known.planned?.input.policy.ranking?.floors
  }

  /** What in the answer has to parse; null where nothing has. */
  outputCheck(): OutputCheck | null {
    const { planned } = this.#known
    return planned === null ? null : OutputCheck.of(planned.request)
  }

  /** Nano-USD; null when the model has no price or the counts are missing. */
  costNanoUsd(target: Target, usage: Usage | undefined): number | null {
    if (usage === undefined) return null
    // Asked for by the answer, by health and by the record.
    if (this.#cost?.target !== target || this.#cost.usage !== usage)
      this.#cost = { target, usage, nanoUsd: costOf(target, usage) }
    return this.#cost.nanoUsd
  }

  /** The answer to a request that ends before anything was asked of a provider. `reason`, for the record, holds no word of the caller's. */
  refuse(error: GatewayError, reason?: string): Response {
    const { status, code: errorCode, param } = error
    const fault = param === undefined ? {} : { errorParam: param }
    const told = reason === undefined ? {} : { reason }
    this.settle({ ending: 'refused', status, errorCode, ...fault, ...told })
    return this.#errorResponse(error, {})
  }

  /** As `refuse`, for what providers said: the field that they name is for the caller, and in no record. */
  refuseAsTold(error: GatewayError): Response {
    this.settle({ ending: 'refused', status: error.status, errorCode: error.code })
    return this.#errorResponse(error, {})
  }

  /** The answer when every attempt failed. */
  fail(result: Extract<RunResult, { kind: 'failed' }>): Response {
    const error = this.errorOf(result)
    const ending = result.unpaid === null ? 'failed' : 'refused'
    this.settle({
      ending: error.status === 499 ? 'client_gone' : ending,
      status: error.status,
      errorCode: error.code,
    })
    return this.#errorResponse(error, { 'x-should-retry': 'false' })
  }

  /** What the caller is told when every attempt failed: that all circuits are open, where they are. */
  errorOf({ failures, unpaid, openUntilMs }: Extract<RunResult, { kind: 'failed' }>): GatewayError {
    if (unpaid !== null) return unpaid
    const error = errorOfFailures(failures)
    const upstreams = error.code === 'upstream_error' || error.code === 'upstream_timeout'
    if (openUntilMs === null || !upstreams) return error
    const retryAfterMs = Math.max(error.retryAfterMs ?? 0, openUntilMs - this.ports.nowMs(), 1000)
    return gatewayError('no_healthy_target', 503, `no target is healthy now; ${error.message}`, {
      retryAfterMs,
    })
  }

  json(body: string): Response {
    return headedAnswer(body, 'json', this.#known, this.ports.memory.headerTemplates)
  }

  stream(readable: ReadableStream<Uint8Array>): Response {
    return headedAnswer(readable, 'stream', this.#known, this.ports.memory.headerTemplates)
  }

  /** Everything that is known now, as response headers. */
  headers(): Record<string, string> {
    return answerHeaders(this.#known)
  }

  /** Writes the record, once; whatever ends the request first is what happened. */
  settle(outcome: Outcome): void {
    const known = this.#known
    if (known.isSettled) return
    known.isSettled = true
    const record = makeRecord(known, outcome, this.#costOf(outcome))
    this.ports.log(record)
    this.onRecord?.(record, outcome)
    this.#ended = outcome
    this.#tellEnded?.(outcome)
  }

  /** How the request ended, when it has. */
  get settled(): Promise<Outcome> {
    if (this.#ended !== null) return Promise.resolve(this.#ended)
    return new Promise((resolve) => {
      const before = this.#tellEnded
      this.#tellEnded = (outcome) => {
        before?.(outcome)
        resolve(outcome)
      }
    })
  }

  /** Whether a call went out, and whether one may have been billed. */
  get bought(): { readonly wasSent: boolean; readonly isBilled: boolean } {
    const attempts = this.#known.called?.attempts ?? []
    return { wasSent: attempts.length > 0, isBilled: attempts.some(mayBeBilled) }
  }

  /** The answer that was kept of the first request with this idempotency key. */
  replay({ status, headers, chunks }: WholeAnswer, ranAs: string): Response {
    this.warn(`replayed from ${ranAs}: the answer to this idempotency key`)
    this.settle({ ending: 'finished', status })
    const body = new Blob(chunks.map((chunk) => new Uint8Array(chunk)))
    return new Response(body.stream(), {
      status,
      headers: {
        ...this.headers(),
        ...Object.fromEntries(headers),
        'idempotency-replayed': 'true',
      },
    })
  }

  #errorResponse(error: GatewayError, more: Readonly<Record<string, string>>): Response {
    const headers: Record<string, string> = {
      ...this.headers(),
      ...retryHeaders(error),
      ...more,
      'content-type': 'application/json',
    }
    return new Response(JSON.stringify(this.dialect.renderError(error, this.requestId)), {
      status: error.status,
      headers,
    })
  }

  #costOf({ costNanoUsd, usage }: Outcome): number | null {
    if (costNanoUsd !== undefined) return costNanoUsd
    if (this.#known.made !== null) return 0
    const target = targetOf(this.#known)
    return target === undefined ? null : this.costNanoUsd(target, usage)
  }
}

/** Nano-USD; null when the model has no price or the counts are missing. */
function costOf(target: Target, usage: Usage): number | null {
  const prices = target.facts?.prices
  return prices === undefined || prices === null ? null : costNanoUsd(usage, prices)
}
