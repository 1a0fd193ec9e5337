import type { CanonicalEvent } from '../canonical/events.ts'
import { failure, type Failure } from '../canonical/failure.ts'
import type { CanonicalRequest, JsonObject } from '../canonical/request.ts'
import type { Usage } from '../canonical/usage.ts'
import type { Target } from '../edge/runtime.ts'
import type { Changed, Feature, ProviderAdapter, UpstreamCall } from '../providers/adapter.ts'
import { StreamDecoder } from '../streams/stream-decoder.ts'
import { AttemptControl } from './attempt-control.ts'
import { BodyReader } from './body-reader.ts'
import { usageOf } from './call-seen.ts'
import type { Unfit } from './judge.ts'
import { emptyStream, openStream, type OpenStream } from './open-stream.ts'
import { peekJson } from './peek.ts'
import type { Ports } from './ports.ts'
import { loggableCode } from './provider-code.ts'
import { headerMap, readText, send } from './upstream.ts'

export interface AttemptLimits {
  /** For a stream: from sending to the first meaningful token, ms. */
  readonly firstTokenTimeoutMs: number
  /** For a whole answer: from sending to its end, ms. */
  readonly answerTimeoutMs: number
}

type TriedAttempt =
  | {
      readonly kind: 'failed'
      readonly failure: Failure
      readonly status: number | null
      /** What the provider said the call had cost all the same. */
      readonly usage?: Usage | undefined
      /** It answered, and its answer is not one that may be given. */
      readonly unfit?: Unfit
    }
  /** A whole answer. `body` is the provider's own JSON. */
  | {
      readonly kind: 'whole'
      readonly events: readonly CanonicalEvent[]
      readonly body: JsonObject
      readonly text: string
    }
  | { readonly kind: 'stream'; readonly stream: OpenStream }

/** What this model refuses although its wire format carries it and was not sent, and what was sent otherwise than asked. */
interface Departed {
  readonly unhonoured: readonly Feature[]
  readonly changed: readonly Changed[]
}

export type AttemptResult =
  | Extract<TriedAttempt, { kind: 'failed' }>
  | (Exclude<TriedAttempt, { kind: 'failed' }> & Departed)

/** No reset of a quota is further away; what is comes from a broken clock, or is meant to keep callers away. */
const longestWaitMs = 86_400_000

/** Error bodies are read up to here, bytes. */
const maxErrorBytes = 65_536

/**
 * Makes one call to one target and waits until it has shown that it answers:
 * the first meaningful token of a stream, or a whole answer. Everything that
 * goes wrong before that is a value, and invisible to the client.
 */
export async function attempt(
  request: CanonicalRequest,
  target: Target,
  limits: AttemptLimits,
  relay: boolean,
  ports: Ports,
  control: AttemptControl = new AttemptControl(ports),
): Promise<AttemptResult> {
  const call = target.provider.adapter.encodeRequest(request, target.adapterTarget)
  const [limitMs, cause] = request.stream
    ? ([limits.firstTokenTimeoutMs, 'first-token'] as const)
    : ([limits.answerTimeoutMs, 'answer'] as const)
  control.arm(limitMs, cause)
  const result = await tryAttempt(call, request, target, relay, control, ports)
  if (result.kind === 'stream')
    return { ...result, unhonoured: call.unhonoured ?? [], changed: call.changed ?? [] }
  control.release()
  if (result.kind === 'whole') {
    // A literal of its own: a spread costs every small answer more than the rest of this function.
    const { events, body, text } = result
    return {
      kind: 'whole',
      events,
      body,
      text,
      unhonoured: call.unhonoured ?? [],
      changed: call.changed ?? [],
    }
  }
  // A failed call may still be sending: its body is given up, not left to the collector.
  control.stop(cause)
  return { ...result, failure: withoutSecret(result.failure, target) }
}

/**
 * What may be told of a failure. A provider that quotes the credential it was sent must not tell it to the caller, nor
 * to the log; its code, which is logged, must not quote the prompt; and nobody is told to wait for longer than a day.
 */
export function withoutSecret(failure: Failure, { provider }: Target): Failure {
  const { credential } = provider
  const { message, providerCode: written, retryAfterMs, ...rest } = failure
  const providerCode = loggableCode(
    written === undefined || credential === null ? written : credential.hide(written),
  )
  return {
    ...rest,
    message: credential === null ? message : credential.hide(message),
    ...(providerCode === undefined ? {} : { providerCode }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs: Math.min(retryAfterMs, longestWaitMs) }),
  }
}

async function tryAttempt(
  call: UpstreamCall,
  request: CanonicalRequest,
  target: Target,
  relay: boolean,
  control: AttemptControl,
  ports: Ports,
): Promise<TriedAttempt> {
  const { adapter } = target.provider
  const failed = (reason: Failure, status: number | null = null): TriedAttempt => ({
    kind: 'failed',
    failure: control.failure(reason),
    status,
  })
  let response: Response
  try {
    response = await send(call, target, request.stream, ports, control)
  } catch {
    return failed(failure('connect', 'the provider could not be reached'))
  }
  const { status } = response
  try {
    if (status < 200 || status > 299)
      return failed(await refusal(response, adapter, ports.nowMs()), status)
    let whole = response
    if (request.stream) {
      const type = response.headers.get('content-type') ?? ''
      if (!type.includes('application/json') || adapter.framing.startsWith('json'))
        return await openStream(response, adapter, relay, control)
      const peeked = await peekJson(response)
      if (!peeked.isJson) return await openStream(peeked.response, adapter, false, control)
      whole = peeked.response
    }
    return await wholeAnswer(
      whole,
      adapter,
      request,
      ports.runtime.config.limits.maxAnswerBytes,
      control,
    )
  } catch {
    return failed(failure('truncated', 'the connection to the provider broke'), status)
  }
}

async function refusal(
  response: Response,
  adapter: ProviderAdapter,
  nowMs: number,
): Promise<Failure> {
  if (response.status >= 300 && response.status < 400) {
    await response.body?.cancel()
    return failure('server_error', 'the provider answered with a redirect', {
      status: response.status,
    })
  }
  const body = await readText(response, maxErrorBytes)
  const headers = headerMap(response.headers)
  const read = adapter.decodeFailure(response.status, headers, body.ok ? body.text : '')
  return withRetryDate({ ...read, status: read.status ?? response.status }, headers, nowMs)
}

/** `retry-after` as an HTTP date needs a clock, which adapters do not have. */
export function withRetryDate(
  read: Failure,
  headers: ReadonlyMap<string, string>,
  nowMs: number,
): Failure {
  if (read.retryAfterMs !== undefined) return read
  const untilMs = Date.parse(headers.get('retry-after') ?? '')
  return Number.isNaN(untilMs) ? read : { ...read, retryAfterMs: Math.max(0, untilMs - nowMs) }
}

/** Reads a whole answer. A streamed request may get one too: an error in a 200, or a provider that does not stream. */
async function wholeAnswer(
  response: Response,
  adapter: ProviderAdapter,
  request: CanonicalRequest,
  maxBytes: number,
  control: AttemptControl,
): Promise<TriedAttempt> {
  const { status } = response
  const malformed = (message: string): TriedAttempt => ({
    kind: 'failed',
    failure: control.failure(failure('malformed', message)),
    status,
  })
  const read = await readText(response, maxBytes)
  if (!read.ok) return malformed(read.reason)
  const body = parseObject(read.text)
  if (body === null) return malformed('the provider answered with something that is no JSON object')
  const events = adapter.decodeResponse(Array.isArray(body) ? [...body] : body)
  const last = events.at(-1)
  if (last?.type === 'failure')
    return { kind: 'failed', failure: last.failure, status, usage: usageOf(events) }
  if (last?.type !== 'finish') return malformed('the provider answered without an answer')
  if (!request.stream) return { kind: 'whole', events, body: body as JsonObject, text: read.text }
  const decoder = new StreamDecoder(adapter.framing, adapter.createDecoder())
  const reader = new BodyReader(emptyStream())
  const eventDecoder = adapter.createDecoder()
  control.disarm()
  return {
    kind: 'stream',
    stream: { control, events, decoder, eventDecoder, source: { kind: 'translate', reader } },
  }
}

function parseObject(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}
