import { type Failure, type FailureClass, failure } from '../../canonical/failure.ts'
import type { JsonObject } from '../../canonical/request.ts'
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
import { listOf, objectOf, objectsOf, textOf } from '../json-values.ts'

/** What went wrong when the status was not 2xx. */
export function decodeFailure(
  status: number,
  headers: ReadonlyMap<string, string>,
  body: string,
): Failure {
  const parsed = objectOf(parseJson(body))
  const retryAfterMs = parseRetryAfterMs(headers)
  if (parsed !== undefined) return failureOf(parsed, status, retryAfterMs)
  return failure(classifyStatus(status), messageOr(body, status), {
    status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

/**
 * Reads an error: `{object: "error", message, type, code}`, FastAPI's `{detail}`
 * (a text for a bad key, a list for a bad field), or either of them one level
 * down (corpus mistral/chat/err4*). In a stream there is no HTTP status.
 */
export function failureOf(body: JsonObject, httpStatus?: number, headerRetryMs?: number): Failure {
  const error = objectOf(body['error']) ?? body
  const raw = error['raw_status_code']
  const status = httpStatus ?? (typeof raw === 'number' ? raw : undefined)
  const violations = violationsOf(error)
  const message = violations[0]?.text ?? textOf(error['message']) ?? textOf(error['detail']) ?? ''
  const type = textOf(error['type'])
  const code = textOf(error['code']) ?? type
  const failureClass = classOf(status ?? 500, message, type)
  const retryAfterMs = headerRetryMs ?? retryAfterFromMessageMs(message)
  const param = violations[0]?.path ?? textOf(error['param'])
  return failure(
    failureClass,
    failureClass === 'auth' ? refusedCredential : messageOr(message, status ?? 500),
    {
      ...(status === undefined ? {} : { status }),
      ...(code === undefined ? {} : { providerCode: code }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(blamesTarget(status, type, message) ? { targetFault: true } : {}),
      ...(param === undefined ? {} : { param }),
    },
  )
}

interface Violation {
  readonly path?: string
  readonly text: string
}

function violationsOf(error: JsonObject): Violation[] {
  const detail = objectOf(error['message'])?.['detail'] ?? error['detail']
  return objectsOf(detail).map((one) => {
    const path = listOf(one['loc'])
      .filter((step) => step !== 'body')
      .join('.')
    const text = textOf(one['msg']) ?? 'invalid'
    return path === '' ? { text } : { path, text: `${path}: ${text}` }
  })
}

function classOf(status: number, message: string, type: string | undefined): FailureClass {
  const found = classifyStatus(status)
  if (found === 'rate_limited' && /\bmonth|quota|billing/i.test(message)) return 'quota_exhausted'
  if (found !== 'bad_request') return found
  // "Prompt contains n tokens ... too large for model with m maximum context length".
  if (saysContextLength(message) || /too large for model with/i.test(message))
    return 'context_length'
  return /moderation|guardrail|content_filter/i.test(`${type} ${message}`)
    ? 'content_policy'
    : 'bad_request'
}

function blamesTarget(
  status: number | undefined,
  type: string | undefined,
  message: string,
): boolean {
  // Whatever its text: a 404 says that nothing of this path or name is there to be asked.
  if (status === 404) return true
  const isRefusal = status !== undefined && status >= 400 && status < 500
  return type === 'invalid_model' || (isRefusal && status !== 429 && saysModelMissing(message))
}
