import { gatewayError, type GatewayError } from '../canonical/errors.ts'
import type { Dialect } from '../dialects/dialect.ts'
import type { Target } from '../edge/runtime.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import { answerStream } from './answer-stream.ts'
import { answerWhole } from './answer-whole.ts'
import { answerByLadder } from './answer-ladder.ts'
import { readAskedTags } from './asked-tags.ts'
import { mayAskSeveral, runBestOf } from './best-of.ts'
import type { Climb } from './climb.ts'
import { readResume } from './continuation-rules.ts'
import { letResume } from './continuation.ts'
import { readDeadlineMs } from './deadline.ts'
import type { Exchange } from './exchange.ts'
import type { Caller } from './caller.ts'
import { hedgeOptions } from './hedge.ts'
import { turnOf } from './ladder-capacity.ts'
import { claimOnce, keepAnswer } from './once.ts'
import { type PlannedRequest, planRequest, type RouteSettings } from './plan-request.ts'
import type { PlannedStep } from '../policy/plan.ts'
import type { Ports } from './ports.ts'
import { readBody } from './read-body.ts'
import { castShadow } from './shadow.ts'
import { readRequest } from './read-request.ts'
import { type RunLimits, runPlan, type RunResult } from './run-plan.ts'

/** Answers one chat request. Read this function first: the whole gateway is on this page. */
export async function serve(
  inbound: Request,
  dialect: Dialect,
  caller: Caller,
  exchange: Exchange,
): Promise<Response> {
  const { ports } = exchange
  const { headers } = inbound
  const { startedMs } = exchange

  const body = await readBody(inbound, ports.runtime.config.limits, headers)
  if (!body.ok) return exchange.refuse(body.error, body.error.message)

  const parsed = readRequest(dialect.parse(body.value), dialect, headers)
  if (!parsed.ok) return exchange.refuse(parsed.error)
  exchange.named(parsed.value)

  const deadlineMs = readDeadlineMs(headers)
  if (typeof deadlineMs !== 'number') return exchange.refuse(deadlineMs)
  const resumes = readResume(headers)
  if (typeof resumes !== 'boolean') return exchange.refuse(resumes)
  exchange.resumes = resumes
  const tags = readAskedTags(headers)
  if (!tags.ok) return exchange.refuse(tags.error)

  const planned = planRequest(parsed.value, caller, ports, {
    operation: 'chat',
    tags: tags.value,
    deadlineMs,
    inbound,
  })
  if (!planned.ok) return exchange.unplanned(planned)
  exchange.planned(planned.value)
  if (planned.value.settings.resumable !== undefined) {
    const { requestId } = exchange
    const { stream: isStream } = planned.value.request
    const ask = { inbound, body: body.value, isStream, caller, requestId }
    const elsewhere = await ports.runs?.resumable(ask)
    if (elsewhere instanceof Response) return elsewhere
  }

  const key = headers.get('idempotency-key')
  const claiming = claimOnce(key, inbound, body.value, caller, exchange)
  const run = claiming instanceof Promise ? await claiming : claiming
  if (run instanceof Response) return run
  const deadlineAtMs = startedMs + Math.min(planned.value.settings.timeouts.deadlineMs, deadlineMs)
  const answering = answer(planned.value, deadlineAtMs, dialect, exchange, inbound, body.value)
  return run === null ? answering : keepAnswer(answering, run, exchange)
}

/** Asks the targets of the plan, in order, until one answers. */
async function answer(
  planned: PlannedRequest,
  deadlineAtMs: number,
  dialect: Dialect,
  exchange: Exchange,
  inbound: Request,
  body: unknown,
): Promise<Response> {
  const { ports } = exchange
  const { request, plan, settings } = planned
  const { timeouts, limits } = settings
  const { firstTokenTimeoutMs, answerTimeoutMs } = timeouts
  const billing = exchange.billing(planned)
  const { hedge, shadow } = settings
  const { ladder } = planned
  const runLimits = {
    firstTokenTimeoutMs,
    answerTimeoutMs,
    deadlineAtMs,
    maxAttempts: limits.maxAttempts,
    promptTokens: plan.facts.promptTokens,
    billing,
    routesOfTiers: planned.routesOfTiers,
    // The rest of an answer that breaks waits for its turn as its beginning did.
    turn: ladder === undefined ? undefined : turnOf(ladder, billing.caller, ports.runtime),
    hedge:
      hedge === undefined ? undefined : hedgeOptions(hedge, planned, billing.caller, ports.runtime),
  }
  if (exchange.resumes) letResume(planned, runLimits, exchange)
  // What may go on elsewhere, or is compared, has to be read as it passes.
  const isCompared = shadow !== undefined && castShadow(planned, shadow, exchange)
  const relayed = exchange.resume === null && !isCompared ? dialect : null

  if (ladder !== undefined) {
    const mayRelay = ladder.cache === null && ladder.validation === null
    const run: Climb['run'] = (steps, asked, limits) =>
      askTargets(steps, asked, limits, settings, mayRelay ? relayed : null, ports)
    const defer: Climb['defer'] = () => {
      const { requestId } = exchange
      const ask = { inbound, body, isStream: request.stream, caller: billing.caller, requestId }
      return ports.runs?.defer(ask) ?? null
    }
    const on = { ladder, planned, limits: runLimits, exchange, run, defer, shed: shedBy(ports) }
    return answerByLadder(on, deadlineAtMs)
  }

  const overloaded = shed(plan.steps[0], ports)
  if (overloaded !== null) return exchange.refuse(overloaded)

  const running = askTargets(plan.steps, request, runLimits, settings, relayed, ports)
  if (request.stream) return answerStream(running, exchange, settings, deadlineAtMs)
  return answerWhole(await running, exchange, request)
}

/** Asks one target after another, or several at once where the route says so. `dialect` null: nothing is relayed. */
function askTargets(
  steps: PlannedRequest['plan']['steps'],
  request: CanonicalRequest,
  limits: RunLimits,
  { bestOf }: RouteSettings,
  dialect: Dialect | null,
  ports: Ports,
): Promise<RunResult> {
  if (bestOf !== undefined && mayAskSeveral(request))
    return runBestOf(steps, request, limits, bestOf, ports)
  const mayRelay = dialect === null ? never : relayable(request, dialect)
  return runPlan(steps, request, limits, mayRelay, ports)
}

const never = () => false

/**
 * A stream may be relayed when the provider's form is the client's own, nothing
 * in it must change, and the client sees a usage block anyway: taking one out,
 * or writing the cost into it, means touching the stream.
 */
function relayable(request: CanonicalRequest, dialect: Dialect): (target: Target) => boolean {
  const untouched = request.includeUsage && !request.includeCost && request.legacyFunctions !== true
  return ({ provider }) =>
    untouched && provider.adapter.relay && provider.adapter.wire === dialect.wire
}

function shedBy(ports: Ports): Climb['shed'] {
  return (step) => shed(step, ports)
}

/**
 * When every target of a plan is barred, the first is asked all the same, by
 * as many requests as it lately answered: a provider that is down does not come
 * back under the load of everybody who waits for it.
 */
function shed(
  { target, barred, notBeforeMs, reason }: PlannedStep,
  ports: Ports,
): GatewayError | null {
  const first = ports.runtime.targets.get(target)
  if (!barred || first === undefined || ports.health.admits(first)) return null
  const retryAfterMs = Math.max(1000, notBeforeMs - ports.nowMs())
  return gatewayError('no_healthy_target', 503, `no target is healthy now (${target}: ${reason})`, {
    retryAfterMs,
  })
}
