import { describe, expect, it } from 'vitest'
import { loadLedger, rowsOf } from '../../../durable-objects/tenant-ledger/ledger.ts'
import type { Statement } from '../../../durable-objects/tenant-ledger/protocol.ts'
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
