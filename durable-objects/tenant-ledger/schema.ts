import { accessTables } from './access/tables.ts'
import type { LineRow, RowChange, TableName, Tables } from './rows.ts'

/** One step of the database's form. Numbered from 1, only ever appended to: a deployed one is never edited. */
export interface Migration {
  readonly number: number
  readonly statements: readonly string[]
}

/**
 * Lists and objects are JSON in TEXT. Lines are found by time and by lease; the rest is loaded whole when the object
 * starts, so it needs no index but its key. Money is INTEGER: 64 bits, and never beyond 2^53.
 */
export const migrations: readonly Migration[] = [
  {
    number: 1,
    statements: [
      `CREATE TABLE meta (id TEXT PRIMARY KEY, epoch INTEGER NOT NULL, last_number INTEGER NOT NULL,
        kill_version INTEGER NOT NULL, frozen_until_ms INTEGER NOT NULL, restored_at_ms INTEGER) STRICT`,
      `CREATE TABLE epochs (id TEXT PRIMARY KEY, last_number INTEGER NOT NULL) STRICT`,
      `CREATE TABLE budgets (id TEXT PRIMARY KEY, scope TEXT NOT NULL, period TEXT NOT NULL, zone TEXT NOT NULL,
        cap_nano_usd INTEGER NOT NULL, mode TEXT NOT NULL, thresholds TEXT NOT NULL,
        fail_open_nano_usd INTEGER NOT NULL) STRICT`,
      `CREATE TABLE accounts (id TEXT PRIMARY KEY, budget_id TEXT NOT NULL, starts_at_ms INTEGER NOT NULL,
        ends_at_ms INTEGER, charged_nano_usd INTEGER NOT NULL, posted_nano_usd INTEGER NOT NULL,
        phantom_nano_usd INTEGER NOT NULL, overrun_nano_usd INTEGER NOT NULL, is_uncertain INTEGER NOT NULL,
        refunded_nano_usd INTEGER NOT NULL, fired TEXT NOT NULL) STRICT`,
      `CREATE TABLE leases (id TEXT PRIMARY KEY, kind TEXT NOT NULL, ask_id TEXT NOT NULL, holder TEXT NOT NULL,
        scopes TEXT NOT NULL, accounts TEXT NOT NULL, state TEXT NOT NULL, grant_nano_usd INTEGER NOT NULL,
        limit_nano_usd INTEGER NOT NULL, net_nano_usd INTEGER NOT NULL, over_nano_usd INTEGER NOT NULL,
        phantom_nano_usd INTEGER NOT NULL, line_count INTEGER NOT NULL, reported_nano_usd INTEGER,
        sequence INTEGER NOT NULL, final_nano_usd INTEGER, refunded_nano_usd INTEGER NOT NULL,
        expires_at_ms INTEGER NOT NULL, ended_at_ms INTEGER, limits TEXT NOT NULL, units TEXT NOT NULL,
        units_at_ms INTEGER NOT NULL) STRICT`,
      `CREATE TABLE asks (id TEXT PRIMARY KEY, lease_id TEXT, at_ms INTEGER NOT NULL) STRICT`,
      `CREATE TABLE kills (id TEXT PRIMARY KEY, reason TEXT NOT NULL, at_ms INTEGER NOT NULL) STRICT`,
      `CREATE TABLE limits (id TEXT PRIMARY KEY, scope TEXT NOT NULL, kind TEXT NOT NULL, "limit" INTEGER NOT NULL,
        window_ms INTEGER NOT NULL) STRICT`,
      `CREATE TABLE "usage" (id TEXT PRIMARY KEY, in_use INTEGER NOT NULL, parts TEXT NOT NULL) STRICT`,
      `CREATE TABLE lines (id TEXT PRIMARY KEY, lease_id TEXT NOT NULL, kind TEXT NOT NULL, accounts TEXT NOT NULL,
        amount_nano_usd INTEGER NOT NULL, basis TEXT NOT NULL, attempt TEXT, at_ms INTEGER NOT NULL) STRICT`,
      `CREATE INDEX lines_by_time ON lines (at_ms, id)`,
      `CREATE INDEX lines_by_lease ON lines (lease_id)`,
    ],
  },
  { number: 2, statements: accessTables },
  {
    number: 3,
    statements: [
      `ALTER TABLE leases ADD COLUMN came_back_nano_usd INTEGER NOT NULL DEFAULT 0`,
      // 0: of before every version that anybody can know of.
      `ALTER TABLE leases ADD COLUMN kill_version INTEGER NOT NULL DEFAULT 0`,
      `CREATE TABLE habits (id TEXT PRIMARY KEY, route TEXT, worst_nano_usd INTEGER NOT NULL,
        at_ms INTEGER NOT NULL) STRICT`,
    ],
  },
]

/** How a field is written: as it is, as JSON, or as 0 and 1. */
type Form = 'value' | 'json' | 'flag'

type Stored = Tables & { readonly lines: LineRow }

/** Every field of every row, or this does not compile. */
const forms: { readonly [Name in keyof Stored]: { readonly [Field in keyof Stored[Name]]: Form } } =
  {
    meta: {
      id: 'value',
      epoch: 'value',
      lastNumber: 'value',
      killVersion: 'value',
      frozenUntilMs: 'value',
      restoredAtMs: 'value',
    },
    epochs: { id: 'value', lastNumber: 'value' },
    budgets: {
      id: 'value',
      scope: 'value',
      period: 'value',
      zone: 'value',
      capNanoUsd: 'value',
      mode: 'value',
      thresholds: 'json',
      failOpenNanoUsd: 'value',
    },
    accounts: {
      id: 'value',
      budgetId: 'value',
      startsAtMs: 'value',
      endsAtMs: 'value',
      chargedNanoUsd: 'value',
      postedNanoUsd: 'value',
      phantomNanoUsd: 'value',
      overrunNanoUsd: 'value',
      isUncertain: 'flag',
      refundedNanoUsd: 'value',
      fired: 'json',
    },
    leases: {
      id: 'value',
      kind: 'value',
      askId: 'value',
      holder: 'value',
      scopes: 'json',
      accounts: 'json',
      state: 'value',
      grantNanoUsd: 'value',
      limitNanoUsd: 'value',
      netNanoUsd: 'value',
      overNanoUsd: 'value',
      phantomNanoUsd: 'value',
      lineCount: 'value',
      reportedNanoUsd: 'value',
      sequence: 'value',
      finalNanoUsd: 'value',
      refundedNanoUsd: 'value',
      cameBackNanoUsd: 'value',
      killVersion: 'value',
      expiresAtMs: 'value',
      endedAtMs: 'value',
      limits: 'json',
      units: 'json',
      unitsAtMs: 'value',
    },
    asks: { id: 'value', leaseId: 'value', atMs: 'value' },
    kills: { id: 'value', reason: 'value', atMs: 'value' },
    limits: { id: 'value', scope: 'value', kind: 'value', limit: 'value', windowMs: 'value' },
    usage: { id: 'value', inUse: 'value', parts: 'json' },
    habits: { id: 'value', route: 'value', worstNanoUsd: 'value', atMs: 'value' },
    lines: {
      id: 'value',
      leaseId: 'value',
      kind: 'value',
      accounts: 'json',
      amountNanoUsd: 'value',
      basis: 'value',
      attempt: 'json',
      atMs: 'value',
    },
  }

export type SqlValue = string | number | null

export interface SqlStatement {
  /** Made of names of this file only; every value is bound. */
  readonly sql: string
  readonly bindings: readonly SqlValue[]
}

function columnOf(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** One statement for one change; a line that is stored already stays as it is. */
export function sqlOf(change: RowChange): SqlStatement {
  const { table, id, row } = change
  // oxlint-disable-next-line switchyard/bound-sql -- a name of this file
  if (row === null) return { sql: `DELETE FROM "${table}" WHERE id = ?`, bindings: [id] }
  const fields = Object.entries(forms[table])
  const columns = fields.map(([field]) => `"${columnOf(field)}"`).join(', ')
  const places = fields.map(() => '?').join(', ')
  const verb = table === 'lines' ? 'INSERT OR IGNORE' : 'INSERT OR REPLACE'
  const values = row as unknown as Readonly<Record<string, unknown>>
  return {
    // oxlint-disable-next-line switchyard/bound-sql -- names of this file
    sql: `${verb} INTO "${table}" (${columns}) VALUES (${places})`,
    bindings: fields.map(([field, form]) => written(values[field], form)),
  }
}

function written(value: unknown, form: Form): SqlValue {
  if (value === null) return null
  if (form === 'json') return JSON.stringify(value)
  if (form === 'flag') return value === true ? 1 : 0
  return value as string | number
}

/**
 * Reads all rows of a table in the order in which `loadLedger` wants them: that in which they were last written, as
 * they lie in memory. Not that of their times, which is another when a clock went back.
 */
export const selections: readonly { readonly table: TableName; readonly sql: string }[] = [
  { table: 'meta', sql: 'SELECT * FROM meta' },
  { table: 'epochs', sql: 'SELECT * FROM epochs' },
  { table: 'budgets', sql: 'SELECT * FROM budgets' },
  { table: 'limits', sql: 'SELECT * FROM limits' },
  { table: 'kills', sql: 'SELECT * FROM kills' },
  { table: 'usage', sql: 'SELECT * FROM "usage"' },
  { table: 'habits', sql: 'SELECT * FROM habits ORDER BY rowid' },
  { table: 'accounts', sql: 'SELECT * FROM accounts' },
  { table: 'leases', sql: 'SELECT * FROM leases ORDER BY rowid' },
  { table: 'asks', sql: 'SELECT * FROM asks ORDER BY rowid' },
]

/** The row that a record of the database is. */
export function rowChangeOf(
  table: TableName | 'lines',
  record: Readonly<Record<string, SqlValue>>,
): RowChange {
  const row: Record<string, unknown> = {}
  for (const [field, form] of Object.entries(forms[table]))
    row[field] = read(record[columnOf(field)] ?? null, form)
  return { table, id: row['id'], row } as unknown as RowChange
}

function read(value: SqlValue, form: Form): unknown {
  if (value === null || form === 'value') return value
  return form === 'flag' ? value === 1 : JSON.parse(String(value))
}
