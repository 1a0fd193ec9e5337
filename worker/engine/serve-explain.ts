import { gatewayError, invalidRequest, type GatewayError } from '../canonical/errors.ts'
import type { CanonicalRequest, JsonObject } from '../canonical/request.ts'
import type { Parsed } from '../dialects/dialect.ts'
import { explain } from '../policy/explain.ts'
import { explainCandidates } from '../policy/explain-candidates.ts'
import type { CandidateView, Considered } from '../policy/explain-candidates.ts'
import { readAskedTags } from './asked-tags.ts'
import type { Caller } from './caller.ts'
import { readDeadlineMs } from './deadline.ts'
import { foreseenDepartures } from './departures.ts'
import type { Exchange } from './exchange.ts'
import { explainOptions } from './explain-options.ts'
import {
  type Asked,
  type PlannedOrRefused,
  type PlannedRequest,
  planRequest,
} from './plan-request.ts'
import type { Ports } from './ports.ts'
import { readBody } from './read-body.ts'

/** How the bodies of a path are read; `not-built` for a path of the public face that later versions build. */
export type BodyReader = ((body: unknown) => Parsed<CanonicalRequest>) | 'not-built'

/**
 * Answers the plan of a request body with the `path` it would be sent to, and
 * calls nobody. Chance is drawn as for a real request, so two answers of a
 * weighted tier may differ.
 */
export async function serveExplain(
  inbound: Request,
  readerOf: (path: string) => BodyReader | null,
  caller: Caller,
  exchange: Exchange,
): Promise<Response> {
  const { ports } = exchange
  const body = await readBody(inbound, ports.runtime.config.limits)
  if (!body.ok) return exchange.refuse(body.error, body.error.message)
  if (typeof body.value !== 'object' || body.value === null || Array.isArray(body.value)) {
    return exchange.refuse(invalidRequest('the body must be a JSON object'))
  }
  const { path = '/v1/chat/completions', ...rest } = body.value as JsonObject
  const read = typeof path === 'string' ? readerOf(path) : null
  if (read === null) {
    const message =
      'path must be an endpoint of this gateway that takes a model, such as "/v1/chat/completions" or "/v1/messages"'
    return exchange.refuse(invalidRequest(message, 'path'))
  }
  if (read === 'not-built') {
    const message = `path: requests to "${String(path)}" are not built yet`
    return exchange.refuse(gatewayError('not_implemented', 501, message, { param: 'path' }))
  }
  const parsed = read(rest)
  if (!parsed.ok) return exchange.refuse(parsed.error)
  exchange.named(parsed.value)
  const asked = readAsked(inbound.headers)
  if ('code' in asked) return exchange.refuse(asked)
  const planned = planRequest(parsed.value, caller, ports, { ...asked, inbound })
  if (!planned.ok) return refused(planned, exchange)
  exchange.planned(planned.value)
  const { plan, input, route, rules, settings } = planned.value
  const explained = explain(plan, input.policy)
  const answer = {
    object: 'switchyard.plan',
    route,
    config: ports.runtime.version,
    rules,
    ...explained,
    steps: explained.steps.map((step, index) => ({
      ...step,
      departures: departuresAt(index, planned.value, ports),
    })),
    candidates: candidatesOf(planned.value, ports),
    options: explainOptions(planned.value, caller, ports),
    timeouts: settings.timeouts,
    limits: settings.limits,
    decision: exchange.decision,
  }
  exchange.settle({ ending: 'finished', status: 200 })
  return exchange.json(JSON.stringify(answer))
}

/** The error that the request itself would get, and beside it what it was refused for. */
async function refused(
  planned: Extract<PlannedOrRefused, { ok: false }>,
  exchange: Exchange,
): Promise<Response> {
  const answer = exchange.unplanned(planned)
  const { decided } = planned
  if (decided.refused === undefined) return answer
  const { plan, input, rules } = decided
  const { status, code, message } = planned.error
  const { rule = null } = decided.refused
  const body = {
    ...((await answer.json()) as object),
    object: 'switchyard.plan',
    config: exchange.ports.runtime.version,
    refused: { status, code, reason: message, rule },
    rules,
    ...explain(plan, input.policy),
    candidates: candidatesOf(decided, exchange.ports),
    decision: exchange.decision,
  }
  return new Response(JSON.stringify(body), answer)
}

/** With what is measured of each, also where no option of the route goes by it. */
function candidatesOf(decided: Considered, { runtime, health }: Ports): readonly CandidateView[] {
  const { promptTokens } = decided.input.facts
  return explainCandidates(decided, ({ target: name }) => {
    const target = runtime.targets.get(name)
    if (target === undefined) return undefined
    return health.measures?.measured(target, promptTokens, decided.input.nowMs)
  })
}

/** The headers that a plan goes by. */
function readAsked(headers: Headers): Asked | GatewayError {
  const deadlineMs = readDeadlineMs(headers)
  if (typeof deadlineMs !== 'number') return deadlineMs
  const tags = readAskedTags(headers)
  if (!tags.ok) return tags.error
  return { operation: 'chat', tags: tags.value, deadlineMs, explains: true }
}

/** What the target of a step would not get of this request, or get otherwise. */
function departuresAt(index: number, planned: PlannedRequest, { runtime }: Ports): string[] {
  const step = planned.plan.steps[index]
  const target = step === undefined ? undefined : runtime.targets.get(step.target)
  if (step === undefined || target === undefined) return []
  return foreseenDepartures(step, target, planned)
}
