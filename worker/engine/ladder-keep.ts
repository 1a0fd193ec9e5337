import type { CanonicalEvent } from '../canonical/events.ts'
import { compacted, recordStream } from './answer-recorder.ts'
import type { KeptAnswer, Question } from './answer-port.ts'
import type { RouteLadder } from '../edge/ladder.ts'
import type { Runtime } from '../edge/runtime.ts'
import type { Caller } from './caller.ts'
import type { Answered, Climb } from './climb.ts'
import { foreseenDepartures } from './departures.ts'
import type { Attendance } from './health-port.ts'
import type { Made } from './made.ts'
import type { PlannedRequest } from './plan-request.ts'
import type { AttemptRecord } from './record.ts'
import { validateFrom, type Validity } from './validate.ts'

/**
 * Under what answers to this request are kept; null where nothing of it may be: the route keeps none, the tenant forbids
 * it, or its content is regulated.
 */
export function questionOf({
  ladder,
  planned,
  limits,
  exchange,
}: Omit<Climb, 'question'>): Question | null {
  const { caller } = limits.billing
  const { runtime } = exchange.ports
  if (whyNotKept(ladder, planned, caller, runtime) !== null) return null
  return {
    tenant: caller.tenant,
    route: planned.route,
    configVersion: runtime.version,
    dialect: exchange.dialect.id,
    request: planned.request,
  }
}

/** Why nothing of the answer may be kept, nor asked for; null: it may. */
export function whyNotKept(
  { cache }: RouteLadder,
  { plan }: PlannedRequest,
  caller: Caller,
  runtime: Runtime,
): string | null {
  if (cache === null) return 'the route keeps no answers'
  if (plan.facts.dataClass === 'regulated') return 'what is regulated is not kept'
  const isForbidden = runtime.config.tenants[caller.tenant]?.storage === false
  return isForbidden || caller.profile?.storesAnswers === false
    ? 'nothing may be kept for this tenant'
    : null
}

/**
 * The answer that was kept for this question, if this request may have it: its target has to be one that the plan of
 * this very request would ask. A cache that fails has nothing.
 */
export async function keptAnswer(
  { planned, exchange }: Climb,
  question: Question,
  why: string,
  records: readonly AttemptRecord[],
): Promise<Made | null> {
  const { ports } = exchange
  const kept = await found(question, ports.answers)
  if (kept === null) return null
  const step = planned.plan.steps.find(({ target }) => target === kept.target)
  const target = ports.runtime.targets.get(kept.target)
  if (step === undefined || target === undefined) return null
  for (const departure of foreseenDepartures(step, target, planned)) exchange.warn(departure)
  const ageS = Math.max(0, Math.round((ports.nowMs() - kept.madeAtMs) / 1000))
  const reason = `the answer that ${kept.target} gave to the same request ${ageS} s ago: ${why}`
  const source = { step, target }
  return { kind: 'made', by: 'cache', source, events: kept.events, records, reason }
}

type Answers = Climb['exchange']['ports']['answers']

async function found(question: Question, answers: Answers): Promise<KeptAnswer | null> {
  try {
    return (await answers?.find(question)) ?? null
  } catch {
    return null
  }
}

/** Streams longer than this are neither kept nor judged, bytes: what is remembered lives as long as its request. */
const mostJudgedBytes = 1_048_576

/**
 * Looks at an answer while it is given: whether it is what its route takes, for the health of its target, and whether
 * it came to a clean end and may be kept. `isWhole`: it is what was asked for, no less.
 */
export function watched(on: Climb, result: Answered, isWhole: boolean): Answered {
  const { ladder } = on
  const { answer } = result
  if (answer.kind === 'whole') {
    // It has been judged before it was chosen.
    if (isWhole) keep(on, result, answer.events)
    return result
  }
  if (ladder.cache === null && ladder.validation === null) return result
  let validity: Validity | null = null
  const stream = recordStream(answer.stream, mostJudgedBytes, (events) => {
    validity = validityOf(on, result.target.name, events)
    if (isWhole && (validity?.objection ?? null) === null) keep(on, result, events)
  })
  const attendance = alsoJudged(result.attendance, () => validity)
  return { ...result, answer: { ...answer, stream }, attendance }
}

/** Null where nothing is asked of answers. */
function validityOf(
  { ladder, planned }: Climb,
  target: string,
  events: readonly CanonicalEvent[],
): Validity | null {
  // A stream that was held is judged already.
  if (ladder.validation?.buffer === true) return null
  return validateFrom(target, ladder, planned.request, events)
}

/** What is told of the end of a stream that nothing can take back any more. */
function alsoJudged(own: Attendance, validityOf: () => Validity | null): Attendance {
  return {
    abortAfterMs: own.abortAfterMs,
    fallbackAfterMs: own.fallbackAfterMs,
    firstToken: (ttftMs) => own.firstToken(ttftMs),
    failed: (failure, elapsedMs) => own.failed(failure, elapsedMs),
    finished: (seen) => {
      const validity = validityOf()
      if (validity === null) return own.finished(seen)
      const { objection, isSchemaValid } = validity
      const { soundness } = seen
      return own.finished({
        ...seen,
        broken: seen.broken || objection?.isTargetFault === true,
        soundness: {
          toolCalls: soundness?.toolCalls ?? null,
          schema: isSchemaValid ?? soundness?.schema ?? null,
        },
      })
    },
  }
}

function keep(on: Climb, { target }: Answered, events: readonly CanonicalEvent[]): void {
  const { ladder, question, exchange } = on
  const { ports } = exchange
  if (ladder.cache === null || question === null || ports.answers === undefined) return
  if (!isClean(events)) return
  const answer = { target: target.name, madeAtMs: ports.nowMs(), events: bare(events) }
  ports.waitUntil(ports.answers.keep(question, answer, ladder.cache).catch(() => undefined))
}

/** Every choice came to its own end, and none of them refuses. */
function isClean(events: readonly CanonicalEvent[]): boolean {
  const last = events.at(-1)
  if (last?.type !== 'finish' || last.choices.length === 0) return false
  const isEnded = last.choices.every(({ reason }) => reason === 'stop' || reason === 'toolCalls')
  return isEnded && events.every(({ type }) => type !== 'refusal')
}

/** Without what belongs to the one call: its id, its time, what its provider charged. */
function bare(events: readonly CanonicalEvent[]): CanonicalEvent[] {
  return compacted(events).map((event): CanonicalEvent => {
    if (event.type === 'start')
      return event.model === undefined ? { type: 'start' } : { type: 'start', model: event.model }
    if (event.type !== 'usage') return event
    const { providerCostUsd: _cost, ...usage } = event.usage
    return { type: 'usage', usage }
  })
}
