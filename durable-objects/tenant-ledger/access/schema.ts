import type { AccessChange, AccessTable, AccessTables, IdempotencyRow } from './rows.ts'

export type AccessSqlValue = string | number | null | ArrayBuffer

export interface AccessStatement {
  /** Made of names of this file only; every value is bound. */
  readonly sql: string
  readonly bindings: readonly AccessSqlValue[]
}

/** How a field is written: as it is, as JSON, as 0 and 1, or as bytes. */
type Form = 'value' | 'json' | 'flag' | 'bytes'

/** Every field of every row, or this does not compile. */
const forms: {
  readonly [Name in AccessTable]: { readonly [Field in keyof AccessTables[Name]]: Form }
} = {
  keys: {
    id: 'value',
    name: 'value',
    grant: 'json',
    madeBy: 'value',
    createdAtMs: 'value',
    revokedAtMs: 'value',
    secrets: 'json',
  },
  tenant: {
    id: 'value',
    tenantId: 'value',
    residency: 'value',
    isStrict: 'flag',
    routes: 'json',
    tier: 'value',
    tags: 'json',
    storesAnswers: 'flag',
    changedAtMs: 'value',
  },
  idempotency: {
    id: 'value',
    requestDigest: 'value',
    runId: 'value',
    state: 'value',
    unstored: 'value',
    answer: 'json',
    beganAtMs: 'value',
    expiresAtMs: 'value',
  },
  chunks: { id: 'value', entryId: 'value', number: 'value', body: 'bytes' },
}

function columnOf(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

export function accessSqlOf({ table, id, row }: AccessChange): AccessStatement {
  // oxlint-disable-next-line switchyard/bound-sql -- a name of this file
  if (row === null) return { sql: `DELETE FROM "${table}" WHERE id = ?`, bindings: [id] }
  const fields = Object.entries(forms[table])
  const columns = fields.map(([field]) => `"${columnOf(field)}"`).join(', ')
  const places = fields.map(() => '?').join(', ')
  const values = row as unknown as Readonly<Record<string, unknown>>
  return {
    // oxlint-disable-next-line switchyard/bound-sql -- names of this file
    sql: `INSERT OR REPLACE INTO "${table}" (${columns}) VALUES (${places})`,
    bindings: fields.map(([field, form]) => written(values[field], form)),
  }
}

function written(value: unknown, form: Form): AccessSqlValue {
  switch (form) {
    case 'json':
      return JSON.stringify(value)
    case 'flag':
      return value === true ? 1 : 0
    case 'bytes':
    case 'value':
      return value as AccessSqlValue
  }
}

/** The row that a record of the database is. */
export function accessRowOf<Name extends AccessTable>(
  table: Name,
  record: Readonly<Record<string, unknown>>,
): AccessTables[Name] {
  const row: Record<string, unknown> = {}
  for (const [field, form] of Object.entries(forms[table]))
    row[field] = read(record[columnOf(field)] ?? null, form)
  return row as unknown as AccessTables[Name]
}

function read(value: unknown, form: Form): unknown {
  switch (form) {
    case 'json':
      return JSON.parse(String(value))
    case 'flag':
      return value === 1
    case 'bytes':
    case 'value':
      return value
  }
}

/** Keys and the tenant are loaded when the object starts; idempotency is read by key. */
export const accessSelections: readonly { readonly table: AccessTable; readonly sql: string }[] = [
  { table: 'tenant', sql: 'SELECT * FROM tenant' },
  { table: 'keys', sql: 'SELECT * FROM keys ORDER BY rowid' },
]

export function entrySql(id: string): AccessStatement {
  return { sql: 'SELECT * FROM idempotency WHERE id = ?', bindings: [id] }
}

export function chunksSql({ id }: Pick<IdempotencyRow, 'id'>): AccessStatement {
  return { sql: 'SELECT * FROM chunks WHERE entry_id = ? ORDER BY number', bindings: [id] }
}

/** A slice of what `sweep` deletes. */
export function dueSql(nowMs: number, slice: number): AccessStatement {
  return {
    sql: 'SELECT * FROM idempotency WHERE expires_at_ms <= ? ORDER BY expires_at_ms LIMIT ?',
    bindings: [nowMs, slice],
  }
}

/** For `Storage.storedBytes`, once when the object starts; afterwards by what changes. */
export const storedBytesSql = 'SELECT COALESCE(SUM(LENGTH(body)), 0) AS bytes FROM chunks'

/** When the next entry is due. */
export const nextDueSql = 'SELECT min(expires_at_ms) AS due FROM idempotency'
