import { gatewayError, type GatewayError } from '../canonical/errors.ts'
import type { Dialect } from '../dialects/dialect.ts'
import type { Target } from '../edge/runtime.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import { answerStream } from './answer-stream.ts'
import { answerWhole } from './answer-whole.ts'
import { readAskedTags } from './asked-tags.ts'
import { readDeadlineMs } from './deadline.ts'
import type { Exchange } from './exchange.ts'
import type { Caller } from './caller.ts'
import { claimOnce, keepAnswer } from './once.ts'
import { type PlannedRequest, planRequest } from './plan-request.ts'
import type { PlannedStep } from '../policy/plan.ts'
import type { Ports } from './ports.ts'
import { readBody } from './read-body.ts'
import { readRequest } from './read-request.ts'
import { runPlan } from './run-plan.ts'

/** Answers one chat request. Read this function first: the whole gateway is on this page. */
export async function serve(
  inbound: Request,
  dialect: Dialect,
  caller: Caller,
  exchange: Exchange,
): Promise<Response> {
  const { ports } = exchange
  const startedMs = ports.nowMs()

  const body = await readBody(inbound, ports.runtime.config.limits)
  if (!body.ok) return exchange.refuse(body.error)

  const parsed = readRequest(dialect.parse(body.value), dialect, inbound.headers)
  if (!parsed.ok) return exchange.refuse(parsed.error)
  exchange.named(parsed.value.model)

  const deadlineMs = readDeadlineMs(inbound.headers)
  if (typeof deadlineMs !== 'number') return exchange.refuse(deadlineMs)
  const tags = readAskedTags(inbound.headers)
  if (!tags.ok) return exchange.refuse(tags.error)

  const planned = planRequest(parsed.value, caller, ports, { operation: 'chat', tags: tags.value })
  if (!planned.ok) return exchange.refuse(planned.error)
  exchange.planned(planned.value)

  const run = await claimOnce(inbound, body.value, caller, exchange)
  if (run instanceof Response) return run
  const deadlineAtMs = startedMs + Math.min(planned.value.settings.timeouts.deadlineMs, deadlineMs)
  const answering = answer(planned.value, deadlineAtMs, dialect, exchange)
  return run === null ? answering : keepAnswer(answering, run, exchange)
}

/** Asks the targets of the plan, in order, until one answers. */
async function answer(
  planned: PlannedRequest,
  deadlineAtMs: number,
  dialect: Dialect,
  exchange: Exchange,
): Promise<Response> {
  const { ports } = exchange
  const { request, plan, settings } = planned
  const { timeouts, limits } = settings
  const { firstTokenTimeoutMs, answerTimeoutMs } = timeouts
  const runLimits = {
    firstTokenTimeoutMs,
    answerTimeoutMs,
    deadlineAtMs,
    maxAttempts: limits.maxAttempts,
    promptTokens: plan.facts.promptTokens,
    billing: exchange.billing(planned),
  }

  const overloaded = shed(plan.steps[0], ports)
  if (overloaded !== null) return exchange.refuse(overloaded)

  const running = runPlan(plan.steps, request, runLimits, relayable(request, dialect), ports)
  if (request.stream) return answerStream(running, exchange, settings, deadlineAtMs)
  return answerWhole(await running, exchange, request)
}

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
