import { type Failure, type FailureClass, failure } from '../../canonical/failure.ts'
import type { JsonObject } from '../../canonical/request.ts'
import {
  classifyStatus,
  messageOr,
  parseJson,
  parseRetryAfterMs,
  refusedCredential,
  saysContextLength,
} from '../failures.ts'
import { objectOf, objectsOf, stringOf } from '../json-values.ts'

interface CodeRow {
  readonly class: FailureClass
  readonly targetFault?: true
}

/** Codes of https://developers.cloudflare.com/workers-ai/platform/errors/, 2026-11-20, and of Cloudflare's API in front of it. */
const codes: Readonly<Record<string, CodeRow>> = {
  '3006': { class: 'context_length' },
  '3007': { class: 'timeout' },
  '3008': { class: 'server_error' },
  '3023': { class: 'auth' },
  // The day's free allocation is used up.
  '3036': { class: 'quota_exhausted' },
  '3039': { class: 'bad_request', targetFault: true },
  '3040': { class: 'overloaded' },
  '3041': { class: 'bad_request', targetFault: true },
  '3042': { class: 'bad_request', targetFault: true },
  '4006': { class: 'quota_exhausted' },
  '5005': { class: 'bad_request', targetFault: true },
  '5007': { class: 'bad_request', targetFault: true },
  '5016': { class: 'bad_request', targetFault: true },
  '5018': { class: 'bad_request', targetFault: true },
  '5019': { class: 'bad_request', targetFault: true },
  // "The estimated number of input and maximum output tokens exceeded this model context window limit"
  '5021': { class: 'context_length' },
  // No route for that URI: a wrong account or model path.
  '7000': { class: 'bad_request', targetFault: true },
  '7003': { class: 'bad_request', targetFault: true },
  '9109': { class: 'auth' },
  '10000': { class: 'auth' },
}

/** What went wrong when the status was not 2xx. */
export function decodeFailure(
  status: number,
  headers: ReadonlyMap<string, string>,
  body: string,
): Failure {
  const parsed = objectOf(parseJson(body))
  const error = (parsed === undefined ? undefined : errorIn(parsed)) ?? { message: body }
  return failureOf(error, status, parseRetryAfterMs(headers))
}

export interface WorkersAiError {
  readonly code?: string
  readonly message: string
}

/**
 * The error in an envelope, a stream's event, or the text that the binding
 * throws; undefined when there is none.
 */
export function errorIn(body: JsonObject): WorkersAiError | undefined {
  const first = objectsOf(body['errors'])[0]
  if (first !== undefined) return errorOf(first)
  const error = body['error']
  if (typeof error === 'string') return { message: error }
  const nested = objectOf(error)
  if (nested !== undefined) return errorOf(nested)
  return body['success'] === false ? { message: '' } : undefined
}

function errorOf(wire: JsonObject): WorkersAiError {
  const code = wire['code']
  return {
    message: stringOf(wire['message']) ?? '',
    ...(typeof code === 'number' || typeof code === 'string' ? { code: String(code) } : {}),
  }
}

/** `status` is absent for an error inside a 200. */
export function failureOf(error: WorkersAiError, status?: number, retryAfterMs?: number): Failure {
  // The binding writes the code before the text: "3036: You have used up ...", "AiError: 5007: ...".
  const text = error.message.replace(/^(?:[A-Za-z]*Error: )+/, '')
  const written = /^(\d{4,5}): ?([\s\S]*)$/.exec(text)
  const code = error.code ?? written?.[1]
  const message = written?.[2] ?? text
  const row = rowOf(code, status, message)
  return failure(
    row.class,
    row.class === 'auth' ? refusedCredential : messageOr(message, status ?? 500),
    {
      ...(status === undefined ? {} : { status }),
      ...(code === undefined ? {} : { providerCode: code }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(row.targetFault === true ? { targetFault: true } : {}),
    },
  )
}

function rowOf(code: string | undefined, status: number | undefined, message: string): CodeRow {
  const row = code === undefined || !Object.hasOwn(codes, code) ? undefined : codes[code]
  if (row !== undefined) return row
  if (saysContextLength(message)) return { class: 'context_length' }
  if (/daily free allocation/i.test(message)) return { class: 'quota_exhausted' }
  if (/capacity temporarily exceeded/i.test(message)) return { class: 'overloaded' }
  if (status === 404 || /no such model|no route for that uri/i.test(message))
    return { class: 'bad_request', targetFault: true }
  return { class: classifyStatus(status ?? 500) }
}
