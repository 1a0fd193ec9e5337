import type { HandOver, RunPort } from '../../engine/run-port.ts'
import type { Isolate } from '../isolate.ts'
import { newRequestId } from '../request-id.ts'
import { askRun, runName } from './ask-run.ts'

type Bindings = Readonly<Record<string, unknown>>

/** The way from the edge to objects that run a request each; null where none are bound. */
export function edgeRuns(inbound: Request, bindings: Bindings, isolate: Isolate): RunPort | null {
  return bindings['RUN'] === undefined ? null : new EdgeRuns(inbound, bindings, isolate)
}

class EdgeRuns implements RunPort {
  readonly #inbound: Request
  readonly #bindings: Bindings
  readonly #isolate: Isolate

  constructor(inbound: Request, bindings: Bindings, isolate: Isolate) {
    this.#inbound = inbound
    this.#bindings = bindings
    this.#isolate = isolate
  }

  resumable(ask: HandOver): Promise<Response> | null {
    const { isStream, caller, inbound } = ask
    const isOnce = inbound.headers.has('idempotency-key')
    if (!isStream && !isOnce) return null
    return this.#isolate.residencies.storesAnswers(caller) ? this.#send('serve', ask) : null
  }

  defer(ask: HandOver): Promise<Response> | null {
    return deferred(this.#inbound, this.#bindings, this.#isolate, ask)
  }

  async #send(mode: 'serve', { inbound, body, caller, requestId }: HandOver): Promise<Response> {
    const residency = this.#isolate.residencies.ofCaller(caller)
    const run = await runName(inbound, caller, requestId, this.#isolate)
    return askRun(this.#inbound, this.#bindings, {
      mode,
      caller,
      requestId,
      residency,
      run,
      body: JSON.stringify(body),
    })
  }
}

/**
 * A request that was begun and is to be answered later: in a new object, under an id of its own. Null where nothing may
 * be kept.
 */
export function deferred(
  inbound: Request,
  bindings: Bindings,
  { residencies }: Isolate,
  { body, caller }: HandOver,
): Promise<Response> | null {
  if (!residencies.storesAnswers(caller)) return null
  const requestId = newRequestId()
  return askRun(inbound, bindings, {
    mode: 'defer',
    caller,
    requestId,
    residency: residencies.ofCaller(caller),
    run: { runId: requestId, isOnce: false },
    body: JSON.stringify(body),
    isClaimed: true,
  })
}
