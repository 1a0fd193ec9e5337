import { describe, expect, it } from 'vitest'
import { runLedger } from '../../simulation/ledger/run-ledger.ts'

/** A sample of what `npm run simulate` does at length. Each seed has other budgets, other traffic, other faults. */
const options = { maxSteps: 5000, busyMs: 240_000, drainMs: 120_000, keptLines: 12 }

const seeds = Array.from({ length: 40 }, (_, index) => index + 1)

describe('the ledger and its holders in virtual time', () => {
  it.each(seeds)(
    'keep every invariant under faults, and account for everything behind them: seed %i',
    async (seed) => {
      const { broken, world } = await runLedger(`ledger ${seed}`, options)
      expect(broken, world.log.lines.join('\n')).toBeNull()
    },
    20_000,
  )

  it('are the same run when the seed is the same', async () => {
    const [first, second] = [await runLedger('same', options), await runLedger('same', options)]
    expect(first.world.log.count).toBeGreaterThan(100)
    expect(second.world.log.hash).toBe(first.world.log.hash)
    expect((await runLedger('other', options)).world.log.hash).not.toBe(first.world.log.hash)
  })
})
