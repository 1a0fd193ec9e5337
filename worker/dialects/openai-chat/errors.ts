import type { GatewayError } from '../../canonical/errors.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { json } from '../shared/sse.ts'

/** `type` by status, in the words of OpenAI's error guide (platform.openai.com/docs/guides/error-codes, 2026-11-20). */
function typeOf({ code, status }: GatewayError): string {
  if (code === 'budget_exceeded') return 'insufficient_quota'
  switch (status) {
    case 401:
      return 'authentication_error'
    case 403:
    case 451:
      return 'permission_error'
    case 429:
      return 'rate_limit_error'
    default:
      return status >= 499 ? 'server_error' : 'invalid_request_error'
  }
}

/** `{"error":{"message","type","param","code"}}`; all four are always there. */
export function renderError(error: GatewayError): JsonObject {
  const { message, param, code } = error
  return { error: { message, type: typeOf(error), param: param ?? null, code } }
}

/** The last event of a stream that broke: no `[DONE]` follows it. */
export function renderStreamError(error: GatewayError): string {
  return `data: ${json(renderError(error))}\n\n`
}
