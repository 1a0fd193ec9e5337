import type { GatewayError } from '../canonical/errors.ts'

/** What `retry-after` says where nobody knows better, ms by status: these two never go without. */
const defaultRetryAfterMs: Readonly<Record<number, number>> = { 429: 1000, 503: 30_000 }

/**
 * When to come back, and that the client's SDK must not do so by itself: it tries anything from 500 on, and 429, again
 * unless it is told not to.
 */
export function retryHeaders({ status, retryAfterMs }: GatewayError): Record<string, string> {
  const headers: Record<string, string> = {}
  if (status >= 500 || status === 429) headers['x-should-retry'] = 'false'
  const waitMs = retryAfterMs ?? defaultRetryAfterMs[status]
  if (waitMs !== undefined) headers['retry-after'] = String(Math.max(1, Math.ceil(waitMs / 1000)))
  return headers
}
