import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { everything } from '../../../durable-objects/tenant-ledger/access/grant.ts'
import type {
  AccessChange,
  AccessTable,
  ChunkRow,
  IdempotencyRow,
  KeyRow,
} from '../../../durable-objects/tenant-ledger/access/rows.ts'
import {
  accessRowOf,
  accessSelections,
  accessSqlOf,
  type AccessStatement,
  chunksSql,
  dueSql,
  entrySql,
  storedBytesSql,
} from '../../../durable-objects/tenant-ledger/access/schema.ts'
import { plainTenant } from '../../../durable-objects/tenant-ledger/access/tenant.ts'
import { migrations } from '../../../durable-objects/tenant-ledger/schema.ts'
import { proof, startMs } from './support.ts'

const key: KeyRow = {
  id: 'Key00001',
  name: "x'); DROP TABLE keys; --",
  grant: { ...everything, routes: ['chat'] },
  madeBy: null,
  createdAtMs: startMs,
  revokedAtMs: null,
  secrets: [{ ...proof('a'), validUntilMs: null }],
}

const entry: IdempotencyRow = {
  id: 'k',
  requestDigest: 'd',
  runId: 'r',
  state: 'stored',
  unstored: null,
  answer: { status: 200, headers: [['content-type', 'x']], bytes: 3, chunkCount: 2 },
  beganAtMs: startMs,
  expiresAtMs: startMs + 1000,
}

const chunk = (number: number, ...bytes: number[]): ChunkRow => ({
  id: `k/${number}`,
  entryId: 'k',
  number,
  body: new Uint8Array(bytes).buffer,
})

const tenant = { ...plainTenant('acme'), routes: ['chat'], isStrict: true, tags: { a: 'b' } }

class Database {
  readonly #database = new DatabaseSync(':memory:')

  constructor() {
    for (const { statements } of migrations) for (const sql of statements) this.#database.exec(sql)
  }

  run(changes: readonly AccessChange[]): void {
    for (const change of changes) this.all(accessSqlOf(change))
  }

  all({ sql, bindings }: AccessStatement): Record<string, unknown>[] {
    const values = bindings.map((value) =>
      value instanceof ArrayBuffer ? new Uint8Array(value) : value,
    )
    return this.#database.prepare(sql).all(...values) as Record<string, unknown>[]
  }

  rows(table: AccessTable, statement: AccessStatement): unknown[] {
    return this.all(statement).map((record) => accessRowOf(table, record))
  }
}

function filled(): Database {
  const database = new Database()
  database.run([
    { table: 'keys', id: key.id, row: key },
    { table: 'tenant', id: tenant.id, row: tenant },
    { table: 'idempotency', id: entry.id, row: entry },
    {
      table: 'idempotency',
      id: 'k2',
      row: { ...entry, id: 'k2', answer: null, expiresAtMs: startMs + 2000 },
    },
    { table: 'chunks', id: 'k/1', row: chunk(1, 3) },
    { table: 'chunks', id: 'k/0', row: chunk(0, 1, 2) },
  ])
  return database
}

describe('the tables of access', () => {
  it('are the second step, after that of the ledger', () => {
    expect(migrations.map(({ number }) => number)).toEqual(migrations.map((_, index) => index + 1))
    expect(migrations[1]?.statements.join()).toContain('CREATE TABLE keys')
  })

  it('hold every row and give it back as it was', () => {
    const database = filled()
    const loaded = accessSelections.map(({ table, sql }) =>
      database.rows(table, { sql, bindings: [] }),
    )
    expect(loaded).toEqual([[tenant], [key]])
    expect(database.rows('idempotency', entrySql('k'))).toEqual([entry])
    const chunks = database.rows('chunks', chunksSql(entry)) as ChunkRow[]
    expect(chunks.map(({ body }) => [...new Uint8Array(body)])).toEqual([[1, 2], [3]])
  })

  it('delete, replace, and count what is kept', () => {
    const database = filled()
    expect(database.all({ sql: storedBytesSql, bindings: [] })).toEqual([{ bytes: 3 }])
    database.run([{ table: 'chunks', id: 'k/0', row: null }])
    expect(database.all({ sql: storedBytesSql, bindings: [] })).toEqual([{ bytes: 1 }])
    database.run([{ table: 'keys', id: key.id, row: { ...key, revokedAtMs: startMs } }])
    expect(database.rows('keys', { sql: 'SELECT * FROM keys', bindings: [] })).toMatchObject([
      { revokedAtMs: startMs },
    ])
  })

  it('find a slice of what is over, oldest first', () => {
    const database = filled()
    const due = (nowMs: number, slice: number) =>
      (database.rows('idempotency', dueSql(nowMs, slice)) as IdempotencyRow[]).map(({ id }) => id)
    expect(due(startMs + 999, 10)).toEqual([])
    expect(due(startMs + 1000, 10)).toEqual(['k'])
    expect(due(startMs + 2000, 1)).toEqual(['k'])
    expect(due(startMs + 2000, 10)).toEqual(['k', 'k2'])
  })

  it('bind every value: no text of anybody is in a statement', () => {
    const { sql } = accessSqlOf({ table: 'keys', id: key.id, row: key })
    expect(sql).not.toContain('DROP')
    expect(sql).toBe(
      'INSERT OR REPLACE INTO "keys" ("id", "name", "grant", "made_by", "created_at_ms", "revoked_at_ms", "secrets") VALUES (?, ?, ?, ?, ?, ?, ?)',
    )
  })
})
