import type { Failure, FailureClass } from './failure.ts'
import type { JsonObject } from './request.ts'

/** The stable codes that callers may rely on (`docs/architecture.md`, errors). */
export type ErrorCode =
  | 'invalid_request'
  | 'unknown_model'
  | 'context_length_exceeded'
  | 'content_policy'
  | 'unauthorized'
  | 'key_revoked'
  | 'route_forbidden'
  | 'region_unavailable'
  | 'budget_exceeded'
  | 'rate_limited'
  | 'unpriced_model'
  | 'no_healthy_target'
  | 'upstream_timeout'
  | 'upstream_error'
  | 'upstream_interrupted'
  | 'body_too_large'
  | 'idempotency_conflict'
  | 'ledger_unavailable'
  | 'not_implemented'
  | 'internal'

/** What a caller is told. Dialects give it their own shape; nothing else reaches a client as an error. */
export interface GatewayError {
  readonly code: ErrorCode
  readonly status: number
  readonly message: string
  /** The field at fault, as a path into the caller's own body: `messages[0].content`. */
  readonly param?: string
  readonly retryAfterMs?: number
  /** What clients of one dialect read to recover by themselves, in that dialect's words. */
  readonly details?: JsonObject
}

export function gatewayError(
  code: ErrorCode,
  status: number,
  message: string,
  more: Pick<GatewayError, 'param' | 'retryAfterMs' | 'details'> = {},
): GatewayError {
  return { code, status, message, ...more }
}

export function invalidRequest(message: string, param?: string): GatewayError {
  return gatewayError('invalid_request', 400, message, param === undefined ? {} : { param })
}

/** What a caller is told when one attempt's failure is final. */
const answers: Readonly<
  Record<FailureClass, { readonly code: ErrorCode; readonly status: number }>
> = {
  timeout: { code: 'upstream_timeout', status: 504 },
  connect: { code: 'upstream_error', status: 502 },
  overloaded: { code: 'upstream_error', status: 502 },
  rate_limited: { code: 'rate_limited', status: 429 },
  quota_exhausted: { code: 'rate_limited', status: 429 },
  server_error: { code: 'upstream_error', status: 502 },
  auth: { code: 'upstream_error', status: 502 },
  bad_request: { code: 'invalid_request', status: 400 },
  context_length: { code: 'context_length_exceeded', status: 400 },
  content_policy: { code: 'content_policy', status: 400 },
  malformed: { code: 'upstream_error', status: 502 },
  truncated: { code: 'upstream_error', status: 502 },
  cancelled: { code: 'upstream_interrupted', status: 499 },
}

export function errorOfFailure(failure: Failure): GatewayError {
  const { code, status } = answers[failure.class]
  if (failure.targetFault === true) return gatewayError('upstream_error', 502, failure.message)
  return gatewayError(code, status, failure.message, {
    ...(failure.param === undefined ? {} : { param: failure.param }),
    ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
  })
}

/**
 * What a caller is told when every attempt failed. One cause that all share is
 * named; a mixture is an upstream error. A failure that blames the request is
 * the last one by construction (it is never retried) and speaks for all.
 */
export function errorOfFailures(failures: readonly [Failure, ...Failure[]]): GatewayError {
  const last = failures[failures.length - 1] ?? failures[0]
  const blamesRequest = ['bad_request', 'context_length', 'content_policy', 'cancelled'].includes(
    last.class,
  )
  if (blamesRequest && last.targetFault !== true) return errorOfFailure(last)
  const outOfQuota = failures.every(
    (one) => one.class === 'rate_limited' || one.class === 'quota_exhausted',
  )
  const more = earliestRetry(failures)
  if (outOfQuota) return gatewayError('rate_limited', 429, last.message, more)
  if (failures.every((one) => one.class === 'timeout')) return errorOfFailure(last)
  return gatewayError('upstream_error', 502, last.message, more)
}

/** When the first of them may answer again; unknown as soon as one does not say. */
function earliestRetry(failures: readonly Failure[]): Pick<GatewayError, 'retryAfterMs'> {
  const waits = failures.flatMap(({ retryAfterMs }) => retryAfterMs ?? [])
  return waits.length < failures.length ? {} : { retryAfterMs: Math.min(...waits) }
}
