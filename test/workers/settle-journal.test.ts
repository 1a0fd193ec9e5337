import { beforeEach, describe, expect, it } from 'vitest'
import {
  databaseOf,
  emptyJournal,
  journalOf,
  JournalPost,
  noPointInTime,
  pointInTime,
  ringJournal,
  rollBack,
} from './settle-journal-world.ts'
import { actor, budget, line, n, TestLedger } from './tenant-ledger-object.ts'
import { beginningMs, dayMs, ledgerWorld } from './tenant-ledger-world.ts'

let post = new JournalPost()

beforeEach(() => {
  ledgerWorld.reset()
  post = new JournalPost().install()
})

async function newLedger(): Promise<TestLedger> {
  const ledger = await new TestLedger().configure([budget('b')])
  await ledger.idle()
  return ledger
}

async function allIn(ledger: TestLedger) {
  const { changes } = await journalOf(ledger).read({ behind: 0, limit: 5000 })
  return changes.map(({ change }) => change)
}

function faults(): readonly unknown[] {
  return ledgerWorld.log.filter(({ event }) => event === 'ledger_fault')
}

describe('a ledger with a journal', () => {
  it('sends it every row of money, and keeps nothing of what has arrived', async () => {
    const ledger = await newLedger()
    const posted = await ledger.spend(10)
    await ledger.lease(20)
    await ledger.idle()
    const rows = await allIn(ledger)
    const { accounts, leases, meta } = await ledger.stored()
    for (const kept of [...accounts.values(), ...leases.values(), ...meta.values()])
      expect(rows.map(({ row }) => row)).toContainEqual(kept)
    expect(rows.filter(({ table }) => table === 'lines')).toMatchObject([
      { row: { attempt: { attemptId: posted.attemptId } } },
    ])
    expect(rows.some(({ table }) => table === 'habits')).toBe(false)
    expect(await ledger.count('outbox')).toBe(0)
    expect((await ledger.stub.budgets()).journal).toEqual({
      pendingChanges: 0,
      behindMs: 0,
      isForked: false,
    })
    expect(faults()).toEqual([])
  })

  it('keeps of each row the last change only, and every line', async () => {
    const ledger = await newLedger()
    for (let count = 0; count < 4; count += 1) await ledger.spend(1)
    await ledger.idle()
    const rows = await allIn(ledger)
    expect(rows.filter(({ table }) => table === 'accounts')).toHaveLength(1)
    expect(rows.filter(({ table }) => table === 'lines')).toHaveLength(4)
  })

  it('goes on without it, sends later, and says that it is behind', async () => {
    const ledger = await newLedger()
    post.isAway = true
    await ledger.spend(10)
    await ledger.idle()
    ledgerWorld.pass(300_000)
    await ledger.ring()
    await ledger.idle()
    expect(ledgerWorld.log).toContainEqual({ event: 'ledger_journal', code: 'journal_behind' })
    expect((await ledger.stub.budgets()).journal).toMatchObject({ behindMs: 300_000 })
    post.isAway = false
    await ledger.pass(6000)
    expect((await ledger.stub.budgets()).journal).toEqual({
      pendingChanges: 0,
      behindMs: 0,
      isForked: false,
    })
  })

  it.each(['losesAnswers', 'doubles'] as const)('bears a network that %s', async (fault) => {
    const ledger = await newLedger()
    post[fault] = true
    await ledger.spend(10)
    await ledger.idle()
    await ledger.evict()
    await ledger.spend(20)
    await ledger.idle()
    post[fault] = false
    await ledger.pass(6000)
    await ledger.idle()
    expect((await allIn(ledger)).filter(({ table }) => table === 'lines')).toHaveLength(2)
    expect((await ledger.stub.budgets()).journal).toMatchObject({ pendingChanges: 0 })
    expect((await ledger.stub.budgets()).epoch).toBe(1)
  })

  it('sends after an eviction what it had not sent before', async () => {
    const ledger = await newLedger()
    post.isAway = true
    await ledger.spend(10)
    await ledger.idle()
    await ledger.evict()
    post.isAway = false
    await ledger.stub.budgets()
    await ledger.idle()
    expect((await allIn(ledger)).filter(({ table }) => table === 'lines')).toHaveLength(1)
  })

  it('forgets in the journal what no restore can ask for', async () => {
    const ledger = await newLedger()
    await ledger.spend(10)
    await ledger.idle()
    const before = await journalOf(ledger).head()
    await ringJournal(ledger, 31 * dayMs + 1)
    expect(await allIn(ledger)).toEqual([])
    expect(await journalOf(ledger).head()).toEqual(before)
    await journalOf(ledger).conclude(before)
    expect(await journalOf(ledger).claim(before.number - 1)).toMatchObject({ isComplete: false })
  })

  it('begins it anew when it has lost what it had', async () => {
    const ledger = await newLedger()
    await ledger.spend(10)
    await ledger.idle()
    await emptyJournal(ledger)
    await ledger.spend(20)
    await ledger.idle()
    expect(ledgerWorld.log).toContainEqual({ event: 'ledger_journal', code: 'journal_lost' })
    expect((await allIn(ledger)).filter(({ table }) => table === 'lines')).toHaveLength(1)
    await ledger.spend(1)
    await ledger.idle()
    expect((await ledger.stub.budgets()).journal).toMatchObject({ pendingChanges: 0 })
  })
})

describe('a ledger whose database was rolled back', () => {
  it('knows again what reached its journal, in another epoch, and frozen for what may not have', async () => {
    const ledger = await newLedger()
    await ledger.spend(5)
    const open = await ledger.lease(40)
    await ledger.idle()
    const backup = await databaseOf(ledger)
    await ledger.spend(7)
    const { leaseId } = open
    const about = { leaseId, sequence: 1, spentNanoUsd: n(30), heldNanoUsd: n(0) }
    await ledger.exchange([{ kind: 'close', ...about, lines: [line(30)] }])
    const held = await ledger.hold(100)
    await ledger.idle()
    const { before, lines } = { before: await ledger.budget(), lines: await ledger.allLines() }
    await rollBack(ledger, backup)
    const { epoch, frozenForMs } = await ledger.stub.budgets()
    expect([epoch, frozenForMs]).toEqual([beginningMs, 960_000])
    expect(await ledger.budget()).toEqual({
      ...before,
      isUncertain: true,
      remainingNanoUsd: 0,
    })
    expect(await ledger.allLines()).toEqual(lines)
    await ledger.post(held.leaseId, line(60, { worstNanoUsd: n(100) }))
    expect(await ledger.budget()).toMatchObject({ spentNanoUsd: 102, heldNanoUsd: 0 })
    expect(ledgerWorld.log).toContainEqual({ event: 'ledger_rolled_back', epoch: beginningMs })
    await ledger.idle()
    expect((await ledger.stub.budgets()).journal).toMatchObject({ pendingChanges: 0 })
    expect(faults()).toEqual([])
  })

  it('stays charged for a hold of after the backup that nobody ends', async () => {
    const ledger = await newLedger()
    const backup = await databaseOf(ledger)
    await ledger.hold(100)
    await ledger.idle()
    await rollBack(ledger, backup)
    await ledger.pass(1_000_000)
    expect(await ledger.budget()).toMatchObject({ lostNanoUsd: 100, heldNanoUsd: 0 })
  })

  it('takes what was revoked since for revoked', async () => {
    const ledger = await newLedger()
    const backup = await databaseOf(ledger)
    await ledger.stub.freeze({ scope: 'key:a', reason: 'revoked', actor })
    await ledger.idle()
    await rollBack(ledger, backup)
    expect((await ledger.stub.budgets()).kills).toEqual([{ scope: 'key:a', reason: 'revoked' }])
  })

  it('knows all of it again when it was rolled back twice', async () => {
    const ledger = await newLedger()
    const backup = await databaseOf(ledger)
    await ledger.spend(5)
    await ledger.idle()
    await rollBack(ledger, backup)
    ledgerWorld.pass((await ledger.stub.budgets()).frozenForMs)
    await ledger.stub.release({ actor })
    await ledger.spend(6)
    await ledger.idle()
    await rollBack(ledger, backup)
    expect(await ledger.budget()).toMatchObject({ spentNanoUsd: 11 })
    expect((await ledger.stub.budgets()).epoch).toBe(beginningMs + 960_000)
  })

  it('answers nobody while it has read a part of its journal', async () => {
    const ledger = await newLedger()
    const backup = await databaseOf(ledger)
    await ledger.spend(5)
    await ledger.idle()
    await rollBack(ledger, backup)
    const allPages = post.failAfterPages(1, 3)
    await expect(ledger.stub.budgets()).rejects.toThrow('the journal is away')
    await ledger.abort()
    post.isAway = true
    await expect(ledger.stub.budgets()).rejects.toThrow('the journal is away')
    await ledger.abort()
    post.isAway = false
    allPages()
    expect(await ledger.budget()).toMatchObject({ spentNanoUsd: 5, isUncertain: true })
  })

  it('that cannot ask, and has written on, freezes itself when it can, and leaves the journal alone', async () => {
    const ledger = await newLedger()
    const backup = await databaseOf(ledger)
    await ledger.spend(5)
    await ledger.idle()
    const known = await allIn(ledger)
    post.isAway = true
    await rollBack(ledger, backup)
    await ledger.spend(6)
    await ledger.idle()
    post.isAway = false
    await ledger.pass(6000)
    await ledger.idle()
    expect(ledgerWorld.log).toContainEqual({ event: 'ledger_journal', code: 'journal_forked' })
    expect(await ledger.budget()).toMatchObject({ spentNanoUsd: 6, isUncertain: true })
    expect(await ledger.ask(ledger.holdAsk(1))).toMatchObject({ reason: 'restoring' })
    expect(await allIn(ledger)).toEqual(known)
    expect((await ledger.stub.budgets()).journal).toMatchObject({ isForked: true })
    await ledger.stub.restore({ journal: [], isComplete: false, actor })
    await ledger.idle()
    expect(await allIn(ledger)).not.toEqual(known)
    expect((await ledger.stub.budgets()).journal).toMatchObject({ pendingChanges: 0 })
  })
})

describe('rewind', () => {
  it('takes the database back, and goes on as if nothing had happened', async () => {
    const ledger = await newLedger()
    const backup = await databaseOf(ledger)
    ledgerWorld.pass(60_000)
    post.isAway = true
    await ledger.spend(5)
    const held = await ledger.hold(100)
    const before = await ledger.budget()
    await ledger.idle()
    post.isAway = false
    const platform = await pointInTime(ledger)
    expect(await ledger.stub.rewind({ atMs: beginningMs + 1, actor })).toEqual({ refused: null })
    await expect(ledger.hold(1)).rejects.toThrow('about to be rewound')
    expect(platform.restored).toEqual([`bookmark of ${beginningMs + 1}`])
    await rollBack(ledger, backup)
    expect(await ledger.budget()).toEqual(before)
    expect(await ledger.stub.budgets()).toMatchObject({
      frozenForMs: 0,
      epoch: beginningMs + 60_000,
    })
    expect((await ledger.hold(895)).leaseId).toBe(`${beginningMs + 60_000}.1`)
    await ledger.post(held.leaseId, line(100))
    expect(await ledger.budget()).toMatchObject({ spentNanoUsd: 105 })
  })

  it('is refused when it cannot be known that nothing is lost', async () => {
    const ledger = await newLedger()
    ledgerWorld.pass(60_000)
    for (const atMs of [0, beginningMs, ledgerWorld.nowMs + 1])
      expect((await ledger.stub.rewind({ atMs, actor })).refused).toMatch(/^between 2040-/)
    post.isAway = true
    await ledger.spend(1)
    await ledger.idle()
    await pointInTime(ledger)
    expect(await ledger.stub.rewind({ atMs: beginningMs + 1, actor })).toEqual({
      refused: 'the journal does not answer',
      code: 'journal_away',
    })
    expect((await ledger.hold(1)).kind).toBe('granted')
  })

  it('is refused where the platform has no recovery, and the journal is told nothing', async () => {
    const ledger = await newLedger()
    const backup = await databaseOf(ledger)
    ledgerWorld.pass(60_000)
    await ledger.spend(5)
    await ledger.idle()
    await noPointInTime(ledger)
    expect(await ledger.stub.rewind({ atMs: beginningMs + 1, actor })).toMatchObject({
      code: 'no_recovery',
    })
    // Nobody was told that nothing will follow, so a rollback now is one that nobody planned.
    await rollBack(ledger, backup)
    expect(await ledger.budget()).toMatchObject({ isUncertain: true })
  })

  it('is no proof for a later rollback', async () => {
    const ledger = await newLedger()
    const backup = await databaseOf(ledger)
    ledgerWorld.pass(60_000)
    await ledger.spend(5)
    await pointInTime(ledger)
    await ledger.stub.rewind({ atMs: beginningMs + 1, actor })
    await rollBack(ledger, backup)
    post.refusesAppends = true
    await ledger.hold(7)
    await ledger.idle()
    await rollBack(ledger, backup)
    expect(await ledger.budget()).toMatchObject({ isUncertain: true, spentNanoUsd: 5 })
  })
})
