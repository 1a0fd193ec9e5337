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

/** Exceptions by name, first letter lower-case as streams write it (API reference, Converse and ConverseStream "Errors", Common errors; 2026-11-20). */
const classOfException: Readonly<Record<string, FailureClass>> = {
  throttlingException: 'rate_limited',
  tooManyRequestsException: 'rate_limited',
  serviceQuotaExceededException: 'quota_exhausted',
  serviceUnavailableException: 'overloaded',
  modelNotReadyException: 'overloaded',
  modelTimeoutException: 'timeout',
  modelErrorException: 'server_error',
  modelStreamErrorException: 'server_error',
  internalServerException: 'server_error',
  internalFailure: 'server_error',
  accessDeniedException: 'auth',
  unrecognizedClientException: 'auth',
  expiredTokenException: 'auth',
  expiredToken: 'auth',
  invalidSignatureException: 'auth',
  incompleteSignature: 'auth',
  invalidClientTokenId: 'auth',
  missingAuthenticationTokenException: 'auth',
  notAuthorized: 'auth',
  optInRequired: 'auth',
  validationException: 'bad_request',
  resourceNotFoundException: 'bad_request',
}

/** Names what an answer that is not 2xx says. */
export function decodeFailure(
  status: number,
  headers: ReadonlyMap<string, string>,
  body: string,
): Failure {
  const parsed = objectOf(parseJson(body)) ?? {}
  // "ThrottlingException:http://internal.amazon.com/coral/..." and "com.amazon.coral.service#ThrottlingException".
  const name =
    headers.get('x-amzn-errortype')?.split(':')[0] ?? stringOf(parsed['__type'])?.split('#').at(-1)
  const retryAfterMs = parseRetryAfterMs(headers)
  return {
    ...failureOfException(name, parsed, status, body),
    status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
}

/** Names an exception, from a response or from a frame of a stream, whose own status was 200. */
export function failureOfException(
  name: string | undefined,
  payload: JsonObject,
  status?: number,
  body?: string,
): Failure {
  const known = name === undefined || name === '' ? undefined : lowerFirst(name)
  const text = stringOf(payload['message']) ?? stringOf(payload['Message']) ?? body ?? ''
  const missing = known === 'resourceNotFoundException' || status === 404 || saysModelUnusable(text)
  const failureClass = refine(coarseClass(known, status), text, missing)
  return {
    class: failureClass,
    message: failureClass === 'auth' ? refusedCredential : messageFor(text, status),
    ...(known === undefined ? {} : { providerCode: name ?? known }),
    ...(failureClass === 'bad_request' && missing ? { targetFault: true } : {}),
  }
}

function coarseClass(known: string | undefined, status: number | undefined): FailureClass {
  const named = known === undefined ? undefined : classOfException[known]
  if (named !== undefined) return named
  // 424 is the model failing behind the endpoint.
  if (status === undefined || status === 424) return 'server_error'
  return classifyStatus(status)
}

function refine(coarse: FailureClass, text: string, missing: boolean): FailureClass {
  // A daily quota does not come back within a wait: "Too many tokens per day, please wait before trying again."
  if (coarse === 'rate_limited' && /per day/i.test(text)) return 'quota_exhausted'
  if (coarse === 'bad_request' && saysContextLength(text)) return 'context_length'
  if (coarse === 'auth' && missing) return 'bad_request'
  return coarse
}

/** The model is not for us: unknown, retired, not granted, or only by way of an inference profile. */
function saysModelUnusable(text: string): boolean {
  return (
    /model identifier is invalid|access to the model|on-demand throughput isn.t supported/i.test(
      text,
    ) ||
    /model version has reached the end of its life/i.test(text) ||
    saysModelMissing(text)
  )
}

function messageFor(text: string, status: number | undefined): string {
  if (text === '' && status === undefined) return 'the provider broke off its answer'
  return messageOr(text, status ?? 200)
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1)
}
