import { type Failure, type FailureClass, failure } from '../../canonical/failure.ts'
import {
  classifyStatus,
  messageOr,
  parseJson,
  parseRetryAfterMs,
  refusedCredential,
  retryAfterFromMessageMs,
  saysContextLength,
  saysModelMissing,
} from '../failures.ts'
import { objectOf, textOf } from '../json-values.ts'

/**
 * What went wrong when the status was not 2xx: `{id, message}`
 * (https://docs.cohere.com/reference/errors, 2026-11-20).
 */
export function decodeFailure(
  status: number,
  headers: ReadonlyMap<string, string>,
  body: string,
): Failure {
  const parsed = objectOf(parseJson(body))
  const message = parsed === undefined ? body : (textOf(parsed['message']) ?? '')
  const failureClass = classOf(status, message)
  const retryAfterMs = parseRetryAfterMs(headers) ?? retryAfterFromMessageMs(message)
  const targetFault =
    failureClass === 'bad_request' && (status === 404 || saysModelMissing(message))
  return failure(
    failureClass,
    failureClass === 'auth' ? refusedCredential : messageOr(message, status),
    {
      status,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(targetFault ? { targetFault } : {}),
    },
  )
}

function classOf(status: number, message: string): FailureClass {
  // 498 is Cohere's own: an invalid token. 499 is a request that it gave up.
  if (status === 498) return 'auth'
  if (status === 499) return 'server_error'
  const found = classifyStatus(status)
  // "You are using a Trial key, which is limited to 1000 API calls / month."
  if (found === 'rate_limited' && /\/ ?month|per month|billing/i.test(message))
    return 'quota_exhausted'
  if (found !== 'bad_request') return found
  if (saysContextLength(message) || /too many tokens|total tokens? .*exceed/i.test(message))
    return 'context_length'
  return /blocked by|violates? (?:the|our) .*polic/i.test(message)
    ? 'content_policy'
    : 'bad_request'
}
