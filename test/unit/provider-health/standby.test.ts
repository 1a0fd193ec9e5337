import { describe, expect, it } from 'vitest'
import type { ProbeResult } from '../../../durable-objects/provider-health/composition.ts'
import {
  affordableAtMs,
  assumedPriceNanoUsd,
  charged,
  nothingSpent,
  settled,
} from '../../../durable-objects/provider-health/probe-spending.ts'
import type {
  DomainSnapshot,
  OutcomeRow,
} from '../../../durable-objects/provider-health/protocol.ts'
import {
  alertsSchema,
  nanoUsdOf,
  standbySchema,
  standbySettings,
} from '../../../durable-objects/provider-health/standby-schema.ts'
import {
  answered,
  asked,
  emptyStandby,
  heard,
  lostAfterMs,
  onlyConfigured,
  provenByTraffic,
  shutForMs,
  standbyDueMs,
  standbyOf,
  standbySnapshot,
  strugglesToFail,
  unheardAfterMs,
  type StandbyBook,
  type StandbyChange,
} from '../../../durable-objects/provider-health/standby.ts'

const target = 'm@p'
const settings = { intervalMs: 60_000, maxNanoUsdPerDay: 10_000_000 }
const nowMs = Date.UTC(2026, 10, 20, 12)
const book = heard(emptyStandby, nowMs)

/** One call after the other, a minute apart; answers the last book and every change. */
function ask(results: readonly (ProbeResult | null)[], from: StandbyBook = book) {
  let at = from
  const changes: (StandbyChange | null)[] = []
  for (const [index, result] of results.entries()) {
    const askedMs = nowMs + index * 60_000
    const after = answered(asked(at, target, askedMs), target, result, askedMs + 500)
    at = after.book
    changes.push(after.change)
  }
  return { book: at, changes, status: standbyOf(at, target).status }
}

const ok: ProbeResult = { outcome: 'ok', costNanoUsd: 20_000 }

describe('standbyDueMs()', () => {
  it('is at once for a target that was never asked', () => {
    expect(standbyDueMs(book, target, settings, 0, nowMs)).toBe(nowMs)
  })

  it('is an interval after the last call', () => {
    const { book: after } = ask([ok])
    expect(standbyDueMs(after, target, settings, 0, nowMs + 1000)).toBe(nowMs + 60_000)
  })

  it('waits for a call that is out, until it must be lost', () => {
    const out = asked(book, target, nowMs)
    expect(standbyDueMs(out, target, settings, 0, nowMs + 60_000)).toBe(nowMs + lostAfterMs)
  })

  it('waits until the target may be called', () => {
    expect(standbyDueMs(book, target, settings, 7000, nowMs)).toBe(nowMs + 7000)
  })

  it('waits for the next day when the cap is used up', () => {
    const poor = { ...settings, maxNanoUsdPerDay: 30_000 }
    const { book: after } = ask([ok])
    expect(standbyDueMs(after, target, poor, 0, nowMs)).toBe(Date.UTC(2026, 10, 21))
  })

  it('is never, where nobody has reported for a day', () => {
    const lateMs = nowMs + unheardAfterMs
    expect(standbyDueMs(book, target, settings, 0, lateMs - 1)).toBe(lateMs - 1)
    expect(standbyDueMs(book, target, settings, 0, lateMs)).toBe(Infinity)
    expect(standbyDueMs(emptyStandby, target, settings, 0, nowMs)).toBe(Infinity)
  })
})

describe('answered()', () => {
  it.each<[string, ProbeResult, string]>([
    ['a revoked key', { outcome: 'auth' }, 'auth'],
    ['a spent quota', { outcome: 'quota_exhausted' }, 'quota_exhausted'],
    ['a retired model', { outcome: 'bad_request', targetFault: true }, 'retired'],
  ])('reports %s at once', (_name, result, reason) => {
    const { changes, status } = ask([ok, result])
    expect(status).toBe('failing')
    expect(changes).toEqual([null, { target, status: 'failing', reason, sinceMs: nowMs + 60_500 }])
  })

  it.each([
    'timeout',
    'connect',
    'overloaded',
    'server_error',
    'truncated',
    'bad_request',
  ] as const)('reports %s when it comes three times in a row', (outcome) => {
    const { changes } = ask(Array.from({ length: strugglesToFail }, () => ({ outcome })))
    expect(changes.map((change) => change?.reason ?? null)).toEqual([null, null, outcome])
  })

  it('forgets two failures when the next call goes well', () => {
    const failed = { outcome: 'timeout' } as const
    expect(ask([failed, failed, ok, failed, failed]).status).toBe('working')
  })

  it.each([{ outcome: 'rate_limited' }, { outcome: 'cancelled' }, null] as const)(
    'learns nothing from %j',
    (result) => {
      expect(ask([ok, result, result, result, result]).status).toBe('working')
      expect(ask([{ outcome: 'auth' }, result]).status).toBe('failing')
      expect(ask([result]).status).toBe('unknown')
    },
  )

  it('says that a target works again, once', () => {
    const { changes } = ask([{ outcome: 'auth' }, ok, ok])
    expect(changes.map((change) => change?.status ?? null)).toEqual(['failing', 'working', null])
  })

  it('says nothing of a target that works from the beginning, nor twice of one that fails', () => {
    expect(ask([ok, ok]).changes).toEqual([null, null])
    const { changes } = ask([{ outcome: 'auth' }, { outcome: 'auth' }, { outcome: 'timeout' }])
    expect(changes.map((change) => change === null)).toEqual([false, true, true])
  })

  it('keeps targets apart, whatever they are called', () => {
    const after = answered(asked(book, '__proto__@p', nowMs), '__proto__@p', ok, nowMs)
    expect(standbyOf(after.book, target).status).toBe('unknown')
    expect(standbyOf(emptyStandby, 'constructor').status).toBe('unknown')
  })
})

describe('provenByTraffic()', () => {
  const configured = new Map([[target, settings]])
  const row = { target, size: 0, outcome: 'ok', count: 1, ageMs: 0 } as const
  const prove = (rows: readonly unknown[], from = book, atMs = nowMs) =>
    provenByTraffic(from, rows as readonly OutcomeRow[], configured, atMs)

  it('puts the next call off: good traffic shows what it would', () => {
    const after = prove([row])
    expect(standbyOf(after, target).status).toBe('working')
    expect(standbyDueMs(after, target, settings, 0, nowMs)).toBe(nowMs + 60_000)
  })

  it('proves nothing of failures, of other targets, nor of what is no row', () => {
    expect(prove([{ ...row, outcome: 'timeout' }, { ...row, target: 'x@p' }, null, 7])).toBe(book)
  })

  it('leaves a target that fails to its own calls, so that its recovery is told', () => {
    const { book: failing } = ask([{ outcome: 'auth' }])
    expect(prove([row], failing, nowMs + 1000)).toBe(failing)
  })
})

describe('shutForMs()', () => {
  const domain = (key: string, more: Partial<DomainSnapshot>) =>
    ({ key, openForMs: 0, notBeforeForMs: 0, ...more }) as DomainSnapshot

  it('is the longest wait of all that bars the target', () => {
    const domains = [
      domain('edge', { openForMs: 1000 }),
      domain(`target:${target}`, { openForMs: 3000 }),
      domain(`quota:${target}`, { notBeforeForMs: 2000 }),
      domain('target:x@p', { openForMs: 9000 }),
      domain('quota:x@p', { notBeforeForMs: 9000 }),
    ]
    expect(shutForMs(domains, target)).toBe(3000)
    expect(shutForMs([domain('quota:*', { notBeforeForMs: 5000 })], target)).toBe(5000)
    expect(shutForMs([], target)).toBe(0)
  })
})

describe('what probes cost', () => {
  it('is charged before the call, at what the last one cost', () => {
    const first = charged(nothingSpent, nowMs)
    expect(first.spentNanoUsd).toBe(assumedPriceNanoUsd)
    const known = settled(first, assumedPriceNanoUsd, 25_000, nowMs)
    expect(known.spentNanoUsd).toBe(25_000)
    expect(charged(known, nowMs).spentNanoUsd).toBe(50_000)
  })

  it('stays charged when the price is not known', () => {
    const out = charged(nothingSpent, nowMs)
    expect(settled(out, assumedPriceNanoUsd, undefined, nowMs)).toEqual(out)
    expect(settled(out, assumedPriceNanoUsd, Number.NaN, nowMs)).toEqual(out)
  })

  it('stays charged when the call is lost and the next one goes out', () => {
    const { spending } = standbyOf(asked(asked(book, target, nowMs), target, nowMs), target)
    expect(spending.spentNanoUsd).toBe(2 * assumedPriceNanoUsd)
  })

  it('never passes the cap, whatever calls cost that are no dearer than the last', () => {
    let spending = nothingSpent
    let calls = 0
    while (affordableAtMs(spending, 1_000_000, nowMs) === nowMs) {
      spending = settled(
        charged(spending, nowMs),
        spending.priceNanoUsd ?? assumedPriceNanoUsd,
        30_000,
        nowMs,
      )
      calls += 1
      expect(spending.spentNanoUsd).toBeLessThanOrEqual(1_000_000)
    }
    expect(calls).toBe(33)
  })

  it('begins anew each UTC day, and a clock that goes back buys none', () => {
    const spent = charged(nothingSpent, nowMs)
    expect(affordableAtMs(spent, assumedPriceNanoUsd, nowMs)).toBe(Date.UTC(2026, 10, 21))
    const nextMs = Date.UTC(2026, 10, 21)
    expect(affordableAtMs(spent, assumedPriceNanoUsd, nextMs)).toBe(nextMs)
    expect(affordableAtMs(spent, assumedPriceNanoUsd, nowMs - 86_400_000)).toBe(nextMs)
  })

  it('of a call over midnight gives nothing back to the new day', () => {
    const out = charged(nothingSpent, nowMs)
    const nextMs = Date.UTC(2026, 10, 21)
    expect(settled(out, assumedPriceNanoUsd, 25_000, nextMs).spentNanoUsd).toBe(25_000)
  })
})

describe('standbySnapshot()', () => {
  it('tells ages, not times', () => {
    const { book: after } = ask([ok])
    expect(standbySnapshot(after, target, nowMs + 10_500)).toEqual({
      target,
      status: 'working',
      reason: null,
      sinceMs: 10_000,
      askedForMs: 10_500,
      spentTodayNanoUsd: 20_000,
    })
  })

  it('of a target never asked tells that', () => {
    expect(standbySnapshot(book, target, nowMs)).toMatchObject({
      status: 'unknown',
      sinceMs: null,
      askedForMs: null,
    })
  })
})

it('onlyConfigured() forgets targets that left the configuration', () => {
  const { book: after } = ask([ok])
  expect(onlyConfigured(after, new Map([[target, settings]])).targets).toHaveProperty([target])
  expect(onlyConfigured(after, new Map()).targets).toEqual({})
})

describe('the settings in routes.json', () => {
  it('have their defaults', () => {
    expect(standbySchema.parse({})).toEqual({ intervalMs: 60_000, maxUsdPerDay: '0.50' })
  })

  it('share the cap of a target among its regions', () => {
    const { maxNanoUsdPerDay } = standbySettings(standbySchema.parse({ maxUsdPerDay: '0.60' }))
    expect(maxNanoUsdPerDay).toBe(100_000_000)
  })

  it.each([
    ['0.5', 500_000_000],
    ['12', 12_000_000_000],
    ['0.000000001', 1],
    ['0.29', 290_000_000],
    ['1.005', 1_005_000_000],
  ])('read %s USD exactly', (text, nanoUsd) => {
    expect(nanoUsdOf(text)).toBe(nanoUsd)
  })

  it.each([
    { intervalMs: 9999 },
    { intervalMs: 1.5 },
    { maxUsdPerDay: 0.5 },
    { maxUsdPerDay: '-1' },
    { maxUsdPerDay: '1e3' },
    { maxUsdPerDay: '.5' },
    { every: 60_000 },
  ])('refuse %j', (raw) => {
    expect(standbySchema.safeParse(raw).success).toBe(false)
  })

  it.each([
    { url: 'ftp://alerts.example/', secret: 'S' },
    { url: 'https://alerts.example/ x', secret: 'S' },
    { url: 'https://alerts.example/', secret: 'the secret itself' },
    { url: 'https://alerts.example/' },
  ])('refuse alerts such as %j', (raw) => {
    expect(alertsSchema.safeParse(raw).success).toBe(false)
  })
})
