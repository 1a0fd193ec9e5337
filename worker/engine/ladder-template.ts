import type { Rung } from '../edge/ladder.ts'
import { fillTemplate } from '../edge/template.ts'
import type { Climb } from './climb.ts'
import { soonestMs } from './ladder-failure.ts'
import type { Made } from './made.ts'
import type { AttemptRecord } from './record.ts'
import { templateEvents } from './template-answer.ts'

/** The fixed reply of a route, with its fields filled in; null where this request cannot take a text. */
export function templateOf(
  { parts }: Extract<Rung, { kind: 'template' }>,
  { planned, exchange }: Climb,
  why: string,
  records: readonly AttemptRecord[],
): Made | null {
  const { ports, requestId } = exchange
  const waitMs = soonestMs(planned, ports) - ports.nowMs()
  const text = fillTemplate(parts, {
    requestId,
    route: planned.route ?? '',
    model: planned.request.model,
    retryAfterS: String(Math.max(1, Math.ceil(waitMs / 1000))),
  })
  const events = templateEvents(text, planned.request)
  if (events === null) return null
  const reason = `the fixed reply of the route: ${why}`
  return { kind: 'made', by: 'template', source: null, events, records, reason }
}
