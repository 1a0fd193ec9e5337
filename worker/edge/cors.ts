/** The caller's origin, if it is one that browsers may call from; null where CORS is off. */
export function allowedOrigin(headers: Headers, origins: readonly string[]): string | null {
  if (origins.length === 0) return null
  const origin = headers.get('origin')
  return origin !== null && (origins.includes(origin) || origins.includes('*')) ? origin : null
}

/** What the public face reads, and what OpenAI's and Anthropic's own SDKs send from a browser (openai 7.55, @anthropic-ai/sdk 1.11). */
const allowedRequestHeaders = [
  'authorization',
  'content-type',
  'x-api-key',
  'anthropic-version',
  'anthropic-beta',
  'anthropic-dangerous-direct-browser-access',
  'openai-organization',
  'openai-project',
  'x-stainless-arch',
  'x-stainless-async',
  'x-stainless-helper',
  'x-stainless-helper-method',
  'x-stainless-lang',
  'x-stainless-os',
  'x-stainless-package-version',
  'x-stainless-retry-count',
  'x-stainless-runtime',
  'x-stainless-runtime-version',
  'x-stainless-timeout',
  'x-switchyard-tags',
  'x-switchyard-deadline-ms',
  'x-switchyard-resume',
  'idempotency-key',
  'prefer',
  'last-event-id',
  // OpenAI's SDK sets it, and browsers let it.
  'user-agent',
].join(', ')

/** Everything of the public face that stands in a response header. */
const exposedHeaders = [
  'x-switchyard-request-id',
  'x-request-id',
  'request-id',
  'x-switchyard-route',
  'x-switchyard-provider',
  'x-switchyard-model',
  'x-switchyard-region',
  'x-switchyard-attempts',
  'x-switchyard-reason',
  'x-switchyard-config',
  'x-switchyard-warning',
  'x-switchyard-degraded',
  'x-switchyard-budget-remaining-usd',
  'idempotency-replayed',
  'location',
  'preference-applied',
  'server-timing',
  'retry-after',
  'x-should-retry',
  'x-ratelimit-limit-requests',
  'x-ratelimit-remaining-requests',
  'x-ratelimit-reset-requests',
  'x-ratelimit-limit-tokens',
  'x-ratelimit-remaining-tokens',
  'x-ratelimit-reset-tokens',
].join(', ')

export function preflight(origin: string): Response {
  const headers = new Headers({
    'access-control-allow-methods': 'GET, POST, OPTIONS',
    'access-control-allow-headers': allowedRequestHeaders,
    'access-control-max-age': '86400',
  })
  allowOrigin(headers, origin)
  return new Response(null, { status: 204, headers })
}

export function allowOrigin(headers: Headers, origin: string): void {
  headers.set('access-control-allow-origin', origin)
  headers.set('access-control-expose-headers', exposedHeaders)
  headers.append('vary', 'origin')
}
