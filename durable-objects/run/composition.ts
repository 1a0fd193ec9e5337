import type { GatewayError } from '../../worker/canonical/errors.ts'
import type { AlertSettings } from '../provider-health/alerts.ts'
import type { RunContext } from './protocol.ts'

/** What a Worker gives its objects that run requests; they import nothing of it themselves. */

/** Variables, secrets and bindings by name. */
export type Variables = Readonly<Record<string, unknown>>

/** For how long what is kept of an answer, and how large it may be. */
export interface Keep {
  readonly keepForMs: number
  readonly maxBytes: number
}

export interface KeepJob extends Keep {
  /** Name of the secret and address; null: nobody is told. */
  readonly webhook: { readonly url: string; readonly secret: string } | null
}

/** What the route of a request says of it. */
export interface Kept {
  /** Null: its answer goes with its client. */
  readonly stream: Keep | null
  readonly job: KeepJob
}

/** What an object does for the pipeline that it hosts. */
export interface RunWishes {
  /** Called at most once, before anything is bought. Not called: the request is refused. */
  planned(kept: Kept): void
  /** The record of the request, once. `keepForMs`: how long it may be asked for although its answer is not kept; absent: not at all. */
  recorded(record: RunRecord, keepForMs?: number): void
  waitUntil(work: Promise<unknown>): void
}

/** As much of a request's record as is looked at here; the rest is passed on. */
export interface RunRecord {
  readonly ending: string
  readonly status: number
}

export interface HostedRun {
  readonly answer: Promise<Response>
  /** Nobody reads the answer any more. */
  clientLeft(): void
}

export type RunLogEntry =
  /** A request whose object was lost while it ran: what was bought is charged, and nobody has the answer. */
  | { readonly event: 'run_lost'; readonly runId: string }
  | {
      readonly event: 'run_webhook_unsent'
      readonly runId: string
      readonly status: number | null
      readonly givenUp: boolean
    }
  /** A fault of ours, by its name alone: messages may hold anything. */
  | { readonly event: 'run_fault'; readonly fault: unknown }

export interface RunComposition {
  host(request: Request, context: RunContext, env: Variables, wishes: RunWishes): HostedRun
  /** An error in the caller's dialect. */
  refuse(request: Request, context: RunContext, env: Variables, error: GatewayError): Response
  /** What `GET /v1/requests/{id}` says of a record. */
  viewOf(record: RunRecord, atMs: number): object
  /** Of the deployment; the current one seals. */
  peppersOf(env: Variables): {
    readonly current: string
    readonly peppers: Readonly<Record<string, string>>
  }
  /** Null: the secret is not set any more. */
  webhookOf(env: Variables, webhook: NonNullable<KeepJob['webhook']>): AlertSettings | null
  /** Of an inbound body, bytes. */
  maxBodyBytes(env: Variables): number
  log(entry: RunLogEntry): void
  readonly clock?: { nowMs(): number }
}
