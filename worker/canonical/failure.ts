/**
 * What can go wrong with one attempt, and what follows from it. One closed list
 * and one table; `reference/reliability.md` 1.3 of the design notes is the source.
 */

export type FailureClass =
  | 'timeout'
  | 'connect'
  | 'overloaded'
  | 'rate_limited'
  | 'quota_exhausted'
  | 'server_error'
  | 'auth'
  | 'bad_request'
  | 'context_length'
  | 'content_policy'
  | 'malformed'
  | 'truncated'
  | 'cancelled'

export interface Failure {
  readonly class: FailureClass
  /** For the caller: no host, no credential, no stack. */
  readonly message: string
  /** The provider's HTTP status, where one came. */
  readonly status?: number
  /** The provider's own code or type. */
  readonly providerCode?: string
  /** How long the provider asked to be left alone, ms. */
  readonly retryAfterMs?: number
  /** The target itself is wrong (a retired model, a 404): not the caller's fault, so another target may answer. */
  readonly targetFault?: boolean
  /** `rate_limited` because traffic grew too fast (OpenAI `slow_down`): lower the rate instead of waiting. */
  readonly ramp?: boolean
  /** Field of the request that the provider complained of. */
  readonly param?: string
}

/** What one outcome says about a failure domain. */
export type Verdict = 'ok' | 'neutral' | 'fail' | 'none'

export interface FailureRow {
  /** Provider edge: (provider, base URL). */
  readonly edge: Verdict
  /** Target: (provider, base URL, model). */
  readonly target: Verdict
  /** Quota: what the gate of (credential, limit group) does. */
  readonly quota: 'none' | 'wait' | 'disable'
  /** Credential: what happens to it. */
  readonly credential: 'ok' | 'none' | 'disable'
  /** Further calls of the same target that may be tried, before the first token only. */
  readonly sameTargetRetries: 0 | 1
  /** Base of the full-jitter wait before such a retry, ms; 0 means at once. */
  readonly retryBaseMs: number
  /** `preferred`: the same target is tried again only when there is no other. */
  readonly fallback: 'yes' | 'no' | 'preferred' | 'larger-context'
}

/** After `reliability.md` 1.3; `malformed` and `truncated` fail the target (design.md 11). */
export const failureTable: Readonly<Record<FailureClass, FailureRow>> = {
  timeout: {
    edge: 'none',
    target: 'fail',
    quota: 'none',
    credential: 'none',
    sameTargetRetries: 0,
    retryBaseMs: 0,
    fallback: 'yes',
  },
  connect: {
    edge: 'fail',
    target: 'fail',
    quota: 'none',
    credential: 'none',
    sameTargetRetries: 1,
    retryBaseMs: 0,
    fallback: 'yes',
  },
  overloaded: {
    edge: 'none',
    target: 'fail',
    quota: 'none',
    credential: 'none',
    sameTargetRetries: 1,
    retryBaseMs: 1000,
    fallback: 'preferred',
  },
  rate_limited: {
    edge: 'ok',
    target: 'neutral',
    quota: 'wait',
    credential: 'none',
    sameTargetRetries: 0,
    retryBaseMs: 0,
    fallback: 'yes',
  },
  quota_exhausted: {
    edge: 'ok',
    target: 'neutral',
    quota: 'disable',
    credential: 'none',
    sameTargetRetries: 0,
    retryBaseMs: 0,
    fallback: 'yes',
  },
  server_error: {
    edge: 'none',
    target: 'fail',
    quota: 'none',
    credential: 'none',
    sameTargetRetries: 1,
    retryBaseMs: 50,
    fallback: 'yes',
  },
  auth: {
    edge: 'ok',
    target: 'neutral',
    quota: 'none',
    credential: 'disable',
    sameTargetRetries: 0,
    retryBaseMs: 0,
    fallback: 'yes',
  },
  bad_request: {
    edge: 'neutral',
    target: 'neutral',
    quota: 'none',
    credential: 'none',
    sameTargetRetries: 0,
    retryBaseMs: 0,
    fallback: 'no',
  },
  context_length: {
    edge: 'neutral',
    target: 'neutral',
    quota: 'none',
    credential: 'none',
    sameTargetRetries: 0,
    retryBaseMs: 0,
    fallback: 'larger-context',
  },
  content_policy: {
    edge: 'neutral',
    target: 'neutral',
    quota: 'none',
    credential: 'none',
    sameTargetRetries: 0,
    retryBaseMs: 0,
    fallback: 'no',
  },
  malformed: {
    edge: 'none',
    target: 'fail',
    quota: 'none',
    credential: 'none',
    sameTargetRetries: 0,
    retryBaseMs: 0,
    fallback: 'yes',
  },
  truncated: {
    edge: 'none',
    target: 'fail',
    quota: 'none',
    credential: 'none',
    sameTargetRetries: 0,
    retryBaseMs: 0,
    fallback: 'yes',
  },
  cancelled: {
    edge: 'none',
    target: 'none',
    quota: 'none',
    credential: 'none',
    sameTargetRetries: 0,
    retryBaseMs: 0,
    fallback: 'no',
  },
}

/** How long a provider whose quota is spent is left alone when it does not say, ms (`reliability.md` 1.3, QUOTA_HARD: first probe). */
export const quotaWaitMs = 300_000

/** How long a rate limit without `retry-after` is believed, ms. */
export const rateWaitMs = 1000

export function failure(
  failureClass: FailureClass,
  message: string,
  more: Omit<Failure, 'class' | 'message'> = {},
): Failure {
  return { class: failureClass, message, ...more }
}
