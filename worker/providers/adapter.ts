import type { Wire } from '../canonical/blocks.ts'
import type { CanonicalEvent } from '../canonical/events.ts'
import type { Failure } from '../canonical/failure.ts'
import type { Feature, Field } from '../canonical/features.ts'
import type { CanonicalRequest, JsonObject } from '../canonical/request.ts'
import type { EventDecoder } from '../streams/event-decoder.ts'
import type { Framing } from '../streams/framer.ts'

export type { Feature } from '../canonical/features.ts'

/** What an adapter needs to know of the target it writes for. */
export interface AdapterTarget {
  /** The provider's own model id, deployment name or ARN. */
  readonly upstreamModel: string
  /** Largest answer the model can give, tokens; wires that must send a limit (Anthropic) use it when the caller gave none. */
  readonly maxOutputTokens?: number
  /** What the catalog knows of the model; absent facts are unknown. */
  readonly facts?: TargetFacts
  /** Per-provider settings of `routes.json` (`apiVersion` for Azure, `region` for Bedrock, ...). */
  readonly options: Readonly<Record<string, string>>
}

/** Facts that decide how, or whether, a request can be written for a model. */
export interface TargetFacts {
  readonly reasoning?: boolean
  readonly vision?: boolean
  readonly tools?: boolean
  readonly jsonSchema?: boolean
  readonly audioInput?: boolean
  readonly videoInput?: boolean
  readonly pdfInput?: boolean
  readonly audioOutput?: boolean
  readonly imageOutput?: boolean
  /** Accepts an assistant message as the beginning of the answer. */
  readonly prefill?: boolean
}

/** The call an adapter asks for: no credential, no host. */
export interface UpstreamCall {
  readonly method: 'POST' | 'GET'
  /** Appended to the provider's base URL, beginning with `/`; may carry a query. Model ids are percent-encoded here. */
  readonly path: string
  /** Headers besides content type and credential: `anthropic-version`, ... A frozen object is a constant. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: JsonObject
  /**
   * What the caller asked for, the wire can carry and this model refuses
   * (sampling beside thinking, ...): left out of `body`, to be named in a warning.
   */
  readonly unhonoured?: readonly Feature[]
  /** What this model takes less of than the caller asked for, and what was sent instead. */
  readonly changed?: readonly Changed[]
}

export interface Changed {
  readonly field: Field
  /** Goes on from "sent as": `1`, `64000, the most this model gives`. */
  readonly sentAs: string
}

/**
 * Everything the gateway knows about one vendor's API.
 *
 * An adapter does no I/O and reads no clock, so its whole behaviour is pinned
 * by recorded exchanges under `test/fixtures/providers/<name>/`.
 */
export interface ProviderAdapter {
  /** Name in `routes.json` (`adapter`), also the folder of its fixtures. */
  readonly id: string
  readonly wire: Wire
  readonly framing: Framing
  /**
   * True when the answer, streamed or not, may be passed to a client of the
   * same wire format byte for byte: the vendor's form is that format, whole.
   */
  readonly relay: boolean
  /** What the wire can carry. What is not here is avoided by the plan, or named in a warning. */
  readonly features: ReadonlySet<Feature>
  /** Of `features`, what the model behind `target` refuses whatever else is asked; absent: its wire decides alone. */
  lacks?(target: AdapterTarget): readonly Feature[]
  /** How many stop sequences the wire takes; absent when the vendor names no number. */
  readonly maxStopSequences?: number
  /** Path of token counting, where the vendor has it. */
  encodeCountTokens?(request: CanonicalRequest, target: AdapterTarget): UpstreamCall
  /** Reads the answer of token counting; null when it is none. */
  decodeCountTokens?(body: unknown): number | null
  /** Writes the call that asks `target` to answer `request` (streamed when `request.stream`). */
  encodeRequest(request: CanonicalRequest, target: AdapterTarget): UpstreamCall
  /** Starts decoding one streamed answer. */
  createDecoder(): EventDecoder
  /** Reads a whole answer (parsed JSON) into the same events a stream gives, ending in one terminal event. */
  decodeResponse(body: unknown): CanonicalEvent[]
  /** Names what went wrong when the status was not 2xx. `body` is at most 64 KiB; header names are lower-case. */
  decodeFailure(status: number, headers: ReadonlyMap<string, string>, body: string): Failure
}

/** Of calls that need no header of their own: one object, so that what is made of it can be kept. */
export const noHeaders: Readonly<Record<string, string>> = Object.freeze({})
