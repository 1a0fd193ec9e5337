import { describe, type Problem } from '../../durable-objects/tenant-ledger/access/problems.ts'
import { gatewayError, invalidRequest, type GatewayError } from '../canonical/errors.ts'
import { readBody } from '../engine/read-body.ts'

/** What a body may be at most: a thousand budgets, with room. */
const bodyLimits = {
  maxBodyBytes: 1_048_576,
  maxBodyDepth: 16,
  maxBodyKeys: 50_000,
  maxBodyItems: 50_000,
}

/** Fields that one answer names. */
const mostProblems = 8

export type Body = { readonly value: unknown } | { readonly refused: GatewayError }

export async function jsonOf(request: Request): Promise<Body> {
  const read = await readBody(request, bodyLimits)
  return read.ok ? { value: read.value } : { refused: read.error }
}

/** For calls of which no field has to be there. */
export async function jsonOrNothing(request: Request): Promise<Body> {
  const isEmpty = request.body === null || request.headers.get('content-length') === '0'
  return isEmpty ? { value: {} } : jsonOf(request)
}

/** A 400 that names every field and its rule. */
export function problemsError(problems: readonly Problem[]): GatewayError {
  const [first] = problems
  const more = problems.length - mostProblems
  const text = describe(problems.slice(0, mostProblems))
  return invalidRequest(more > 0 ? `${text}; and ${more} more` : text, first?.field)
}

export function notFound(message: string, param: string): GatewayError {
  return gatewayError('invalid_request', 404, message, { param })
}

/** A ledger that cannot be reached, or does not answer. `unknown`: it may have done what was asked. */
export function ledgerAway(isWrite: boolean): GatewayError {
  const message = isWrite
    ? 'the ledger did not answer, and may have done it: send the same call again'
    : 'the ledger did not answer: try again'
  return gatewayError('ledger_unavailable', 503, message, { retryAfterMs: 1000 })
}
