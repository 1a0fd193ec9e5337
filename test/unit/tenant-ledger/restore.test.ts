import { describe, expect, it } from 'vitest'
import { loadLedger, rowsOf } from '../../../durable-objects/tenant-ledger/ledger.ts'
import type { LeaseId, Statement } from '../../../durable-objects/tenant-ledger/protocol.ts'
import { budget, granted, Ledger, line, n, statement } from './support.ts'

function adopting(said: Statement, grant: number): Statement {
  const adopt = { grantNanoUsd: n(grant), accounts: ['b@0'], scopes: ['tenant'] as const }
  return { ...said, adopt } as Statement
}

describe('a ledger that was evicted', () => {
  it('is the same one: nothing it needs is only in memory', () => {
    const ledger = new Ledger([budget('b', { period: 'hour' })])
    ledger.lease(100)
    ledger.hold(5)
    const again = loadLedger(ledger.state.settings, rowsOf(ledger.state))
    expect(again.tables).toEqual(ledger.state.tables)
    expect([...again.index.open.keys()]).toEqual([...ledger.state.index.open.keys()])
    ledger.state = again
    ledger.tick(60_000)
    expect(ledger.alerts()).toEqual(['lease_lost'])
  })
})

describe('a ledger that was restored', () => {
  it('grants nothing while what it forgot can be spent, and nothing of that time until it is accounted for', () => {
    const ledger = new Ledger()
    ledger.hold(100)
    ledger.backUp()
    ledger.hold(300)
    ledger.restore(0)
    expect(ledger.account()).toMatchObject({ chargedNanoUsd: 100, isUncertain: true })
    expect(ledger.hold(1)).toMatchObject({ reason: 'restoring', retryAfterMs: 960_000 })
    ledger.after(960_000)
    expect(ledger.hold(1)).toMatchObject({
      reason: 'restoring',
      retryAfterMs: null,
      by: 'b',
      remainingNanoUsd: 0,
    })
    ledger.take({ kind: 'release', actor: 'ops' })
    expect(ledger.hold(900).kind).toBe('granted')
  })

  it('does so in periods that it has never seen, if they had begun', () => {
    const ledger = new Ledger([budget('b', { period: 'hour' })])
    ledger.backUp()
    ledger.hold(300)
    ledger.restore(0)
    ledger.after(960_000)
    expect(ledger.hold(1)).toMatchObject({ reason: 'restoring', retryAfterMs: 2_640_000 })
    ledger.after(3_600_000)
    expect(ledger.hold(1).kind).toBe('granted')
  })

  it('goes on as if nothing had happened when its journal is whole', () => {
    const ledger = new Ledger()
    ledger.backUp()
    const { leaseId } = granted(ledger.hold(300))
    ledger.restore(1)
    expect(ledger.account()).toMatchObject({ chargedNanoUsd: 300, isUncertain: false })
    ledger.post(leaseId, 20, 300)
    expect(ledger.hold(980)).toMatchObject({ kind: 'granted', leaseId: '7.1' })
  })

  it('takes in what a holder says of a lease that it forgot', () => {
    const ledger = new Ledger()
    ledger.backUp()
    const { leaseId } = ledger.lease(300)
    ledger.restore(0)
    const said = statement('seal', leaseId, 10, 20, [line(3, 10)], 4)
    expect(ledger.exchange([said]).acknowledgements).toMatchObject([{ state: 'unknown' }])
    ledger.exchange([adopting(said, 250)])
    expect(ledger.alerts()).toEqual(['lease_adopted'])
    expect(ledger.account()).toMatchObject({
      chargedNanoUsd: 30,
      postedNanoUsd: 10,
    })
    ledger.exchange([adopting(statement('close', leaseId, 25, 0, [line(4, 12)], 5), 250)])
    // Lines 1 and 2 were stored before the restore: their 3 are charged, and nobody knows for what.
    expect(ledger.account()).toMatchObject({
      chargedNanoUsd: 25,
      postedNanoUsd: 22,
      phantomNanoUsd: 3,
    })
  })

  it('does not take in again what it has closed and forgotten', () => {
    const ledger = new Ledger()
    const { leaseId } = granted(ledger.hold(10))
    ledger.post(leaseId, 10)
    ledger.backUp()
    ledger.hold(1)
    ledger.restore(0)
    ledger.tick(600_000)
    expect(ledger.state.tables.leases.size).toBe(0)
    const said = statement('close', leaseId, 10, 0, [line(1, 10)])
    expect(ledger.exchange([adopting(said, 10)]).acknowledgements).toMatchObject([
      { state: 'closed' },
    ])
    expect(ledger.account().chargedNanoUsd).toBe(10)
  })

  it('does not believe that an older hold was never used: it may have forgotten that it was', () => {
    const ledger = new Ledger()
    const ask = ledger.holdAsk(100)
    const { leaseId } = granted(ledger.ask(ask))
    ledger.backUp()
    ledger.post(leaseId, 60, 100)
    ledger.restore(0)
    ledger.exchange([{ kind: 'void', askId: ask.askId }])
    expect(ledger.account().chargedNanoUsd).toBe(100)
  })

  it('begins an epoch that never was', () => {
    const ledger = new Ledger()
    ledger.backUp()
    ledger.restore(0, 7)
    expect(ledger.exchange([]).epoch).toBe(7)
    const effects = ledger.take({ kind: 'restored', epoch: 7, journal: [], isComplete: true })
    expect(effects).toMatchObject([{ kind: 'refused' }])
  })
})

describe('a restored ledger that is released', () => {
  /** A hold of 100 that a restore lost and that was billed 80, and a lease of 300 that was billed 10. */
  function halfForgotten(): { readonly ledger: Ledger; readonly leaseId: LeaseId } {
    const ledger = new Ledger()
    const { leaseId } = ledger.lease(300)
    ledger.backUp()
    ledger.hold(100)
    ledger.restore(0)
    return { ledger, leaseId }
  }

  function release(ledger: Ledger, billed?: number): string | null {
    const bills = billed === undefined ? [] : [{ accountId: 'b@0', amountNanoUsd: n(billed) }]
    const effects = ledger.take({ kind: 'release', actor: 'ops', billed: bills })
    const [refused] = effects.filter(({ kind }) => kind === 'refused')
    return refused?.kind === 'refused' ? refused.reason : null
  }

  it('charges what was billed beyond what is firm: another lease gives back what seemed to cover it', () => {
    const { ledger, leaseId } = halfForgotten()
    ledger.tick(960_000)
    expect(ledger.row(leaseId).state).toBe('lost')
    // 250 are charged to a lease that is lost, and nothing else: more than the bill of 90.
    expect(ledger.account()).toMatchObject({ chargedNanoUsd: 250, phantomNanoUsd: 250 })
    expect(release(ledger, 90)).toBeNull()
    ledger.say('close', leaseId, 10, 0, [line(1, 10)])
    expect(ledger.account().chargedNanoUsd).toBeGreaterThanOrEqual(90)
    expect(ledger.hold(901)).toMatchObject({ reason: 'budget_exceeded' })
  })

  it('keeps that also when somebody proves what the lost lease cost', () => {
    const { ledger, leaseId } = halfForgotten()
    ledger.tick(960_000)
    release(ledger, 90)
    ledger.take({ kind: 'reconcile', leaseId, finalNanoUsd: n(10), actor: 'ops' })
    expect(ledger.account()).toMatchObject({ chargedNanoUsd: 100, phantomNanoUsd: 100 })
    expect(ledger.lines.at(-2)).toMatchObject({ kind: 'lost', amountNanoUsd: 90 })
  })

  it('charges nothing twice: lines, and what closed leases cost, are firm', () => {
    const { ledger, leaseId } = halfForgotten()
    ledger.say('close', leaseId, 50, 0, [line(1, 20)])
    ledger.after(960_000)
    expect(release(ledger, 60)).toBeNull()
    expect(ledger.account()).toMatchObject({ chargedNanoUsd: 60, phantomNanoUsd: 40 })
    expect(release(ledger)).toBeNull()
    expect(ledger.account().chargedNanoUsd).toBe(60)
  })

  it('charges a period that the restore lost altogether', () => {
    const ledger = new Ledger([budget('b', { period: 'day' })])
    ledger.backUp()
    ledger.hold(300)
    const { id } = ledger.account()
    ledger.restore(0)
    ledger.after(960_000)
    const billed = [{ accountId: id, amountNanoUsd: n(300) }]
    ledger.take({ kind: 'release', actor: 'ops', billed })
    expect(ledger.account()).toMatchObject({ id, chargedNanoUsd: 300, isUncertain: false })
    expect(ledger.hold(701)).toMatchObject({ reason: 'budget_exceeded' })
  })

  it('is not released while what it forgot can be spent', () => {
    const { ledger } = halfForgotten()
    ledger.after(959_500)
    expect(release(ledger, 90)).toBe(
      'what was granted before the restore can be spent for 1 s more',
    )
    expect(ledger.account()).toMatchObject({ chargedNanoUsd: 250, isUncertain: true })
    ledger.after(500)
    expect(release(ledger, 90)).toBeNull()
  })

  it.each([
    ['b@1', 'not an uncertain account: b@1'],
    ['c@0', 'not an uncertain account: c@0'],
  ])('takes no bill of %s', (accountId, reason) => {
    const { ledger } = halfForgotten()
    ledger.after(960_000)
    const billed = [{ accountId, amountNanoUsd: n(1) }]
    ledger.take({ kind: 'release', actor: 'ops', billed })
    expect(ledger.effects).toEqual([{ kind: 'refused', reason }])
    expect(ledger.account().isUncertain).toBe(true)
  })
})
