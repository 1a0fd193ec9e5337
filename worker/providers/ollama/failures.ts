import { type Failure, type FailureClass, failure } from '../../canonical/failure.ts'
import {
  classifyStatus,
  messageOr,
  parseJson,
  parseRetryAfterMs,
  refusedCredential,
  saysContextLength,
} from '../failures.ts'
import { objectOf, textOf } from '../json-values.ts'

/** What went wrong when the status was not 2xx: `{error: "..."}` (https://docs.ollama.com/api/errors, 2026-11-20). */
export function decodeFailure(
  status: number,
  headers: ReadonlyMap<string, string>,
  body: string,
): Failure {
  const parsed = objectOf(parseJson(body))
  const message = parsed === undefined ? body : errorText(parsed['error'])
  return failureOf(message, status, parseRetryAfterMs(headers))
}

/** `error` is a text; Ollama's cloud and proxies in front of it send an object. */
export function errorText(error: unknown): string {
  return textOf(error) ?? textOf(objectOf(error)?.['message']) ?? ''
}

/** `status` is absent for an error inside a stream. */
export function failureOf(message: string, status?: number, retryAfterMs?: number): Failure {
  const failureClass = classOf(message, status)
  return failure(
    failureClass,
    failureClass === 'auth' ? refusedCredential : messageOr(message, status ?? 500),
    {
      ...(status === undefined ? {} : { status }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(failureClass === 'bad_request' && blamesTarget(message, status)
        ? { targetFault: true }
        : {}),
    },
  )
}

function classOf(message: string, status: number | undefined): FailureClass {
  if (saysContextLength(message)) return 'context_length'
  // A full queue: "server busy, please try again. maximum pending requests exceeded".
  if (/server busy|maximum pending requests/i.test(message)) return 'overloaded'
  const found = classifyStatus(status ?? 500)
  return found === 'rate_limited' && /usage limit|upgrade/i.test(message)
    ? 'quota_exhausted'
    : found
}

/** A model that is not pulled, or cannot do what was asked ("... does not support tools"): another may. */
function blamesTarget(message: string, status: number | undefined): boolean {
  return status === 404 || /does not support|not found, try pulling/i.test(message)
}
