import { beforeAll, describe, expect, it } from 'vitest'
import { Random } from './kernel/random.ts'
import {
  quantile,
  runWorld,
  type Tier,
  type TierResult,
  type WorldPlan,
  type WorldResult,
} from './scarcity/world.ts'

/** Who is served when a provider has room for forty calls and twice as many want in. `SEED=n` runs another fleet. */

const firstSeed = Number(process.env['SEED'] ?? 1)
const seeds = [0, 1, 2, 3].map((more) => String(firstSeed + more))

/** For what needs no 99th percentile. */
const shortly = seeds.slice(0, 1)

const usual: WorldPlan = {
  isolates: 1,
  capacity: 40,
  beyond: 'queue',
  isDeclared: true,
  isShared: true,
  load: { premium: 3, standard: 4, batch: 1 },
  seconds: 60,
}

const tenfold: WorldPlan = { ...usual, load: { premium: 3, standard: 40, batch: 10 } }

/** The same plan with every seed, added up. */
async function runAll(
  plan: WorldPlan,
  chosen: readonly string[] = seeds,
): Promise<Record<Tier, TierResult>> {
  const results: WorldResult[] = []
  for (const seed of chosen) results.push(await runWorld(plan, new Random(seed)))
  const of = (tier: Tier): TierResult => {
    const all = results.map((result) => result[tier])
    const sum = (field: 'asked' | 'answered' | 'toldToWait' | 'errors') =>
      all.reduce((total, one) => total + one[field], 0)
    return {
      asked: sum('asked'),
      answered: sum('answered'),
      toldToWait: sum('toldToWait'),
      errors: sum('errors'),
      firstTokenMs: all.flatMap(({ firstTokenMs }) => firstTokenMs).toSorted((a, b) => a - b),
    }
  }
  return { premium: of('premium'), standard: of('standard'), batch: of('batch') }
}

describe.each([
  ['one isolate, a provider that lets calls wait', { isolates: 1, beyond: 'queue' }],
  ['four isolates, a provider that turns calls away', { isolates: 4, beyond: 'reject' }],
] as const)('at ten times the standard load: %s', (_what, world) => {
  let calm: Awaited<ReturnType<typeof runAll>>
  let busy: Awaited<ReturnType<typeof runAll>>

  beforeAll(async () => {
    calm = await runAll({ ...usual, ...world })
    busy = await runAll({ ...tenfold, ...world })
  }, 120_000)

  it('premium sees no error', () => {
    expect(busy.premium.asked).toBeGreaterThan(600)
    expect(busy.premium).toMatchObject({ answered: busy.premium.asked, toldToWait: 0, errors: 0 })
  })

  it('premium waits at most a tenth longer for its first token, at p99', () => {
    expect(quantile(busy.premium, 0.99)).toBeLessThanOrEqual(1.1 * quantile(calm.premium, 0.99))
  })

  it('whoever is turned away is told when to come back; most of the capacity is used', () => {
    for (const tier of [busy.standard, busy.batch]) {
      expect(tier.errors).toBe(0)
      expect(tier.toldToWait).toBeGreaterThan(0)
      expect(tier.answered + tier.toldToWait).toBe(tier.asked)
    }
    // Twenty calls a second end of the forty: three quarters are everybody's.
    expect(busy.standard.answered).toBeGreaterThan(0.5 * 20 * 60 * seeds.length)
  })

  it('calm, premium notices nothing, and the others next to nothing', () => {
    const { premium } = calm
    expect(premium).toMatchObject({ answered: premium.asked, toldToWait: 0, errors: 0 })
    for (const tier of [calm.standard, calm.batch]) {
      expect(tier.errors).toBe(0)
      // Isolates do not know of each other's room: a quarter of the provider is smaller than a whole one.
      expect(tier.toldToWait).toBeLessThan(0.02 * tier.asked)
    }
  })
})

describe('batch work', () => {
  it('takes nothing from interactive work, however much of it there is', async () => {
    const load = { premium: 2, standard: 6, batch: 30 }
    const busy = await runAll({ ...usual, load }, shortly)
    const alone = await runAll({ ...usual, load: { ...load, batch: 0 } }, shortly)
    expect(busy.standard).toMatchObject({
      answered: busy.standard.asked,
      toldToWait: 0,
      errors: 0,
    })
    const [p90, aloneP90] = [busy, alone].map(({ standard }) => quantile(standard, 0.9))
    expect(p90).toBeLessThanOrEqual(1.1 * (aloneP90 ?? 0))
    expect(busy.batch.answered).toBeGreaterThan(0)
    expect(busy.batch.errors).toBe(0)
  }, 120_000)
})

describe('where nobody has declared how many calls a provider takes', () => {
  it('the limit is learned: premium is served, later than it should be', async () => {
    const plan = { ...tenfold, isDeclared: false, seconds: 40 }
    const plain = await runAll({ ...plan, isShared: false }, shortly)
    const learned = await runAll(plan, shortly)
    // Without shares the same load fails most of premium: this world can tell the difference.
    expect(plain.premium.answered).toBeLessThan(0.5 * plain.premium.asked)
    expect(learned.premium).toMatchObject({ answered: learned.premium.asked, errors: 0 })
    expect(quantile(learned.premium, 0.99)).toBeLessThan(2000)
  }, 120_000)
})
