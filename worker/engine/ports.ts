import type { Runtime } from '../edge/runtime.ts'
import type { AnswerPort } from './answer-port.ts'
import type { HealthPort } from './health-port.ts'
import type { MoneyPort } from './money-port.ts'
import type { OncePort } from './once-port.ts'
import type { RequestRecord } from './record.ts'
import type { HeaderTemplates } from './header-templates.ts'
import type { HedgeGate } from './hedge-gate.ts'
import type { RetryBudget } from './retry-budget.ts'
import type { ShadowPort } from './shadow-port.ts'
import type { RunPort } from './run-port.ts'

/**
 * Everything the pipeline takes from the place it runs in, so that it runs the
 * same at the edge, inside an object, and in a test.
 */
export interface Ports {
  nowMs(): number
  /** In [0, 1). */
  random(): number
  fetch(url: string, init: RequestInit): Promise<Response>
  /** Calls a Workers AI binding by name; rejects when there is none. */
  runBinding(
    binding: string,
    model: string,
    body: unknown,
    stream: boolean,
    signal: AbortSignal,
  ): Promise<Response>
  /** Calls `then` after `delayMs`; the answer cancels it. */
  after(delayMs: number, then: () => void): () => void
  /**
   * Aborts when the client has gone or `limitMs` have passed: one signal of the host's own in place of a controller, a
   * timer and what ties them to the client. It cannot be called off. Null or absent: the host has none.
   */
  expiry?(limitMs: number): AbortSignal | null
  /** Keeps the host alive for work behind the response. */
  waitUntil(work: Promise<unknown>): void
  /** Fires when the client has gone. */
  readonly clientGone: Departure
  /** A write to the client came to nothing: fires `clientGone`. */
  clientLeft(): void
  log(record: RequestRecord): void
  readonly runtime: Runtime
  readonly memory: IsolateMemory
  readonly health: HealthPort
  readonly money: MoneyPort
  /** Null: idempotency keys are kept nowhere. */
  readonly once: OncePort | null
  /** Null: this is such an object itself, or none are bound. */
  readonly runs: RunPort | null
  /** Absent: nothing is asked beside a request, to be compared with it. */
  readonly shadows?: ShadowPort | null
  /** Absent: answers are kept nowhere. */
  readonly answers?: AnswerPort
}

/** As much of them as a plan is made with. */
export type PlanPorts = Pick<Ports, 'runtime' | 'nowMs' | 'random'> & {
  readonly health: Pick<HealthPort, 'standing' | 'measures'>
  readonly money: Pick<MoneyPort, 'asksToDegrade'>
}

/** As much of an `AbortSignal` as the engine listens to. */
export interface Departure {
  readonly aborted: boolean
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/** Plain data that an isolate keeps between requests. */
export interface IsolateMemory {
  /** One bucket for each provider id. */
  readonly retryBudgets: Map<string, RetryBudget>
  /** One for each route that hedges. */
  readonly hedgeGates: Map<string, HedgeGate>
  readonly headerTemplates: HeaderTemplates
}
