import type { AccessChange } from './access/rows.ts'
import { accessSqlOf, type AccessStatement } from './access/schema.ts'
import type { AlertChange, AlertRow } from './alert-rows.ts'
import type { LedgerAlert, LedgerMessage } from './alerts.ts'
import type { OutboxStore } from './outbox-store.ts'
import type { RowChange } from './rows.ts'
import {
  type Migration,
  migrations,
  rowChangeOf,
  selections,
  sqlOf,
  type SqlStatement,
  type SqlValue,
} from './schema.ts'
import { shellMigrations } from './shell-schema.ts'

type Records = Record<string, SqlValue>

export const allMigrations: readonly Migration[] = [...migrations, ...shellMigrations]

/** The database of one ledger. Everything here is synchronous: no other event can come between two statements. */
export class LedgerStorage {
  readonly #storage: DurableObjectStorage
  readonly #outbox: OutboxStore | null

  /** `outbox`: what is written is also written down for the journal, in the same transaction. */
  constructor(storage: DurableObjectStorage, outbox: OutboxStore | null = null) {
    this.#storage = storage
    this.#outbox = outbox
  }

  /** Nothing was ever written here. */
  isNew(): boolean {
    const found = this.#storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'migrations'")
    return found.toArray().length === 0
  }

  /**
   * Brings the tables to the form of this code, each migration in a transaction of its own, once. What was applied is
   * in a table: `PRAGMA user_version` is not to be had in an object. A database of later code is left alone, because
   * this code does not know what its rows mean.
   */
  migrate(nowMs: number, known: readonly Migration[] = allMigrations): void {
    const { sql } = this.#storage
    sql.exec(
      'CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT',
    )
    const numbers = sql.exec<{ number: number }>('SELECT number FROM migrations').toArray()
    const applied = new Set(numbers.map(({ number }) => number))
    const strange = [...applied].filter((number) => !known.some((one) => one.number === number))
    if (strange.length > 0)
      throw new Error(
        `the database of this ledger has migration ${strange.join(', ')}, which this code does not know: it was written by a later version`,
      )
    for (const { number, statements } of known) {
      if (applied.has(number)) continue
      this.#storage.transactionSync(() => {
        for (const statement of statements) sql.exec(statement)
        sql.exec('INSERT INTO migrations (number, at_ms) VALUES (?, ?)', number, nowMs)
      })
    }
  }

  /** When a migration was applied, epoch ms. */
  appliedAtMs(number: number): number {
    const found = this.#storage.sql.exec<{ at_ms: number }>(
      'SELECT at_ms FROM migrations WHERE number = ?',
      number,
    )
    return found.one().at_ms
  }

  /** All rows that a step reads, in the order in which `loadLedger` wants them. */
  *rows(): Generator<RowChange> {
    for (const { table, sql } of selections)
      for (const record of this.#storage.sql.exec<Records>(sql)) yield rowChangeOf(table, record)
  }

  *alerts(): Generator<AlertRow> {
    for (const record of this.#storage.sql.exec<Records>('SELECT * FROM alerts ORDER BY rowid'))
      yield alertOf(record)
  }

  /** All of it, or nothing and it throws. */
  write(
    changes: readonly RowChange[],
    alerts: readonly AlertChange[],
    access: readonly AccessChange[] = [],
  ): void {
    if (changes.length + alerts.length + access.length === 0) return
    this.#storage.transactionSync(() => {
      // First: whether the journal knows everything is asked before there is anything.
      this.#outbox?.append(changes)
      for (const change of changes) this.#run(sqlOf(change))
      for (const change of alerts) this.#run(sqlOfAlert(change))
      for (const change of access) this.#run(accessSqlOf(change))
    })
  }

  /** What the journal says was written since, and how far that is, or nothing and it throws. */
  writeOn(changes: readonly RowChange[], known: () => void): void {
    this.#storage.transactionSync(() => {
      for (const change of changes) this.#run(sqlOf(change))
      known()
    })
  }

  #run({ sql, bindings }: SqlStatement | AccessStatement): void {
    this.#storage.sql.exec(sql, ...bindings)
  }
}

function sqlOfAlert({ id, row }: AlertChange): SqlStatement {
  if (row === null) return { sql: 'DELETE FROM alerts WHERE id = ?', bindings: [id] }
  const { serial, message, tries, notBeforeMs, pending, toldAtMs } = row
  return {
    sql: `INSERT OR REPLACE INTO alerts (id, serial, message, tries, not_before_ms, pending, told_at_ms)
      VALUES (?, ?, ?, ?, ?, ?, ?)`,
    bindings: [id, serial, json(message), tries, notBeforeMs, json(pending), toldAtMs],
  }
}

function json(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value)
}

function alertOf(record: Records): AlertRow {
  const { id, serial, message, tries, not_before_ms, pending, told_at_ms } = record
  return {
    id: String(id),
    serial: Number(serial),
    message: message === null ? null : (JSON.parse(String(message)) as LedgerMessage),
    tries: Number(tries),
    notBeforeMs: Number(not_before_ms),
    pending: pending === null ? null : (JSON.parse(String(pending)) as LedgerAlert),
    toldAtMs: told_at_ms === null ? null : Number(told_at_ms),
  }
}
