import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LimitRow, UsageRow } from '../../../durable-objects/tenant-ledger/rows.ts'
import {
  counted,
  viewWindow,
  waitForMs,
} from '../../../durable-objects/tenant-ledger/rules/window.ts'
import { granted, Ledger, statement } from './support.ts'

const rpm: LimitRow = { id: 'rpm', scope: 'tenant', kind: 'requests', limit: 3, windowMs: 60_000 }
const slots: LimitRow = { id: 'slots', scope: 'tenant', kind: 'concurrency', limit: 2, windowMs: 0 }
const tpm: LimitRow = { id: 'tpm', scope: 'key:a', kind: 'tokens', limit: 100, windowMs: 60_000 }

describe('a limit of requests', () => {
  it('refuses the one too many, tells the true wait, and what is left on success too', () => {
    const ledger = new Ledger([], [rpm])
    expect(ledger.hold(1)).toMatchObject({
      kind: 'granted',
      limits: [{ limitId: 'rpm', remaining: 2, resetMs: 70_000 }],
    })
    ledger.after(20_000)
    ledger.hold(1)
    ledger.hold(1)
    const denied = ledger.hold(1)
    expect(denied).toMatchObject({ reason: 'rate_limited', by: 'rpm', retryAfterMs: 50_000 })
    ledger.after(49_999)
    expect(ledger.hold(1).kind).toBe('denied')
    ledger.after(1)
    expect(ledger.hold(1).kind).toBe('granted')
  })

  it('never lets more through in any span of its window, and its wait is the exact one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(20_000), fc.integer({ min: 1, max: 3 })), { maxLength: 40 }),
        (asks) => {
          let usage: UsageRow = { id: 'rpm', inUse: 0, parts: [] }
          let nowMs = 1_800_000_000_123
          const taken: (readonly [number, number])[] = []
          for (const [afterMs, count] of asks) {
            nowMs += afterMs
            const { remaining } = viewWindow(rpm, usage, 6, nowMs)
            const wait = waitForMs(rpm, usage, count, 6, nowMs)
            expect(count <= remaining).toBe(wait === 0)
            if (wait !== null && wait > 0) {
              expect(viewWindow(rpm, usage, 6, nowMs + wait).remaining).toBeGreaterThanOrEqual(
                count,
              )
              expect(viewWindow(rpm, usage, 6, nowMs + wait - 1).remaining).toBeLessThan(count)
            }
            if (count > remaining) continue
            usage = counted(rpm, usage, count, 6, nowMs, nowMs)
            taken.push([nowMs, count])
            const within = taken.filter(([atMs]) => atMs > nowMs - rpm.windowMs)
            expect(within.reduce((sum, [, each]) => sum + each, 0)).toBeLessThanOrEqual(rpm.limit)
          }
        },
      ),
    )
  })

  it('is shared out with leases, and comes back where it was counted', () => {
    const ledger = new Ledger([], [{ ...rpm, limit: 100 }])
    const units = { requests: 80, tokens: 0, slots: 1 }
    const lease = ledger.lease(10, 1, { units })
    // A quarter; valid while the part of the window lasts in which it was counted.
    expect(lease).toMatchObject({
      units: { requests: 25, tokens: null, slots: null },
      validForMs: 10_000,
    })
    const said = {
      ...statement('close', lease.leaseId, 0),
      usedUnits: { requests: 5, tokens: 0, slots: 0 },
    }
    ledger.exchange([said as never])
    expect(ledger.hold(1)).toMatchObject({ limits: [{ remaining: 94 }] })
  })
})

describe('a limit of tokens', () => {
  it('counts the worst case first, and what it was in the end', () => {
    const ledger = new Ledger([], [tpm])
    const scopes = ['tenant', 'key:a'] as const
    const first = granted(ledger.hold(1, { scopes, tokens: 90 }))
    expect(ledger.hold(1, { scopes, tokens: 20 })).toMatchObject({ reason: 'rate_limited' })
    expect(ledger.hold(1, { tokens: 20 }).kind).toBe('granted')
    ledger.post(first.leaseId, 1)
    expect(ledger.hold(1, { scopes, tokens: 98 }).kind).toBe('granted')
  })

  it('says that waiting does not help a request that is too large for it', () => {
    const answer = new Ledger([], [tpm]).hold(1, { scopes: ['key:a'], tokens: 101 })
    expect(answer).toMatchObject({ reason: 'rate_limited', retryAfterMs: null })
  })
})

describe('a limit of calls at once', () => {
  it('is free again when one ends, or is lost', () => {
    const ledger = new Ledger([], [slots])
    const first = granted(ledger.hold(1))
    ledger.hold(1)
    expect(ledger.hold(1)).toMatchObject({
      reason: 'rate_limited',
      by: 'slots',
      retryAfterMs: 1000,
    })
    ledger.post(first.leaseId, 1)
    expect(ledger.hold(1).kind).toBe('granted')
    ledger.tick(3_600_000)
    expect(ledger.hold(1)).toMatchObject({ kind: 'granted', limits: [{ remaining: 1 }] })
  })

  it('takes no money when it refuses', () => {
    const ledger = new Ledger(undefined, [{ ...slots, limit: 0 }])
    expect(ledger.hold(1)).toMatchObject({ reason: 'rate_limited', retryAfterMs: null })
    expect(ledger.state.tables.accounts.size).toBe(0)
  })
})

describe('a limit that is put anew', () => {
  const versionOf = (ledger: Ledger) => ledger.exchange([]).killVersion

  it('takes leases back when it is of another scope or kind, and not when only its number changes', () => {
    const ledger = new Ledger([], [rpm])
    const before = versionOf(ledger)
    ledger.take({ kind: 'configure', budgets: [], limits: [{ ...rpm, limit: 9 }] })
    expect(versionOf(ledger)).toBe(before)
    ledger.take({ kind: 'configure', budgets: [], limits: [{ ...rpm, scope: 'key:a' }] })
    expect(versionOf(ledger)).toBe(before + 1)
  })
})
