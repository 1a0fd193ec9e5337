import type { Caller } from './caller.ts'

/** What the engine asks of objects that run one request each (`durable-objects/run/`). */
export interface RunPort {
  /**
   * Hands over a request of a resumable route, so that its stream outlives the client. Null: nothing of it may be kept
   * for this caller, or there is nothing to resume, and it goes on here.
   */
  resumable(ask: HandOver): Promise<Response> | null
  /** Answers 202 and runs it behind that. Null: nothing may be kept for this caller. */
  defer(ask: HandOver): Promise<Response> | null
}

export interface HandOver {
  /** Its body has been read. */
  readonly inbound: Request
  /** What the body was, parsed. */
  readonly body: unknown
  readonly isStream: boolean
  readonly caller: Caller
  readonly requestId: string
}
