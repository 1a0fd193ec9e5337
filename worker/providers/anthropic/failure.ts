import type { Failure, FailureClass } from '../../canonical/failure.ts'
import type { JsonObject } from '../../canonical/request.ts'
import {
  classifyStatus,
  messageOr,
  parseJson,
  parseRetryAfterMs,
  refusedCredential,
  saysContextLength,
  saysModelMissing,
} from '../failures.ts'
import { objectOf, stringOf } from '../json-values.ts'

/** `error.type` (platform.claude.com, API errors, 2026-11-20; SDK 1.11.0 `ErrorType`). */
const classOfType: Readonly<Record<string, FailureClass>> = {
  invalid_request_error: 'bad_request',
  authentication_error: 'auth',
  permission_error: 'auth',
  billing_error: 'quota_exhausted',
  not_found_error: 'bad_request',
  request_too_large: 'bad_request',
  rate_limit_error: 'rate_limited',
  // A 504: the provider's gateway gave up, not our deadline.
  timeout_error: 'server_error',
  api_error: 'server_error',
  overloaded_error: 'overloaded',
}

/** `error.details.error_code` of a 429 that no wait ends before the month or the contract does (SDK 1.11.0, `RateLimitError` subclasses). */
const spentCodes = new Set([
  'enforced_spend_limit_reached',
  'contract_spend_limit_reached',
  'linked_organization_spend_limit_reached',
  'linked_organization_billing_unavailable',
])

/** Names what an answer that is not 2xx says. */
export function decodeFailure(
  status: number,
  headers: ReadonlyMap<string, string>,
  body: string,
): Failure {
  const parsed = objectOf(parseJson(body))
  const error = objectOf(parsed?.['error']) ?? {}
  const retryAfterMs = parseRetryAfterMs(headers)
  return {
    ...failureOfError(error, status, body),
    status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
}

/**
 * Names an error object, from a body or from a stream's `error` event.
 * `status` is undefined inside a stream, whose own status was 200.
 */
export function failureOfError(error: JsonObject, status?: number, body?: string): Failure {
  const type = stringOf(error['type'])
  const code = stringOf(objectOf(error['details'])?.['error_code'])
  const text = stringOf(error['message']) ?? body ?? ''
  const failureClass = refine(classOf(type, status), code, text)
  const message = failureClass === 'auth' ? refusedCredential : messageFor(text, status)
  const missing = type === 'not_found_error' || status === 404
  const ramp = code === 'ramp_limit_exceeded' || /acceleration limit/i.test(text)
  const providerCode = code ?? type
  return {
    class: failureClass,
    message,
    ...(providerCode === undefined ? {} : { providerCode }),
    ...(failureClass === 'bad_request' && (missing || isModelFault(type, text))
      ? { targetFault: true }
      : {}),
    ...(failureClass === 'rate_limited' && ramp ? { ramp: true } : {}),
  }
}

function classOf(type: string | undefined, status: number | undefined): FailureClass {
  const byType = type === undefined ? undefined : classOfType[type]
  return byType ?? (status === undefined ? 'server_error' : classifyStatus(status))
}

function messageFor(text: string, status: number | undefined): string {
  return status === undefined && text === ''
    ? 'the provider broke off its answer'
    : messageOr(text, status ?? 200)
}

/** What the type is too coarse for. The wording is the only sign of most of these. */
function refine(coarse: FailureClass, code: string | undefined, text: string): FailureClass {
  if (code !== undefined && spentCodes.has(code)) return 'quota_exhausted'
  if (coarse === 'auth') return saysModelMissing(text) ? 'bad_request' : 'auth'
  if (coarse !== 'bad_request') return coarse
  if (saysContextLength(text)) return 'context_length'
  // A 400 `invalid_request_error` in both cases: "Your credit balance is too low", "You have reached your specified API usage limits".
  if (/credit balance is too low|API usage limits/i.test(text)) return 'quota_exhausted'
  if (/content filtering policy|usage policy/i.test(text)) return 'content_policy'
  return coarse
}

/** A key without the right to one model does not make the key bad. */
function isModelFault(type: string | undefined, text: string): boolean {
  return type === 'permission_error' && saysModelMissing(text)
}
