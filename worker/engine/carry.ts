import type { CanonicalEvent, ChoiceFinish } from '../canonical/events.ts'
import { gatewayError, type GatewayError } from '../canonical/errors.ts'
import type { Failure } from '../canonical/failure.ts'
import type { Usage } from '../canonical/usage.ts'
import type { Dialect, RenderContext } from '../dialects/dialect.ts'
import type { OpenStream } from './open-stream.ts'
import type { BodyReader } from './body-reader.ts'
import type { OutputCheck } from './output-check.ts'
import type { Ports } from './ports.ts'

/** How a stream that had begun came to its end. */
export interface CarryEnding {
  readonly kind: 'finished' | 'failed' | 'client_gone'
  readonly failure?: Failure
  readonly usage?: Usage
  readonly choices?: readonly ChoiceFinish[]
  /** What a program will parse of it does not parse. */
  readonly broken?: boolean
  /** UTF-8 bytes of everything generated that came, or more: the bytes on the wire where nobody looked into them. */
  readonly receivedBytes: number
}

/** What carrying a stream needs, whichever way it takes. */
export interface CarryContext {
  readonly dialect: Dialect
  readonly render: RenderContext
  /** Longest silence of the provider, ms. */
  readonly idleTimeoutMs: number
  readonly heartbeatAfterMs: number
  /** Epoch ms at which the whole request ends. */
  readonly deadlineAtMs: number
  /** Null where nothing in the answer has to parse. Not used on a relay, which does not look. */
  readonly check: OutputCheck | null
  /** How the answer may go on elsewhere; null where it may not. Never on a relay. */
  readonly continuation: Continuation | null
  readonly ports: Ports
}

/** Lets an answer whose stream breaks go on at another target. */
export interface Continuation {
  /** What is told of these events of the stream that is read now. */
  pass(events: readonly CanonicalEvent[]): readonly CanonicalEvent[]
  /** What came of it and is not told. */
  count(events: readonly CanonicalEvent[]): void
  /** The stream broke: the rest of the answer from elsewhere, or null. Never rejects. */
  after(failure: Failure): Promise<NextPart | null>
}

/** The rest of an answer that broke. */
export interface NextPart {
  readonly stream: OpenStream
  readonly reader: BodyReader
  /** Tells the client where it comes from: a comment in the stream. */
  readonly marker: string
}

/** A client that does not read holds up the last write: so long after the deadline its response is cut off, ms. */
export const lastWordsMs = 250

const encoder = new TextEncoder()

export function encode(text: string): Uint8Array {
  return encoder.encode(text)
}

/** What a client is told when a stream breaks after its first token. */
export function interruption(failure: Failure): GatewayError {
  switch (failure.class) {
    case 'timeout':
      return gatewayError('upstream_timeout', 504, failure.message)
    case 'content_policy':
      return gatewayError('content_policy', 400, failure.message)
    default:
      return gatewayError('upstream_interrupted', 502, failure.message)
  }
}

/** The comment behind a stream's end mark, as the contract has it. */
export function costComment(costUsd: number | null): string {
  return costUsd === null ? '' : `: cost-usd ${formatCost(costUsd)}\n\n`
}

/** USD without an exponent: `1.2e-7` is no decimal that every reader takes. */
function formatCost(costUsd: number): string {
  return costUsd.toFixed(12).replace(/\.?0+$/, '')
}
