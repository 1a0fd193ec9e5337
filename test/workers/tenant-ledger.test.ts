import { createHmac } from 'node:crypto'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { LedgerMessage } from '../../durable-objects/tenant-ledger/alerts.ts'
import { maxAsks, maxStatements } from '../../durable-objects/tenant-ledger/border.ts'
import type { Exchange, Statement } from '../../durable-objects/tenant-ledger/protocol.ts'
import { rpcVersion } from '../../durable-objects/tenant-ledger/rpc.ts'
import { LedgerStorage } from '../../durable-objects/tenant-ledger/storage.ts'
import { tenantLedgerStub } from '../../durable-objects/tenant-ledger/stub.ts'
import type { RecordedAlert } from '../support/alert-recorder.ts'
import { actor, budget, line, local, n, namespace, TestLedger } from './tenant-ledger-object.ts'
import { beginningMs, dayMs, ledgerWorld } from './tenant-ledger-world.ts'

beforeEach(() => ledgerWorld.reset())

const always = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER }

describe('a ledger', () => {
  it('of a tenant that was never configured has no budgets, and grants', async () => {
    const ledger = new TestLedger()
    expect(await ledger.stub.budgets()).toMatchObject({ epoch: 1, budgets: [], limits: [] })
    expect(await ledger.hold(10)).toMatchObject({ kind: 'granted', leaseId: '1.1' })
  })

  it('tells what was spent, what is set aside, what is lost and what is left', async () => {
    const thresholds = [
      { basisPoints: 100, action: 'warn' },
      { basisPoints: 5000, action: 'block' },
    ] as const
    const ledger = await new TestLedger().configure([budget('b', { period: 'month', thresholds })])
    await ledger.lease(50)
    await ledger.pass(60_000)
    await ledger.spend(30)
    await ledger.hold(100)
    expect(await ledger.budget()).toEqual({
      budgetId: 'b',
      scope: 'tenant',
      period: 'month',
      zone: 'UTC',
      mode: 'hard',
      capNanoUsd: 1000,
      startsAtMs: Date.UTC(2040, 5, 1),
      resetsAtMs: Date.UTC(2040, 6, 1),
      spentNanoUsd: 30,
      heldNanoUsd: 100,
      lostNanoUsd: 50,
      overrunNanoUsd: 0,
      remainingNanoUsd: 820,
      isUncertain: false,
      thresholds: [thresholds[0]],
      row: budget('b', { period: 'month', thresholds }),
    })
    expect(await ledger.stub.budgets()).toMatchObject({ openLeases: 1, frozenForMs: 0, kills: [] })
  })

  it('freezes, thaws, and keeps what is revoked', async () => {
    const ledger = new TestLedger()
    const scope = 'tenant'
    await ledger.stub.freeze({ scope, reason: 'frozen', actor })
    expect(await ledger.ask(ledger.holdAsk(1))).toMatchObject({ kind: 'denied', reason: 'frozen' })
    await ledger.evict()
    expect((await ledger.stub.budgets()).kills).toEqual([{ scope, reason: 'frozen' }])
    expect(await ledger.stub.thaw({ scope, actor })).toEqual({ refused: null })
    await ledger.hold(1)
    await ledger.stub.freeze({ scope: 'key:k', reason: 'revoked', actor })
    expect(await ledger.stub.thaw({ scope: 'key:k', actor })).toEqual({
      refused: 'a revoked key stays revoked',
    })
    expect(ledgerWorld.log).toMatchObject([
      { event: 'ledger_audit', action: 'kill', actor, subject: 'tenant' },
      { event: 'ledger_audit', action: 'revive', actor, subject: 'tenant' },
      { event: 'ledger_audit', action: 'kill', actor, subject: 'key:k' },
    ])
  })

  it('refuses budgets that cannot be, and keeps those of before', async () => {
    const ledger = await new TestLedger().configure([budget('b')])
    const wrong = budget('b', { zone: 'Mars/Olympus' })
    expect(await ledger.stub.configure({ budgets: [wrong], limits: [], actor })).toEqual({
      refused: 'zone of b',
    })
    expect(await ledger.budget()).toMatchObject({ zone: 'UTC' })
  })

  it('takes of a budget what a budget has, and nothing else that came with it', async () => {
    const ledger = new TestLedger()
    await ledger.configure([{ ...budget('b'), note: 'x'.repeat(100) } as never])
    expect(await journalOf(async () => void (await ledger.configure([budget('b')])))).toEqual([[]])
  })
})

describe('the alarm of a ledger', () => {
  it('is set for when a lease ends, and only ever earlier', async () => {
    const ledger = new TestLedger()
    await ledger.hold(1)
    const holdMs = 45_000 + 900_000
    expect(await ledger.alarmAtMs()).toBe(beginningMs + Math.min(holdMs, 600_000))
    await ledger.lease(1)
    expect(await ledger.alarmAtMs()).toBe(beginningMs + 60_000)
    ledgerWorld.pass(1000)
    await ledger.lease(1)
    expect(await ledger.alarmAtMs()).toBe(beginningMs + 60_000)
  })

  it('is not set again by an exchange that changes nothing of it', async () => {
    const ledger = new TestLedger()
    await ledger.lease(1)
    await ledger.inside((_object, { storage }) => {
      storage.setAlarm = () => Promise.reject(new Error('set again'))
    })
    for (let index = 0; index < 5; index += 1) await ledger.spend(1)
  })

  it.each(['evict', 'abort'] as const)(
    'loses leases that are due after an %s, and what is lost stays charged',
    async (end) => {
      const ledger = await new TestLedger().configure([budget('b')])
      await ledger.lease(100)
      await ledger[end]()
      await ledger.ring()
      expect(ledgerWorld.codes()).toEqual(['lease_lost'])
      expect(await ledger.budget()).toMatchObject({
        spentNanoUsd: 0,
        heldNanoUsd: 0,
        lostNanoUsd: 100,
        remainingNanoUsd: 900,
      })
      expect(await ledger.allLines()).toMatchObject([{ kind: 'lost', amountNanoUsd: 100 }])
    },
  )

  it('is set again by the first exchange of a ledger that has lost it', async () => {
    const ledger = new TestLedger()
    await ledger.lease(1)
    await ledger.inside((_object, { storage }) => storage.deleteAlarm())
    await ledger.evict()
    await ledger.exchange()
    expect(await ledger.alarmAtMs()).toBe(beginningMs + 60_000)
  })

  it('forgets in the order in which it was told, also when a clock went back before it was evicted', async () => {
    const ledger = new TestLedger()
    await ledger.exchange([{ kind: 'void', askId: 'first' }])
    ledgerWorld.pass(-30_000)
    await ledger.exchange([{ kind: 'void', askId: 'second' }])
    await ledger.evict()
    await ledger.exchange()
    await ledger.pass(629_999)
    expect(await ledger.count('asks')).toBe(2)
    await ledger.pass(1)
    expect(await ledger.count('asks')).toBe(0)
  })

  it('forgets what nobody can ask about any more, also in the database', async () => {
    const ledger = await new TestLedger().configure([budget('b', { period: 'hour' })])
    for (let index = 0; index < 20; index += 1) await ledger.spend(1)
    await ledger.exchange([{ kind: 'void', askId: 'never' }])
    expect([await ledger.count('leases'), await ledger.count('asks')]).toEqual([20, 21])
    await ledger.pass(600_000)
    expect([await ledger.count('leases'), await ledger.count('asks')]).toEqual([0, 0])
    expect(await ledger.alarmAtMs()).toBe(beginningMs + 400 * dayMs)
    ledgerWorld.pass(41 * dayMs)
    await ledger.spend(1)
    await ledger.pass(600_000)
    expect(await ledger.count('accounts')).toBe(1)
    expect(await ledger.count('lines')).toBe(21)
  })
})

describe('the lines of a ledger', () => {
  it('come in pages, each line once, in the order of time', async () => {
    const ledger = new TestLedger()
    for (let index = 0; index < 23; index += 1) {
      if (index % 3 === 0) ledgerWorld.pass(1)
      await ledger.spend(index + 1)
    }
    const whole = await ledger.allLines()
    expect(whole).toHaveLength(23)
    for (const pageOf of [1, 2, 5, 22, 23, 24]) expect(await ledger.allLines(pageOf)).toEqual(whole)
    expect(whole.map(({ atMs }) => atMs)).toEqual(whole.map(({ atMs }) => atMs).toSorted())
  })

  it('of a time are those from its beginning to before its end', async () => {
    const ledger = new TestLedger()
    for (let index = 0; index < 5; index += 1) {
      await ledger.spend(index + 1)
      ledgerWorld.pass(10)
    }
    const span = { fromMs: beginningMs + 10, toMs: beginningMs + 30 }
    const { lines, nextCursor } = await ledger.stub.lines({ ...span, cursor: null, limit: 100 })
    expect(lines.map(({ amountNanoUsd }) => amountNanoUsd)).toEqual([2, 3])
    expect(nextCursor).toBeNull()
  })

  it('that come while somebody reads are on a later page, and move none', async () => {
    const ledger = new TestLedger()
    for (let index = 0; index < 4; index += 1) await ledger.spend(1)
    const first = await ledger.stub.lines({ ...always, cursor: null, limit: 3 })
    ledgerWorld.pass(1)
    await ledger.spend(9)
    await ledger.evict()
    const second = await ledger.stub.lines({ ...always, cursor: first.nextCursor, limit: 3 })
    expect(second.lines.map(({ amountNanoUsd }) => amountNanoUsd)).toEqual([1, 9])
    expect(new Set([...first.lines, ...second.lines].map(({ id }) => id)).size).toBe(5)
  })

  it('add up by route, target, key and tag, to what the accounts say', async () => {
    const ledger = await new TestLedger().configure([budget('b')])
    await ledger.spend(10, { tags: { 'a.b "': 'x', feature: 'search' }, keyId: 'k1' })
    await ledger.spend(20, { tags: { feature: 'chat' }, keyId: 'k1', basis: 'worst_case' })
    await ledger.spend(40, { route: 'other', target: 'big@acme' })
    const { leaseId } = await ledger.lease(100)
    await ledger.pass(60_000)
    await ledger.stub.reconcile({ leaseId, finalNanoUsd: n(30), actor })
    const by = async (what: 'route' | 'target' | 'key' | `tag:${string}`) =>
      (await ledger.stub.lineTotals({ ...always, by: what })).groups.map((group) => [
        group.value,
        group.attempts,
        group.amountNanoUsd,
      ])
    expect(await by('route')).toEqual([
      ['other', 1, 40],
      ['chat', 2, 30],
    ])
    expect(await by('target')).toEqual([
      ['big@acme', 1, 40],
      ['model@acme', 2, 30],
    ])
    expect(await by('key')).toEqual([
      [null, 1, 40],
      ['k1', 2, 30],
    ])
    expect(await by('tag:feature')).toEqual([
      [null, 1, 40],
      ['chat', 1, 20],
      ['search', 1, 10],
    ])
    expect(await by('tag:no such')).toEqual([[null, 3, 70]])
    const totals = await ledger.stub.lineTotals({ ...always, by: 'route' })
    expect(totals).toMatchObject({ lostNanoUsd: 100, foundNanoUsd: 70 })
    expect(totals.groups[1]).toMatchObject({ inexactNanoUsd: 20, inputTokens: 6, outputTokens: 10 })
    const { spentNanoUsd, lostNanoUsd } = (await ledger.budget()) ?? {}
    expect(spentNanoUsd).toBe(totals.groups.reduce((sum, one) => sum + one.amountNanoUsd, 0))
    expect(lostNanoUsd).toBe(totals.lostNanoUsd - totals.foundNanoUsd)
  })

  it('add up the same in slices, of which each is bounded', async () => {
    const ledger = new TestLedger()
    const many = 45_000
    await fill(ledger, many)
    const first = await ledger.raw.lineTotals(rpcVersion, { ...always, by: 'route', cursor: null })
    expect(first.groups.reduce((sum, { attempts }) => sum + attempts, 0)).toBe(20_000)
    expect(first.nextCursor).not.toBeNull()
    const { groups } = await ledger.stub.lineTotals({ ...always, by: 'route' })
    expect(groups.map(({ value, attempts }) => [value, attempts]).toSorted()).toEqual(
      ['0', '1', '2'].map((route) => [route, many / 3]),
    )
    expect(groups.reduce((sum, { amountNanoUsd }) => sum + amountNanoUsd, 0)).toBe(
      (many * (many + 1)) / 2,
    )
    const half = { fromMs: 10_000, toMs: 40_000, by: 'route' } as const
    const halves = await ledger.stub.lineTotals(half)
    expect(halves.groups.reduce((sum, { attempts }) => sum + attempts, 0)).toBe(30_000)
  })

  it('of a request are found by its id, without reading the others', async () => {
    const ledger = new TestLedger()
    const requestId = 'one request'
    await ledger.spend(1, { requestId, attemptId: 'first' })
    await ledger.spend(2)
    await ledger.spend(3, { requestId, attemptId: 'second' })
    const lines = await ledger.stub.requestLines({ requestId })
    expect(lines.map(({ attempt }) => attempt?.attemptId)).toEqual(['first', 'second'])
    const plan = await ledger.inside((_object, { storage }) =>
      storage.sql
        .exec(
          `EXPLAIN QUERY PLAN SELECT * FROM lines WHERE kind = 'attempt' AND json_extract(attempt, '$.requestId') = ? ORDER BY at_ms, id LIMIT ?`,
          requestId,
          5,
        )
        .toArray(),
    )
    expect(JSON.stringify(plan)).toContain('lines_by_request')
  })

  it('are deleted when they are too old, some at a time, and the accounts stay', async () => {
    const keepLinesMs = 30 * dayMs
    ledgerWorld.settings = { ...ledgerWorld.settings, keepLinesMs }
    const ledger = await new TestLedger().configure([budget('b')])
    await ledger.spend(5)
    await fill(ledger, 1200, beginningMs - keepLinesMs)
    await ledger.evict()
    await ledger.exchange()
    await ledger.pass(0)
    expect(await ledger.count('lines')).toBe(701)
    await ledger.pass(1000)
    expect(await ledger.count('lines')).toBe(201)
    await ledger.pass(1000)
    expect(await ledger.count('lines')).toBe(1)
    ledgerWorld.pass(dayMs)
    await ledger.spend(7)
    await ledger.pass(29 * dayMs)
    expect((await ledger.allLines()).map(({ amountNanoUsd }) => amountNanoUsd)).toEqual([7])
    expect(await ledger.budget()).toMatchObject({ spentNanoUsd: 12 })
  })
})

describe('a ledger that was restored', () => {
  it('grants nothing of that time until somebody has accounted for it', async () => {
    const ledger = await new TestLedger().configure([budget('b')])
    await ledger.hold(10)
    await ledger.stub.restore({ journal: [], isComplete: false, actor })
    const { epoch, frozenForMs } = await ledger.stub.budgets()
    expect([epoch, frozenForMs]).toEqual([beginningMs, 960_000])
    expect(await ledger.ask(ledger.holdAsk(1))).toMatchObject({ reason: 'restoring' })
    ledgerWorld.pass(960_000)
    expect(await ledger.budget()).toMatchObject({ isUncertain: true, remainingNanoUsd: 0 })
    await ledger.stub.release({ actor })
    expect((await ledger.hold(5)).leaseId).toBe(`${beginningMs}.1`)
  })

  it('charges what was billed and nobody speaks of, when it is released', async () => {
    const ledger = await new TestLedger().configure([budget('b')])
    await ledger.stub.restore({ journal: [], isComplete: false, actor })
    const billed = [{ budgetId: 'b', startsAtMs: 0, amountNanoUsd: n(40) }]
    expect(await ledger.stub.release({ billed, actor })).toEqual({
      refused: 'what was granted before the restore can be spent for 960 s more',
    })
    ledgerWorld.pass(960_000)
    expect(await ledger.stub.release({ billed, actor })).toEqual({ refused: null })
    expect(await ledger.budget()).toMatchObject({ lostNanoUsd: 40, isUncertain: false })
    expect(await ledger.allLines()).toMatchObject([{ kind: 'lost', amountNanoUsd: 40 }])
  })

  it('never begins the same epoch twice', async () => {
    const ledger = new TestLedger()
    await ledger.stub.restore({ journal: [], isComplete: true, actor })
    ledgerWorld.pass(-5000)
    await ledger.stub.restore({ journal: [], isComplete: true, actor })
    expect((await ledger.stub.budgets()).epoch).toBe(beginningMs + 1)
  })

  it('goes on as if nothing had happened when its journal is whole', async () => {
    const ledger = await new TestLedger().configure([budget('b')])
    const backup = await copy(ledger)
    const journal = await journalOf(async () => {
      await ledger.spend(10)
      await ledger.hold(300)
    })
    const { rows, lines } = { rows: await ledger.budget(), lines: await ledger.allLines() }
    await rollBack(ledger, backup)
    expect(await ledger.budget()).toMatchObject({ remainingNanoUsd: 1000 })
    expect(await ledger.stub.restore({ journal, isComplete: true, actor })).toEqual({
      refused: null,
    })
    expect(await ledger.budget()).toEqual(rows)
    expect(await ledger.allLines()).toEqual(lines)
    expect(await ledger.budget()).toMatchObject({ remainingNanoUsd: 690 })
  })

  it('takes nothing in of a journal with a row that is none', async () => {
    const ledger = await new TestLedger().configure([budget('b')])
    const journal = [
      [{ table: 'kills', id: 'tenant', row: { id: 'tenant', reason: 'frozen', atMs: 1 } }],
      [{ table: 'asks', id: 'a', row: { id: 'a', leaseId: null, atMs: 'noon' } }],
    ] as never
    const before = await ledger.stored()
    await expect(ledger.stub.restore({ journal, isComplete: true, actor })).rejects.toThrow()
    expect(await ledger.stored()).toEqual(before)
    expect((await ledger.stub.budgets()).kills).toEqual([])
  })

  it('finds out by itself, when a holder speaks of a lease that it has yet to grant', async () => {
    const ledger = await new TestLedger().configure([budget('b')])
    await ledger.lease(10)
    const backup = await copy(ledger)
    const lost = await ledger.lease(200)
    await rollBack(ledger, backup)
    const { leaseId, grantNanoUsd, accounts, scopes } = lost
    const about = { leaseId, sequence: 1, spentNanoUsd: n(20), heldNanoUsd: n(0) }
    const said: Statement = { kind: 'close', ...about, lines: [line(20)] }
    const reply = await ledger.exchange([said], [ledger.holdAsk(1)])
    expect(reply).toMatchObject({
      epoch: beginningMs,
      acknowledgements: [{ leaseId, state: 'unknown' }],
      answers: [{ kind: 'denied', reason: 'restoring' }],
    })
    expect(ledgerWorld.log).toContainEqual({ event: 'ledger_rolled_back', epoch: beginningMs })
    const adopt = { grantNanoUsd, accounts, scopes }
    const again = await ledger.exchange([{ ...said, adopt }])
    expect(again.acknowledgements).toMatchObject([{ leaseId, state: 'closed', lineCount: 1 }])
    expect(await ledger.budget()).toMatchObject({ spentNanoUsd: 20, isUncertain: true })
    expect(again.epoch).toBe(beginningMs)
  })

  it('also finds out that a restore itself was rolled back, and passes that epoch', async () => {
    const ledger = new TestLedger()
    const backup = await copy(ledger)
    await ledger.stub.restore({ journal: [], isComplete: true, actor })
    const { leaseId } = await ledger.hold(1)
    await rollBack(ledger, backup)
    ledgerWorld.pass(-1000)
    const { epoch } = await ledger.post(leaseId, line(1))
    expect(epoch).toBe(beginningMs + 1)
  })

  it.each(['9007199254740991.1', `${beginningMs + dayMs}.1`] as const)(
    'does not take nonsense for a restore: %s',
    async (leaseId) => {
      const ledger = new TestLedger()
      await ledger.post(leaseId, line(1))
      expect((await ledger.stub.budgets()).epoch).toBe(1)
      expect(ledgerWorld.codes()).toEqual(['foreign_lease'])
    },
  )
})

describe('alerts of a ledger', () => {
  const secret = `whsec_${Buffer.from('a secret of thirty-two bytes, or so').toString('base64')}`
  let boxes = 0
  let box = ''

  beforeEach(() => {
    box = `ledger-box-${(boxes += 1)}`
    const alerts = { url: `https://alerts.example/${box}`, secret }
    ledgerWorld.settings = { ...ledgerWorld.settings, alerts }
  })

  /** Of a known form, with a number that is no money: the core alerts of it. */
  const nonsense: Statement = {
    kind: 'report',
    leaseId: '1.1',
    sequence: 1,
    spentNanoUsd: -1 as never,
    heldNanoUsd: n(0),
    lines: [],
  }

  async function seen(): Promise<readonly RecordedAlert[]> {
    return (await fetch(`https://alerts.example/seen/${box}`)).json()
  }

  async function told() {
    return (await seen()).map(({ body }) => JSON.parse(body) as LedgerMessage['payload'])
  }

  it('tell of a threshold once, signed, with what was spent', async () => {
    const thresholds = [{ basisPoints: 500, action: 'warn' }] as const
    const ledger = await new TestLedger().configure([budget('b', { thresholds })])
    await ledger.spend(49)
    await ledger.spend(2)
    await ledger.spend(1)
    await ledger.idle()
    const [alert, ...more] = await seen()
    expect(more).toEqual([])
    expect(JSON.parse(alert?.body ?? '')).toEqual({
      type: 'ledger.threshold',
      timestamp: new Date(beginningMs).toISOString(),
      data: {
        tenant: ledger.place.tenantId,
        jurisdiction: null,
        count: 1,
        amountNanoUsd: 51,
        budgetId: 'b',
        accountId: 'b@0',
        basisPoints: 500,
        action: 'warn',
        capNanoUsd: 1000,
      },
    })
    const { 'webhook-id': id, 'webhook-timestamp': timestamp } = alert?.headers ?? {}
    const signed = createHmac('sha256', Buffer.from('a secret of thirty-two bytes, or so'))
      .update(`${id}.${timestamp}.${alert?.body}`)
      .digest('base64')
    expect(alert?.headers['webhook-signature']).toBe(`v1,${signed}`)
  })

  it('of the same kind are two messages, of which the second has all the others', async () => {
    const ledger = await new TestLedger().configure([budget('b')])
    for (const by of [1, 2, 3, 4]) {
      const { leaseId } = await ledger.hold(10)
      await ledger.post(leaseId, line(10 + by, { worstNanoUsd: n(10) }))
    }
    await ledger.idle()
    expect(await told()).toMatchObject([
      { type: 'ledger.overrun', data: { count: 1, amountNanoUsd: 1, leaseId: '1.1' } },
    ])
    await ledger.pass(599_999)
    expect(await told()).toEqual([])
    await ledger.evict()
    await ledger.pass(1)
    expect(await told()).toMatchObject([
      { type: 'ledger.overrun', data: { count: 3, amountNanoUsd: 9, leaseId: '1.2' } },
    ])
    await ledger.pass(600_000)
    await ledger.exchange()
    expect(await ledger.count('alerts')).toBe(0)
  })

  it('that a receiver does not take come again with the same id, at most three times, also after an eviction', async () => {
    await fetch(`https://alerts.example/answer/${box}/500`)
    const ledger = new TestLedger()
    await ledger.exchange([nonsense])
    await ledger.idle()
    for (const waitMs of [10_000, 60_000, 300_000]) {
      await ledger.evict()
      await ledger.pass(waitMs)
    }
    await ledger.pass(3_600_000)
    const all = await seen()
    expect(all).toHaveLength(4)
    expect(new Set(all.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(ledgerWorld.log.filter(({ event }) => event === 'ledger_alert_unsent')).toMatchObject([
      { status: 500, givenUp: false },
      { status: 500, givenUp: false },
      { status: 500, givenUp: false },
      { status: 500, givenUp: true },
    ])
    expect(await ledger.count('alerts')).toBe(0)
  })

  it('keep no reply waiting', async () => {
    const { promise, resolve } = Promise.withResolvers<Response>()
    const spy = vi.spyOn(globalThis, 'fetch').mockReturnValue(promise)
    const ledger = new TestLedger()
    expect(await ledger.exchange([nonsense])).toHaveProperty('epoch', 1)
    expect(spy).toHaveBeenCalledOnce()
    resolve(new Response(null, { status: 204 }))
    spy.mockRestore()
    await ledger.idle()
  })

  it('are none where none are configured', async () => {
    ledgerWorld.settings = { ...ledgerWorld.settings, alerts: null }
    const ledger = new TestLedger()
    await ledger.exchange([nonsense])
    await ledger.idle()
    expect(await told()).toEqual([])
    expect(await ledger.count('alerts')).toBe(0)
  })
})

describe('where a ledger is', () => {
  it('fails closed when the runtime has no jurisdictions', () => {
    const place = { tenantId: 'acme', region: 'weur', jurisdiction: 'eu' } as const
    expect(() => tenantLedgerStub(namespace, place, { local: false })).toThrow(/[Jj]urisdiction/)
  })

  it('locally is a stand-in of its own, which says so in its name', async () => {
    const plain = await new TestLedger().configure([budget('b')])
    const pinned = new TestLedger({ tenantId: plain.place.tenantId, jurisdiction: 'eu' })
    expect((await pinned.stub.budgets()).budgets).toEqual([])
    const name = await pinned.inside((_object, state) => state.id.name)
    // Names of objects are known outside of a jurisdiction: no tenant is named there.
    expect(name).toMatch(/^stand-in-eu:[a-z0-9_-]{20,}$/)
    expect(name).not.toContain(plain.place.tenantId)
  })

  it('is named by a tenant and by nothing else', async () => {
    const place = { tenantId: 'Not A Tenant', region: 'weur', jurisdiction: null } as const
    expect(() => tenantLedgerStub(namespace, place, local)).toThrow(/id of a tenant/)
    const stranger = namespace.get(namespace.idFromName('Somebody Else'))
    const asking = async () => stranger.budgets(rpcVersion)
    await expect(asking()).rejects.toThrow(/another name/)
  })
})

describe('the border of a ledger', () => {
  it('serves the version before and the one after, and no other', async () => {
    const { methods, call } = everyMethod(new TestLedger())
    for (const version of [rpcVersion - 1, rpcVersion, rpcVersion + 1])
      expect(await call('budgets', version, undefined)).toHaveProperty('epoch')
    for (const version of [rpcVersion - 2, rpcVersion + 2, 0.5, '1', undefined])
      await expect(call('budgets', version, undefined)).rejects.toThrow(
        /version must be within one of 1/,
      )
    for (const method of methods)
      await expect(call(method, 99, {}), method).rejects.toThrow(/^version must be/)
  })

  it('leaves a field that it does not know alone', async () => {
    const ledger = new TestLedger()
    const ask = { ...ledger.holdAsk(1), later: true }
    const { answers } = await ledger.exchange([], [ask])
    expect(answers).toMatchObject([{ kind: 'granted' }])
  })

  it('does not acknowledge a kind of statement that it does not know, and takes the others', async () => {
    const ledger = new TestLedger()
    const { leaseId } = await ledger.hold(5)
    const reply = await ledger.exchange([
      { kind: 'later', leaseId } as never,
      { kind: 'post', leaseId, line: line(5) },
    ])
    expect(reply.acknowledgements).toMatchObject([{ leaseId, state: 'closed' }])
    const [answer] = (await ledger.exchange([], [{ ...ledger.holdAsk(1), kind: 'later' } as never]))
      .answers
    expect(answer).toMatchObject({ kind: 'denied', reason: 'malformed' })
  })

  const fine: Exchange = { holder: 'i1', statements: [], asks: [] }
  const post = (more: object): Exchange => ({
    ...fine,
    statements: [{ kind: 'post', leaseId: '1.1', line: { ...line(1), ...more } }],
  })
  const close = (more: object): Exchange => ({
    ...fine,
    statements: [
      {
        kind: 'close',
        leaseId: '1.1',
        sequence: 1,
        spentNanoUsd: n(0),
        heldNanoUsd: n(0),
        lines: [],
        ...more,
      },
    ],
  })
  const ask = (more: object): Exchange => ({
    ...fine,
    asks: [
      {
        kind: 'hold',
        askId: 'a',
        scopes: ['tenant'],
        worstNanoUsd: n(1),
        leastNanoUsd: n(1),
        tokens: 1,
        ...more,
      },
    ],
  })
  const long = 'x'.repeat(513)

  it.each([
    ['exchange must be an object, got null', null],
    ['exchange must be an object, got []', []],
    ['exchange.holder must be a text of 1 to 512 characters, got ""', { ...fine, holder: '' }],
    ['exchange.holder must be a text', { ...fine, holder: long }],
    ['exchange.statements must be a list, got undefined', { holder: 'i1', asks: [] }],
    ['exchange.asks must be a list, got {}', { ...fine, asks: {} }],
    [
      `exchange.statements must be a list of at most ${maxStatements}, got 513`,
      { ...fine, statements: Array.from({ length: 513 }, () => ({ kind: 'void', askId: 'a' })) },
    ],
    [
      `exchange.asks must be a list of at most ${maxAsks}, got 65`,
      { ...fine, asks: Array.from({ length: 65 }, () => ask({}).asks[0]) },
    ],
    ['exchange.statements[0] must be an object, got "seal"', { ...fine, statements: ['seal'] }],
    ['exchange.statements[0].kind must be a text', { ...fine, statements: [{}] }],
    ['exchange.statements[0].askId must be a text', { ...fine, statements: [{ kind: 'void' }] }],
    [
      'exchange.statements[0].scopes must be a list',
      { ...fine, statements: [{ kind: 'book', askId: 'a', line: line(1) }] },
    ],
    ['exchange.statements[0].leaseId must be an id of a lease', close({ leaseId: '1.1; DROP' })],
    ['exchange.statements[0].lines must be a list, got undefined', close({ lines: undefined })],
    ['exchange.statements[0].lines[0] must be an object', close({ lines: [null] })],
    ['exchange.statements[0].usedUnits must be an object', close({ usedUnits: 1 })],
    ['exchange.statements[0].adopt must be an object', close({ adopt: 'me' })],
    [
      'exchange.statements[0].adopt.accounts[0] must be a text',
      close({ adopt: { scopes: [], accounts: [1], grantNanoUsd: 1 } }),
    ],
    ['exchange.statements[0].line.route must be a text of at most 512', post({ route: long })],
    ['exchange.statements[0].line.servedModel must be a text', post({ servedModel: 1 })],
    ['exchange.statements[0].line.keyId must be a text', post({ keyId: null })],
    ['exchange.statements[0].line.basis must be one of exact', post({ basis: 'guess' })],
    ['exchange.statements[0].line.atMs must be a number', post({ atMs: 'now' })],
    ['exchange.statements[0].line.usage must be an object', post({ usage: null })],
    ['exchange.statements[0].line.usage.x must be a number', post({ usage: { x: 'y' } })],
    ['exchange.statements[0].line.usage must be at most 32 fields', post({ usage: keys(33) })],
    ['exchange.statements[0].line.tags must be at most 32 tags', post({ tags: keys(33) })],
    ['exchange.statements[0].line.tags.a must be a text', post({ tags: { a: 1 } })],
    [
      'exchange.statements[0].line.reason must be a text of at most 1000',
      post({ reason: 'x'.repeat(1001) }),
    ],
    ['exchange.statements[0].line.outcome must be a text of at most 512', post({ outcome: long })],
    ['exchange.statements[0].line.durationMs must be a finite', post({ durationMs: Number.NaN })],
    ['exchange.statements[0].line.firstTokenMs must be a finite', post({ firstTokenMs: '7' })],
    ['exchange.statements[0].line.status must be a safe integer', post({ status: 200.5 })],
    ['exchange.asks[0].askId must be a text', ask({ askId: 1 })],
    ['exchange.asks[0].kind must be a text', ask({ kind: undefined })],
    ['exchange.asks[0].scopes must be a list of at most 64', ask({ scopes: list(65) })],
    ['exchange.asks[0].scopes[0] must be tenant, team:', ask({ scopes: ['everything'] })],
    ['exchange.asks[0].units must be an object', ask({ kind: 'grant' })],
    [
      'exchange.statements must be of at most 20000 lines, got 30000',
      { ...fine, statements: [1, 2].map(() => close({ lines: lines(15_000) }).statements[0]) },
    ],
  ])('refuses an exchange: %s', async (message, exchange) => {
    const ledger = new TestLedger()
    const sent = ledger.stub.exchange(exchange as Exchange)
    await expect(sent).rejects.toThrow(RangeError)
    await expect(ledger.stub.exchange(exchange as Exchange)).rejects.toThrow(message)
    expect(await ledger.count('meta')).toBe(0)
  })

  const budgets = [budget('b')]
  const limit = { id: 'l', scope: 'tenant', kind: 'requests', limit: 1, windowMs: 1000 }
  const conf = { budgets, limits: [limit], actor }
  const spans = { fromMs: 0, toMs: 1, cursor: null }

  it.each([
    ['configure', 'configure must be an object', null],
    ['configure', 'configure.actor must be a text', { budgets, limits: [] }],
    ['configure', 'configure.limits must be a list', { ...conf, limits: undefined }],
    [
      'configure',
      'configure.budgets must be rows with an id each, got "b"',
      { ...conf, budgets: [budget('b'), budget('b')] },
    ],
    [
      'configure',
      'configure.budgets must be a list of at most 1000',
      { ...conf, budgets: list(1001) },
    ],
    ['configure', 'configure.budgets[0].period must be one of hour', with1({ period: 'year' })],
    ['configure', 'configure.budgets[0].mode must be one of hard', with1({ mode: 'firm' })],
    ['configure', 'configure.budgets[0].capNanoUsd must be a safe', with1({ capNanoUsd: 0.5 })],
    ['configure', 'configure.budgets[0].scope must be tenant', with1({ scope: 'user:x' })],
    [
      'configure',
      'configure.budgets[0].thresholds[0].basisPoints must be 1 to 10000, got 10001',
      with1({ thresholds: [{ basisPoints: 10_001, action: 'warn' }] }),
    ],
    [
      'configure',
      'configure.budgets[0].thresholds[0].action must be one of warn',
      with1({ thresholds: [{ basisPoints: 1, action: 'shout' }] }),
    ],
    [
      'configure',
      'configure.limits[0].kind must be one of requests',
      { ...conf, limits: [{ ...limit, kind: 'bytes' }] },
    ],
    [
      'configure',
      'configure.limits[0].windowMs must be a safe integer of 0 or more, got -1',
      { ...conf, limits: [{ ...limit, windowMs: -1 }] },
    ],
    ['freeze', 'freeze.scope must be tenant', { scope: 'team:', reason: 'frozen', actor }],
    ['freeze', 'freeze.reason must be one of', { scope: 'tenant', reason: 'cold', actor }],
    ['freeze', 'freeze.actor must be a text', { scope: 'tenant', reason: 'frozen' }],
    ['thaw', 'thaw.scope must be a text', { scope: 1, actor }],
    ['reconcile', 'reconcile.leaseId must be an id', { leaseId: 'x', finalNanoUsd: 0, actor }],
    ['reconcile', 'reconcile.finalNanoUsd must be', { leaseId: '1.1', finalNanoUsd: -1, actor }],
    ['release', 'release.actor must be a text', {}],
    ['release', 'release.billed must be a list', { billed: {}, actor }],
    [
      'release',
      'release.billed[0].amountNanoUsd must be a safe integer of 0 or more, got -1',
      { billed: [{ budgetId: 'b', startsAtMs: 0, amountNanoUsd: -1 }], actor },
    ],
    ['restore', 'restore.isComplete must be true or false', { journal: [], actor }],
    ['restore', 'restore.journal must be a list', { journal: null, isComplete: true, actor }],
    ['restore', 'restore.journal[0] must be a list', { journal: [1], isComplete: true, actor }],
    [
      'restore',
      'restore.journal[0][0].table must be a table of the ledger, got "sqlite_master"',
      { journal: [[{ table: 'sqlite_master', id: 'x', row: null }]], isComplete: true, actor },
    ],
    [
      'restore',
      'restore.journal[0][0].row.id must be the id of the change',
      { journal: [[{ table: 'asks', id: 'x', row: { id: 'y' } }]], isComplete: true, actor },
    ],
    [
      'restore',
      'restore.journal[0][0].row must be an object, got null',
      { journal: [[{ table: 'lines', id: 'x', row: null }]], isComplete: true, actor },
    ],
    ['lines', 'lines.limit must be 1 to 500, got 501', { ...spans, limit: 501 }],
    ['lines', 'lines.limit must be 1 to 500, got 0', { ...spans, limit: 0 }],
    ['lines', 'lines.fromMs must be a safe integer', { ...spans, fromMs: -1, limit: 1 }],
    ['lines', 'lines.toMs must be 5 or later, got 1', { ...spans, fromMs: 5, limit: 1 }],
    ['lines', 'lines.cursor must be a cursor', { ...spans, cursor: 'e30=', limit: 1 }],
    ['lines', 'lines.cursor must be a cursor', { ...spans, cursor: '%', limit: 1 }],
    ['lines', 'lines.cursor must be a text', { ...spans, cursor: 7, limit: 1 }],
    ['lineTotals', 'lineTotals.by must be target', { ...spans, by: 'colour' }],
    ['lineTotals', 'lineTotals.by must be target', { ...spans, by: 'tag:a"b' }],
    ['lineTotals', 'lineTotals.cursor must be a cursor', { ...spans, by: 'key', cursor: 'x' }],
    ['requestLines', 'requestLines.requestId must be a text', { requestId: '' }],
  ])('refuses %s: %s', async (method, message, call) => {
    const ledger = await new TestLedger().configure([])
    const before = await ledger.stored()
    await expect(everyMethod(ledger).call(method, rpcVersion, call)).rejects.toThrow(message)
    expect(await ledger.stored()).toEqual(before)
  })

  function with1(more: object) {
    return { ...conf, budgets: [{ ...budget('b'), ...more }] }
  }

  function list(length: number): readonly string[] {
    return Array.from({ length }, () => 'tenant')
  }

  function keys(length: number): object {
    return Object.fromEntries(Array.from({ length }, (_, index) => [`k${index}`, 1]))
  }

  function lines(length: number): readonly object[] {
    const one = line(1)
    return Array.from({ length }, () => one)
  }
})

function everyMethod({ raw }: TestLedger) {
  const methods = [
    'exchange',
    'configure',
    'freeze',
    'thaw',
    'budgets',
    'lines',
    'lineTotals',
    'requestLines',
    'reconcile',
    'restore',
    'release',
    'putTenant',
    'tenant',
    'createKey',
    'rotateKey',
    'revokeKey',
    'keys',
    'open',
    'beginOnce',
    'finishOnce',
    'abandonOnce',
    'loseOnce',
  ]
  const all = raw as unknown as Record<
    string,
    (version: unknown, call: unknown) => Promise<unknown>
  >
  return {
    methods,
    call: async (method: string, version: unknown, call: unknown) => all[method]?.(version, call),
  }
}

/** Lines beside any lease: the first costs 1 and is of `fromMs`, each next one costs 1 more and is 1 ms later. */
async function fill(ledger: TestLedger, count: number, fromMs = 0): Promise<void> {
  await ledger.stub.budgets()
  return ledger.inside((_object, { storage }) => {
    storage.sql.exec(
      `WITH RECURSIVE each (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM each WHERE i < ? - 1)
      INSERT INTO lines SELECT 'f' || i, '0.1', 'attempt', '[]', i + 1, 'exact',
        json_object('requestId', 'r', 'route', CAST(i % 3 AS TEXT)), min(? + i, ?) FROM each`,
      count,
      fromMs,
      fromMs === 0 ? Number.MAX_SAFE_INTEGER : fromMs,
    )
  })
}

const tables = ['meta', 'budgets', 'accounts', 'leases', 'asks', 'lines'] as const

type Copy = Readonly<Record<string, readonly (readonly (string | number | null)[])[]>>

async function copy(ledger: TestLedger): Promise<Copy> {
  await ledger.stub.budgets()
  return ledger.inside((_object, { storage }) =>
    Object.fromEntries(
      tables.map((table) => [
        table,
        [...storage.sql.exec(`SELECT * FROM ${table}`).raw<(string | number | null)[]>()],
      ]),
    ),
  )
}

/** What a restore from a backup does: the database is that of then, and nothing says so. */
async function rollBack(ledger: TestLedger, backup: Copy): Promise<void> {
  await ledger.inside((_object, { storage }) => {
    for (const [table, records] of Object.entries(backup)) {
      storage.sql.exec(`DELETE FROM ${table}`)
      for (const record of records)
        storage.sql.exec(
          `INSERT INTO ${table} VALUES (${record.map(() => '?').join(', ')})`,
          ...record,
        )
    }
  })
  await ledger.abort()
}

/** What a copy elsewhere would have: every change that was written while `work` ran. */
async function journalOf(work: () => Promise<void>) {
  const spy = vi.spyOn(LedgerStorage.prototype, 'write')
  await work()
  const journal = spy.mock.calls.map(([changes]) => changes)
  spy.mockRestore()
  return journal
}
