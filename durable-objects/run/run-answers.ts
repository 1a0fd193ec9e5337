import { gatewayError } from '../../worker/canonical/errors.ts'
import type { Kept } from './composition.ts'
import { jobView, type RunHead } from './kept-run.ts'
import type { Decision } from './live-run.ts'
import type { RunContext } from './protocol.ts'

/** What an object says of itself, beside the answers of the pipeline. */

export const otherRequest = gatewayError(
  'idempotency_conflict',
  409,
  'this idempotency key was used for another request: use a new one',
)

export const goneAnswer = gatewayError(
  'idempotency_conflict',
  409,
  'the answer to this request is not there any more, or was too large to be kept',
)

export const notHere = gatewayError(
  'invalid_request',
  404,
  'nothing of this tenant has this id, or its time is over',
  { param: 'id' },
)

export function decisionOf({ stream, job }: Kept, mode: RunContext['mode']): Decision {
  if (mode === 'defer') return { kind: 'kept', keep: job, job }
  return stream === null ? { kind: 'passing' } : { kind: 'kept', keep: stream, job: null }
}

export function headersOf(pairs: readonly (readonly [string, string])[]): Headers {
  const headers = new Headers()
  for (const [name, value] of pairs) headers.append(name, value)
  return headers
}

export function accepted(runId: string, head: RunHead): Response {
  const location = `/v1/jobs/${runId}`
  const headers = { location, 'preference-applied': 'respond-async' }
  return Response.json(jobView(head, null, null), { status: 202, headers })
}
