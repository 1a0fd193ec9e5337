import * as z from 'zod/mini'
import '../../durable-objects/zod-english.ts'
import { lazily } from '../../durable-objects/lazily.ts'
import { isTagName, tagNameRule } from '../../durable-objects/tenant-ledger/access/names.ts'
import { maxPageLines } from '../../durable-objects/tenant-ledger/border.ts'
import { readCursor } from '../../durable-objects/tenant-ledger/cursor.ts'
import { periodAt } from '../../durable-objects/tenant-ledger/rules/period.ts'
import { isZone, startOfDayMs } from '../../durable-objects/tenant-ledger/rules/zone.ts'
import type { TotalsBy } from '../../durable-objects/tenant-ledger/rpc.ts'

/** What is asked of `GET .../ledger` and `GET .../statement`, and what of it cannot be. */

const timeText = lazily(() =>
  z.union(
    [z.iso.datetime({ offset: true }), z.iso.date()],
    'a time of ISO 8601 with its zone, or a day (UTC)',
  ),
)

const formatText = lazily(() => z.optional(z.enum(['json', 'csv'])))

const pageLines = 100

const limitText = lazily(() =>
  z.string().check(z.refine(isLimit, `a number from 1 to ${maxPageLines}`)),
)

function isLimit(text: string): boolean {
  return /^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= maxPageLines
}

const cursorText = lazily(() =>
  z
    .string()
    .check(
      z.minLength(1),
      z.maxLength(512),
      z.refine(isCursor, 'must be the nextCursor of an answer'),
    ),
)

function isCursor(text: string): boolean {
  try {
    readCursor(text, 'cursor')
    return true
  } catch {
    return false
  }
}

export const ledgerQuery = lazily(() =>
  z.strictObject({
    from: z.optional(timeText()),
    to: z.optional(timeText()),
    cursor: z.optional(cursorText()),
    limit: z.optional(limitText()),
    format: formatText(),
  }),
)

export interface Span {
  readonly fromMs: number
  /** Not included. */
  readonly toMs: number
}

export interface LedgerAsk extends Span {
  readonly cursor: string | null
  readonly limit: number
  readonly csv: boolean
}

export type QueryRead<Ask> =
  | { readonly kind: 'read'; readonly ask: Ask }
  | { readonly kind: 'invalid'; readonly param: string; readonly rule: string }

type Query = Readonly<Record<string, string>>

export function readLedgerQuery(
  query: Query,
  accept: string | null,
  nowMs: number,
): QueryRead<LedgerAsk> {
  const parsed = ledgerQuery().safeParse(query)
  if (!parsed.success) return invalidOf(parsed.error)
  const { from, to, cursor, limit, format } = parsed.data
  const csv = wantsCsv(format, accept)
  if (csv && cursor !== undefined) return invalid('cursor', 'CSV is of the whole time')
  if (csv && limit !== undefined) return invalid('limit', 'CSV is of the whole time')
  const fromMs = from === undefined ? 0 : Date.parse(from)
  // What is written in this very millisecond is in it too.
  const toMs = to === undefined ? nowMs + 1 : Date.parse(to)
  if (fromMs < 0) return invalid('from', 'lies before 1970')
  if (toMs < fromMs) return invalid('to', 'lies before `from`')
  return {
    kind: 'read',
    ask: { fromMs, toMs, cursor: cursor ?? null, limit: Number(limit ?? pageLines), csv },
  }
}

const periodForm = /^(\d{4})-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01]))?$/

export const statementQuery = lazily(() =>
  z.strictObject({
    period: z
      .string()
      .check(z.regex(periodForm, 'a month, such as 2026-11, or a day, such as 2026-11-30')),
    by: z._default(
      z
        .string()
        .check(z.refine(isBy, `must be target, route, key or tag:NAME; a name is ${tagNameRule}`)),
      'target',
    ),
    zone: z._default(
      z
        .string()
        .check(
          z.maxLength(64),
          z.refine(isZone, 'an IANA name of a time zone, such as "Europe/Berlin"'),
        ),
      'UTC',
    ),
    format: formatText(),
  }),
)

function isBy(text: string): boolean {
  if (text.startsWith('tag:')) return isTagName(text.slice('tag:'.length))
  return ['target', 'route', 'key'].includes(text)
}

export interface StatementAsk extends Span {
  readonly period: string
  readonly zone: string
  readonly by: TotalsBy
  readonly csv: boolean
}

export function readStatementQuery(query: Query, accept: string | null): QueryRead<StatementAsk> {
  const parsed = statementQuery().safeParse(query)
  if (!parsed.success) return invalidOf(parsed.error)
  const { period, by, zone, format } = parsed.data
  const [, year = '', month = '', day] = periodForm.exec(period) ?? []
  const date = { year: Number(year), month: Number(month), day: Number(day ?? 1) }
  if (date.year < 1970) return invalid('period', 'lies before 1970')
  if (new Date(Date.UTC(date.year, date.month - 1, date.day)).getUTCDate() !== date.day)
    return invalid('period', 'is no day of that month')
  const { startsAtMs, endsAtMs } = periodAt(
    day === undefined ? 'month' : 'day',
    zone,
    startOfDayMs(date, zone),
  )
  const span = { fromMs: Math.max(0, startsAtMs), toMs: Math.max(0, endsAtMs ?? 0) }
  return {
    kind: 'read',
    ask: { ...span, period, zone, by: by as TotalsBy, csv: wantsCsv(format, accept) },
  }
}

/** `format` wins over `accept`, because a browser's address line has only that. */
function wantsCsv(format: 'json' | 'csv' | undefined, accept: string | null): boolean {
  if (format !== undefined) return format === 'csv'
  return /(^|,)\s*text\/csv\s*(;|,|$)/i.test(accept ?? '')
}

function invalidOf(error: z.core.$ZodError): Extract<QueryRead<never>, { kind: 'invalid' }> {
  const [issue] = error.issues
  if (issue?.code === 'unrecognized_keys')
    return invalid(issue.keys[0] ?? '', 'is no parameter that is known here')
  return invalid(String(issue?.path[0] ?? ''), issue?.message ?? 'is not valid')
}

function invalid(param: string, rule: string): Extract<QueryRead<never>, { kind: 'invalid' }> {
  return { kind: 'invalid', param, rule }
}
