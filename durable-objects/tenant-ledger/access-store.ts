import {
  type AccessChange,
  type AccessTable,
  type AccessTables,
  type ChunkRow,
  type IdempotencyRow,
} from './access/rows.ts'
import {
  accessRowOf,
  accessSelections,
  type AccessSqlValue,
  type AccessStatement,
  chunksSql,
  dueSql,
  entrySql,
  nextDueSql,
  storedBytesSql,
} from './access/schema.ts'
import { type AccessState, applyAccess } from './access/state.ts'

type Records = Record<string, AccessSqlValue>

/** Keys, the tenant and idempotency as they are stored. Only read here: they are written with all else of a call. */
export class AccessStore {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  load(): AccessState {
    const state: AccessState = { keys: new Map(), tenant: null }
    for (const { table, sql } of accessSelections)
      for (const row of this.#rows(table, { sql, bindings: [] }))
        applyAccess(state, [{ table, id: row.id, row } as AccessChange])
    return state
  }

  entry(id: string): IdempotencyRow | null {
    return this.#rows('idempotency', entrySql(id))[0] ?? null
  }

  /** The body of a stored answer, in order. */
  body(entry: Pick<IdempotencyRow, 'id'>): readonly Uint8Array[] {
    const chunks: readonly ChunkRow[] = this.#rows('chunks', chunksSql(entry))
    return chunks.map(({ body }) => new Uint8Array(body))
  }

  /** Entries whose time is over, the oldest first. */
  dueEntries(nowMs: number, most: number): readonly IdempotencyRow[] {
    return this.#rows('idempotency', dueSql(nowMs, most))
  }

  /** When the next entry is due; Infinity when there is none. */
  entriesDueMs(): number {
    const { due } = this.#sql.exec<{ due: number | null }>(nextDueSql).one()
    return due ?? Infinity
  }

  /** Walks all that is stored: ask once. */
  storedBytes(): number {
    return this.#sql.exec<{ bytes: number }>(storedBytesSql).one().bytes
  }

  #rows<Name extends AccessTable>(
    table: Name,
    { sql, bindings }: AccessStatement,
  ): readonly AccessTables[Name][] {
    const records = this.#sql.exec<Records>(sql, ...bindings)
    return records.toArray().map((record) => accessRowOf(table, record))
  }
}
