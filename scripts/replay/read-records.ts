import type { DecisionRecord } from '../../worker/engine/decision.ts'
import { readShadow, type ShadowLine } from './shadows.ts'

/** A record, with what its log line says of how the request went. */
export interface ReadRecord {
  readonly record: DecisionRecord
  /** Where it stood, from 1. */
  readonly line: number
  readonly requestId: string | null
  /** What the answer cost, nano-USD; null where nobody knows. */
  readonly costNanoUsd: number | null
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  readonly cacheReadTokens: number | null
  readonly cacheWriteTokens: number | null
  /** The target that answered it, as the log line says; null where it does not. */
  readonly target: string | null
  /** Where that target processed it, as the log line says; null where it does not. */
  readonly regions: string | null
  /** The route that answered it, as the log line says; null where it does not. */
  readonly route: string | null
}

export interface ReadRecords {
  readonly records: readonly ReadRecord[]
  /** What other targets answered to the same requests. */
  readonly shadows: readonly ShadowLine[]
  /** Lines without a decision: other events, requests that never came to a plan. */
  readonly skipped: number
}

/**
 * Decision records out of a text: one JSON document, or one a line, each a record, a log line of a
 * request, or an answer of `/v1/explain` or `/v1/requests/{id}`. Throws an `Error` that names the line which is neither.
 */
export function readRecords(text: string): ReadRecords {
  const whole = parse(text)
  if (whole !== undefined) return collect([{ value: whole, line: 1 }])
  const lines = text.split('\n').flatMap((one, index) => {
    if (one.trim() === '') return []
    // A log may hold lines of other programs.
    return [{ value: parse(one) ?? {}, line: index + 1 }]
  })
  return collect(lines)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function collect(found: readonly { value: unknown; line: number }[]): ReadRecords {
  const records: ReadRecord[] = []
  const shadows: ShadowLine[] = []
  for (const { value, line } of found) {
    const read = readOne(value, line)
    const shadow = read === null ? readShadow(value) : null
    if (read !== null) records.push(read)
    if (shadow !== null) shadows.push(shadow)
  }
  return { records, shadows, skipped: found.length - records.length - shadows.length }
}

function readOne(value: unknown, line: number): ReadRecord | null {
  if (typeof value !== 'object' || value === null) return null
  const fields = asOfLog(value as Record<string, unknown>)
  const record = (fields['switchyard.decision'] ?? fields['decision'] ?? value) as Record<
    string,
    unknown
  >
  if (record['names'] === undefined || record['seed'] === undefined) return null
  if (record['v'] !== 1)
    throw new Error(`line ${line}: a record of version ${String(record['v'])}, and 1 is known`)
  return {
    record: record as unknown as DecisionRecord,
    line,
    requestId: textOf(fields['switchyard.request.id']),
    costNanoUsd: nanoUsdOf(fields['switchyard.cost_usd']),
    inputTokens: numberOf(fields['gen_ai.usage.input_tokens']),
    outputTokens: numberOf(fields['gen_ai.usage.output_tokens']),
    cacheReadTokens: numberOf(fields['gen_ai.usage.cache_read.input_tokens']),
    cacheWriteTokens: numberOf(fields['gen_ai.usage.cache_creation.input_tokens']),
    target: textOf(fields['switchyard.target']),
    regions: textOf(fields['switchyard.region']),
    route: textOf(fields['switchyard.route']),
  }
}

/** An answer of `GET /v1/requests/{id}` in the words of a log line. */
function asOfLog(fields: Record<string, unknown>): Record<string, unknown> {
  if (fields['object'] !== 'request') return fields
  const usage = (fields['usage'] ?? {}) as Record<string, unknown>
  return {
    'switchyard.decision': fields['decision'] ?? undefined,
    'switchyard.request.id': fields['id'],
    'switchyard.cost_usd': fields['cost_usd'],
    'gen_ai.usage.input_tokens': usage['input_tokens'],
    'gen_ai.usage.output_tokens': usage['output_tokens'],
    'gen_ai.usage.cache_read.input_tokens': usage['cache_read_tokens'],
    'gen_ai.usage.cache_creation.input_tokens': usage['cache_write_tokens'],
    'switchyard.target': answeringTarget(fields['attempts']),
    'switchyard.region': fields['region'],
    'switchyard.route': fields['route'],
  }
}

function answeringTarget(attempts: unknown): unknown {
  if (!Array.isArray(attempts)) return null
  const all = attempts as readonly { target?: unknown; outcome?: unknown }[]
  return all.find((one) => one.outcome === 'ok')?.target
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null
}

/** A decimal text in USD, exactly. */
function nanoUsdOf(value: unknown): number | null {
  const match = typeof value === 'string' ? /^(\d+)(?:\.(\d{1,9}))?$/.exec(value) : null
  if (match === null) return null
  const [, whole = '0', fraction = ''] = match
  return Number(whole) * 1_000_000_000 + Number(fraction.padEnd(9, '0'))
}
