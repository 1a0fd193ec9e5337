import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CapacityShares } from '../../../worker/edge/health/capacity-shares.ts'
import type { Priority } from '../../../worker/engine/health-port.ts'

const split = { premiumReserve: 0.2, batchShare: 0.25 }

class Target {
  readonly shares = new CapacityShares()
  readonly limit: number
  readonly counts: Record<Priority, number> = { premium: 0, standard: 0, batch: 0 }

  constructor(limit: number) {
    this.limit = limit
  }

  get inFlight(): number {
    return this.counts.premium + this.counts.standard + this.counts.batch
  }

  roomInMs(priority: Priority, turn = split): number {
    const { limit, inFlight } = this
    return this.shares.roomInMs({ priority, ...turn }, { limit, inFlight })
  }

  begin(priority: Priority): void {
    this.counts[priority] += 1
    this.shares.began(priority)
  }

  end(priority: Priority, durationMs = 1000): void {
    this.counts[priority] -= 1
    this.shares.ended(priority, durationMs)
  }

  /** Begins as many as there is room for. */
  fill(priority: Priority, most = 1000): this {
    for (let n = 0; n < most && this.roomInMs(priority) === 0; n++) this.begin(priority)
    return this
  }
}

describe('CapacityShares', () => {
  it('leaves a reserve of the limit to premium work, which is never kept back', () => {
    const target = new Target(20).fill('standard')
    expect(target.counts.standard).toBe(16)
    target.fill('premium', 10)
    expect(target.counts.premium).toBe(10)
  })

  it('gives batch work its share of what interactive work leaves free', () => {
    const target = new Target(20).fill('batch')
    expect(target.counts.batch).toBe(5)
    target.fill('standard')
    expect(target.counts).toEqual({ premium: 0, standard: 11, batch: 5 })
    for (let n = 0; n < 5; n++) target.end('batch')
    // Four are free of interactive work now, and a quarter of that is one.
    target.fill('standard')
    expect(target.fill('batch').counts).toMatchObject({ standard: 16, batch: 0 })
  })

  it('lets batch work run at a target that takes few, while nobody else is there', () => {
    const target = new Target(3).fill('batch')
    expect(target.counts.batch).toBe(1)
    target.end('batch')
    target.begin('standard')
    expect(target.fill('batch').counts.batch).toBe(0)
  })

  it('keeps batch work out of the reserve', () => {
    const target = new Target(10).fill('standard')
    expect(target.roomInMs('batch', { premiumReserve: 0.2, batchShare: 1 })).toBeGreaterThan(0)
  })

  it('says when there is likely to be room, by how long calls take', () => {
    const target = new Target(10)
    target.begin('standard')
    target.end('standard', 8000)
    target.fill('standard')
    expect(target.roomInMs('standard')).toBe(1000)
    expect(target.roomInMs('batch')).toBe(8000)
  })

  it('keeps every promise through any history', () => {
    const priority = fc.constantFrom<Priority>('premium', 'standard', 'batch')
    const step = fc.record({ priority, begins: fc.boolean() })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.double({ min: 0, max: 0.9, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.array(step, { maxLength: 200 }),
        (limit, premiumReserve, batchShare, steps) => {
          const target = new Target(limit)
          for (const { priority, begins } of steps) {
            const { counts } = target
            if (!begins) {
              if (counts[priority] > 0) target.end(priority)
              continue
            }
            const interactive = counts.premium + counts.standard
            if (target.roomInMs(priority, { premiumReserve, batchShare }) > 0) {
              expect(priority).not.toBe('premium')
              continue
            }
            target.begin(priority)
            if (priority === 'premium') continue
            expect(target.inFlight).toBeLessThanOrEqual(limit)
            const shared = Math.max(1, limit * (1 - premiumReserve))
            expect(counts.standard + counts.batch).toBeLessThanOrEqual(shared)
            const share = batchShare * (limit - interactive)
            if (priority === 'batch' && interactive > 0)
              expect(counts.batch).toBeLessThanOrEqual(share)
          }
        },
      ),
      { numRuns: 500, seed: Number(process.env['SEED'] ?? 4711) },
    )
  })
})
