import { describe, expect, it } from 'vitest'
import { zeroNanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import {
  csvOfLine,
  ledgerLine,
  lineColumns,
  linesHeader,
} from '../../../worker/admin/ledger-lines.ts'
import { csvOfStatement, statementOf, type Totals } from '../../../worker/admin/statement.ts'
import { usdOf } from '../../../worker/admin/usd.ts'
import { lineRow, n } from './support.ts'

const cells = (line: string) => line.trimEnd().split(',')
const cell = (text: string, column: (typeof lineColumns)[number]) =>
  cells(text)[lineColumns.indexOf(column)]

describe('ledgerLine()', () => {
  it('tells of an attempt: request, target, tokens by class, price, cost, basis and tags', () => {
    expect(ledgerLine(lineRow(1))).toEqual({
      id: '1.1/1',
      at: '2025-11-26T12:00:00.001Z',
      kind: 'attempt',
      requestId: 'req_1',
      attemptId: 'req_1.1',
      leaseId: '1.1',
      route: 'chat',
      target: 'm@p',
      servedModel: 'm-2026',
      keyId: 'Key00001',
      tags: { feature: 'search', team: 'a' },
      usage: { inputTokens: 5, outputTokens: 3 },
      priceVersion: 'v1',
      costUsd: '0.000034',
      basis: 'exact',
    })
  })

  it('counts what was found below zero, so that costs add up to what is charged', () => {
    const of = (kind: 'lost' | 'found', amount: number) =>
      ledgerLine(lineRow(1, { kind, amountNanoUsd: n(amount), attempt: null }))
    expect(of('lost', 50_000_000)).toMatchObject({ costUsd: '0.05', requestId: null, tags: {} })
    expect(of('found', 20_000_000)).toMatchObject({ costUsd: '-0.02', target: null, usage: {} })
  })

  it('leaves out what a provider says itself of the cost: it is a float, and not what is charged', () => {
    const row = lineRow(1)
    const attempt = row.attempt && { ...row.attempt, usage: { providerCostUsd: 0.1 + 0.2 } }
    expect(JSON.stringify(ledgerLine({ ...row, attempt }))).not.toContain('providerCostUsd')
  })
})

describe('csvOfLine()', () => {
  it('has a cell for each title', () => {
    expect(cells(linesHeader())).toEqual([...lineColumns])
    expect(cells(csvOfLine(ledgerLine(lineRow(1))))).toHaveLength(lineColumns.length)
  })

  it('writes counts, an empty cell for what is not known, tags as one cell, the cost as it is', () => {
    const text = csvOfLine(ledgerLine(lineRow(1)))
    expect(cell(text, 'inputTokens')).toBe('5')
    expect(cell(text, 'cacheReadTokens')).toBe('')
    expect(cell(text, 'tags')).toBe('feature=search;team=a')
    expect(cell(text, 'costUsd')).toBe('0.000034')
  })

  it('lets no caller write a formula into the cells of whoever opens it', () => {
    const row = lineRow(1)
    const attempt = row.attempt && { ...row.attempt, servedModel: '=cmd()', route: '@x' }
    const text = csvOfLine(ledgerLine({ ...row, attempt }))
    expect([cell(text, 'servedModel'), cell(text, 'route')]).toEqual(["'=cmd()", "'@x"])
  })
})

describe('usdOf()', () => {
  it.each([
    [0, '0.00'],
    [1, '0.000000001'],
    [12_500_000_000, '12.50'],
    [-20_000_000, '-0.02'],
    [Number.MAX_SAFE_INTEGER, '9007199.254740991'],
  ])('writes %d nano-USD as %s', (nano, text) => {
    expect(usdOf(nano)).toBe(text)
  })
})

describe('statementOf()', () => {
  const ask = {
    fromMs: Date.UTC(2026, 10, 1),
    toMs: Date.UTC(2026, 11, 1),
    period: '2026-11',
    zone: 'UTC',
    by: 'tag:feature',
    csv: false,
  } as const
  const counts = { attempts: 2, inexactNanoUsd: zeroNanoUsd, inputTokens: 5, outputTokens: 3 }
  const totals: Totals = {
    groups: [
      { value: 'search', amountNanoUsd: n(300_000_000), ...counts },
      { value: '=evil', amountNanoUsd: n(100_000_001), ...counts },
      { value: null, amountNanoUsd: n(1), ...counts, inexactNanoUsd: n(1) },
    ],
    lostNanoUsd: n(50_000_000),
    foundNanoUsd: n(20_000_000),
  }

  it('adds up the groups and what was lost, less what was found', () => {
    expect(statementOf('acme', ask, totals)).toMatchObject({
      tenant: 'acme',
      period: '2026-11',
      from: '2026-11-01T00:00:00.000Z',
      lostUsd: '0.05',
      foundUsd: '0.02',
      totalUsd: '0.430000002',
    })
  })

  it('is below zero when more was found than spent', () => {
    const found = { groups: [], lostNanoUsd: zeroNanoUsd, foundNanoUsd: n(20_000_000) }
    expect(statementOf('acme', ask, found).totalUsd).toBe('-0.02')
  })

  it('has a CSV whose column of costs adds up to the total', () => {
    const lines = csvOfStatement(statementOf('acme', ask, totals))
      .trimEnd()
      .split('\r\n')
    const [head = '', ...rest] = lines
    const at = head.split(',').indexOf('costUsd')
    const sum = rest.reduce((all, line) => all + Math.round(Number(line.split(',')[at]) * 1e9), 0)
    expect(usdOf(sum)).toBe('0.430000002')
    expect(rest.map((line) => line.split(',').slice(2, 5).join(','))).toEqual([
      'attempts,tag:feature,search',
      "attempts,tag:feature,'=evil",
      'attempts,tag:feature,',
      'lost,,',
      'found,,',
    ])
  })
})
