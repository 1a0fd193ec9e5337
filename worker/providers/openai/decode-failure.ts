import { failure, type Failure, type FailureClass } from '../../canonical/failure.ts'
import {
  classifyStatus,
  messageOr,
  parseJson,
  parseRetryAfterMs,
  refusedCredential,
  retryAfterFromMessageMs,
  saysModelMissing,
} from '../failures.ts'
import {
  verdictOfCodes,
  verdictOfMessage,
  type ErrorVerdict,
  type ProviderError,
} from './error-codes.ts'
import type { OpenAiQuirks } from './quirks.ts'
import { listOf, objectOf, textOf, type WireChunk } from './wire.ts'

/** Names what went wrong with a call that was not answered with 2xx. */
export function decodeFailure(
  quirks: OpenAiQuirks,
  status: number,
  headers: ReadonlyMap<string, string>,
  body: string,
): Failure {
  const parsed = parseJson(body)
  const error = errorIn(parsed) ??
    looseError(parsed) ?? { message: parsed === undefined ? body : '' }
  return failureOf(error, quirks, status, headers)
}

/** Names an error that came inside a 200. */
export function inBandFailure(error: ProviderError, quirks: OpenAiQuirks): Failure {
  const { status, ...rest } = failureOf(error, quirks, error.status ?? 500, new Map())
  return error.status === undefined || status === undefined ? rest : { ...rest, status }
}

/**
 * The error object in a body or a chunk; null when there is none. A 200 may
 * carry `error`, vLLM's `object: "error"` or MiniMax's `base_resp`.
 */
export function errorIn(value: unknown): ProviderError | null {
  const body = objectOf<WireChunk>(value)
  if (body === null) return null
  if (typeof body.error === 'string' && body.error !== '') return { message: body.error }
  const inner = objectOf<WireError>(body.error)
  if (inner !== null && Object.keys(inner).length > 0) return errorOf(inner)
  if (body.object === 'error') return errorOf(body as WireError)
  const base = objectOf<{ status_code?: unknown; status_msg?: unknown }>(body.base_resp)
  if (base !== null && typeof base.status_code === 'number' && base.status_code !== 0)
    return { message: textOf(base.status_msg) ?? '', code: String(base.status_code) }
  return null
}

/** What an error status carries besides `error`: FastAPI's `detail`, a bare `message`, a list, or a string. */
function looseError(value: unknown): ProviderError | null {
  if (typeof value === 'string') return { message: value }
  if (Array.isArray(value)) return errorIn(value[0])
  const body = objectOf<WireError & { detail?: unknown; errors?: unknown }>(value)
  if (body === null) return null
  const detail =
    textOf(body.detail) ??
    textOf(objectOf<{ msg?: unknown }>(listOf(body.detail)[0])?.msg) ??
    textOf(objectOf<{ message?: unknown }>(listOf(body.errors)[0])?.message)
  const error = errorOf(body)
  return detail === undefined || error.message !== '' ? error : { ...error, message: detail }
}

interface WireError {
  readonly message?: unknown
  readonly code?: unknown
  readonly type?: unknown
  readonly param?: unknown
  /** Groq, in a stream. */
  readonly status_code?: unknown
  readonly status?: unknown
  /** Azure. */
  readonly innererror?: unknown
  readonly inner_error?: unknown
  /** OpenRouter. */
  readonly metadata?: unknown
}

function errorOf(wire: WireError): ProviderError {
  const { message, nested } = messageOf(wire)
  const code = wordOf(wire.code)
  const type = textOf(wire.type)
  const innerCode =
    textOf(objectOf<{ code?: unknown }>(wire.innererror ?? wire.inner_error)?.code) ?? nested?.code
  const param = textOf(wire.param)
  const status = httpStatus(wire.status_code) ?? httpStatus(wire.status) ?? httpStatus(wire.code)
  return {
    message,
    ...(code === undefined ? {} : { code }),
    ...(type === undefined ? {} : { type }),
    ...(innerCode === undefined ? {} : { innerCode }),
    ...(param === undefined ? {} : { param }),
    ...(status === undefined ? {} : { status }),
  }
}

/** OpenRouter says "Provider returned error" and keeps the upstream's own words in `metadata.raw`, text or JSON. */
function messageOf(wire: WireError): { message: string; nested?: ProviderError } {
  const message = textOf(wire.message) ?? ''
  const raw = textOf(objectOf<{ raw?: unknown }>(wire.metadata)?.raw)
  if (raw === undefined) return { message }
  const parsed = parseJson(raw)
  const nested = parsed === undefined ? null : (errorIn(parsed) ?? looseError(parsed))
  if (nested === null) return { message: `${message}: ${raw}` }
  return { message: `${message}: ${nested.message}`, nested }
}

function wordOf(value: unknown): string | undefined {
  return typeof value === 'number' ? String(value) : textOf(value)
}

function httpStatus(value: unknown): number | undefined {
  const status = typeof value === 'string' ? Number(value) : value
  return typeof status === 'number' && Number.isInteger(status) && status >= 400 && status <= 599
    ? status
    : undefined
}

/** Code first, then type, then message, then status. */
function failureOf(
  error: ProviderError,
  quirks: OpenAiQuirks,
  status: number,
  headers: ReadonlyMap<string, string>,
): Failure {
  const verdict = verdictOf(error, quirks, status)
  const message = verdict.class === 'auth' ? refusedCredential : messageOr(error.message, status)
  const retryAfterMs = waitMs(verdict.class, headers, error.message)
  const providerCode = [error.code, error.innerCode, error.type].find(
    (word) => word !== undefined && /^[\w.-]{1,64}$/.test(word),
  )
  return failure(verdict.class, message, {
    status,
    ...(providerCode === undefined ? {} : { providerCode }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(verdict.targetFault === true ? { targetFault: true } : {}),
    ...(verdict.ramp === true ? { ramp: true } : {}),
    ...(error.param === undefined ? {} : { param: error.param }),
  })
}

function verdictOf(error: ProviderError, quirks: OpenAiQuirks, status: number): ErrorVerdict {
  const byCode = verdictOfCodes(error, quirks.errorCodes ?? {})
  if (byCode !== undefined) {
    // A code as coarse as `api_error` must not turn a 529 into a plain server error.
    return byCode.class === 'server_error' && status !== 500 ? byStatus(status) : byCode
  }
  const byMessage = verdictOfMessage(error.message, status)
  if (byMessage !== undefined) return byMessage
  // The path is ours and the model is the target's: a 404 is never the caller's fault.
  const isMissing =
    status === 404 || ([400, 403, 410].includes(status) && saysModelMissing(error.message))
  return isMissing ? { class: 'bad_request', targetFault: true } : byStatus(status)
}

/** Groq answers 498 when its flex tier is full (console.groq.com/docs/errors, 2026-11-20). */
function byStatus(status: number): ErrorVerdict {
  return { class: status === 498 ? 'overloaded' : classifyStatus(status) }
}

const waitingClasses: ReadonlySet<FailureClass> = new Set([
  'rate_limited',
  'overloaded',
  'quota_exhausted',
  'server_error',
])

function waitMs(
  failureClass: FailureClass,
  headers: ReadonlyMap<string, string>,
  message: string,
): number | undefined {
  if (!waitingClasses.has(failureClass)) return undefined
  const fromHeaders = parseRetryAfterMs(headers)
  if (fromHeaders !== undefined || failureClass !== 'rate_limited') return fromHeaders
  return retryAfterFromMessageMs(message)
}
