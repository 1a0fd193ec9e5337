import { collect } from '../canonical/response.ts'
import type { CanonicalRequest, JsonObject } from '../canonical/request.ts'
import type { CanonicalEvent, ChoiceFinish } from '../canonical/events.ts'
import type { Usage } from '../canonical/usage.ts'
import type { Target } from '../edge/runtime.ts'
import { seenOfAnswer, usageOf } from './call-seen.ts'
import type { Exchange } from './exchange.ts'
import type { Soundness } from './health-port.ts'
import { lostCall } from './money-port.ts'
import { OutputCheck } from './output-check.ts'
import { holdsToOwnSchema } from './own-schema.ts'
import type { RunResult } from './run-plan.ts'

/** Answers an unstreamed request: the provider's own JSON where the client reads that format, else rendered anew. */
export function answerWhole(
  result: RunResult,
  exchange: Exchange,
  request: CanonicalRequest,
): Response {
  if (result.kind === 'failed') {
    exchange.ran(result)
    return exchange.fail(result)
  }
  if (result.answer.kind !== 'whole') {
    result.account.settle(lostCall)
    throw new Error('an unstreamed request was answered with a stream')
  }
  const { events, body, text } = result.answer
  // First of all, so that a fault in what follows leaves nothing held.
  settle(result, events)
  exchange.ran(result)
  const usage = usageOf(events)
  const finish = events.at(-1)
  const answer = native(result.target, request, exchange)
    ? nativeBody(body, text, result.target, usage, exchange, request.includeCost)
    : renderedBody(events, result.target, exchange)
  const choices = finish?.type === 'finish' ? finish.choices : undefined
  const check = OutputCheck.of(request)
  result.attendance.finished({
    broken: check !== null && isBroken(check, events, choices ?? []),
    costNanoUsd: exchange.costNanoUsd(result.target, usage),
    usage,
    elapsedMs: result.firstTokenMs,
    soundness: soundnessOf(check, request, events, exchange),
  })
  exchange.settle({ ending: 'finished', status: 200, plumbing: 'json', usage, choices })
  return exchange.json(answer)
}

/** A floor of the route goes by the schema of the request itself; elsewhere nobody pays for holding answers against it. */
function soundnessOf(
  check: OutputCheck | null,
  request: CanonicalRequest,
  events: readonly CanonicalEvent[],
  { floors }: Exchange,
): Soundness | undefined {
  const soundness = check?.soundness ?? undefined
  if (floors?.schemaValidity === undefined || soundness === undefined) return soundness
  return { ...soundness, schema: holdsToOwnSchema(request, events) ?? soundness.schema }
}

function settle(
  { account, firstTokenMs }: Extract<RunResult, { kind: 'answered' }>,
  events: readonly CanonicalEvent[],
): void {
  const { ending, usage, receivedBytes, servedModel } = seenOfAnswer(events, 'complete')
  const durationMs = firstTokenMs
  account.settle({
    ending,
    usage,
    receivedBytes,
    servedModel,
    outcome: 'ok',
    durationMs,
    status: 200,
  })
}

function native({ provider }: Target, request: CanonicalRequest, { dialect }: Exchange): boolean {
  const own = provider.adapter.relay && provider.adapter.wire === dialect.wire
  return own && request.legacyFunctions !== true
}

/** The provider's text with `cost` written behind its last field, so that a large answer is not written anew. */
function nativeBody(
  body: JsonObject,
  text: string,
  target: Target,
  usage: Usage | undefined,
  exchange: Exchange,
  includeCost: boolean,
): string {
  const cost = usage === undefined ? null : exchange.renderContext(target).costUsd(usage)
  if (cost === null) return text
  if (includeCost || 'cost' in body) {
    const own = body['usage']
    const counted =
      includeCost && typeof own === 'object' && own !== null ? { usage: { ...own, cost } } : {}
    return JSON.stringify({ ...body, ...counted, cost })
  }
  const end = text.lastIndexOf('}')
  return `${text.slice(0, end)},"cost":${JSON.stringify(cost)}}`
}

function renderedBody(
  events: readonly CanonicalEvent[],
  target: Target,
  exchange: Exchange,
): string {
  const collected = collect(events)
  const response = collected.ok ? collected.response : collected.partial
  return JSON.stringify(exchange.dialect.renderResponse(response, exchange.renderContext(target)))
}

function isBroken(
  check: OutputCheck,
  events: readonly CanonicalEvent[],
  choices: readonly ChoiceFinish[],
): boolean {
  for (const event of events) check.see(event)
  return check.broken(choices)
}
