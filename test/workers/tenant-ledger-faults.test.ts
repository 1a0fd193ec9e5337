import { beforeEach, describe, expect, it } from 'vitest'
import type { Exchange } from '../../durable-objects/tenant-ledger/protocol.ts'
import { budget, failAt, fault, line, n, TestLedger } from './tenant-ledger-object.ts'
import { ledgerWorld } from './tenant-ledger-world.ts'

beforeEach(() => {
  ledgerWorld.reset()
  ledgerWorld.settings = {
    ...ledgerWorld.settings,
    alerts: { url: 'https://alerts.example/faults', secret: 'secret' },
  }
})

/** A ledger with leases and holds that are out: 1.1 and 1.2 are leases, 1.3 to 1.5 are holds. */
async function lived(): Promise<TestLedger> {
  const ledger = await new TestLedger().configure(
    [
      budget('b', {
        capNanoUsd: n(100_000),
        thresholds: [{ basisPoints: 1, action: 'warn' }],
      }),
      budget('soft', { scope: 'route:chat', mode: 'soft' }),
    ],
    [{ id: 'rpm', scope: 'tenant', kind: 'requests', limit: 500, windowMs: 60_000 }],
  )
  await ledger.lease(100)
  await ledger.lease(200)
  for (const worst of [10, 20, 30]) await ledger.hold(worst)
  return ledger
}

/** Every kind of statement and of ask, an overrun, and a threshold that is crossed. */
function rich(): Exchange {
  const about = { sequence: 1, heldNanoUsd: n(0) }
  const [first, second] = [line(40), line(5, { number: 2 })]
  const ask = { scopes: ['tenant', 'route:chat'] as const }
  return {
    holder: 'i1',
    statements: [
      { kind: 'report', leaseId: '1.1', spentNanoUsd: n(45), ...about, lines: [first, second] },
      { kind: 'seal', leaseId: '1.2', spentNanoUsd: n(0), ...about, lines: [] },
      { kind: 'post', leaseId: '1.3', line: line(12, { worstNanoUsd: n(10) }) },
      { kind: 'post', leaseId: '1.4', line: line(20) },
      { kind: 'close', leaseId: '1.5', spentNanoUsd: n(8), ...about, lines: [] },
      { kind: 'void', askId: 'never asked' },
      { kind: 'book', askId: 'booked', scopes: ['route:chat'], line: line(9) },
    ],
    asks: [
      {
        kind: 'grant',
        askId: 'slice',
        ...ask,
        wantNanoUsd: n(500),
        leastNanoUsd: n(1),
        units: { requests: 5, tokens: 5, slots: 1 },
      },
      { kind: 'hold', askId: 'one', ...ask, worstNanoUsd: n(7), leastNanoUsd: n(7), tokens: 1 },
    ],
  }
}

async function whole(ledger: TestLedger) {
  const [rows, standing, lines, alerts] = [
    await ledger.stored(),
    await ledger.stub.budgets(),
    await ledger.allLines(),
    await ledger.count('alerts'),
  ]
  return { rows, standing, lines, alerts }
}

describe('an exchange of which one statement fails', () => {
  it('is as if it had never come, whichever it is, and comes out the same when it is sent again', async () => {
    const exchange = rich()
    const twin = await lived()
    const reply = await twin.stub.exchange(exchange)
    const after = await whole(twin)
    let failed = 0
    for (;;) {
      const ledger = await lived()
      const before = await whole(ledger)
      const settle = await failAt(ledger, failed + 1)
      const first = await ledger.stub.exchange(exchange).then(
        () => null,
        (error: unknown) => error,
      )
      await settle()
      if (first === null) break
      failed += 1
      expect(String(first)).toContain('the disk is gone')
      expect(await whole(ledger)).toEqual(before)
      expect(await ledger.stub.exchange(exchange)).toEqual(reply)
      expect(await whole(ledger)).toEqual(after)
      await ledger.evict()
      expect(await whole(ledger)).toEqual(after)
    }
    console.log(`${failed} statements, each of them failed once`)
    expect(failed).toBeGreaterThanOrEqual(25)
  }, 60_000)

  it('is not lost when only the alarm could not be set: the same leases are answered, and the alarm is set', async () => {
    ledgerWorld.settings = { ...ledgerWorld.settings, alerts: null }
    const ledger = await lived()
    await ledger.inside((_object, { storage }) => storage.deleteAlarm())
    await ledger.evict()
    await ledger.inside((_object, { storage }) => {
      storage.setAlarm = () => Promise.reject(fault)
    })
    await expect(ledger.stub.exchange(rich())).rejects.toThrow('the disk is gone')
    await ledger.inside((_object, { storage }) => void Reflect.deleteProperty(storage, 'setAlarm'))
    expect(await ledger.alarmAtMs()).toBeNull()
    const { answers } = await ledger.stub.exchange(rich())
    expect(answers).toMatchObject([
      { kind: 'granted', leaseId: '1.7' },
      { kind: 'granted', leaseId: '1.8' },
    ])
    expect((await ledger.stored()).leases.size).toBe(8)
    expect(await ledger.alarmAtMs()).toBe(ledgerWorld.nowMs + 60_000)
  })
})

describe('an exchange under which the object dies', () => {
  it.each([0, 1, 2, 4, 8, 16, 32])(
    'is taken in whole or not at all, and once when it is sent again (%i turns later)',
    async (turns) => {
      const exchange = rich()
      const twin = await lived()
      const reply = await twin.stub.exchange(exchange)
      const after = await whole(twin)
      const ledger = await lived()
      const sent = ledger.stub.exchange(exchange).then(
        () => true,
        () => false,
      )
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
      await ledger.abort()
      await sent
      const again = await ledger.stub.exchange(exchange)
      expect(again.answers).toMatchObject(
        reply.answers.map((answer) => ({ kind: 'granted', askId: answer.askId })),
      )
      expect(again.acknowledgements).toEqual(reply.acknowledgements)
      const { rows, lines, standing } = await whole(ledger)
      expect({ rows, lines, standing }).toEqual({
        rows: after.rows,
        lines: after.lines,
        standing: after.standing,
      })
    },
  )
})

describe('an alarm that fails', () => {
  it('rings again, and does then what it was to do', async () => {
    const ledger = await lived()
    const settle = await failAt(ledger, 1)
    await ledger.ring()
    await settle()
    expect(ledgerWorld.log.at(-1)).toMatchObject({ event: 'ledger_fault', fault })
    expect((await ledger.stub.budgets()).openLeases).toBe(5)
    expect(await ledger.alarmAtMs()).toBe(ledgerWorld.nowMs + 10_000)
    await ledger.ring()
    expect((await ledger.stub.budgets()).openLeases).toBe(3)
    expect(ledgerWorld.codes()).toEqual(['lease_lost', 'lease_lost'])
  })

  it('is left to the platform, which tries it again, when not even that can be said', async () => {
    const ledger = await lived()
    const settle = await failAt(ledger, 1)
    await ledger.inside(async (object, { storage }) => {
      storage.setAlarm = () => Promise.reject(fault)
      ledgerWorld.pass(60_000)
      await expect(object.alarm()).rejects.toThrow('the disk is gone')
      Reflect.deleteProperty(storage, 'setAlarm')
    })
    await settle()
    await ledger.inside((object) => object.alarm())
    expect((await ledger.stub.budgets()).openLeases).toBe(3)
    expect(await ledger.alarmAtMs()).not.toBeNull()
  })
})
