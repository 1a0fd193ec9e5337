import { beforeEach, describe, expect, it, vi } from 'vitest'
import { allMigrations, LedgerStorage } from '../../durable-objects/tenant-ledger/storage.ts'
import { budget, TestLedger } from './tenant-ledger-object.ts'
import { ledgerWorld } from './tenant-ledger-world.ts'

beforeEach(() => ledgerWorld.reset())

async function formOf(ledger: TestLedger): Promise<readonly unknown[]> {
  return ledger.inside((_object, { storage }) => [
    ...storage.sql.exec(
      `SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY name`,
    ),
    ...storage.sql.exec('SELECT number FROM migrations ORDER BY number'),
  ])
}

/** Makes the database what code that knew `count` migrations would have left. */
async function backAt(ledger: TestLedger, count: number): Promise<void> {
  await ledger.inside(async (_object, { storage }) => {
    await storage.deleteAll()
    new LedgerStorage(storage).migrate(0, allMigrations.slice(0, count))
    if (count > 0)
      storage.sql.exec(
        `INSERT INTO budgets VALUES ('b', 'tenant', 'total', 'UTC', 1000, 'hard', '[]', 0)`,
      )
  })
  await ledger.evict()
}

describe('the database of a ledger', () => {
  it('is numbered in ascending order', () => {
    const numbers = allMigrations.map(({ number }) => number)
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
  })

  it.each(allMigrations.map((_, index) => [index] as const))(
    'comes to the same form from the one that %i migrations made, with what is in it',
    async (count) => {
      const fresh = new TestLedger()
      await fresh.stub.budgets()
      const ledger = new TestLedger()
      await ledger.stub.budgets()
      await backAt(ledger, count)
      if (count > 0) expect(await ledger.budget()).toMatchObject({ remainingNanoUsd: 1000 })
      else await ledger.configure([budget('b')])
      expect(await formOf(ledger)).toEqual(await formOf(fresh))
      await ledger.spend(10)
      expect(await ledger.stub.requestLines({ requestId: 'nobody' })).toEqual([])
    },
  )

  it('is left alone by a second start, and by a second migration', async () => {
    const ledger = await new TestLedger().configure([budget('b')])
    await ledger.spend(10)
    const form = await formOf(ledger)
    await ledger.evict()
    await ledger.inside((_object, { storage }) => new LedgerStorage(storage).migrate(0))
    expect(await formOf(ledger)).toEqual(form)
    expect(await ledger.budget()).toMatchObject({ spentNanoUsd: 10 })
  })

  it('takes a migration in whole or not at all', async () => {
    const ledger = new TestLedger()
    await ledger.stub.budgets()
    const before = await formOf(ledger)
    const broken = { number: 99, statements: ['CREATE TABLE half (id TEXT)', 'CREATE nonsense'] }
    await ledger.inside((_object, { storage }) =>
      expect(() => new LedgerStorage(storage).migrate(0, [...allMigrations, broken])).toThrow(
        /syntax error/,
      ),
    )
    expect(await formOf(ledger)).toEqual(before)
  })

  it('of later code stops the start with a reason, and is not changed', async () => {
    const ledger = await new TestLedger().configure([budget('b')])
    await ledger.inside((_object, { storage }) => {
      storage.sql.exec('INSERT INTO migrations VALUES (999, 0)')
    })
    const form = await formOf(ledger)
    await ledger.evict()
    await expect(ledger.stub.budgets()).rejects.toThrow(/has migration 999.*later version/)
    await expect(ledger.hold(1)).rejects.toThrow(/later version/)
    const spy = vi.spyOn(LedgerStorage.prototype, 'migrate').mockReturnValue()
    expect(await formOf(ledger)).toEqual(form)
    spy.mockRestore()
  })
})
