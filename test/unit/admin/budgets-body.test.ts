import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BudgetRow, LimitRow } from '../../../durable-objects/tenant-ledger/rows.ts'
import {
  budgetId,
  type Read,
  readBudgets,
  readLimits,
  windowOfLimit,
} from '../../../worker/admin/budgets-body.ts'
import { isKeyBudget } from '../../../durable-objects/tenant-ledger/access/key-budgets.ts'
import { usdOf } from '../../../worker/admin/usd.ts'

const budget = { scope: 'tenant', period: 'day', limitUsd: '12.50', mode: 'hard' }
const limit = { scope: 'tenant', kind: 'requests', limit: 600 }

function rows<Row>(read: Read<Row>): readonly Row[] {
  if (read.kind === 'invalid') throw new Error(JSON.stringify(read.problems))
  return read.rows
}

const one = (more: object): BudgetRow => rows(readBudgets([{ ...budget, ...more }]))[0] as BudgetRow
const problem = (read: Read<unknown>) => (read.kind === 'invalid' ? read.problems[0] : null)

describe('readBudgets()', () => {
  it('reads the contract’s budget', () => {
    expect(one({})).toEqual({
      id: 'day/tenant',
      scope: 'tenant',
      period: 'day',
      zone: 'UTC',
      capNanoUsd: 12_500_000_000,
      mode: 'hard',
      thresholds: [],
      failOpenNanoUsd: 0,
    })
  })

  it('reads thresholds into a row for each action, and what a soft one may spend unseen', () => {
    const thresholds = [
      { percent: 80, actions: ['warn'] },
      { percent: 95, actions: ['degrade', 'clamp'] },
    ]
    expect(one({ mode: 'soft', thresholds, failOpenUsd: '0.25' })).toMatchObject({
      thresholds: [
        { basisPoints: 8000, action: 'warn' },
        { basisPoints: 9500, action: 'degrade' },
        { basisPoints: 9500, action: 'clamp' },
      ],
      failOpenNanoUsd: 250_000_000,
    })
  })

  it('takes money exactly, to the nano-USD: written out it is the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999_999_999_999 }), (nano) => {
        expect(one({ limitUsd: usdOf(nano) }).capNanoUsd).toBe(nano)
      }),
    )
    expect(one({ limitUsd: '0.1' }).capNanoUsd + one({ limitUsd: '0.2' }).capNanoUsd).toBe(
      one({ limitUsd: '0.3' }).capNanoUsd,
    )
  })

  it('gives a budget the same id whatever else of it changes', () => {
    const same = [
      {},
      { limitUsd: '1' },
      { mode: 'soft' },
      { thresholds: [{ percent: 1, actions: ['warn'] }] },
    ]
    expect(new Set(same.map((more) => one(more).id))).toEqual(new Set(['day/tenant']))
  })

  it('gives another id to another scope, period or zone, and none that a key’s budget has', () => {
    const ids = [
      one({}),
      one({ scope: 'key:Key00001' }),
      one({ scope: 'tag:feature=search' }),
      one({ period: 'month' }),
      one({ zone: 'Europe/Berlin' }),
    ].map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.some((id) => isKeyBudget({ id }) || id.includes('@'))).toBe(false)
    expect(budgetId('tenant', 'day', 'UTC')).toBe('day/tenant')
  })

  it.each([
    [
      'scope',
      { scope: 'tenants' },
      'must be tenant, team:ID, key:ID, route:NAME or tag:NAME=VALUE',
    ],
    ['scope', { scope: 'tag:feature' }, 'must be tag:NAME=VALUE'],
    ['scope', { scope: 'tag:feature=a b' }, 'the value of a tag is'],
    ['scope', { scope: 'key:short' }, 'the id of a key is 8 letters and digits'],
    ['scope', { scope: 'route:a@b' }, 'no route can have this name'],
    ['limitUsd', { limitUsd: 12.5 }, 'Invalid input: expected string, received number'],
    ['limitUsd', { limitUsd: '1e3' }, 'USD as a decimal string'],
    ['limitUsd', { limitUsd: '-1' }, 'USD as a decimal string'],
    ['limitUsd', { limitUsd: '0.0000000001' }, 'USD as a decimal string'],
    ['period', { period: 'year' }, 'Invalid option'],
    ['zone', { zone: 'Mars/Olympus' }, 'an IANA name of a time zone'],
    ['failOpenUsd', { failOpenUsd: '1' }, 'a hard budget does not fail open'],
    ['thresholds[0].percent', { thresholds: [{ percent: 101, actions: ['warn'] }] }, 'Too big'],
    ['thresholds[0].actions', { thresholds: [{ percent: 1, actions: [] }] }, 'Too small'],
    ['limitUSD', { limitUSD: '1' }, 'is no field that is known here'],
  ])('names %s and its rule: %o', (field, more, rule) => {
    expect(problem(readBudgets([{ ...budget, ...more }]))).toEqual({
      field: `[0].${field}`,
      rule: expect.stringContaining(rule),
    })
  })

  it('refuses two for one scope and period, also in two zones', () => {
    expect(problem(readBudgets([budget, { ...budget, zone: 'Asia/Tokyo' }]))).toEqual({
      field: '[1]',
      rule: 'one budget for each scope and period',
    })
  })

  it('refuses what is no list', () => {
    expect(problem(readBudgets({ budgets: [budget] }))?.field).toBe('the body')
  })
})

describe('readLimits()', () => {
  const first = (more: object) => rows(readLimits([{ ...limit, ...more }]))[0] as LimitRow

  it('gives requests and tokens a window of a minute, and concurrency none', () => {
    expect(first({})).toMatchObject({ id: 'requests(60000)/tenant', windowMs: 60_000 })
    expect(first({ kind: 'concurrency' })).toMatchObject({ id: 'concurrency/tenant', windowMs: 0 })
  })

  it('has the window in the id, where it can be read back', () => {
    expect(windowOfLimit(first({ windowMs: 3_600_000 }).id)).toBe(3_600_000)
    expect(
      windowOfLimit(first({ kind: 'concurrency', scope: 'team:(9)'.replace('(9)', 'a') }).id),
    ).toBeNull()
  })

  it('takes a limit of a minute and one of a day for one scope, and not two of a minute', () => {
    expect(rows(readLimits([limit, { ...limit, windowMs: 86_400_000 }]))).toHaveLength(2)
    expect(problem(readLimits([limit, { ...limit, windowMs: 60_000 }]))?.field).toBe('[1]')
  })

  it.each([
    ['windowMs', { kind: 'concurrency', windowMs: 1000 }, 'concurrency has no window'],
    ['windowMs', { windowMs: 999 }, 'Too small'],
    ['limit', { limit: 1.5 }, 'expected int'],
    ['limit', { limit: -1 }, 'Too small'],
    ['kind', { kind: 'calls' }, 'Invalid option'],
  ])('names %s and its rule: %o', (field, more, rule) => {
    expect(problem(readLimits([{ ...limit, ...more }]))).toEqual({
      field: `[0].${field}`,
      rule: expect.stringContaining(rule),
    })
  })
})
