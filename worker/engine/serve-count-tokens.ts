import { errorOfFailures, type GatewayError } from '../canonical/errors.ts'
import { failure, type Failure } from '../canonical/failure.ts'
import type { CanonicalRequest, JsonObject } from '../canonical/request.ts'
import type { Parsed } from '../dialects/dialect.ts'
import type { Target } from '../edge/runtime.ts'
import type { PlannedStep } from '../policy/plan.ts'
import { AttemptControl } from './attempt-control.ts'
import { withoutSecret, withRetryDate } from './attempt.ts'
import type { Caller } from './caller.ts'
import { readAskedTags } from './asked-tags.ts'
import { readDeadlineMs } from './deadline.ts'
import type { Exchange } from './exchange.ts'
import { planRequest } from './plan-request.ts'
import type { Ports } from './ports.ts'
import type { AttemptRecord } from './record.ts'
import { readBody } from './read-body.ts'
import { readRequest } from './read-request.ts'
import { headerMap, readText, send } from './upstream.ts'

/** A provider counts in a fraction of a second; longer is an outage, ms. */
const countTimeoutMs = 10_000
const maxCountBytes = 65_536
/** As many as a chat request makes. */
const maxCalls = 3

/** How a dialect asks for a count and is told one. */
export interface CountDialect {
  parse(body: unknown): Parsed<CanonicalRequest>
  render(inputTokens: number): JsonObject
}

/**
 * Counts the tokens of a prompt. The first target of the plan whose provider
 * can count does it; where none can, the answer is an estimate that says so.
 */
export async function serveCountTokens(
  inbound: Request,
  count: CountDialect,
  caller: Caller,
  exchange: Exchange,
): Promise<Response> {
  const { ports } = exchange
  const startedMs = ports.nowMs()
  const body = await readBody(inbound, ports.runtime.config.limits)
  if (!body.ok) return exchange.refuse(body.error, body.error.message)
  const parsed = readRequest(count.parse(body.value), exchange.dialect, inbound.headers)
  if (!parsed.ok) return exchange.refuse(parsed.error)
  exchange.named(parsed.value)
  const deadlineMs = readDeadlineMs(inbound.headers)
  if (typeof deadlineMs !== 'number') return exchange.refuse(deadlineMs)
  const tags = readAskedTags(inbound.headers)
  if (!tags.ok) return exchange.refuse(tags.error)
  const planned = planRequest(parsed.value, caller, ports, {
    operation: 'count_tokens',
    tags: tags.value,
    deadlineMs,
    inbound,
  })
  if (!planned.ok) return exchange.unplanned(planned)
  exchange.planned(planned.value)
  const { request, plan, settings } = planned.value
  const counting = plan.steps.flatMap((step) => {
    const target = ports.runtime.targets.get(step.target)
    return target !== undefined && canCount(target) ? [{ step, target }] : []
  })
  if (counting.length === 0) {
    exchange.warn(
      `input_tokens is an estimate of four characters a token: no provider of "${request.model}" counts tokens`,
    )
    return answer(plan.facts.promptTokens, count, exchange)
  }
  const deadlineAtMs = startedMs + Math.min(settings.timeouts.deadlineMs, deadlineMs)
  const counted = await firstCount(counting.slice(0, maxCalls), request, deadlineAtMs, exchange)
  if (typeof counted === 'number') return answer(counted, count, exchange)
  return exchange.refuseAsTold(counted)
}

function canCount({ provider }: Target): boolean {
  return (
    provider.adapter.encodeCountTokens !== undefined &&
    provider.adapter.decodeCountTokens !== undefined
  )
}

interface CountingStep {
  readonly step: PlannedStep
  readonly target: Target
}

/** The first count, or the error of all who did not count. Each call is noted in the exchange. */
async function firstCount(
  steps: readonly CountingStep[],
  request: CanonicalRequest,
  deadlineAtMs: number,
  exchange: Exchange,
): Promise<number | GatewayError> {
  const { ports } = exchange
  const failures: Failure[] = []
  const attempts: AttemptRecord[] = []
  for (const [index, { step, target }] of steps.entries()) {
    const sentAtMs = ports.nowMs()
    const leftMs = deadlineAtMs - sentAtMs
    if (leftMs <= 0) break
    // A slow first choice must leave time for those behind it.
    const limitMs = Math.min(countTimeoutMs, leftMs / (steps.length - index))
    const counted = await countAt(target, request, limitMs, ports)
    const durationMs = ports.nowMs() - sentAtMs
    const failed = typeof counted === 'number' ? null : counted
    const reason = reasonAfter(step, attempts)
    attempts.push({ target: step.target, outcome: failed?.class ?? 'ok', durationMs })
    exchange.called({ step, reason, attempts, firstTokenMs: failed === null ? durationMs : null })
    if (typeof counted === 'number') {
      const { warnings } = step
      if (warnings.length > 0)
        exchange.warn(`${step.target} does not know ${warnings.join(', ')}; not sent`)
      return counted
    }
    failures.push(counted)
    if (counted.class === 'bad_request' && counted.targetFault !== true) break
  }
  const [first = failure('timeout', 'the deadline of the request has passed'), ...rest] = failures
  return errorOfFailures([first, ...rest])
}

/** Why this target, with those that were asked before it and what came of them. */
function reasonAfter({ reason }: PlannedStep, attempts: readonly AttemptRecord[]): string {
  const before = attempts.map(({ target, outcome }) => `${target} failed before (${outcome})`)
  return [reason, ...before].join('; ')
}

async function countAt(
  target: Target,
  request: CanonicalRequest,
  limitMs: number,
  ports: Ports,
): Promise<number | Failure> {
  const { adapter } = target.provider
  const control = new AttemptControl(ports)
  control.arm(limitMs, 'answer')
  let lost = failure('connect', 'the provider could not be reached')
  try {
    const call = adapter.encodeCountTokens?.(request, target.adapterTarget)
    if (call === undefined)
      return failure('bad_request', 'this provider does not count tokens', { targetFault: true })
    const response = await send(call, target, false, ports, control)
    lost = failure('truncated', 'the connection to the provider broke')
    const read = await readText(response, maxCountBytes)
    if (!response.ok) {
      const headers = headerMap(response.headers)
      const text = read.ok ? read.text : ''
      const refused = adapter.decodeFailure(response.status, headers, text)
      return withoutSecret(withRetryDate(refused, headers, ports.nowMs()), target)
    }
    const tokens = read.ok ? (adapter.decodeCountTokens?.(parseJson(read.text)) ?? null) : null
    return tokens ?? failure('malformed', 'the provider answered without a count')
  } catch {
    return control.failure(lost)
  } finally {
    control.release()
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function answer(inputTokens: number, count: CountDialect, exchange: Exchange): Response {
  exchange.settle({ ending: 'finished', status: 200, usage: { inputTokens } })
  return exchange.json(JSON.stringify(count.render(inputTokens)))
}
