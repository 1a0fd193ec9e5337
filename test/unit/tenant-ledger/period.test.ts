import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PeriodKind } from '../../../durable-objects/tenant-ledger/rows.ts'
import { dateOf, daysOf } from '../../../durable-objects/tenant-ledger/rules/calendar.ts'
import { periodAt } from '../../../durable-objects/tenant-ledger/rules/period.ts'
import { isZone } from '../../../durable-objects/tenant-ledger/rules/zone.ts'

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())

function shown(kind: PeriodKind, zone: string, at: string): readonly (string | null)[] {
  const { startsAtMs, endsAtMs } = periodAt(kind, zone, Date.parse(at))
  return [iso(startsAtMs), iso(endsAtMs)]
}

describe('periodAt()', () => {
  it.each([
    [
      'hour',
      'UTC',
      '2027-01-15T12:59:59.999Z',
      '2027-01-15T12:00:00.000Z',
      '2027-01-15T13:00:00.000Z',
    ],
    [
      'day',
      'UTC',
      '2027-01-15T00:00:00.000Z',
      '2027-01-15T00:00:00.000Z',
      '2027-01-16T00:00:00.000Z',
    ],
    [
      'week',
      'UTC',
      '2027-01-17T23:59:59.000Z',
      '2027-01-11T00:00:00.000Z',
      '2027-01-18T00:00:00.000Z',
    ],
    [
      'month',
      'UTC',
      '2024-02-29T12:00:00.000Z',
      '2024-02-01T00:00:00.000Z',
      '2024-03-01T00:00:00.000Z',
    ],
    [
      'month',
      'Asia/Tokyo',
      '2027-01-31T15:00:00.000Z',
      '2027-01-31T15:00:00.000Z',
      '2027-02-28T15:00:00.000Z',
    ],
    [
      'day',
      'Asia/Kolkata',
      '2027-01-15T18:29:59.000Z',
      '2027-01-14T18:30:00.000Z',
      '2027-01-15T18:30:00.000Z',
    ],
    // 23 and 25 hours long.
    [
      'day',
      'Europe/Berlin',
      '2027-03-28T12:00:00.000Z',
      '2027-03-27T23:00:00.000Z',
      '2027-03-28T22:00:00.000Z',
    ],
    [
      'day',
      'Europe/Berlin',
      '2027-10-31T12:00:00.000Z',
      '2027-10-30T22:00:00.000Z',
      '2027-10-31T23:00:00.000Z',
    ],
    // The clock leaps over midnight: the day begins at one.
    [
      'day',
      'America/Sao_Paulo',
      '2017-10-15T12:00:00.000Z',
      '2017-10-15T03:00:00.000Z',
      '2017-10-16T02:00:00.000Z',
    ],
    // Midnight comes twice: the first one counts.
    [
      'day',
      'America/Havana',
      '2026-11-01T12:00:00.000Z',
      '2026-11-01T04:00:00.000Z',
      '2026-11-02T05:00:00.000Z',
    ],
    // A day that was left out altogether.
    [
      'day',
      'Pacific/Apia',
      '2011-12-31T00:00:00.000Z',
      '2011-12-30T10:00:00.000Z',
      '2011-12-31T10:00:00.000Z',
    ],
  ] as const)('%s in %s at %s', (kind, zone, at, from, to) => {
    expect(shown(kind, zone, at)).toEqual([from, to])
  })

  it('never ends for a total', () => {
    expect(periodAt('total', 'UTC', 5)).toEqual({ startsAtMs: 0, endsAtMs: null })
  })

  it('cuts time into pieces without gap or overlap, whatever the clock of the zone does', () => {
    const zones = [
      'UTC',
      'Europe/Berlin',
      'America/St_Johns',
      'America/Havana',
      'Pacific/Apia',
      'Australia/Lord_Howe',
      'Asia/Beirut',
      'America/Sao_Paulo',
    ] as const
    fc.assert(
      fc.property(
        fc.constantFrom('hour', 'day', 'week', 'month'),
        fc.constantFrom(...zones),
        fc.integer({ min: Date.UTC(2005, 0), max: Date.UTC(2035, 0) }),
        (kind, zone, at) => {
          const { startsAtMs, endsAtMs } = periodAt(kind, zone, at)
          expect(startsAtMs).toBeLessThanOrEqual(at)
          expect(endsAtMs).toBeGreaterThan(at)
          // Every moment of a period answers the same period, the first of the next one the next.
          for (const same of [startsAtMs, (endsAtMs ?? 0) - 1])
            expect(periodAt(kind, zone, same)).toEqual({ startsAtMs, endsAtMs })
          expect(periodAt(kind, zone, endsAtMs ?? 0).startsAtMs).toBe(endsAtMs)
        },
      ),
      { numRuns: 400 },
    )
  })

  it('counts days as the platform does', () => {
    fc.assert(
      fc.property(fc.integer({ min: -100_000, max: 100_000 }), (days) => {
        const date = new Date(days * 86_400_000)
        const own = dateOf(days)
        expect([own.year, own.month, own.day]).toEqual([
          date.getUTCFullYear(),
          date.getUTCMonth() + 1,
          date.getUTCDate(),
        ])
        expect(daysOf(own)).toBe(days)
      }),
    )
  })

  it('knows what a zone is', () => {
    expect(isZone('Europe/Berlin')).toBe(true)
    expect(isZone('Middle/Earth')).toBe(false)
  })
})
