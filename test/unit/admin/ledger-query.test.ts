import { describe, expect, it } from 'vitest'
import { writeCursor } from '../../../durable-objects/tenant-ledger/cursor.ts'
import {
  type QueryRead,
  readLedgerQuery,
  readStatementQuery,
} from '../../../worker/admin/ledger-query.ts'

const nowMs = Date.UTC(2026, 10, 26, 12)
const cursor = writeCursor({ atMs: 1, id: '1.1/1' })

function ask<Ask>(read: QueryRead<Ask>): Ask {
  if (read.kind === 'invalid') throw new Error(`${read.param}: ${read.rule}`)
  return read.ask
}

const ledger = (query: Record<string, string>, accept: string | null = null) =>
  readLedgerQuery(query, accept, nowMs)
const statement = (query: Record<string, string>, accept: string | null = null) =>
  readStatementQuery(query, accept)
const iso = (ms: number) => new Date(ms).toISOString()

describe('readLedgerQuery()', () => {
  it('is of everything up to now when nothing is said', () => {
    expect(ask(ledger({}))).toEqual({
      fromMs: 0,
      toMs: nowMs + 1,
      cursor: null,
      limit: 100,
      csv: false,
    })
  })

  it('reads times with their zone, and days of UTC', () => {
    expect(ask(ledger({ from: '2026-11-01', to: '2026-11-02T00:00:00+01:00' }))).toMatchObject({
      fromMs: Date.UTC(2026, 10, 1),
      toMs: Date.UTC(2026, 10, 1, 23),
    })
  })

  it.each([
    ['text/csv', {}, true],
    ['application/json, text/csv;q=0.5', {}, true],
    ['text/csvx', {}, false],
    ['text/csv', { format: 'json' }, false],
    [null, { format: 'csv' }, true],
  ] as const)('takes accept %s and %o for CSV: %s', (accept, query, csv) => {
    expect(ask(ledger({ ...query }, accept)).csv).toBe(csv)
  })

  it.each([
    ['from', { from: 'yesterday' }, 'a time of ISO 8601 with its zone, or a day (UTC)'],
    ['from', { from: '2026-11-01T00:00:00' }, 'a time of ISO 8601 with its zone, or a day (UTC)'],
    ['from', { from: '1969-12-31' }, 'lies before 1970'],
    ['to', { from: '2026-11-02', to: '2026-11-01' }, 'lies before `from`'],
    ['cursor', { cursor: 'x' }, 'must be the nextCursor of an answer'],
    ['limit', { limit: '0' }, 'a number from 1 to 500'],
    ['limit', { limit: '501' }, 'a number from 1 to 500'],
    ['limit', { limit: '1.5' }, 'a number from 1 to 500'],
    ['limit', { limit: '10', format: 'csv' }, 'CSV is of the whole time'],
    ['cursor', { cursor, format: 'csv' }, 'CSV is of the whole time'],
    ['page', { page: '2' }, 'is no parameter that is known here'],
  ])('names %s and its rule: %o', (param, query, rule) => {
    expect(ledger(query as never)).toEqual({ kind: 'invalid', param, rule })
  })

  it('takes the cursor of an answer', () => {
    expect(ask(ledger({ cursor })).cursor).toBe(cursor)
  })
})

describe('readStatementQuery()', () => {
  const spanOf = (query: Record<string, string>) => {
    const { fromMs, toMs } = ask(statement(query))
    return [iso(fromMs), iso(toMs)]
  }

  it('is of a month, or of a day', () => {
    expect(spanOf({ period: '2026-11' })).toEqual([
      '2026-11-01T00:00:00.000Z',
      '2026-12-01T00:00:00.000Z',
    ])
    expect(spanOf({ period: '2026-12-31' })).toEqual([
      '2026-12-31T00:00:00.000Z',
      '2027-01-01T00:00:00.000Z',
    ])
  })

  it('begins and ends by the clock of a zone, also where that is set', () => {
    expect(spanOf({ period: '2026-10', zone: 'Europe/Berlin' })).toEqual([
      '2026-09-30T22:00:00.000Z',
      '2026-10-31T23:00:00.000Z',
    ])
    expect(spanOf({ period: '2026-10-01', zone: 'America/New_York' })).toEqual([
      '2026-10-01T04:00:00.000Z',
      '2026-10-02T04:00:00.000Z',
    ])
  })

  it('groups by target unless said', () => {
    expect(ask(statement({ period: '2026-11' })).by).toBe('target')
    expect(ask(statement({ period: '2026-11', by: 'tag:feature' })).by).toBe('tag:feature')
  })

  it.each([
    ['period', { period: '2026-13' }, 'a month, such as'],
    ['period', { period: '2026-02-30' }, 'is no day of that month'],
    ['period', { period: '1969-12' }, 'lies before 1970'],
    ['period', {}, 'expected string'],
    ['by', { period: '2026-11', by: 'model' }, 'must be target, route, key or tag:NAME'],
    ['by', { period: '2026-11', by: 'tag:a"b' }, 'must be target, route, key or tag:NAME'],
    ['zone', { period: '2026-11', zone: 'Mars' }, 'an IANA name'],
  ])('names %s and its rule: %o', (param, query, rule) => {
    expect(statement(query as never)).toEqual({
      kind: 'invalid',
      param,
      rule: expect.stringContaining(rule),
    })
  })
})
