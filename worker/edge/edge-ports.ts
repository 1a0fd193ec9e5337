import { logRequest } from './log.ts'
import type { Isolate } from './isolate.ts'
import { EdgeHealth } from './health/edge-health.ts'
import { sendReportFor } from './health/send-report.ts'
import { EdgeLedger } from './ledger/edge-ledger.ts'
import { EdgeOnce } from './access/edge-once.ts'
import { ledgerOf } from './ledger-of.ts'
import type { Runtime } from './runtime.ts'
import { type MoneyPort, unmetered } from '../engine/money-port.ts'
import type { OncePort } from '../engine/once-port.ts'
import type { Departure, IsolateMemory, Ports } from '../engine/ports.ts'
import type { RequestRecord } from '../engine/record.ts'

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
  readonly #bindings: EdgeRequest['bindings']
  readonly #context: EdgeRequest['context']

  constructor({ request, bindings, context }: EdgeRequest, isolate: Isolate) {
    this.runtime = isolate.runtime
    this.memory = isolate.memory
    this.health = new EdgeHealth(isolate.health, {
      nowMs: Date.now,
      after: (delayMs, then) => this.after(delayMs, then),
      waitUntil: (work) => context.waitUntil(work),
      send: sendReportFor(request, bindings),
    })
    this.money =
      isolate.ledger === null
        ? unmetered
        : new EdgeLedger(isolate.ledger, {
            nowMs: Date.now,
            after: (delayMs, then) => this.after(delayMs, then),
            waitUntil: (work) => context.waitUntil(work),
            send: async (tenant, exchange) =>
              ledgerOf(request, bindings)(tenant).exchange(exchange),
          })
    this.#isolate = isolate
    this.#request = request
    this.#bindings = bindings
    this.#context = context
    const { signal } = request
    if (signal.aborted) this.clientGone.happened()
    else signal.addEventListener('abort', () => this.clientGone.happened())
  }

  nowMs(): number {
    return Date.now()
  }

  random(): number {
    return Math.random()
  }

  fetch(url: string, init: RequestInit): Promise<Response> {
    return fetch(url, init)
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

  waitUntil(work: Promise<unknown>): void {
    this.#context.waitUntil(work)
  }

  clientLeft(): void {
    this.clientGone.happened()
  }

  log(record: RequestRecord): void {
    logRequest(record)
    this.#isolate.recent.keep(record, Date.now())
  }

  get once(): OncePort | null {
    const { ledger, peppers, hmac } = this.#isolate
    if (ledger === null) return null
    return new EdgeOnce(peppers, hmac, ledgerOf(this.#request, this.#bindings))
  }
}

/** Tells once that the client has gone: plain JavaScript, where a second `AbortController` a request would cross into the runtime. */
class ClientDeparture implements Departure {
  aborted = false
  readonly #listeners = new Set<() => void>()

  /** `once` or not: it happens once. */
  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.add(listener)
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.delete(listener)
  }

  happened(): void {
    if (this.aborted) return
    this.aborted = true
    for (const listener of this.#listeners) listener()
    this.#listeners.clear()
  }
}

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
