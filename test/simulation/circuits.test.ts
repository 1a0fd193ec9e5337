import { describe, expect, it } from 'vitest'
import { outagesOf, promises } from './circuits/aims.ts'
import { runChaos } from './circuits/chaos.ts'
import { fleetFalseTrips } from './circuits/fleet-trials.ts'
import { falseTrips, onset } from './circuits/rule-trials.ts'
import { FiveInARowRule, LiteLlmRule, OwnRule } from './circuits/rules.ts'
import { median, quantile } from './circuits/statistics.ts'
import { Random } from './kernel/random.ts'
import { worldStartMs } from './circuits/world.ts'

/** A sample of what `npm run simulate` does at length. Each seed has another fleet and other faults. */
const options = { keptLines: 12, faultsMs: 240_000 }

describe('circuits in virtual time', () => {
  it.each([2, 4, 5, 6, 13, 21, 23, 27])(
    'hold their invariants under faults, and come to rest behind them: seed %i',
    async (seed) => {
      const { broken, world } = await runChaos(`circuits ${seed}`, options)
      expect(broken, world.log.lines.join('\n')).toBeNull()
      expect(world.outcomes.get('answered')).toBeGreaterThan(500)
    },
    20_000,
  )

  it('are the same run when the seed is the same', async () => {
    const [first, second] = [await runChaos('same', options), await runChaos('same', options)]
    expect(first.world.log.count).toBeGreaterThan(1000)
    expect(second.world.log.hash).toBe(first.world.log.hash)
    expect((await runChaos('other', options)).world.log.hash).not.toBe(first.world.log.hash)
  })

  it.each(['server_error', 'connect', 'overloaded'] as const)(
    'hide a total outage (%s) from users at the price of few failed first attempts',
    async (failureClass) => {
      const outages = await outagesOf([1, 2, 3, 4, 5], failureClass, 5)
      for (const { failed, visible } of outages) {
        expect(failed).toBeLessThan(promises.failedFirstAttempts)
        expect(visible).toBe(0)
      }
      const opened = median(outages.map(({ openedAfterMs }) => openedAfterMs))
      expect(opened).toBeLessThan(4000)
    },
  )

  it.each(['server_error', 'connect', 'overloaded'] as const)(
    'are known to all isolates that carry traffic within 3 s of nineteen of twenty total outages (%s)',
    async (failureClass) => {
      const seeds = Array.from({ length: 40 }, (_, index) => index + 1)
      const outages = await outagesOf(seeds, failureClass, 5)
      const known = outages.map(({ allKnowAfterMs }) => allKnowAfterMs)
      expect(quantile(known, promises.knownShare)).toBeLessThanOrEqual(promises.knownWithinMs)
    },
  )

  it('do not open at 3 % errors', async () => {
    const trial = { seed: 'quiet', isolates: 5, failureClass: 'server_error' } as const
    const shape = { requestsPerS: 10, failing: () => 0.03 }
    expect(await fleetFalseTrips({ ...trial, shape }, 0.5)).toBe(0)
  })
})

describe('the rules that are compared', () => {
  const fed = (rule: LiteLlmRule | FiveInARowRule, fromMs: number, calls: string) =>
    [...calls].map((call, index) => rule.ended(fromMs + index * 100, call === 'x'))

  it("LiteLLM's counts a calendar minute, and needs more than half of at least five", () => {
    expect(fed(new LiteLlmRule(), 0, 'xxxx')).not.toContain(true)
    expect(fed(new LiteLlmRule(), 0, 'xxxxx').at(-1)).toBe(true)
    expect(fed(new LiteLlmRule(), 0, '..xx..xx')).not.toContain(true)
    expect(fed(new LiteLlmRule(), 0, '..xxx').at(-1)).toBe(true)
    const rule = new LiteLlmRule()
    fed(rule, 59_000, 'xxxx')
    expect(fed(rule, 60_000, 'x')).toEqual([false])
  })

  it("LiteLLM's leaves the target alone for five seconds, and then sends everything", () => {
    const rule = new LiteLlmRule()
    fed(rule, 0, 'xxxxx')
    expect(rule.admits(5399)).toBe(false)
    expect(rule.admits(5400)).toBe(true)
  })

  it('five in a row means without a success between, and one failed probe opens again', () => {
    const rule = new FiveInARowRule()
    expect(fed(rule, 0, 'xxxx.xxxx')).not.toContain(true)
    expect(fed(rule, 1000, 'x')).toEqual([true])
    expect(rule.admits(30_999)).toBe(false)
    expect(rule.admits(31_000)).toBe(true)
    expect(fed(rule, 31_000, 'x')).toEqual([true])
  })

  it('finds an outage by the rules of this gateway as fast as the reference does', () => {
    const seeds = Array.from({ length: 40 }, (_, index) => `reference ${index}`)
    const own = (seed: string) => new OwnRule(new Random(seed).next, worldStartMs)
    const half = (rate: number, share: number) =>
      (median(seeds.map((seed) => onset(own(seed), seed, rate, share).afterMs)) ?? Infinity) / 1000
    expect(half(10, 1)).toBeLessThan(2.5)
    expect(half(10, 0.6)).toBeLessThan(4)
    expect(half(10, 0.4)).toBeLessThan(6)
    expect(half(2, 1)).toBeLessThan(4)
    expect(half(0.5, 1)).toBeLessThan(15)
    expect(falseTrips(own('day'), 'day', 5, 0.03, 2)).toBe(0)
  })
})
