import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { loadLedger } from '../../../durable-objects/tenant-ledger/ledger.ts'
import type { RowChange } from '../../../durable-objects/tenant-ledger/rows.ts'
import {
  migrations,
  rowChangeOf,
  selections,
  sqlOf,
  type SqlValue,
} from '../../../durable-objects/tenant-ledger/schema.ts'
import { budget, granted, Ledger, line, n } from './support.ts'

function database(): DatabaseSync {
  const opened = new DatabaseSync(':memory:')
  for (const { statements } of migrations) for (const sql of statements) opened.exec(sql)
  return opened
}

function apply(into: DatabaseSync, changes: readonly RowChange[]): void {
  for (const change of changes) {
    const { sql, bindings } = sqlOf(change)
    into.prepare(sql).run(...bindings)
  }
}

/** A ledger with something in every table, and the database that its writes made. */
function lived() {
  const limits = [
    { id: 'rpm', scope: 'tenant', kind: 'requests', limit: 50, windowMs: 60_000 } as const,
  ]
  const into = database()
  const ledger = new (class extends Ledger {
    override take(...args: Parameters<Ledger['take']>) {
      const effects = super.take(...args)
      for (const effect of effects) if (effect.kind === 'write') apply(into, effect.changes)
      return effects
    }
  })([budget('b', { thresholds: [{ basisPoints: 10, action: 'warn' }] }), budget('gone')], limits)
  ledger.take({
    kind: 'configure',
    budgets: [budget('b'), budget('key', { scope: 'key:a' })],
    limits,
  })
  const { leaseId } = ledger.lease(100)
  ledger.hold(5)
  ledger.post(granted(ledger.hold(7)).leaseId, 9, 7)
  const ofKey = { ...line(1, 9, 9), keyId: 'k' }
  ledger.exchange([{ kind: 'post', leaseId: granted(ledger.hold(9)).leaseId, line: ofKey }])
  ledger.say('report', leaseId, 3, 0, [line(1, 3)])
  ledger.tick(60_000)
  ledger.say('seal', leaseId, 3, 10, [], 2)
  ledger.take({ kind: 'kill', scope: 'key:b', reason: 'revoked' })
  ledger.take({ kind: 'restored', epoch: 7, journal: [], isComplete: false })
  return { ledger, into }
}

function load(from: DatabaseSync): readonly RowChange[] {
  return selections.flatMap(({ table, sql }) =>
    from
      .prepare(sql)
      .all()
      .map((record) => rowChangeOf(table, record as Record<string, SqlValue>)),
  )
}

describe('the tables', () => {
  it('hold every row that a ledger writes, and give it back as it was', () => {
    const { ledger, into } = lived()
    const again = loadLedger(ledger.state.settings, load(into))
    expect(again.tables).toEqual(ledger.state.tables)
    expect(new Set(load(into).map(({ table }) => table)).size).toBe(10)
    expect([...again.index.open.keys()]).toEqual([...ledger.state.index.open.keys()])
  })

  it('hold every line once', () => {
    const { ledger, into } = lived()
    const lines = into
      .prepare('SELECT * FROM lines')
      .all()
      .map((record) => rowChangeOf('lines', record as Record<string, SqlValue>).row)
    expect(lines).toEqual(ledger.lines)
    const [first] = ledger.lines
    if (first === undefined) throw new Error('no line')
    apply(into, [{ table: 'lines', id: first.id, row: { ...first, amountNanoUsd: n(1) } }])
    const sum = 'SELECT count(*) AS count, sum(amount_nano_usd) AS amount FROM lines'
    expect(into.prepare(sum).get()).toMatchObject({
      count: ledger.lines.length,
      amount: ledger.lines.reduce((total, { amountNanoUsd }) => total + amountNanoUsd, 0),
    })
  })

  it('bind every value, whatever is in it', () => {
    const into = database()
    const evil = budget(`'; DROP TABLE budgets; --`)
    apply(into, [{ table: 'budgets', id: evil.id, row: evil }])
    expect(load(into)).toEqual([{ table: 'budgets', id: evil.id, row: evil }])
  })

  it('are numbered from one, without a gap', () => {
    expect(migrations.map(({ number }) => number)).toEqual(migrations.map((_, index) => index + 1))
  })
})
