import { describe, expect, it } from 'vitest'
import { setRow } from '../../../durable-objects/tenant-ledger/state.ts'
import { amounts, budget, granted, Ledger, line, n, startMs, statement } from './support.ts'

/** A lease of 100, and its ledger. */
function leased(more: ConstructorParameters<typeof Ledger>[2] = {}) {
  const ledger = new Ledger([budget('b')], [], { grantBasisPoints: 10_000, ...more })
  return { ledger, id: ledger.lease(100).leaseId }
}

describe('a lease', () => {
  it('is charged in full until its holder says less', () => {
    const { ledger, id } = leased()
    ledger.say('report', id, 10, 20)
    expect(ledger.account().chargedNanoUsd).toBe(100)
    expect(ledger.row(id).reportedNanoUsd).toBe(30)
    ledger.say('seal', id, 10, 20)
    expect(ledger.account().chargedNanoUsd).toBe(30)
    ledger.say('close', id, 25, 0, [line(1, 25)])
    expect(ledger.account()).toMatchObject({
      chargedNanoUsd: 25,
      postedNanoUsd: 25,
      phantomNanoUsd: 0,
    })
    expect(ledger.row(id).state).toBe('closed')
  })

  it('falls to the least that was said, in whatever order it comes', () => {
    const { ledger, id } = leased()
    ledger.say('seal', id, 10, 20, [], 2)
    ledger.say('seal', id, 10, 50, [], 1)
    expect(ledger.account().chargedNanoUsd).toBe(30)
    ledger.say('close', id, 30, 0, [line(1, 30)], 3)
    ledger.say('seal', id, 10, 20, [], 2)
    expect(ledger.account().chargedNanoUsd).toBe(30)
    expect(ledger.row(id).state).toBe('closed')
  })

  it('is not charged less by a report', () => {
    const { ledger, id } = leased()
    ledger.say('report', id, 0, 0)
    expect(ledger.account().chargedNanoUsd).toBe(100)
  })

  it('is closed by the first word, and a different second one is told', () => {
    const { ledger, id } = leased()
    const said = statement('close', id, 40, 0, [line(1, 40)])
    ledger.exchange([said])
    ledger.exchange([said])
    expect(ledger.alerts()).toEqual([])
    ledger.say('close', id, 39)
    expect(ledger.alerts()).toEqual(['close_differs'])
    expect(ledger.account().chargedNanoUsd).toBe(40)
  })

  it('takes each line once', () => {
    const { ledger, id } = leased()
    const [first, second] = [line(1, 10), line(2, 5)]
    ledger.say('report', id, 10, 0, [first])
    const reply = ledger.say('report', id, 15, 0, [first, second])
    expect(reply.acknowledgements).toEqual([{ leaseId: id, state: 'active', lineCount: 2 }])
    ledger.say('report', id, 10, 0, [first])
    expect(amounts(ledger.lines)).toEqual([
      ['attempt', 10],
      ['attempt', 5],
    ])
    expect(ledger.account().postedNanoUsd).toBe(15)
  })

  it('does not take a line after it was closed without it', () => {
    const { ledger, id } = leased()
    ledger.say('close', id, 10, 0, [line(1, 10)])
    ledger.say('report', id, 20, 0, [line(2, 10)], 2)
    expect(ledger.alerts()).toEqual(['line_after_close'])
    expect(ledger.account()).toMatchObject({ chargedNanoUsd: 10, postedNanoUsd: 10 })
  })

  it('that was closed for more than its lines keeps the difference, and its line when it comes', () => {
    const { ledger, id } = leased()
    ledger.say('close', id, 30, 0, [line(1, 10)])
    expect(ledger.alerts()).toEqual(['lines_missing'])
    ledger.say('report', id, 30, 0, [line(2, 20)], 2)
    expect(amounts(ledger.lines)).toEqual([
      ['attempt', 10],
      ['lost', 20],
      ['attempt', 20],
      ['found', 20],
    ])
    expect(ledger.account()).toMatchObject({
      chargedNanoUsd: 30,
      postedNanoUsd: 30,
      phantomNanoUsd: 0,
    })
  })
})

describe('a lease that is not heard of again', () => {
  it('stays charged, with a line that says so', () => {
    const { ledger, id } = leased()
    ledger.say('report', id, 10, 5, [line(1, 10)])
    expect(ledger.state.wakeAtMs).toBe(startMs + 60_000)
    ledger.tick(59_999)
    expect(ledger.row(id).state).toBe('active')
    ledger.tick(1)
    expect(ledger.row(id).state).toBe('lost')
    expect(ledger.alerts()).toEqual(['lease_lost'])
    expect(ledger.account()).toMatchObject({
      chargedNanoUsd: 100,
      postedNanoUsd: 10,
      phantomNanoUsd: 90,
    })
    expect(ledger.lines.at(-1)).toMatchObject({
      kind: 'lost',
      amountNanoUsd: 90,
      basis: 'worst_case',
    })
  })

  it('may still be sealed, settled and closed by its holder', () => {
    const { ledger, id } = leased()
    ledger.tick(60_000)
    ledger.say('seal', id, 10, 20, [line(1, 10)], 1)
    expect(ledger.row(id).state).toBe('lost')
    expect(ledger.account()).toMatchObject({ chargedNanoUsd: 30, phantomNanoUsd: 20 })
    ledger.say('close', id, 22, 0, [line(2, 12)], 2)
    expect(ledger.account()).toMatchObject({
      chargedNanoUsd: 22,
      postedNanoUsd: 22,
      phantomNanoUsd: 0,
    })
    expect(amounts(ledger.lines)).toEqual([
      ['lost', 100],
      ['attempt', 10],
      ['found', 80],
      ['attempt', 12],
      ['found', 20],
    ])
  })

  it('is lost later when it was sealed: its attempts may run for long', () => {
    const { ledger, id } = leased()
    ledger.say('seal', id, 10, 20)
    ledger.tick(899_999)
    expect(ledger.row(id).state).toBe('sealed')
    ledger.tick(1)
    expect(ledger.row(id)).toMatchObject({ state: 'lost', limitNanoUsd: 30 })
  })

  it('is closed for what somebody can prove, and only then', () => {
    const { ledger, id } = leased()
    const event = { kind: 'reconcile', leaseId: id, finalNanoUsd: n(12), actor: 'ops' } as const
    expect(ledger.take(event)).toMatchObject([{ kind: 'refused' }])
    ledger.tick(60_000)
    expect(ledger.take({ ...event, finalNanoUsd: n(101) })).toMatchObject([{ kind: 'refused' }])
    ledger.take(event)
    expect(ledger.effects).toContainEqual({
      kind: 'audit',
      action: 'reconcile',
      actor: 'ops',
      subject: id,
    })
    expect(ledger.account()).toMatchObject({ chargedNanoUsd: 12, phantomNanoUsd: 12 })
  })

  it('comes back in part where the bounded policy was asked for, up to a share of the cap', () => {
    const { ledger, id } = leased({ lostPolicy: { boundedBasisPoints: 500 } })
    ledger.say('report', id, 10, 5, [line(1, 10)])
    ledger.tick(60_000).tick(899_999)
    expect(ledger.account().chargedNanoUsd).toBe(100)
    ledger.tick(1)
    // 85 were not reported; five percent of the cap are 50.
    expect(ledger.account()).toMatchObject({ chargedNanoUsd: 50, refundedNanoUsd: 50 })
    expect(ledger.alerts()).toEqual(['bounded_refund'])
    ledger.say('close', id, 70, 0, [line(2, 60)], 2)
    // It had been spent: the truth counts, as what it is.
    expect(ledger.account()).toMatchObject({
      chargedNanoUsd: 70,
      postedNanoUsd: 70,
      overrunNanoUsd: 20,
    })
    expect(ledger.alerts()).toEqual(['overrun'])
  })

  it('is charged what it is closed for, also behind a seal and without its lines', () => {
    const { ledger, id } = leased()
    ledger.say('seal', id, 40, 20)
    ledger.say('close', id, 50, 0, [], 2)
    expect(ledger.alerts()).toEqual(['lines_missing'])
    expect(ledger.account()).toMatchObject({ chargedNanoUsd: 50, phantomNanoUsd: 50 })
  })

  it('asks to be woken for what comes back, also where nothing else happens', () => {
    const { ledger, id } = leased({ lostPolicy: { boundedBasisPoints: 500 }, rememberMs: 1 })
    ledger.say('report', id, 10, 5, [line(1, 10)])
    ledger.tick(60_000)
    const woken = () => ledger.effects.findLast((effect) => effect.kind === 'wake')
    // Asks are forgotten sooner here.
    for (let times = 0; times < 3; times += 1) ledger.tick(1000)
    expect(woken()).toMatchObject({ atMs: ledger.nowMs - 3000 + 900_000 })
    ledger.tick(900_000 - 3000)
    expect(ledger.account().refundedNanoUsd).toBe(50)
    // And not again and again for what is over.
    expect(woken()).toBeUndefined()
  })

  it.each([
    ['by a close alone', false],
    ['by its lines first, and then by a close', true],
  ])('is an overrun when it had been spent, above the cap and seen: %s', (_what, isReported) => {
    const { ledger, id } = leased({ lostPolicy: { boundedBasisPoints: 500 } })
    ledger.say('report', id, 10, 5, [line(1, 10)])
    ledger.tick(60_000).tick(900_000)
    // Others spend what came back, and all else.
    ledger.post(granted(ledger.hold(950)).leaseId, 950)
    expect(ledger.account().chargedNanoUsd).toBe(1000)
    if (isReported) ledger.say('report', id, 70, 0, [line(2, 60)], 2)
    ledger.say('close', id, 80, 0, [line(isReported ? 3 : 2, isReported ? 10 : 70)], 3)
    expect(ledger.account()).toMatchObject({
      chargedNanoUsd: 1030,
      postedNanoUsd: 1030,
      overrunNanoUsd: 30,
      // Not free to be given back once more.
      refundedNanoUsd: 50,
    })
    // The margin is kept from now on.
    expect(ledger.hold(1)).toMatchObject({ kind: 'denied', reason: 'budget_exceeded' })
  })
})

describe('an attempt that costs more than its worst case', () => {
  it('is charged as it is, told, and makes the ledger careful', () => {
    const { ledger, id } = leased()
    ledger.say('close', id, 20, 0, [line(1, 27, 20)])
    expect(ledger.alerts()).toEqual(['overrun'])
    expect(ledger.account()).toMatchObject({
      chargedNanoUsd: 27,
      postedNanoUsd: 27,
      overrunNanoUsd: 7,
    })
    // 0.5 % of 1,000 is 5, and so is the least margin of this test.
    expect(ledger.hold(969)).toMatchObject({ kind: 'denied', remainingNanoUsd: 968 })
    expect(ledger.hold(968).kind).toBe('granted')
  })

  it('keeps no more than a tenth of a small budget free', () => {
    const ledger = new Ledger([budget('b', { capNanoUsd: n(20) })])
    ledger.post(granted(ledger.hold(5)).leaseId, 6, 5)
    expect(ledger.hold(12).kind).toBe('granted')
  })
})

describe('a hold', () => {
  it('ends when it is posted, for what it cost', () => {
    const ledger = new Ledger()
    const { leaseId } = granted(ledger.hold(100))
    expect(ledger.post(leaseId, 30, 100).acknowledgements).toEqual([
      { leaseId, state: 'closed', lineCount: 1 },
    ])
    expect(ledger.account()).toMatchObject({ chargedNanoUsd: 30, postedNanoUsd: 30 })
    expect(ledger.lines[0]).toMatchObject({
      id: `${leaseId}/1`,
      kind: 'attempt',
      accounts: ['b@0'],
    })
  })

  it('costs nothing when it is void, once or twice, before or after it came', () => {
    const ledger = new Ledger()
    const ask = ledger.holdAsk(100)
    ledger.ask(ask)
    const voided = { kind: 'void', askId: ask.askId } as const
    expect(ledger.exchange([voided, voided]).noted).toEqual([ask.askId, ask.askId])
    expect(ledger.account().chargedNanoUsd).toBe(0)
    const early = ledger.holdAsk(100)
    ledger.exchange([{ kind: 'void', askId: early.askId }])
    expect(ledger.ask(early)).toMatchObject({ kind: 'denied', reason: 'voided' })
    expect(ledger.account().chargedNanoUsd).toBe(0)
  })

  it('is not void any more once something was settled under it', () => {
    const ledger = new Ledger()
    const ask = ledger.holdAsk(100)
    const { leaseId } = granted(ledger.ask(ask))
    ledger.say('seal', leaseId, 0, 100)
    ledger.exchange([{ kind: 'void', askId: ask.askId }])
    expect(ledger.account().chargedNanoUsd).toBe(100)
  })

  it('stays charged when nobody ends it, after the longest stream', () => {
    const ledger = new Ledger()
    const { leaseId } = granted(ledger.hold(100))
    ledger.tick(944_999)
    expect(ledger.row(leaseId).state).toBe('active')
    ledger.tick(1)
    expect(ledger.row(leaseId).state).toBe('lost')
    ledger.post(leaseId, 30, 100)
    expect(ledger.account()).toMatchObject({ chargedNanoUsd: 30, phantomNanoUsd: 0 })
  })

  it('whose usage cannot be true is told', () => {
    const ledger = new Ledger()
    const { leaseId } = granted(ledger.hold(100))
    const odd = { ...line(1, 100), basis: 'worst_case', isImpossible: true } as const
    ledger.exchange([{ kind: 'post', leaseId, line: odd }])
    expect(ledger.alerts()).toEqual(['impossible_usage'])
  })
})

describe('a booking', () => {
  const soft = budget('soft', { mode: 'soft', failOpenNanoUsd: n(50) })

  it('takes in what was spent while the ledger was away, once', () => {
    const ledger = new Ledger([soft])
    const said = { kind: 'book', askId: 'i1-9', scopes: ['tenant'], line: line(1, 30) } as const
    expect(ledger.exchange([said]).noted).toEqual(['i1-9'])
    ledger.exchange([said])
    expect(ledger.account('soft')).toMatchObject({ chargedNanoUsd: 30, postedNanoUsd: 30 })
    expect(ledger.lines).toHaveLength(1)
  })

  it('is booked once also where its isolate stood still, and other asks are forgotten', () => {
    const ledger = new Ledger([soft], [], { rememberMs: 60_000, rememberBookedMs: 600_000 })
    const said = { kind: 'book', askId: 'i1-9', scopes: ['tenant'], line: line(1, 30) } as const
    ledger.exchange([said])
    ledger.hold(10)
    ledger.tick(61_000)
    expect([...ledger.state.tables.asks.keys()]).toHaveLength(1)
    expect(ledger.exchange([said]).noted).toEqual(['i1-9'])
    expect(ledger.account('soft')).toMatchObject({ postedNanoUsd: 30 })
    expect(ledger.lines).toHaveLength(1)
    ledger.tick(600_000)
    expect(ledger.state.tables.asks.size).toBe(0)
  })

  it('of the version before is known by its own id', () => {
    const ledger = new Ledger([soft])
    const row = { id: 'i1-9', leaseId: '1.1', atMs: ledger.nowMs } as const
    setRow(ledger.state, 'asks', row.id, row)
    ledger.exchange([{ kind: 'book', askId: 'i1-9', scopes: ['tenant'], line: line(1, 30) }])
    expect(ledger.lines).toEqual([])
  })

  it('in a hard budget is an overrun, and told', () => {
    const ledger = new Ledger()
    ledger.exchange([{ kind: 'book', askId: 'i1-9', scopes: ['tenant'], line: line(1, 30) }])
    expect(ledger.alerts()).toEqual(['overrun', 'booked_beyond_budget'])
    expect(ledger.account()).toMatchObject({ chargedNanoUsd: 30, overrunNanoUsd: 30 })
  })
})

describe('what is not of this ledger', () => {
  it('is not taken in within the same life', () => {
    const ledger = new Ledger()
    const reply = ledger.say('close', '1.99', 5)
    expect(reply.acknowledgements).toEqual([{ leaseId: '1.99', state: 'unknown', lineCount: 0 }])
    expect(ledger.alerts()).toEqual(['foreign_lease'])
  })

  it('is not moved by another than its holder, who may hold a lease of the same id', () => {
    const { ledger, id } = leased()
    const reply = ledger.exchange([statement('close', id, 0)], [], 'i2')
    expect(reply.acknowledgements).toEqual([{ leaseId: id, state: 'unknown', lineCount: 0 }])
    expect(ledger.alerts()).toEqual(['foreign_lease'])
    expect(ledger.account().chargedNanoUsd).toBe(100)
  })

  it('is acknowledged as over when it was forgotten', () => {
    const ledger = new Ledger()
    const { leaseId } = granted(ledger.hold(1))
    ledger.post(leaseId, 1)
    ledger.tick(600_000)
    expect(ledger.state.tables.leases.size).toBe(0)
    const reply = ledger.say('close', leaseId, 1, 0, [line(1, 1)])
    expect(reply.acknowledgements).toEqual([{ leaseId, state: 'closed', lineCount: 1 }])
    expect(ledger.account().chargedNanoUsd).toBe(1)
  })

  it('is not read when it is malformed', () => {
    const { ledger, id } = leased()
    ledger.exchange([{ ...statement('seal', id, 1), spentNanoUsd: 0.5 } as never])
    ledger.exchange([statement('close', id, 1, 1)])
    expect(ledger.alerts()).toEqual(['malformed'])
    expect(ledger.row(id).state).toBe('active')
  })
})

describe('what nobody can ask about any more', () => {
  it('is forgotten when it was closed, also behind a lease that is lost', () => {
    const { ledger } = leased()
    ledger.tick(60_000)
    const { leaseId } = granted(ledger.hold(10))
    ledger.after(30_000)
    ledger.post(leaseId, 10)
    ledger.tick(570_000)
    expect(ledger.effects).toContainEqual({ kind: 'wake', atMs: ledger.nowMs + 30_000 })
    ledger.tick(30_000)
    expect([...ledger.state.tables.leases.values()].map(({ state }) => state)).toEqual(['lost'])
  })

  it('is forgotten when it was lost long ago, also of a budget that never ends, and stays charged', () => {
    const { ledger } = leased()
    ledger.tick(60_000)
    ledger.tick(39 * 86_400_000)
    expect(ledger.state.tables.leases.size).toBe(1)
    ledger.tick(86_400_000)
    expect(ledger.state.tables.leases.size).toBe(0)
    expect(ledger.account()).toMatchObject({ chargedNanoUsd: 100, phantomNanoUsd: 100 })
  })
})
