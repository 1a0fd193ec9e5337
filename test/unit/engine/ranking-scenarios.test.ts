import { describe, expect, it } from 'vitest'
import { chatRequest, fakeRuntime, settings } from '../../support/fake-host.ts'
import { RankingWorld, type Served } from '../../support/ranking-world.ts'

/** The targets of the world of `fake-host.ts`, under shorter names. */
const [a, b, c] = ['gpt-4.1@openai', 'm@backup', 'm@third'] as const

const runtimeWith = (route: object, targets: object = {}) =>
  fakeRuntime({
    ...settings,
    targets: { ...settings.targets, ...targets },
    routes: { chat: route },
  })
const share = (served: readonly Served[], target: string) =>
  served.filter(({ called }) => called[0] === target).length / served.length
const quick = () => ({ ttftMs: 300 })
const sessions = (index: number) => ({ session: `s${index % 400}` })

describe('a target that is healthy but 20 s slow', { timeout: 60_000 }, () => {
  it.each<[string, object]>([
    ['objective "fastest"', { tiers: [[a, b]], objective: 'fastest' }],
    ['objective "balanced"', { tiers: [[a, b]], objective: { balanced: { firstToken: 1 } } }],
    ['no objective: health alone', { tiers: [[a, b]] }],
  ])('is avoided (%s)', async (_what, route) => {
    const world = new RankingWorld(runtimeWith(route), { seed: 11 })
    world.on(a, () => ({ ttftMs: 20_000 })).on(b, quick)
    await world.serve(20, 200)
    const later = await world.serve(200, 200)
    expect(share(later, b)).toBeGreaterThan(0.9)
  })

  it('is used again when it is fast again (objective "fastest")', async () => {
    const route = { tiers: [[a, b]], objective: 'fastest' }
    const world = new RankingWorld(runtimeWith(route), { seed: 12 })
    world.on(a, () => ({ ttftMs: 20_000 })).on(b, () => ({ ttftMs: 900 }))
    await world.serve(100, 200)
    world.on(a, () => ({ ttftMs: 100 }))
    // What it saw of the slow answers has to grow old: minutes.
    const served = await world.serve(900, 2000)
    expect(share(served.slice(-100), a)).toBeGreaterThan(0.9)
  })

  it('costs a bounded share of the requests to try what nobody has measured', async () => {
    const route = { tiers: [[a, b, c]], objective: 'fastest' }
    const world = new RankingWorld(runtimeWith(route), { seed: 13, isolates: 5 })
    for (const target of [a, b]) world.on(target, quick)
    // A target that never gets to its first token is never measured by one.
    world.on(c, () => ({ fails: 'server_error' }))
    const served = await world.serve(400, 100)
    expect(share(served, c)).toBeLessThan(0.12)
    expect(served.every(({ answeredBy }) => answeredBy !== null)).toBe(true)
  })
})

describe('a canary that fails twice as often', { timeout: 60_000 }, () => {
  const route = { tiers: [[a]], canary: { target: b, share: 0.1 } }
  const failing = (rate: number) => (_nowMs: number, random: () => number) =>
    random() < rate ? { fails: 'server_error' as const } : { ttftMs: 300 }

  it('is stopped by itself within 500 of its requests, in all isolates and in one that starts later', async () => {
    const runtime = runtimeWith({ ...route, tiers: [[a], [c]] })
    const world = new RankingWorld(runtime, { isolates: 4, seed: 21 })
    world.on(a, failing(0.1)).on(b, failing(0.25)).on(c, quick)
    const before: Served[] = []
    while (world.stops.length === 0 && before.length < 5000)
      before.push(...(await world.serve(100, 50, sessions)))
    expect(world.stops).toHaveLength(1)
    // The stop reaches the other isolates with their next replies.
    await world.serve(40, 50, sessions)
    const onCanary = before.filter(({ called }) => called[0] === b).length
    expect(onCanary).toBeLessThan(500)
    const after = await world.serve(200, 50, sessions)
    expect(share(after, b)).toBe(0)
    world.restart(runtime)
    // The first request of a cold isolate does not know yet: its reply brings the stop.
    await world.serve(5, 50, sessions)
    const cold = await world.serve(200, 50, sessions)
    expect(share(cold, b)).toBe(0)
    expect(cold[0]?.steps.map(({ target }) => target)).not.toContain(b)
  })

  it('runs on when it is as good as the others, whatever they do', async () => {
    const world = new RankingWorld(runtimeWith({ ...route, tiers: [[a], [c]] }), {
      seed: 22,
      isolates: 2,
    })
    world.on(a, failing(0.1)).on(b, failing(0.1)).on(c, quick)
    const served = await world.serve(2000, 50, sessions)
    expect(world.stops).toHaveLength(0)
    expect(share(served, b)).toBeGreaterThan(0.05)
  })

  it('keeps a session on its side', async () => {
    const world = new RankingWorld(runtimeWith(route), { seed: 23 })
    world.on(a, quick).on(b, quick)
    const served = await world.serve(1200, 20, sessions)
    const sides = new Map<number, Set<string | undefined>>()
    for (const [index, { called }] of served.entries())
      sides.set(index % 400, (sides.get(index % 400) ?? new Set()).add(called[0]))
    expect([...sides.values()].every((targets) => targets.size === 1)).toBe(true)
  })

  it('is stopped by the isolate alone while the object is away', async () => {
    const world = new RankingWorld(runtimeWith(route), { seed: 24, hasObject: false })
    world.on(a, quick).on(b, failing(0.5))
    await world.serve(2500, 50, sessions)
    expect(share(await world.serve(200, 50, sessions), b)).toBe(0)
  })

  it('starts again as another run', async () => {
    const runtime = runtimeWith(route)
    const world = new RankingWorld(runtime, { seed: 25 })
    world.on(a, quick).on(b, failing(0.5))
    await world.serve(1000, 50, sessions)
    expect(share(await world.serve(100, 50, sessions), b)).toBe(0)
    world.on(b, quick)
    world.restart(runtimeWith({ ...route, canary: { ...route.canary, run: '2' } }))
    expect(share(await world.serve(800, 200, sessions), b)).toBeGreaterThan(0.04)
  })

  it('is stopped for slow answers as well, where the route says what slow is', async () => {
    const slow = { ...route, canary: { ...route.canary, slowAfterMs: 2000 } }
    const world = new RankingWorld(runtimeWith(slow), { seed: 26 })
    const late = (rate: number) => (_nowMs: number, random: () => number) => ({
      ttftMs: random() < rate ? 2500 : 300,
    })
    world.on(a, late(0.1)).on(b, late(0.3))
    for (let lots = 0; world.stops.length === 0 && lots < 50; lots += 1)
      await world.serve(100, 50, sessions)
    expect(world.stops).toHaveLength(1)
  })
})

describe('a burst over the reserved capacity', () => {
  const route = { tiers: [[b, a]], objective: 'priority' }
  const reserved = { [a]: { reserved: { requestsPerMinute: 60 } } }

  it('spills over to what is paid by use, and comes back', async () => {
    const world = new RankingWorld(runtimeWith(route, reserved), { seed: 31 })
    world.on(a, quick).on(b, quick)
    const calm = await world.serve(20, 1500)
    expect(share(calm, a)).toBe(1)
    const burst = await world.serve(200, 100)
    expect(share(burst, a)).toBeLessThan(0.5)
    expect(share(burst.slice(-50), b)).toBeGreaterThan(0.8)
    await world.clock.advance(60_000)
    expect(share(await world.serve(20, 1500), a)).toBe(1)
  })

  it('goes around a provider that answers 429 with a wait, and comes back when the wait is over', async () => {
    const world = new RankingWorld(runtimeWith(route, reserved), { seed: 32 })
    world.on(a, quick).on(b, quick)
    await world.serve(5, 1500)
    world.on(a, () => ({ fails: 'rate_limited', retryAfterMs: 10_000 }))
    const limited = await world.serve(20, 400)
    expect(limited.every(({ answeredBy }) => answeredBy === b)).toBe(true)
    expect(limited.filter(({ called }) => called[0] === a).length).toBeLessThanOrEqual(2)
    world.on(a, quick)
    await world.clock.advance(30_000)
    expect(share(await world.serve(40, 1500), a)).toBeGreaterThan(0.8)
  })

  it('is counted in tokens as well, corrected by what answers really took', async () => {
    const tokens = { [a]: { reserved: { tokensPerMinute: 6000 } } }
    const world = new RankingWorld(runtimeWith(route, tokens), { seed: 33 })
    // Each answer takes 2,000 tokens: three of them a minute fit.
    world.on(a, () => ({ ttftMs: 300, outputTokens: 2000 })).on(b, quick)
    await world.serve(10, 500)
    expect(share(await world.serve(100, 500), a)).toBeLessThan(0.1)
  })
})

describe('a floor', () => {
  const route = { tiers: [[a], [b]], floors: { schemaValidity: 0.95 } }
  const asked = {
    responseFormat: { type: 'jsonSchema' as const, name: 'x', schema: {} },
    model: 'chat',
    stream: true,
  }

  it('moves requests with a schema away from a target whose answers do not hold to it, and back when they do again', async () => {
    const world = new RankingWorld(runtimeWith(route), { seed: 41, hasObject: false })
    let soundShare = 0.5
    world
      .on(a, (_nowMs, random) => ({ ttftMs: 300, sound: random() < soundShare }))
      .on(b, () => ({ ttftMs: 300, sound: true }))
    await world.serve(60, 1000, undefined, chatRequest(asked))
    expect(share(await world.serve(20, 1000, undefined, chatRequest(asked)), b)).toBeGreaterThan(
      0.9,
    )
    soundShare = 1
    await world.clock.advance(20 * 60_000)
    await world.serve(60, 1000, undefined, chatRequest(asked))
    expect(share(await world.serve(20, 1000, undefined, chatRequest(asked)), a)).toBe(1)
  })
})
