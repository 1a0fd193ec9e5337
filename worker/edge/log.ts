import { flatText } from '../canonical/flat-text.ts'
import { formatUsd } from '../catalog/index.ts'
import { ConfigurationError } from './config.ts'
import type { HealthLogEntry } from '../../durable-objects/provider-health/composition.ts'
import type { RequestRecord } from '../engine/record.ts'
import type { ComparedAnswer, ShadowRecord } from '../engine/shadow-port.ts'

/**
 * The one door through which anything is logged: one line of JSON a request,
 * built from named fields (OpenTelemetry GenAI names where there are any).
 * Text of a prompt or an answer, keys and headers have no field here. Answers the line.
 */
export function logRequest(record: RequestRecord): string {
  const line = logLine(record)
  const whole = JSON.stringify(line)
  const text = whole.length > longestLine ? shortened(line) : whole
  console.log(text)
  return text
}

/**
 * Characters of one line. Workers keep 256 KB of log a request and cut what is longer in the middle of its JSON
 * (developers.cloudflare.com/workers/platform/limits, 2026-11-20); a character may be three bytes.
 */
const longestLine = 81_920
/** Of what is cut, so much stays: characters of a text, items of a list. */
const longestText = 2048
const longestList = 16

/** The line without what can be long: first its decision, then its texts. What was cut stands in it. */
function shortened(line: RequestLine): string {
  const { 'switchyard.decision': _decision, ...rest } = line
  const cut = ['switchyard.decision']
  const text = JSON.stringify({ ...rest, 'switchyard.cut': cut })
  if (text.length <= longestLine) return text
  const clipped = Object.entries(rest).map(([name, value]): [string, unknown] => {
    if (typeof value === 'string' && value.length > longestText)
      return [name, value.slice(0, longestText)]
    if (Array.isArray(value) && value.length > longestList)
      return [name, value.slice(0, longestList)]
    return [name, value]
  })
  for (const [name, value] of clipped) if (value !== rest[name as keyof typeof rest]) cut.push(name)
  return JSON.stringify({ ...Object.fromEntries(clipped), 'switchyard.cut': cut })
}

/** The line of a request, as it is read back. */
export type RequestLine = ReturnType<typeof logLine>

/** A request that was turned away at the door, or asked for something else than an answer of a model. */
export interface Refusal {
  readonly requestId: string
  readonly tenant: string | null
  readonly keyId: string | null
  readonly method: string
  readonly status: number
  readonly errorCode: string
  /** Why, in no word of the caller's; absent where the code says it. */
  readonly reason?: string
  readonly configVersion: string
  readonly colo: string | null
}

export function logRefusal(refusal: Refusal): void {
  console.log(
    JSON.stringify({
      event: 'refusal',
      'switchyard.request.id': refusal.requestId,
      'switchyard.tenant': refusal.tenant,
      'switchyard.key.id': refusal.keyId,
      'http.request.method': refusal.method,
      'http.response.status_code': refusal.status,
      'error.type': refusal.errorCode,
      'switchyard.reason': refusal.reason,
      'switchyard.config': refusal.configVersion,
      'cloudflare.colo': refusal.colo,
    }),
  )
}

export function logLine(record: RequestRecord) {
  const { usage } = record
  return {
    event: 'request',
    'switchyard.request.id': record.requestId,
    'switchyard.tenant': record.tenant,
    'switchyard.key.id': record.keyId,
    'switchyard.dialect': record.dialect,
    'gen_ai.operation.name': record.operation,
    'gen_ai.request.model': record.requestedModel,
    'switchyard.request.stream': record.stream,
    'switchyard.plumbing': record.plumbing,
    'switchyard.served_from': record.servedFrom,
    'switchyard.degraded': record.degraded,
    'switchyard.route': record.route,
    'switchyard.target': record.target,
    'gen_ai.provider.name': record.provider,
    'gen_ai.response.model': record.model,
    'switchyard.region': record.region,
    'switchyard.attempts': record.attempts.map(attemptLine),
    'switchyard.ending': record.ending,
    'http.response.status_code': record.status,
    'error.type': record.errorCode,
    'switchyard.error.param': record.errorParam,
    'gen_ai.response.finish_reasons': record.finishReasons,
    'gen_ai.usage.input_tokens': usage?.inputTokens,
    'gen_ai.usage.output_tokens': usage?.outputTokens,
    'gen_ai.usage.cache_read.input_tokens': usage?.cacheReadTokens,
    'gen_ai.usage.cache_creation.input_tokens': usage?.cacheWriteTokens,
    'gen_ai.usage.reasoning.output_tokens': usage?.reasoningTokens,
    'switchyard.cost_usd':
      record.costNanoUsd === undefined ? undefined : formatUsd(record.costNanoUsd),
    'switchyard.duration_ms': record.durationMs,
    'switchyard.first_token_ms': record.firstTokenMs,
    'switchyard.reason': record.reason === null ? null : flatText(record.reason),
    'switchyard.decision': record.decision,
    'switchyard.config': record.configVersion,
    'cloudflare.colo': record.colo,
  }
}

/** A shadow beside the answer that the caller got: counts and times of both, no text. */
export function logShadow({ answer, shadow, ...record }: ShadowRecord): void {
  console.log(
    JSON.stringify({
      event: 'shadow',
      'switchyard.request.id': record.requestId,
      'switchyard.tenant': record.tenant,
      'switchyard.route': record.route,
      outcome: record.outcome,
      answer: comparedLine(answer),
      shadow: comparedLine(shadow),
      same_finish: record.sameFinish,
      length_ratio: record.lengthRatio,
    }),
  )
}

function comparedLine(one: ComparedAnswer): Readonly<Record<string, unknown>> {
  return {
    target: one.target,
    finish: one.finish,
    output_tokens: one.outputTokens,
    well_formed: one.isWellFormed,
    cost_usd: one.costNanoUsd === null ? null : formatUsd(one.costNanoUsd),
    first_token_ms: one.firstTokenMs,
    duration_ms: one.durationMs,
  }
}

/** What an object of provider health tells: transitions, standby, alerts that nobody took. */
export function logHealth(entry: HealthLogEntry): void {
  if (entry.event === 'health_fault') return logFault(`health ${entry.place.provider}`, entry.fault)
  console.log(JSON.stringify(healthLine(entry)))
}

function healthLine(
  entry: Exclude<HealthLogEntry, { event: 'health_fault' }>,
): Readonly<Record<string, unknown>> {
  const { event, place } = entry
  const where = { event, 'gen_ai.provider.name': place.provider, 'switchyard.region': place.region }
  switch (entry.event) {
    case 'circuit': {
      const { key, from, to, epoch, cause, evidence } = entry.transition
      return { ...where, domain: key, from, to, epoch, cause, evidence }
    }
    case 'trial': {
      const { trial, target, counts } = entry.stopped
      return { ...where, trial, target, counts }
    }
    case 'standby':
      return { ...where, change: entry.change }
    case 'alert_unsent':
      return {
        ...where,
        alert_id: entry.alertId,
        status: entry.status,
        given_up: entry.givenUp,
      }
  }
}

/** Who changed a circuit by hand, and how. */
export function logAdmin(entry: object): void {
  console.log(JSON.stringify(entry))
}

/** A fault of ours: its name and where it happened, and its message only when it is about the configuration (others may hold what a caller sent). */
export function logFault(requestId: string, fault: unknown): void {
  const name = fault instanceof Error ? fault.name : typeof fault
  const stack =
    fault instanceof Error
      ? fault.stack
          ?.split('\n')
          .filter((line) => /^\s+at /.test(line))
          .slice(0, 6)
          .map((line) => line.trim())
      : undefined
  console.error(
    JSON.stringify({
      event: 'fault',
      'switchyard.request.id': requestId,
      'error.type': name,
      message: fault instanceof ConfigurationError ? fault.message : undefined,
      stack,
    }),
  )
}

function attemptLine(attempt: RequestRecord['attempts'][number]) {
  return {
    target: attempt.target,
    outcome: attempt.outcome,
    duration_ms: attempt.durationMs,
    first_token_ms: attempt.firstTokenMs,
    status: attempt.status,
    provider_code: attempt.providerCode,
    continues: attempt.continues,
  }
}
