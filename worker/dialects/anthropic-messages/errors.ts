import type { GatewayError } from '../../canonical/errors.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { json } from '../shared/sse.ts'

/** `error.type` by status (platform.claude.com/docs/en/api/errors; `ErrorType` of `@anthropic-ai/sdk` 1.11.0; 2026-11-20). */
const types: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  409: 'conflict_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  451: 'permission_error',
  503: 'overloaded_error',
  504: 'timeout_error',
}

function typeOf(status: number): string {
  return types[status] ?? (status >= 499 ? 'api_error' : 'invalid_request_error')
}

/** Anthropic's error with our stable `code` (and `param`, where a field is at fault) beside its type. */
export function renderError(error: GatewayError, requestId: string): JsonObject {
  const { message, code, param, status, details } = error
  return {
    type: 'error',
    error: {
      type: typeOf(status),
      message,
      code,
      ...(param === undefined ? {} : { param }),
      ...(details === undefined ? {} : { details }),
    },
    request_id: requestId,
  }
}

/** The last event of a stream that broke: no `message_stop` follows it. */
export function renderStreamError(error: GatewayError, requestId: string): string {
  return `event: error\ndata: ${json(renderError(error, requestId))}\n\n`
}
