import type { WholeAnswer } from '../../durable-objects/tenant-ledger/rpc.ts'
import type { GatewayError } from '../canonical/errors.ts'
import type { Caller } from './caller.ts'

/** What the engine asks of idempotency: one upstream call for each key of a caller (S5). */
export interface OncePort {
  claim(ask: OnceAsk): Promise<Claimed>
}

export interface OnceAsk {
  readonly caller: Caller
  /** As the caller sent it. */
  readonly key: string
  readonly path: string
  /** The body that was read. */
  readonly body: unknown
  /** Of the request that would run. */
  readonly requestId: string
}

export type Claimed =
  | { readonly kind: 'fresh'; readonly run: OnceRun }
  | { readonly kind: 'replay'; readonly answer: WholeAnswer; readonly ranAs: string }
  | { readonly kind: 'refused'; readonly error: GatewayError }

/** A claimed key. Whoever claimed it ends it, once, on every path; what is never ended stays claimed. */
export interface OnceRun {
  /** Largest body that is kept, bytes. */
  readonly mostBytes: number
  /** It was answered; null: with more than is kept. */
  finish(status: number, headers: Headers, body: Uint8Array | null): Promise<void>
  /** Nothing was bought. */
  abandon(): Promise<void>
  /** A call went out, and its answer broke off or nobody took it. */
  lose(): Promise<void>
}
