import type { Target } from '../edge/runtime.ts'
import type { HeaderTemplates } from './header-templates.ts'
import { headerText } from './header-text.ts'
import { degradationsOf, type Known, targetOf } from './known.ts'

/** Everything that is known now, as response headers. */
export function answerHeaders(known: Known): Record<string, string> {
  const headers = steadyHeaders(known, steadyOf(known))
  for (const [name, value] of ownHeaders(known)) headers[name] = value
  return headers
}

/**
 * An answer with everything that is known now, and the headers of its `kind`. What answers of one kind from one target
 * have in common is made once: setting three headers on a copy costs some 20 us less than giving thirteen (of 200, 6
 * interleaved rounds of 6,000 at concurrency 64, 2026-11-26).
 */
export function headedAnswer(
  body: string | ReadableStream<Uint8Array>,
  kind: AnswerKind,
  known: Known,
  templates: HeaderTemplates,
): Response {
  const steady = steadyOf(known)
  const { route, target, reason, attempts } = steady
  const key = `${kind}\n${route ?? ''}\n${target?.name ?? ''}\n${attempts ?? ''}\n${reason ?? ''}`
  const like = templates.of(key, () => ({ ...steadyHeaders(known, steady), ...ofKind[kind] }))
  const answer = new Response(body, like)
  const { headers: own } = answer
  for (const [name, value] of ownHeaders(known)) own.set(name, value)
  return answer
}

export type AnswerKind = keyof typeof ofKind

const ofKind = {
  json: { 'content-type': 'application/json' },
  stream: {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    // A development proxy that compresses would hold the stream back.
    'content-encoding': 'identity',
  },
} as const

/** What many answers have in common. */
interface Steady {
  readonly route: string | null
  readonly target: Target | undefined
  readonly reason: string | null
  readonly attempts: number | null
}

function steadyOf(known: Known): Steady {
  const { called, planned, names, made } = known
  const target = targetOf(known)
  const isAnswered = called !== null && target !== undefined
  return {
    route: planned?.route ?? names?.[0] ?? null,
    target,
    reason: made?.reason ?? (isAnswered ? called.reason : null),
    // A stream that begins with heartbeats does not know yet; the record will.
    attempts: called !== null || known.isSettled ? (called?.attempts.length ?? 0) : null,
  }
}

function steadyHeaders(
  { ports }: Known,
  { route, target, reason, attempts }: Steady,
): Record<string, string> {
  const headers: Record<string, string> = { 'x-switchyard-config': ports.runtime.version }
  if (route !== null) headers['x-switchyard-route'] = headerText(route)
  if (target !== undefined) {
    headers['x-switchyard-provider'] = target.provider.id
    headers['x-switchyard-model'] = target.model
    headers['x-switchyard-region'] = target.standing.regions?.join(', ') || 'unspecified'
  }
  if (reason !== null) headers['x-switchyard-reason'] = headerText(reason)
  if (attempts !== null) headers['x-switchyard-attempts'] = String(attempts)
  return headers
}

/** What is said of this answer alone. */
function ownHeaders(known: Known): [string, string][] {
  const { requestId, dialect, ports, warnings } = known
  const headers: [string, string][] = [
    ['x-switchyard-request-id', requestId],
    [dialect.requestIdHeader, requestId],
  ]
  const degraded = degradationsOf(known)
  if (degraded.length > 0) headers.push(['x-switchyard-degraded', degraded.join(', ')])
  if (warnings.length > 0) headers.push(['x-switchyard-warning', headerText(warnings.join('; '))])
  for (const header of ports.money.headers()) headers.push([header[0], header[1]])
  headers.push(['server-timing', serverTiming(known)])
  return headers
}

function serverTiming({ called, plannedMs, ports }: Known): string {
  const own = `policy;dur=${plannedMs}, admit;dur=${ports.money.waitedMs}`
  const firstTokenMs = called?.firstTokenMs ?? null
  return firstTokenMs === null ? own : `${own}, upstream;dur=${firstTokenMs}`
}
