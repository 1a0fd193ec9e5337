import type { ChoiceFinish } from '../canonical/events.ts'
import { errorOfFailures, gatewayError, type GatewayError } from '../canonical/errors.ts'
import type { Usage } from '../canonical/usage.ts'
import type { WholeAnswer } from '../../durable-objects/tenant-ledger/rpc.ts'
import { costNanoUsd } from '../catalog/index.ts'
import type { Dialect, RenderContext } from '../dialects/dialect.ts'
import type { Target } from '../edge/runtime.ts'
import { unappliedPreferences } from '../policy/filter.ts'
import type { PlannedStep } from '../policy/plan.ts'
import { mayBeBilled } from './call-seen.ts'
import type { Caller } from './caller.ts'
import { OutputCheck } from './output-check.ts'
import type { Billing } from './money-port.ts'
import type { PlannedRequest } from './plan-request.ts'
import { degradations, departuresOf, isShortened } from './departures.ts'
import { headerText } from './header-text.ts'
import type { Ports } from './ports.ts'
import type { AttemptRecord, Ending, RequestRecord } from './record.ts'
import type { RunResult } from './run-plan.ts'

/** How a request ended, for its record. */
export interface Outcome {
  readonly ending: Ending
  readonly status: number
  readonly errorCode?: string
  readonly plumbing?: RequestRecord['plumbing']
  readonly usage?: Usage | undefined
  readonly choices?: readonly ChoiceFinish[] | undefined
  /** The last attempt, when it ended after the answer had begun. */
  readonly attempt?: AttemptRecord
}

/** The upstream calls of a request, and the one that decided. */
export interface Called {
  readonly step: PlannedStep
  readonly reason: string
  readonly attempts: readonly AttemptRecord[]
  /** From sending the answering call to its first meaningful token or its end, ms; null when none answered. */
  readonly firstTokenMs: number | null
}

/**
 * One request and what is known of it so far: the answer's headers and the
 * record are both made from here, whatever way the request ends.
 */
export class Exchange {
  readonly requestId: string
  readonly dialect: Dialect
  readonly ports: Ports
  readonly #caller: Caller
  readonly #startedMs: number
  readonly #operation: RequestRecord['operation']
  readonly #colo: string | null
  #planned: PlannedRequest | null = null
  #plannedMs = 0
  #called: Called | null = null
  #requestedModel: string | null = null
  #warnings: string[] = []
  #shortened = false
  #settled = false
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
    this.#caller = caller
    this.#operation = operation
    this.#colo = colo
    this.#startedMs = ports.nowMs()
  }

  named(model: string): void {
    this.#requestedModel = model
  }

  planned(planned: PlannedRequest): void {
    this.#planned = planned
    const { ignored = [] } = planned.request
    if (ignored.length > 0) this.warn(`not understood here and left out: ${ignored.join(', ')}`)
    const unapplied = unappliedPreferences(planned.request.provider ?? {})
    if (unapplied.length > 0)
      this.warn(`not applied, no target is known by it: ${unapplied.join(', ')}`)
    this.#plannedMs = this.ports.nowMs() - this.#startedMs
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
    if (this.#planned === null) return
    this.#warnings.push(...departuresOf(result, this.#planned))
    this.#shortened ||= isShortened(result)
  }

  called(called: Called): void {
    this.#called = called
  }

  warn(text: string): void {
    this.#warnings.push(text)
  }

  /** Under what the calls of this request are paid for. */
  billing({ route, tags }: Pick<PlannedRequest, 'route' | 'tags'>): Billing {
    return { requestId: this.requestId, caller: this.#caller, route, tags }
  }

  renderContext(target: Target): RenderContext {
    const request = this.#planned?.request
    return {
      requestId: this.requestId,
      model: target.adapterTarget.upstreamModel,
      nowS: Math.floor(this.ports.nowMs() / 1000),
      includeUsage: request?.includeUsage ?? true,
      includeCost: request?.includeCost ?? false,
      ...(request?.legacyFunctions === true ? { legacyFunctions: true } : {}),
      costUsd: (usage) => {
        const nano = this.costNanoUsd(target, usage)
        return nano === null ? null : nano / 1e9
      },
    }
  }

  /** What in the answer has to parse; null where nothing has. */
  outputCheck(): OutputCheck | null {
    return this.#planned === null ? null : OutputCheck.of(this.#planned.request)
  }

  /** Nano-USD; null when the model has no price or the counts are missing. */
  costNanoUsd(target: Target, usage: Usage | undefined): number | null {
    if (usage === undefined) return null
    // Asked for by the answer, by health and by the record.
    if (this.#cost?.target !== target || this.#cost.usage !== usage)
      this.#cost = { target, usage, nanoUsd: costOf(target, usage) }
    return this.#cost.nanoUsd
  }

  /** The answer to a request that ends before anything was asked of a provider. */
  refuse(error: GatewayError): Response {
    this.settle({ ending: 'refused', status: error.status, errorCode: error.code })
    // The clients' SDKs try anything from 500 on, and 429, again unless they are told not to.
    const final = error.status >= 500 || error.status === 429
    return this.#errorResponse(error, final ? { 'x-should-retry': 'false' } : {})
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
    return new Response(body, {
      headers: { ...this.headers(), 'content-type': 'application/json' },
    })
  }

  stream(readable: ReadableStream<Uint8Array>): Response {
    return new Response(readable, {
      headers: {
        ...this.headers(),
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache, no-transform',
        // A development proxy that compresses would hold the stream back.
        'content-encoding': 'identity',
      },
    })
  }

  /** Everything that is known now, as response headers. */
  headers(): Record<string, string> {
    const called = this.#called
    const target = called === null ? undefined : this.ports.runtime.targets.get(called.step.target)
    const headers: Record<string, string> = {
      'x-switchyard-request-id': this.requestId,
      [this.dialect.requestIdHeader]: this.requestId,
      'x-switchyard-config': this.ports.runtime.version,
    }
    const route = this.#planned?.route ?? this.#requestedModel
    if (route !== null) headers['x-switchyard-route'] = headerText(route)
    if (called !== null && target !== undefined) {
      headers['x-switchyard-provider'] = target.provider.id
      headers['x-switchyard-model'] = target.model
      headers['x-switchyard-reason'] = headerText(called.reason)
      headers['x-switchyard-region'] = target.provider.regions.join(', ') || 'unspecified'
    }
    // A stream that begins with heartbeats does not know yet; the record will.
    if (called !== null || this.#settled)
      headers['x-switchyard-attempts'] = String(called?.attempts.length ?? 0)
    const degraded = degradations(this.#planned, this.#shortened, called !== null)
    if (degraded.length > 0) headers['x-switchyard-degraded'] = degraded.join(', ')
    if (this.#warnings.length > 0)
      headers['x-switchyard-warning'] = headerText(this.#warnings.join('; '))
    for (const [name, value] of this.ports.money.headers()) headers[name] = value
    headers['server-timing'] = this.#serverTiming()
    return headers
  }

  /** Writes the record, once; whatever ends the request first is what happened. */
  settle(outcome: Outcome): void {
    if (this.#settled) return
    this.#settled = true
    this.ports.log(this.#record(outcome))
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
    const attempts = this.#called?.attempts ?? []
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
      ...more,
      'content-type': 'application/json',
    }
    const retryAfterMs = error.retryAfterMs ?? defaultRetryAfterMs[error.status]
    if (retryAfterMs !== undefined)
      headers['retry-after'] = String(Math.max(1, Math.ceil(retryAfterMs / 1000)))
    return new Response(JSON.stringify(this.dialect.renderError(error, this.requestId)), {
      status: error.status,
      headers,
    })
  }

  #serverTiming(): string {
    const firstTokenMs = this.#called?.firstTokenMs ?? null
    const parts = [`policy;dur=${this.#plannedMs}`, `admit;dur=${this.ports.money.waitedMs}`]
    if (firstTokenMs !== null) parts.push(`upstream;dur=${firstTokenMs}`)
    return parts.join(', ')
  }

  #record(outcome: Outcome): RequestRecord {
    const called = this.#called
    const target = called === null ? undefined : this.ports.runtime.targets.get(called.step.target)
    const known = called?.attempts ?? []
    const attempts =
      outcome.attempt === undefined ? known : [...known.slice(0, -1), outcome.attempt]
    const firstTokenMs = called?.firstTokenMs ?? null
    const cost = target === undefined ? null : this.costNanoUsd(target, outcome.usage)
    return {
      requestId: this.requestId,
      tenant: this.#caller.tenant,
      keyId: this.#caller.keyId,
      dialect: this.dialect.id,
      operation: this.#operation,
      stream: this.#planned?.request.stream ?? false,
      ...(outcome.plumbing === undefined ? {} : { plumbing: outcome.plumbing }),
      requestedModel: this.#requestedModel,
      route: this.#planned?.route ?? null,
      target: target?.name ?? null,
      provider: target?.provider.id ?? null,
      model: target?.adapterTarget.upstreamModel ?? null,
      region: target === undefined ? null : target.provider.regions.join(',') || null,
      attempts,
      ending: outcome.ending,
      status: outcome.status,
      ...(outcome.errorCode === undefined ? {} : { errorCode: outcome.errorCode }),
      ...(outcome.choices === undefined
        ? {}
        : { finishReasons: outcome.choices.map(({ reason }) => reason) }),
      ...(outcome.usage === undefined ? {} : { usage: outcome.usage }),
      ...(cost === null ? {} : { costNanoUsd: cost }),
      durationMs: this.ports.nowMs() - this.#startedMs,
      ...(firstTokenMs === null ? {} : { firstTokenMs }),
      reason: called?.reason ?? null,
      configVersion: this.ports.runtime.version,
      colo: this.#colo,
    }
  }
}

/** What `retry-after` says where nobody knows better, ms by status: these two never go without. */
const defaultRetryAfterMs: Readonly<Record<number, number>> = { 429: 1000, 503: 30_000 }

/** Nano-USD; null when the model has no price or the counts are missing. */
function costOf(target: Target, usage: Usage): number | null {
  const prices = target.facts?.prices
  return prices === undefined || prices === null ? null : costNanoUsd(usage, prices)
}
