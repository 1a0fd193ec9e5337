import type { LineRow } from '../../durable-objects/tenant-ledger/rows.ts'
import type { RequestRecord } from '../engine/record.ts'
import { formatUsd } from '../catalog/index.ts'

/** `GET /v1/requests/{id}`: what became of a request, for its own tenant. */
export interface RequestView {
  readonly id: string
  readonly object: 'request'
  readonly created: number
  readonly route: string | null
  readonly provider: string | null
  readonly model: string | null
  readonly region: string | null
  readonly status: number | null
  readonly ending: string | null
  readonly error_code: string | null
  readonly usage: UsageView | null
  /** USD, a decimal string: exact. Null where something of it has no price. */
  readonly cost_usd: string | null
  readonly attempts: readonly AttemptView[]
  readonly reason: string | null
  readonly config: string | null
}

interface UsageView {
  readonly input_tokens: number | null
  readonly output_tokens: number | null
  readonly cache_read_tokens: number | null
  readonly cache_write_tokens: number | null
  readonly reasoning_tokens: number | null
}

interface AttemptView {
  readonly target: string
  readonly outcome: string | null
  readonly status: number | null
  readonly duration_ms: number | null
  readonly first_token_ms: number | null
  /** Of this attempt, as its ledger line has it; null before the line is written. */
  readonly cost_usd: string | null
  /** `exact`, `estimated` or `worst_case`. */
  readonly basis: string | null
}

/** Requests of this isolate that can be told of before their ledger lines are written: some seconds of heavy traffic. */
const mostRecords = 512

interface Kept {
  readonly record: RequestRecord
  readonly atMs: number
}

/**
 * The last requests of this isolate, so that one is there at once after its answer. Each as one text: what lives longer
 * than a request is moved by the collector, and records as objects in a map cost every request some 25 us of 450 more
 * (p25 of 12 rounds of bench json-openai-c16, 2026-11-26).
 */
export class RecentRequests {
  readonly #ids: string[] = []
  readonly #texts: string[] = []
  #next = 0

  keep(record: RequestRecord, atMs: number): void {
    this.#ids[this.#next] = record.requestId
    this.#texts[this.#next] = JSON.stringify({ record, atMs })
    this.#next = (this.#next + 1) % mostRecords
  }

  find(requestId: string, tenant: string): Kept | null {
    const text = this.#texts[this.#ids.indexOf(requestId)]
    if (text === undefined) return null
    const kept = JSON.parse(text) as Kept
    return kept.record.tenant === tenant ? kept : null
  }
}

/** From the record of the isolate that served it, with what its ledger lines say of money. */
export function viewOfRecord(
  record: RequestRecord,
  atMs: number,
  lines: readonly LineRow[],
): RequestView {
  const { usage } = record
  const attempts = record.attempts.map((attempt, index): AttemptView => {
    const line = lines.find((one) => numberOf(one) === index + 1)
    return {
      target: attempt.target,
      outcome: attempt.outcome,
      status: attempt.status ?? null,
      duration_ms: attempt.durationMs,
      first_token_ms: attempt.firstTokenMs ?? null,
      cost_usd: line === undefined ? null : formatUsd(line.amountNanoUsd),
      basis: line?.basis ?? null,
    }
  })
  return {
    id: record.requestId,
    object: 'request',
    created: Math.floor(atMs / 1000),
    route: record.route,
    provider: record.provider,
    model: record.model,
    region: record.region,
    status: record.status,
    ending: record.ending,
    error_code: record.errorCode ?? null,
    usage:
      usage === undefined
        ? null
        : {
            input_tokens: usage.inputTokens ?? null,
            output_tokens: usage.outputTokens ?? null,
            cache_read_tokens: usage.cacheReadTokens ?? null,
            cache_write_tokens: usage.cacheWriteTokens ?? null,
            reasoning_tokens: usage.reasoningTokens ?? null,
          },
    cost_usd: costOf(record, lines),
    attempts,
    reason: record.reason,
    config: record.configVersion,
  }
}

/** What was charged for all of its attempts, and before their lines are written what its answer cost. */
function costOf(
  { attempts, costNanoUsd }: RequestRecord,
  lines: readonly LineRow[],
): string | null {
  if (lines.length >= attempts.length && lines.length > 0) return formatUsd(sumOf(lines))
  return costNanoUsd === undefined ? null : formatUsd(costNanoUsd)
}

/** From its ledger lines alone: another isolate served it. Null when there are none. */
export function viewOfLines(requestId: string, lines: readonly LineRow[]): RequestView | null {
  const ordered = lines.toSorted((a, b) => numberOf(a) - numberOf(b))
  const last = ordered.at(-1)?.attempt
  if (last === null || last === undefined) return null
  const { target, usage } = last
  const at = target.lastIndexOf('@')
  return {
    id: requestId,
    object: 'request',
    created: Math.floor((ordered[0]?.atMs ?? 0) / 1000),
    route: last.route === target ? null : last.route,
    provider: target.slice(at + 1),
    model: last.servedModel ?? target.slice(0, at),
    region: null,
    status: null,
    ending: null,
    error_code: null,
    usage: {
      input_tokens: usage.inputTokens ?? null,
      output_tokens: usage.outputTokens ?? null,
      cache_read_tokens: usage.cacheReadTokens ?? null,
      cache_write_tokens: usage.cacheWriteTokens ?? null,
      reasoning_tokens: usage.reasoningTokens ?? null,
    },
    cost_usd: formatUsd(sumOf(lines)),
    attempts: ordered.map(({ attempt, amountNanoUsd, basis }) => ({
      target: attempt?.target ?? '',
      outcome: attempt?.outcome ?? null,
      status: attempt?.status ?? null,
      duration_ms: attempt?.durationMs ?? null,
      first_token_ms: attempt?.firstTokenMs ?? null,
      cost_usd: formatUsd(amountNanoUsd),
      basis,
    })),
    reason: last.reason ?? null,
    config: null,
  }
}

/** `req_x.2` is the second attempt of `req_x`. */
function numberOf({ attempt }: LineRow): number {
  return Number(attempt?.attemptId.split('.').at(-1) ?? 0)
}

function sumOf(lines: readonly LineRow[]): number {
  return lines.reduce((sum, { amountNanoUsd }) => sum + amountNanoUsd, 0)
}
