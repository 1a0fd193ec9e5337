import { logRequest } from './log.ts'
import type { Isolate } from './isolate.ts'
import { EdgeHealth } from './health/edge-health.ts'
import { sendReportFor } from './health/send-report.ts'
import { EdgeLedger } from './ledger/edge-ledger.ts'
import { EdgeAnswers, openPlaceCache } from './cache/edge-answers.ts'
import { EdgeOnce } from './access/edge-once.ts'
import { EdgeShadows } from './edge-shadows.ts'
import { ledgerOf } from './ledger-of.ts'
import { requestLike } from './request-templates.ts'
import { edgeRuns } from './run/edge-runs.ts'
import type { Runtime } from './runtime.ts'
import type { AnswerPort } from '../engine/answer-port.ts'
import { type MoneyPort, unmetered } from '../engine/money-port.ts'
import type { OncePort } from '../engine/once-port.ts'
import type { Departure, IsolateMemory, Ports } from '../engine/ports.ts'
import type { RequestRecord } from '../engine/record.ts'
import type { RunPort } from '../engine/run-port.ts'
import type { ShadowPort } from '../engine/shadow-port.ts'

/** What the runtime hands over with one request. */
export interface EdgeRequest {
  readonly request: Request
  readonly bindings: Readonly<Record<string, unknown>>
  readonly context: { waitUntil(work: Promise<unknown>): void }
}

/** The edge as a host of the pipeline: one object a request, its methods shared by all. */
export class EdgePorts implements Ports {
  readonly clientGone = new ClientDeparture()
  readonly runtime: Runtime
  readonly memory: IsolateMemory
  readonly health: EdgeHealth
  readonly money: MoneyPort
  readonly #isolate: Isolate
  readonly #request: Request
  readonly #signal: AbortSignal
  readonly #bindings: EdgeRequest['bindings']
  readonly #context: EdgeRequest['context']

  constructor({ request, bindings, context }: EdgeRequest, isolate: Isolate) {
    this.runtime = isolate.runtime
    this.memory = isolate.memory
    this.health = new EdgeHealth(isolate.health, {
      nowMs: Date.now,
      after: (delayMs, then) => this.after(delayMs, then),
      waitUntil: (work) => context.waitUntil(work),
      send: sendReportFor(request, bindings, isolate.jurisdiction),
    })
    this.money =
      isolate.ledger === null
        ? unmetered
        : new EdgeLedger(isolate.ledger, {
            nowMs: Date.now,
            after: (delayMs, then) => this.after(delayMs, then),
            waitUntil: (work) => context.waitUntil(work),
            send: async (tenant, exchange) =>
              ledgerOf(request, bindings, isolate.residencies)(tenant).exchange(exchange),
          })
    this.#isolate = isolate
    this.#request = request
    this.#bindings = bindings
    this.#context = context
    this.#signal = request.signal
    listen(this.#signal, this.clientGone)
  }

  nowMs(): number {
    return Date.now()
  }

  random(): number {
    return Math.random()
  }

  fetch(url: string, init: RequestInit): Promise<Response> {
    const like = requestLike(url, init)
    if (like === null) return fetch(url, init)
    const { body = null, signal = null } = init
    const own: RequestInit = { body, signal }
    return fetch(like, own)
  }

  runBinding(
    name: string,
    model: string,
    body: unknown,
    stream: boolean,
    signal: AbortSignal,
  ): Promise<Response> {
    return runBinding(this.#bindings[name], name, model, body, stream, signal)
  }

  after(delayMs: number, then: () => void): () => void {
    const timer = setTimeout(then, delayMs)
    return () => clearTimeout(timer)
  }

  /** Some 20 us less for a small answer than a controller, a timer and a listener (24 rounds of 700, 2026-11-26). */
  expiry(limitMs: number): AbortSignal | null {
    return AbortSignal.any([this.#signal, AbortSignal.timeout(limitMs)])
  }

  waitUntil(work: Promise<unknown>): void {
    this.#context.waitUntil(work)
  }

  clientLeft(): void {
    this.clientGone.happened()
  }

  /** The last word on the request: from here on it is nothing to it whether the client stays. */
  log(record: RequestRecord): void {
    this.clientGone.over()
    this.#isolate.recent.keep(record.requestId, logRequest(record), Date.now())
  }

  get once(): OncePort | null {
    const { ledger, peppers, hmac, residencies } = this.#isolate
    if (ledger === null) return null
    return new EdgeOnce(peppers, hmac, ledgerOf(this.#request, this.#bindings, residencies))
  }

  get answers(): AnswerPort {
    const { answers, peppers, hmac, jurisdiction } = this.#isolate
    return new EdgeAnswers({
      nowMs: Date.now,
      memory: answers,
      peppers,
      hmac,
      openCache: () => (jurisdiction === null ? openPlaceCache() : null),
    })
  }

  get shadows(): ShadowPort | null {
    const { ledger, memory, residencies, jurisdiction } = this.#isolate
    // Who is pinned to a place has no shadow: its ledger would stand anywhere.
    if (ledger === null || jurisdiction !== null) return null
    const toLedger = ledgerOf(this.#request, this.#bindings, residencies)
    // Not that of the request, which is the money of one tenant.
    const money = new EdgeLedger(ledger, {
      nowMs: Date.now,
      after: (delayMs, then) => this.after(delayMs, then),
      waitUntil: (work) => this.waitUntil(work),
      send: (tenant, exchange) => toLedger(tenant).exchange(exchange),
    })
    return new EdgeShadows(money, toLedger, memory)
  }

  get runs(): RunPort | null {
    return edgeRuns(this.#request, this.#bindings, this.#isolate)
  }
}

/**
 * The runtime holds a listener until the next major collection, long after its request, so it must hold nothing of the
 * request: where it did, 3.5 instead of 2.7 MB of each 24 MB were moved to the old space, and what was live behind a major
 * collection grew by 270 bytes a request (`--trace-gc`, small answers, 2026-11-26). It is never taken away, which would
 * cost another 4,000 instructions (callgrind): what it calls lets go of everything instead (`over`).
 */
function listen(signal: AbortSignal, gone: ClientDeparture): void {
  if (signal.aborted) gone.happened()
  else signal.addEventListener('abort', () => gone.happened())
}

/** Tells once that the client has gone: plain JavaScript, where a second `AbortController` a request would cross into the runtime. */
class ClientDeparture implements Departure {
  aborted = false
  #listeners: readonly (() => void)[] = nobody

  /** `once` or not: it happens once. */
  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners = [...this.#listeners, listener]
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners = this.#listeners.filter((one) => one !== listener)
  }

  happened(): void {
    if (this.aborted) return
    this.aborted = true
    const listeners = this.#listeners
    this.over()
    for (const listener of listeners) listener()
  }

  /** Nobody listens any more, and nothing of the request is held. */
  over(): void {
    this.#listeners = nobody
  }
}

const nobody: readonly (() => void)[] = []

/** Calls Workers AI through its binding, for the raw response it would give over HTTP. */
async function runBinding(
  binding: unknown,
  name: string,
  model: string,
  body: unknown,
  stream: boolean,
  signal: AbortSignal,
): Promise<Response> {
  const ai = binding as
    | { run?: (model: string, inputs: unknown, options: unknown) => Promise<Response> }
    | undefined
  if (typeof ai?.run !== 'function') throw new Error(`the binding ${name} is not there`)
  const inputs = { ...(body as Record<string, unknown>), ...(stream ? { stream: true } : {}) }
  return ai.run(model, inputs, { returnRawResponse: true, signal })
}
