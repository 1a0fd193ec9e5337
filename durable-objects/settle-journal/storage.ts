import type { RowChange } from '../tenant-ledger/rows.ts'
import type { Migration } from '../tenant-ledger/schema.ts'
import { LedgerStorage } from '../tenant-ledger/storage.ts'
import { type Appended, emptyJournal, type JournalState } from './journal.ts'
import type { NumberedChange } from './protocol.ts'

/**
 * One row for each row of the ledger, by the number of its last change. A ledger line never changes, so it needs no
 * place in the index: it costs one row written, others two (cloudflare.md: $1.00 for a million).
 */
export const journalMigrations: readonly Migration[] = [
  {
    number: 1,
    statements: [
      `CREATE TABLE changes (number INTEGER PRIMARY KEY, name TEXT NOT NULL, id TEXT NOT NULL, row TEXT,
        at_ms INTEGER NOT NULL) STRICT`,
      `CREATE UNIQUE INDEX changes_by_row ON changes (name, id) WHERE name <> 'lines'`,
    ],
  },
]

const stateKey = 'journal'

type Stored = Record<'number' | 'name' | 'id' | 'row' | 'at_ms', SqlStorageValue>

export class JournalStorage {
  readonly #storage: DurableObjectStorage

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
  }

  get state(): JournalState {
    return this.#storage.kv.get<JournalState>(stateKey) ?? emptyJournal
  }

  /** Nothing was ever written here. */
  isNew(): boolean {
    return new LedgerStorage(this.#storage).isNew()
  }

  put(state: JournalState): void {
    this.#storage.kv.put(stateKey, state)
  }

  /** All of it, or nothing and it throws. */
  append({ state, clears, kept }: Appended, nowMs: number): void {
    if (this.isNew()) new LedgerStorage(this.#storage).migrate(nowMs, journalMigrations)
    const { sql } = this.#storage
    this.#storage.transactionSync(() => {
      if (clears) sql.exec('DELETE FROM changes')
      for (const { number, change, atMs } of kept)
        sql.exec(
          'INSERT OR REPLACE INTO changes (number, name, id, row, at_ms) VALUES (?, ?, ?, ?, ?)',
          number,
          change.table,
          change.id,
          change.row === null ? null : JSON.stringify(change.row),
          atMs,
        )
      this.put(state)
    })
  }

  /** The next changes behind a number, in order. */
  read(behind: number, most: number): readonly NumberedChange[] {
    if (this.isNew()) return []
    const found = this.#storage.sql.exec<Stored>(
      'SELECT * FROM changes WHERE number > ? ORDER BY number LIMIT ?',
      behind,
      most,
    )
    return found.toArray().map(({ number, name, id, row }) => ({
      number: Number(number),
      change: {
        table: name,
        id,
        row: row === null ? null : (JSON.parse(String(row)) as unknown),
      } as unknown as RowChange,
    }))
  }

  /** When the oldest change was made; Infinity when there is none. */
  oldestAtMs(): number {
    if (this.isNew()) return Infinity
    const [oldest] = this.#oldest(1)
    return oldest === undefined ? Infinity : Number(oldest.at_ms)
  }

  /** Deletes changes of before `untilMs`, oldest numbers first, at most so many; the last number that went, or 0. */
  sweep(untilMs: number, most: number): number {
    let through = 0
    for (const { number, at_ms } of this.#oldest(most)) {
      if (Number(at_ms) >= untilMs) break
      through = Number(number)
    }
    if (through > 0) this.#storage.sql.exec('DELETE FROM changes WHERE number <= ?', through)
    return through
  }

  #oldest(most: number): readonly Stored[] {
    const { sql } = this.#storage
    return sql.exec<Stored>('SELECT * FROM changes ORDER BY number LIMIT ?', most).toArray()
  }
}
