import { maxPageLines } from './border.ts'
import { type LinePlace, readCursor, writeCursor } from './cursor.ts'
import { type NanoUsd, nanoUsd, zeroNanoUsd } from './money.ts'
import type { LineRow } from './rows.ts'
import type {
  LinesCall,
  LinesReply,
  TotalsBy,
  TotalsCall,
  TotalsGroup,
  TotalsReply,
} from './rpc.ts'
import { rowChangeOf, type SqlValue } from './schema.ts'

type Records = Record<string, SqlValue>

/**
 * Lines that one call adds up. While it does, the object answers nobody: 20,000 lines take some 60 ms (workerd, one
 * shared core, 2026-11-26).
 */
export const totalledLines = 20_000

/** Lines that one alarm deletes. */
export const sweptLines = 500

/** The ledger lines of one tenant: appended by the core, read by statements, deleted when they are old. */
export class LineStore {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  page({ fromMs, toMs, cursor, limit }: LinesCall): LinesReply {
    const after = startOf('lines', fromMs, cursor)
    const lines = this.#select(
      'WHERE (at_ms, id) > (?, ?) AND at_ms < ? ORDER BY at_ms, id LIMIT ?',
      [after.atMs, after.id, toMs, limit],
    )
    return { lines, nextCursor: lines.length < limit ? null : cursorAfter(lines.at(-1)) }
  }

  /** Attempts of a request, and none when they are older than what is kept. */
  ofRequest(requestId: string): readonly LineRow[] {
    return this.#select(
      `WHERE kind = 'attempt' AND json_extract(attempt, '$.requestId') = ? ORDER BY at_ms, id LIMIT ?`,
      [requestId, maxPageLines],
    )
  }

  totals({ fromMs, toMs, cursor, by }: TotalsCall): TotalsReply {
    const after = startOf('lineTotals', fromMs, cursor)
    const last = this.#lastOfSlice(after, toMs)
    const records = this.#sql.exec<Records>(
      `SELECT kind, CAST(json_extract(attempt, ?) AS TEXT) AS value, count(*) AS attempts,
        sum(amount_nano_usd) AS amount,
        sum(CASE WHEN basis = 'exact' THEN 0 ELSE amount_nano_usd END) AS inexact,
        sum(coalesce(json_extract(attempt, '$.usage.inputTokens'), 0)) AS input,
        sum(coalesce(json_extract(attempt, '$.usage.outputTokens'), 0)) AS output
      FROM lines WHERE (at_ms, id) > (?, ?) AND (at_ms, id) <= (?, ?) AND at_ms < ?
      GROUP BY kind, value ORDER BY kind, value`,
      pathOf(by),
      after.atMs,
      after.id,
      last?.atMs ?? toMs,
      last?.id ?? '',
      toMs,
    )
    const groups: TotalsGroup[] = []
    const beside: Record<string, NanoUsd> = {}
    for (const record of records)
      if (record['kind'] === 'attempt') groups.push(groupOf(record))
      else beside[String(record['kind'])] = nanoUsd(Number(record['amount']))
    return {
      groups,
      lostNanoUsd: beside['lost'] ?? zeroNanoUsd,
      foundNanoUsd: beside['found'] ?? zeroNanoUsd,
      nextCursor: last === null ? null : writeCursor(last),
    }
  }

  /** Null when the slice goes to the end. */
  #lastOfSlice(after: LinePlace, toMs: number): LinePlace | null {
    const [last] = this.#sql
      .exec<Records>(
        'SELECT at_ms, id FROM lines WHERE (at_ms, id) > (?, ?) AND at_ms < ? ORDER BY at_ms, id LIMIT 1 OFFSET ?',
        after.atMs,
        after.id,
        toMs,
        totalledLines - 1,
      )
      .toArray()
    return last === undefined ? null : { atMs: Number(last['at_ms']), id: String(last['id']) }
  }

  /** When the oldest line was written; null when there is none. */
  oldestAtMs(): number | null {
    const { oldest } = this.#sql
      .exec<{ oldest: number | null }>('SELECT min(at_ms) AS oldest FROM lines')
      .one()
    return oldest
  }

  /** Deletes some of the lines of before. */
  sweep(beforeMs: number): void {
    this.#sql.exec(
      `DELETE FROM lines WHERE id IN (SELECT id FROM lines WHERE at_ms <= ? ORDER BY at_ms, id LIMIT ?)`,
      beforeMs,
      sweptLines,
    )
  }

  #select(rest: string, bindings: readonly SqlValue[]): readonly LineRow[] {
    // oxlint-disable-next-line switchyard/bound-sql -- `rest` is a text of this file
    const records = this.#sql.exec<Records>(`SELECT * FROM lines ${rest}`, ...bindings)
    return records.toArray().map((record) => rowChangeOf('lines', record).row as LineRow)
  }
}

/** Before every line of `fromMs`, because ids are not empty, or where the reply before ended. */
function startOf(call: string, fromMs: number, cursor: string | null): LinePlace {
  const start = { atMs: fromMs, id: '' }
  if (cursor === null) return start
  const place = readCursor(cursor, `${call}.cursor`)
  return place.atMs < fromMs ? start : place
}

function cursorAfter(line: LineRow | undefined): string | null {
  return line === undefined ? null : writeCursor(line)
}

function pathOf(by: TotalsBy): string {
  switch (by) {
    case 'target':
    case 'route':
      return `$.${by}`
    case 'key':
      return '$.keyId'
    default:
      return `$.tags."${by.slice('tag:'.length)}"`
  }
}

function groupOf(record: Records): TotalsGroup {
  const { value } = record
  return {
    value: value === null || value === undefined ? null : String(value),
    attempts: Number(record['attempts']),
    amountNanoUsd: nanoUsd(Number(record['amount'])),
    inexactNanoUsd: nanoUsd(Number(record['inexact'])),
    inputTokens: Number(record['input']),
    outputTokens: Number(record['output']),
  }
}
