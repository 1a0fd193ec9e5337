import { type Failure, type FailureClass, failure } from '../../canonical/failure.ts'
import type { JsonObject } from '../../canonical/request.ts'
import {
  classifyStatus,
  durationMs,
  messageOr,
  parseJson,
  parseRetryAfterMs,
  refusedCredential,
  retryAfterFromMessageMs,
  saysContextLength,
} from '../failures.ts'
import { listOf, objectOf, objectsOf, textOf } from '../json-values.ts'

/*
 * Google's error model: `{error: {code, message, status, details[]}}`
 * (https://cloud.google.com/apis/design/errors, 2026-11-20); a stream asked for
 * without `alt=sse` wraps it in a list.
 */

/** Classes by `error.status`; what is not here goes by the HTTP code. */
const classByStatus: Readonly<Record<string, FailureClass>> = {
  UNAUTHENTICATED: 'auth',
  PERMISSION_DENIED: 'auth',
  RESOURCE_EXHAUSTED: 'rate_limited',
  UNAVAILABLE: 'overloaded',
  INVALID_ARGUMENT: 'bad_request',
  FAILED_PRECONDITION: 'bad_request',
  OUT_OF_RANGE: 'bad_request',
  NOT_FOUND: 'bad_request',
  UNIMPLEMENTED: 'bad_request',
  INTERNAL: 'server_error',
  UNKNOWN: 'server_error',
  ABORTED: 'server_error',
  DATA_LOSS: 'server_error',
  CANCELLED: 'server_error',
  DEADLINE_EXCEEDED: 'server_error',
}

/** What went wrong when the status was not 2xx. */
export function decodeFailure(
  status: number,
  headers: ReadonlyMap<string, string>,
  body: string,
): Failure {
  const parsed = parseJson(body)
  const error = objectOf(objectOf(parsed)?.['error'] ?? objectOf(listOf(parsed)[0])?.['error'])
  const retryAfterMs = parseRetryAfterMs(headers)
  if (error !== undefined) return failureOf(error, status, retryAfterMs)
  return failure(classifyStatus(status), messageOr(body, status), {
    status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

/** Reads an `error` object, from an answer that failed or from inside a stream (`httpStatus` absent: its own code counts). */
export function failureOf(error: JsonObject, httpStatus?: number, headerRetryMs?: number): Failure {
  const code = typeof error['code'] === 'number' ? error['code'] : undefined
  const status = httpStatus ?? code
  const rpcStatus = textOf(error['status'])
  const message = textOf(error['message']) ?? ''
  const details = detailsOf(error)
  const failureClass = classOf(rpcStatus, status, message, details)
  const retryAfterMs = details.retryDelayMs ?? headerRetryMs ?? retryAfterFromMessageMs(message)
  const providerCode = details.reason ?? rpcStatus
  return failure(
    failureClass,
    failureClass === 'auth' ? refusedCredential : messageOr(message, status ?? 500),
    {
      ...(status === undefined ? {} : { status }),
      ...(providerCode === undefined ? {} : { providerCode }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(blamesTarget(rpcStatus, status, message) ? { targetFault: true } : {}),
      ...(details.field === undefined ? {} : { param: details.field }),
    },
  )
}

interface Details {
  readonly reason?: string
  readonly retryDelayMs?: number
  readonly quotaIds: readonly string[]
  readonly field?: string
}

function detailsOf(error: JsonObject): Details {
  const details = objectsOf(error['details'])
  const ofType = (type: string): JsonObject | undefined =>
    details.find((one) => textOf(one['@type'])?.endsWith(`google.rpc.${type}`))
  const reason = textOf(ofType('ErrorInfo')?.['reason'])
  const retryDelay = textOf(ofType('RetryInfo')?.['retryDelay'])
  const retryDelayMs = retryDelay === undefined ? undefined : durationMs(retryDelay)
  const field = textOf(objectsOf(ofType('BadRequest')?.['fieldViolations'])[0]?.['field'])
  return {
    quotaIds: objectsOf(ofType('QuotaFailure')?.['violations']).flatMap(
      (violation) => textOf(violation['quotaId']) ?? [],
    ),
    ...(reason === undefined ? {} : { reason }),
    ...(retryDelayMs === undefined ? {} : { retryDelayMs }),
    ...(field === undefined ? {} : { field }),
  }
}

function classOf(
  rpcStatus: string | undefined,
  status: number | undefined,
  message: string,
  details: Details,
): FailureClass {
  // A bad key comes as INVALID_ARGUMENT (corpus gemini/chat/err400-auth-error-*).
  if (/^API_KEY_|^ACCESS_TOKEN_|^CREDENTIALS_/.test(details.reason ?? '')) return 'auth'
  const found = classByStatus[rpcStatus ?? ''] ?? classifyStatus(status ?? 500)
  if (found === 'rate_limited') {
    // Ids of daily quotas end in `PerDay...`: a wait of seconds, which RetryInfo names for them too, does not help.
    const daily = details.quotaIds.some((id) => id.includes('PerDay'))
    const broke = /prepa(?:y|id)|credits? (?:are|is|were) depleted|billing account/i.test(message)
    return daily || broke ? 'quota_exhausted' : 'rate_limited'
  }
  if (found === 'bad_request' && saysTooLong(message)) return 'context_length'
  return found
}

function saysTooLong(message: string): boolean {
  // Vertex: "the input token count is n but model only supports up to m".
  return saysContextLength(message) || /token count\b.{0,60}\bonly supports up to/i.test(message)
}

/**
 * A missing model, a model without this method, and a place Google does not
 * serve are no fault of the request. A missing cached content or file is.
 */
function blamesTarget(
  rpcStatus: string | undefined,
  status: number | undefined,
  message: string,
): boolean {
  if (rpcStatus === 'NOT_FOUND' || (rpcStatus === undefined && status === 404))
    return !/\bcached? ?content|\bfiles?\//i.test(message)
  if (rpcStatus === 'UNIMPLEMENTED') return true
  return rpcStatus === 'FAILED_PRECONDITION' && /location is not supported|billing/i.test(message)
}
