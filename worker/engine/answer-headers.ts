import { headerText } from './header-text.ts'
import { degradationsOf, type Known, targetOf } from './known.ts'

/** Everything that is known now, as response headers. */
export function answerHeaders(known: Known): Record<string, string> {
  const { requestId, dialect, ports, called, planned, names, warnings, made } = known
  const target = targetOf(known)
  const headers: Record<string, string> = {
    'x-switchyard-request-id': requestId,
    'x-switchyard-config': ports.runtime.version,
  }
  // Not as a computed name in the literal, which costs some 4 us.
  headers[dialect.requestIdHeader] = requestId
  const route = planned?.route ?? names?.[0] ?? null
  if (route !== null) headers['x-switchyard-route'] = headerText(route)
  if (called !== null && target !== undefined) {
    headers['x-switchyard-provider'] = target.provider.id
    headers['x-switchyard-model'] = target.model
    headers['x-switchyard-reason'] = headerText(called.reason)
    headers['x-switchyard-region'] = target.provider.regions.join(', ') || 'unspecified'
  }
  // A stream that begins with heartbeats does not know yet; the record will.
  if (called !== null || known.isSettled)
    headers['x-switchyard-attempts'] = String(called?.attempts.length ?? 0)
  if (made !== null) headers['x-switchyard-reason'] = headerText(made.reason)
  const degraded = degradationsOf(known)
  if (degraded.length > 0) headers['x-switchyard-degraded'] = degraded.join(', ')
  if (warnings.length > 0) headers['x-switchyard-warning'] = headerText(warnings.join('; '))
  for (const [name, value] of ports.money.headers()) headers[name] = value
  headers['server-timing'] = serverTiming(known)
  return headers
}

function serverTiming({ called, plannedMs, ports }: Known): string {
  const own = `policy;dur=${plannedMs}, admit;dur=${ports.money.waitedMs}`
  const firstTokenMs = called?.firstTokenMs ?? null
  return firstTokenMs === null ? own : `${own}, upstream;dur=${firstTokenMs}`
}
