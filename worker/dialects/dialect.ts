import type { Wire } from '../canonical/blocks.ts'
import type { GatewayError } from '../canonical/errors.ts'
import type { CanonicalEvent } from '../canonical/events.ts'
import type { CanonicalRequest, JsonObject } from '../canonical/request.ts'
import type { CanonicalResponse } from '../canonical/response.ts'

/** A body that was understood, or the field and the rule it breaks. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: GatewayError }

/** What a renderer needs beside the events. */
export interface RenderContext {
  /** `x-switchyard-request-id`; also the fallback for an answer's id. */
  readonly requestId: string
  /** Shown as `model` when the provider names none. */
  readonly model: string
  /** Unix seconds: `created` when the provider gives none. */
  readonly nowS: number
  readonly includeUsage: boolean
  readonly includeCost: boolean
  /** As `CanonicalRequest.legacyFunctions`: a tool call is written as `function_call`. */
  readonly legacyFunctions?: boolean
  /** Price of the usage seen so far, USD; null when the model has no price. Called when the last usage is rendered. */
  readonly costUsd: (usage: import('../canonical/usage.ts').Usage) => number | null
}

/**
 * Writes one streamed answer. `render` gives the text to send for an event,
 * `''` when there is nothing to send yet. A `finish` renders everything up to
 * and with the dialect's end mark; a `failure` renders the error event, after
 * which nothing follows and no end mark is written.
 */
export interface StreamRenderer {
  render(event: CanonicalEvent): string
}

/** A client's wire format. A dialect knows no provider. */
export interface Dialect {
  readonly id: 'openai-chat' | 'anthropic-messages'
  /** The wire format whose answers a client of this dialect can read as they are. */
  readonly wire: Wire
  /** Reads an inbound body. `body` is parsed JSON within the size, depth and key caps. */
  parse(body: unknown): Parsed<CanonicalRequest>
  /** Adds what clients of the dialect say in headers, by their lower-case names; absent where they say nothing there. */
  readHeaders?(
    request: CanonicalRequest,
    headerOf: (name: string) => string | null,
  ): Parsed<CanonicalRequest>
  createStreamRenderer(context: RenderContext): StreamRenderer
  /** A whole answer as the dialect's JSON object, with `cost` beside when there is a price. */
  renderResponse(response: CanonicalResponse, context: RenderContext): JsonObject
  /** The JSON body of an error. */
  renderError(error: GatewayError, requestId: string): JsonObject
  /** An error inside a stream that has begun: the bytes of the dialect's error event. */
  renderStreamError(error: GatewayError, requestId: string): string
  /** The header in which clients of this dialect look for the request's id, lower case. */
  readonly requestIdHeader: string
  /** What keeps a silent stream alive: ignored by every client of the dialect. */
  readonly heartbeat: string
}
