import type { CanonicalRequest } from '../canonical/request.ts'
import type { RouteLadder, Rung } from '../edge/ladder.ts'
import { isLesser } from '../edge/tiers.ts'
import type { PlannedStep } from '../policy/plan.ts'
import type { Answered, Climb, Failed, LadderResult, Steps } from './climb.ts'
import { lookAgain, waitForRoom } from './ladder-capacity.ts'
import {
  followed,
  helps,
  refusedBy,
  type Shortfall,
  shortfallOf,
  withTrueRetry,
} from './ladder-failure.ts'
import { keptAnswer, watched } from './ladder-keep.ts'
import { templateOf } from './ladder-template.ts'
import type { RunLimits } from './leg.ts'
import { OutputCheck } from './output-check.ts'
import type { PlannedRequest } from './plan-request.ts'
import type { RunResult } from './run-result.ts'
import { validateFrom } from './validate.ts'
import { wholeAsStream } from './whole-as-stream.ts'

/**
 * Answers as the route declares it: from the cache where it comes first, then from its targets, then rung by rung with
 * less than was asked for. Without any of these it says the truth: why there is no answer, and when there may be one.
 */
export async function climb(on: Climb): Promise<LadderResult> {
  const { ladder, planned, exchange } = on
  if (ladder.cache?.isFirst === true && on.question !== null) {
    const kept = await keptAnswer(on, on.question, 'this route asks its cache first', [])
    if (kept !== null) return kept
  }
  const { main, lesser } = partsOf(planned, ladder)
  const limits = limitsOf(on, lesser.length > 0)
  const first = main === null ? null : await inTurn(on, main, limits)
  if (first !== null && first.kind === 'answered') return answered(on, first)
  const before = first ?? nobodyAsked(planned, on)
  const shortfall = shortfallOf(before)
  if (shortfall === null) return before
  let last: Failed = before
  for (const rung of ladder.rungs) {
    if (!helps(rung, shortfall) || exchange.ports.clientGone.aborted) continue
    const result = await step(on, rung, { shortfall, last, lesser, limits })
    if (result === null) continue
    if (result.kind !== 'failed') return result
    last = result
  }
  return ladder.rungs.length === 0 ? last : withTrueRetry(last, planned, exchange.ports)
}

/** Asks the targets; batch work waits for room before, and again where others were quicker, as long as its patience lasts. */
async function inTurn(on: Climb, steps: Steps, limits: RunLimits): Promise<RunResult> {
  const { ladder, planned, exchange } = on
  const { ports } = exchange
  const { turn } = limits
  if (turn?.priority !== 'batch') return ask(on, steps, planned.request, limits)
  const patientUntilMs = ports.nowMs() + (ladder.scarcity?.batchWaitMs ?? 0)
  const untilMs = Math.min(limits.deadlineAtMs, patientUntilMs)
  for (;;) {
    const hasRoom = await waitForRoom(steps, turn, untilMs, ports)
    const result = await ask(on, steps, planned.request, limits)
    const isLate = result.kind === 'failed' && shortfallOf(result)?.what === 'capacity'
    const isOver = ports.nowMs() >= untilMs || ports.clientGone.aborted
    if (!hasRoom || !isLate || isOver) return result
    await lookAgain(untilMs, ports)
  }
}

/** Where a request stands when it goes up a rung. */
interface Standing {
  readonly shortfall: Shortfall
  readonly last: Failed
  readonly lesser: readonly PlannedStep[]
  readonly limits: RunLimits
}

/** One rung. Null: it has nothing to give to this request. */
async function step(
  on: Climb,
  rung: Rung,
  { shortfall, last, lesser, limits }: Standing,
): Promise<LadderResult | null> {
  const { planned, question, exchange } = on
  const { records } = last
  switch (rung.kind) {
    case 'cache':
      return question === null ? null : keptAnswer(on, question, shortfall.why, records)
    case 'template':
      return templateOf(rung, on, shortfall.why, records)
    case 'deferred': {
      if (planned.request.stream) return null
      const response = await deferred(on)
      return response === null ? null : { kind: 'deferred', response, failed: last }
    }
    case 'smaller-model': {
      const [first, ...rest] = lesser
      if (first === undefined) return null
      return again(on, [first, ...rest], planned.request, { shortfall, last, limits })
    }
    case 'shorter': {
      const { maxOutputTokens } = rung
      if ((planned.request.maxOutputTokens ?? Infinity) <= maxOutputTokens) return null
      const request = { ...planned.request, maxOutputTokens }
      const result = await again(on, planned.plan.steps, request, { shortfall, last, limits })
      if (result.kind === 'answered') exchange.degrade('shorter')
      return result
    }
  }
}

/** Null where no job can be had: the next rung is tried. */
async function deferred(on: Climb): Promise<Response | null> {
  try {
    const response = await on.defer()
    if (response === null || response.status === 202) return response
    await response.body?.cancel()
    return null
  } catch {
    return null
  }
}

/** Asks once more, after calls that came to nothing: there is always one left for a rung. */
async function again(
  on: Climb,
  steps: Steps,
  request: CanonicalRequest,
  { shortfall, last, limits }: Omit<Standing, 'lesser'>,
): Promise<RunResult> {
  const { records, calls = records.length } = last
  const result = await ask(on, steps, request, {
    ...limits,
    deadlineAtMs: on.limits.deadlineAtMs,
    sentBefore: calls,
    maxAttempts: Math.max(1, limits.maxAttempts - records.length),
  })
  const whole = followed(last, result, shortfall.why)
  return whole.kind === 'answered' ? answered(on, whole, request) : whole
}

async function ask(
  on: Climb,
  steps: Steps,
  request: CanonicalRequest,
  limits: RunLimits,
): Promise<RunResult> {
  const shed = on.shed(steps[0])
  if (shed !== null) return refusedBy(shed, steps[0])
  const isHeld = request.stream && on.ladder.validation?.buffer === true
  const result = await on.run(steps, isHeld ? { ...request, stream: false } : request, limits)
  if (!isHeld || result.kind === 'failed' || result.answer.kind !== 'whole') return result
  return { ...result, answer: wholeAsStream(result.answer, result.target, on.exchange.ports) }
}

/** Marks what is less than asked, and keeps what may be given again. */
function answered(
  on: Climb,
  result: Answered,
  request: CanonicalRequest = on.planned.request,
): RunResult {
  const isLess = isLesser(on.ladder.intents[result.step.tier])
  if (isLess) on.exchange.degrade('smaller-model')
  const isWhole = !isLess && !result.isShorter && request === on.planned.request
  return watched(on, result, isWhole)
}

function limitsOf(on: Climb, hasMore: boolean): RunLimits {
  const { ladder, limits, planned, exchange } = on
  const { validation } = ladder
  const { deadlineAtMs } = limits
  const nowMs = exchange.ports.nowMs()
  return {
    ...limits,
    // What stands on the ladder behind it needs its time, too.
    deadlineAtMs: hasMore ? nowMs + (deadlineAtMs - nowMs) * (2 / 3) : deadlineAtMs,
    ...(validation === null
      ? {}
      : {
          judge: (events, target) => {
            const verdict = validateFrom(target.name, ladder, planned.request, events)
            if (verdict === null) return null
            const { objection, isSchemaValid } = verdict
            // Whoever gives a valid answer says so itself, where it has to parse.
            const isTold = isSchemaValid === true && OutputCheck.of(planned.request) !== null
            if (isSchemaValid !== null && !isTold)
              exchange.ports.health.validated?.(target, isSchemaValid)
            return objection
          },
        }),
  }
}

/** What is asked at once, and the lesser tiers that wait for their rung. A budget that asks for the cheapest has all of them at once. */
export function partsOf(
  { plan, isThrifty }: PlannedRequest,
  ladder: RouteLadder,
): { readonly main: Steps | null; readonly lesser: readonly PlannedStep[] } {
  if (!ladder.holdsBack || isThrifty) return { main: plan.steps, lesser: [] }
  const isLess = ({ tier }: PlannedStep) => isLesser(ladder.intents[tier])
  const [first, ...rest] = plan.steps.filter((step) => !isLess(step))
  return {
    main: first === undefined ? null : [first, ...rest],
    lesser: plan.steps.filter(isLess),
  }
}

function nobodyAsked({ plan }: PlannedRequest, { limits }: Climb): Failed {
  return {
    kind: 'failed',
    failures: [{ class: 'server_error', message: 'no target of the route could be asked' }],
    unpaid: null,
    openUntilMs: null,
    step: plan.steps[0],
    records: [],
    reason: 'no target of the first tiers may answer this request',
    calls: limits.sentBefore ?? 0,
  }
}
