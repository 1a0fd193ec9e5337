import type { RunWishes, Variables } from '../../../durable-objects/run/composition.ts'
import type { RequestRecord } from '../../engine/record.ts'
import type { HandOver, RunPort } from '../../engine/run-port.ts'
import { EdgePorts } from '../edge-ports.ts'
import type { Isolate } from '../isolate.ts'
import { logRequest } from '../log.ts'
import type { Runtime } from '../runtime.ts'
import type { Hosted } from './ask-run.ts'
import { deferred } from './edge-runs.ts'
import { checkAddress, checkBinding } from './inside.ts'

/** An object as a host of the pipeline: as the edge is one, but that nothing leaves the jurisdiction it stands in. */
export class RunPorts extends EdgePorts {
  readonly #isolate: Isolate
  readonly #request: Request
  readonly #bindings: Variables
  readonly #wishes: RunWishes
  readonly #isJob: boolean
  /** The tenant lets something of its requests be kept. */
  readonly #storesRecords: boolean

  constructor(
    request: Request,
    bindings: Variables,
    { place }: Hosted,
    isolate: Isolate,
    wishes: RunWishes,
    isJob: boolean,
    storesRecords = false,
  ) {
    super({ request: placed(place), bindings, context: wishes }, isolate)
    this.#isolate = isolate
    this.#request = request
    this.#bindings = bindings
    this.#wishes = wishes
    this.#isJob = isJob
    this.#storesRecords = storesRecords
  }

  /** The timer behind such a signal cannot be called off, and keeps an object in memory, which is billed, after its work is done. */
  override expiry(): null {
    return null
  }

  override async fetch(url: string, init: RequestInit): Promise<Response> {
    const { jurisdiction, runtime } = this.#isolate
    if (jurisdiction !== null) checkAddress(runtime, jurisdiction, url)
    return super.fetch(url, init)
  }

  override async runBinding(
    name: string,
    model: string,
    body: unknown,
    stream: boolean,
    signal: AbortSignal,
  ): Promise<Response> {
    const { jurisdiction, runtime } = this.#isolate
    if (jurisdiction !== null) checkBinding(runtime, jurisdiction, name)
    return super.runBinding(name, model, body, stream, signal)
  }

  /**
   * Logs have no jurisdiction: of what the caller wrote, they hold names of the configuration alone. The whole record,
   * with its decision, stays in the object.
   */
  override log(record: RequestRecord): void {
    const { jurisdiction, runtime } = this.#isolate
    if (jurisdiction === null) {
      super.log(record)
      this.#wishes.recorded(record)
      return
    }
    logRequest(ofNames(record, runtime))
    const isKept = this.#storesRecords && record.decision !== undefined
    if (isKept && record.operation !== 'explain')
      this.#wishes.recorded(record, runtime.config.decisions.keepPinnedForMs)
    else this.#wishes.recorded(record)
  }

  override get runs(): RunPort {
    return {
      // It is there already.
      resumable: () => null,
      // A job whose answer is another job would never come to an end.
      defer: (ask: HandOver) =>
        this.#isJob ? null : deferred(this.#request, this.#bindings, this.#isolate, ask),
    }
  }
}

/** The signal of the client's own request would end what outlives the client: `RunWishes` says when it has gone. */
export function placed(place: Hosted['place']): Request {
  const request = new Request('https://run.invalid/')
  return place === null ? request : Object.defineProperty(request, 'cf', { value: place })
}

/**
 * The record without names that the caller made up: of its models, of its fields, and of those that the decision quotes;
 * and without the codes of providers, in which one word of the prompt could stand.
 */
function ofNames(
  { decision: _quotes, errorParam: _field, ...record }: RequestRecord,
  { routes, targets, models }: Runtime,
): RequestRecord {
  const { requestedModel: name } = record
  const isKnown = name === null || routes.has(name) || targets.has(name) || models.has(name)
  const attempts = record.attempts.map(({ providerCode: _theirs, ...attempt }) => attempt)
  return { ...record, attempts, ...(isKnown ? {} : { requestedModel: null }) }
}
