import type { AttemptLine } from '../../durable-objects/tenant-ledger/protocol.ts'
import type { LineRow } from '../../durable-objects/tenant-ledger/rows.ts'
import type { DecisionRecord } from '../engine/decision.ts'
import type { RequestLine } from './log.ts'
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
  /** What its plan was made of, for `npm run replay`; null where nobody has it any more. */
  readonly decision: DecisionRecord | null
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
  /** The answer that broke, where this call went on with one; null: it began its own. */
  readonly continues: AttemptLine['continues'] | null
}

/** Requests of this isolate that can be told of before their ledger lines are written: some seconds of heavy traffic. */
const mostRecords = 512

/** What one of them takes at most, characters: a line has some 1,500. Longer ones are told of by their ledger lines alone. */
const longestLine = 65_536

interface Kept {
  /** As it was logged. */
  readonly line: RequestLine
  readonly atMs: number
}

/**
 * The last requests of this isolate, so that one is there at once after its answer. Each as the text of its log line:
 * what lives longer than a request is moved by the collector, and records as objects in a map cost every request some
 * 25 us of 450 more (p25 of 12 rounds of bench json-openai-c16, 2026-11-26).
 */
export class RecentRequests {
  readonly #ids: string[] = []
  readonly #texts: string[] = []
  readonly #timesMs: number[] = []
  #next = 0

  keep(requestId: string, line: string, atMs: number): void {
    if (line.length > longestLine) return
    this.#ids[this.#next] = requestId
    this.#texts[this.#next] = line
    this.#timesMs[this.#next] = atMs
    this.#next = (this.#next + 1) % mostRecords
  }

  find(requestId: string, tenant: string): Kept | null {
    const at = this.#ids.indexOf(requestId)
    const text = this.#texts[at]
    if (text === undefined) return null
    const line = JSON.parse(text) as RequestLine
    return line['switchyard.tenant'] === tenant ? { line, atMs: this.#timesMs[at] ?? 0 } : null
  }
}

/** From the log line of the isolate that served it, with what its ledger lines say of money. */
export function viewOfKept({ line, atMs }: Kept, lines: readonly LineRow[]): RequestView {
  const attempts = line['switchyard.attempts'].map((attempt, index): AttemptView => {
    const paid = lines.find((one) => numberOf(one) === index + 1)
    return {
      target: attempt.target,
      outcome: attempt.outcome,
      status: attempt.status ?? null,
      duration_ms: attempt.duration_ms,
      first_token_ms: attempt.first_token_ms ?? null,
      cost_usd: paid === undefined ? null : formatUsd(paid.amountNanoUsd),
      basis: paid?.basis ?? null,
      continues: attempt.continues ?? null,
    }
  })
  return {
    id: line['switchyard.request.id'],
    object: 'request',
    created: Math.floor(atMs / 1000),
    route: line['switchyard.route'],
    provider: line['gen_ai.provider.name'],
    model: line['gen_ai.response.model'],
    region: line['switchyard.region'],
    status: line['http.response.status_code'],
    ending: line['switchyard.ending'],
    error_code: line['error.type'] ?? null,
    usage: usageOf(line),
    cost_usd: costOf(line, lines),
    attempts,
    reason: line['switchyard.reason'],
    config: line['switchyard.config'],
    decision: line['switchyard.decision'] ?? null,
  }
}

/** Null where the provider has said nothing of it. */
function usageOf(line: RequestLine): UsageView | null {
  const usage = {
    input_tokens: line['gen_ai.usage.input_tokens'] ?? null,
    output_tokens: line['gen_ai.usage.output_tokens'] ?? null,
    cache_read_tokens: line['gen_ai.usage.cache_read.input_tokens'] ?? null,
    cache_write_tokens: line['gen_ai.usage.cache_creation.input_tokens'] ?? null,
    reasoning_tokens: line['gen_ai.usage.reasoning.output_tokens'] ?? null,
  }
  return Object.values(usage).every((count) => count === null) ? null : usage
}

/** What was charged for all of its attempts, and before their lines are written what its answer cost. */
function costOf(line: RequestLine, lines: readonly LineRow[]): string | null {
  const { length } = line['switchyard.attempts']
  if (lines.length >= length && lines.length > 0) return formatUsd(sumOf(lines))
  return line['switchyard.cost_usd'] ?? null
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
      continues: attempt?.continues ?? null,
    })),
    reason: last.reason ?? null,
    config: null,
    decision: null,
  }
}

/** As the object that ran it tells it, with what its ledger lines say of money. */
export function withLines(known: RequestView, lines: readonly LineRow[]): RequestView {
  const { length } = known.attempts
  const attempts = known.attempts.map((attempt, index): AttemptView => {
    const paid = lines.find((one) => numberOf(one) === index + 1)
    if (paid === undefined) return attempt
    return { ...attempt, cost_usd: formatUsd(paid.amountNanoUsd), basis: paid.basis }
  })
  const isWhole = lines.length >= length && lines.length > 0
  return { ...known, attempts, cost_usd: isWhole ? formatUsd(sumOf(lines)) : known.cost_usd }
}

/** `req_x.2` is the second attempt of `req_x`. */
function numberOf({ attempt }: LineRow): number {
  return Number(attempt?.attemptId.split('.').at(-1) ?? 0)
}

function sumOf(lines: readonly LineRow[]): number {
  return lines.reduce((sum, { amountNanoUsd }) => sum + amountNanoUsd, 0)
}
