import { errorOfFailure } from '../../worker/canonical/errors.ts'
import type { Failure, FailureClass } from '../../worker/canonical/failure.ts'
import type { Dialect } from '../../worker/dialects/dialect.ts'
import type { ProviderAdapter } from '../../worker/providers/adapter.ts'
import { responseBytes, responseHeaders, type RecordedCase } from './corpus.ts'
import { at, text } from './oracles/wire-value.ts'

interface Expectation {
  readonly classes: readonly FailureClass[]
  /** The target is at fault: another one may answer. */
  readonly targetFault?: boolean
}

/**
 * What an error must be read as, by the tags of the recording. The first row
 * whose tag the case carries decides; what has no such tag goes by its status.
 */
const byTag: readonly (readonly [tag: string, expectation: Expectation])[] = [
  ['context-length', { classes: ['context_length'] }],
  ['content-policy', { classes: ['content_policy'] }],
  ['auth-error', { classes: ['auth'] }],
  ['billing', { classes: ['quota_exhausted'] }],
  ['quota', { classes: ['quota_exhausted', 'rate_limited'] }],
  ['rate-limit', { classes: ['rate_limited'] }],
  ['overloaded', { classes: ['overloaded'] }],
  ['model-not-found', { classes: ['bad_request'], targetFault: true }],
  // Groq's 413 counts the tokens of a minute; Anthropic's the bytes of a body.
  ['request-too-large', { classes: ['bad_request', 'context_length', 'rate_limited'] }],
  ['not-found', { classes: ['bad_request'] }],
  ['permission-error', { classes: ['auth', 'bad_request'] }],
]

/** The failure a recorded error must be read as. */
export function expectationOf(recorded: RecordedCase, body: string): Expectation {
  const { status, tags } = recorded.meta
  // A 429 for want of capacity is the vendor's load, not our rate (Mistral "Service tier capacity exceeded").
  if (status === 429 && /capacity|overloaded/i.test(body)) {
    return { classes: ['rate_limited', 'overloaded'] }
  }
  const tagged = byTag.find(([tag]) => tags.includes(tag))
  if (tagged !== undefined) return tagged[1]
  if (status >= 500) return { classes: ['server_error', 'overloaded', 'timeout'] }
  if (status === 408) return { classes: ['timeout'] }
  if (status === 429) return { classes: ['rate_limited', 'quota_exhausted', 'overloaded'] }
  if (status === 401 || status === 403) return { classes: ['auth'] }
  if (status === 402) return { classes: ['quota_exhausted'] }
  return { classes: ['bad_request'] }
}

/** Reads a recorded error as the adapter does, and shows it to a client of every dialect. */
export function checkFailure(
  recorded: RecordedCase,
  adapter: ProviderAdapter,
  dialects: readonly Dialect[],
): string[] {
  const { status } = recorded.meta
  const body = new TextDecoder().decode(responseBytes(recorded))
  const failure = adapter.decodeFailure(status, responseHeaders(recorded), body)
  const found = failureFaults(failure, expectationOf(recorded, body), status)
  for (const dialect of dialects) {
    for (const fault of errorBodyFaults(dialect, failure)) found.push(`${dialect.id}: ${fault}`)
  }
  return found
}

function failureFaults(failure: Failure, expected: Expectation, status: number): string[] {
  const found: string[] = []
  if (!expected.classes.includes(failure.class)) {
    found.push(`failure class: expected ${expected.classes.join(' or ')}, got ${failure.class}`)
  }
  if (expected.targetFault === true && failure.targetFault !== true) {
    found.push('failure: a missing model must be the target’s fault')
  }
  if (failure.status !== status)
    found.push(`failure status: expected ${status}, got ${failure.status}`)
  if (failure.message.trim() === '') found.push('failure: no message')
  return found
}

/** Checks the error body that a client of `dialect` gets against the shape of its SDK. */
export function errorBodyFaults(dialect: Dialect, failure: Failure): string[] {
  const error = errorOfFailure(failure)
  const body: unknown = JSON.parse(JSON.stringify(dialect.renderError(error, 'req_conformance')))
  const found: string[] = []
  const inner = at(body, 'error')
  if (text(at(inner, 'message')) === '') found.push('error body: no error.message')
  if (text(at(inner, 'type')) === '') found.push('error body: no error.type')
  if (error.status < 400 || error.status > 599) found.push(`error status: ${error.status}`)
  if (dialect.id === 'openai-chat') {
    for (const field of ['param', 'code']) {
      if (at(inner, field) === undefined) found.push(`error body: no error.${field}`)
    }
  } else {
    if (at(body, 'type') !== 'error') found.push('error body: type is not "error"')
    if (text(at(body, 'request_id')) === '') found.push('error body: no request_id')
  }
  return found
}
