import { formatUsd } from '../catalog/index.ts'
import { ConfigurationError } from './config.ts'
import type { RequestRecord } from '../engine/record.ts'

/**
 * The one door through which anything is logged: one line of JSON a request,
 * built from named fields (OpenTelemetry GenAI names where there are any).
 * Text of a prompt or an answer, keys and headers have no field here.
 */
export function logRequest(record: RequestRecord): void {
  console.log(JSON.stringify(logLine(record)))
}

export function logLine(record: RequestRecord): Readonly<Record<string, unknown>> {
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
    'switchyard.route': record.route,
    'switchyard.target': record.target,
    'gen_ai.provider.name': record.provider,
    'gen_ai.response.model': record.model,
    'switchyard.region': record.region,
    'switchyard.attempts': record.attempts.map(attemptLine),
    'switchyard.ending': record.ending,
    'http.response.status_code': record.status,
    'error.type': record.errorCode,
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
    'switchyard.reason': record.reason,
    'switchyard.config': record.configVersion,
    'cloudflare.colo': record.colo,
  }
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

function attemptLine(
  attempt: RequestRecord['attempts'][number],
): Readonly<Record<string, unknown>> {
  return {
    target: attempt.target,
    outcome: attempt.outcome,
    duration_ms: attempt.durationMs,
    first_token_ms: attempt.firstTokenMs,
    status: attempt.status,
    provider_code: attempt.providerCode,
  }
}
