import { logRequest } from './log.ts'
import type { Isolate } from './isolate.ts'
import type { Departure, Ports } from '../engine/ports.ts'
import type { RetryBudget } from '../engine/retry-budget.ts'

/** What the runtime hands over with one request. */
export interface EdgeRequest {
  readonly request: Request
  readonly bindings: Readonly<Record<string, unknown>>
  waitUntil(work: Promise<unknown>): void
}

/** The edge as a host of the pipeline. */
export function edgePorts(
  { request, bindings, waitUntil }: EdgeRequest,
  isolate: Isolate,
  retryBudgets: Map<string, RetryBudget>,
): Ports {
  const departure = new ClientDeparture()
  if (request.signal.aborted) departure.happened()
  else request.signal.addEventListener('abort', () => departure.happened())
  return {
    nowMs: () => Date.now(),
    random: () => Math.random(),
    fetch: (url, init) => fetch(url, init),
    runBinding: (name, model, body, stream, abort) =>
      runBinding(bindings[name], name, model, body, stream, abort),
    after(delayMs, then) {
      const timer = setTimeout(then, delayMs)
      return () => clearTimeout(timer)
    },
    waitUntil,
    clientGone: departure,
    clientLeft: () => departure.happened(),
    log: logRequest,
    runtime: isolate.runtime,
    memory: { gates: isolate.gates, retryBudgets },
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
