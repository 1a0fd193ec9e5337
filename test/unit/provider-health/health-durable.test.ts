import { describe, expect, it } from 'vitest'
import { durable, restore } from '../../../durable-objects/provider-health/health.ts'
import type { Permit } from '../../../durable-objects/provider-health/protocol.ts'
import { a, b, row, startMs, World } from './support.ts'

const ttft = [[9, 100]] as const
const cost = [[9, 100]] as const

/** The same object after it was evicted: only what was stored is left. */
function evicted(world: World, afterMs = 0): World {
  const stored: unknown = JSON.parse(JSON.stringify(durable(world.state)))
  const next = new World()
  next.nowMs = world.nowMs + afterMs
  next.state = restore(stored, world.state.settings, 'second', next.nowMs)
  return next
}

describe('an object that comes back', () => {
  it('knows an open circuit, until when, why, and how often it opened', () => {
    const world = new World().trip().toHalfOpen().probe('timeout')
    const back = evicted(world, 1000)
    expect(back.target).toMatchObject({
      state: 'open',
      epoch: 2,
      cause: 'probe_failed',
      openForMs: 6500,
      sinceMs: 1000,
      evidence: { failed: 5 },
    })
    expect(back.toHalfOpen().probe('timeout').target.openForMs).toBe(15_000)
  })

  it('knows a half-open circuit and its clean probes, but no permit of its earlier life', () => {
    const world = new World().trip().toHalfOpen()
    for (let probe = 0; probe < 5; probe += 1) world.probe('ok')
    const early = world.permit() as Permit
    const back = evicted(world)
    back.answer(early, 'timeout')
    expect(back.target).toMatchObject({ state: 'half_open', epoch: 1 })
    for (let probe = 0; probe < 5; probe += 1) back.probe('ok')
    expect(back.target.state).toBe('closed')
  })

  it('numbers its permits by its life', () => {
    const world = new World().trip().toHalfOpen()
    expect(world.permit()?.permitId).toBe('boot.1')
    expect(evicted(world).permit()?.permitId).toBe('second.1')
  })

  it('knows a ramp and how often a closed circuit opened', () => {
    const back = evicted(new World().trip().toHalfOpen().recover(), 6000)
    expect(back.target.rampAgeMs).toBe(6000)
    expect(back.trip().target).toMatchObject({ openForMs: 7500, epoch: 2 })
  })

  it('knows the edge, forced states, gates and locks', () => {
    const world = new World().count(
      row('connect', 5),
      row('rate_limited', 1, { target: b, retryAfterMs: 60_000 }),
      row('rate_limited', 1, { target: b, ramp: true }),
      row('quota_exhausted', 1, { target: b }),
      row('auth', 1, { target: b, credential: 'c1' }),
    )
    world.take({ kind: 'force', key: `target:${b}`, state: 'open', forMs: 60_000 })
    const back = evicted(world, 1000)
    for (const key of ['edge', `target:${b}`, `quota:${b}`, 'quota:*', 'credential:c1'] as const) {
      const domain = world.later(1000).domain(key)
      world.later(-1000)
      const { speed: _, evidence: __, failRate: ___, ...kept } = domain
      expect(back.domain(key), key).toMatchObject(kept)
    }
    expect(back.report().domains.map(({ key }) => key)).toEqual(
      expect.arrayContaining(['edge', `target:${b}`, `quota:${b}`, 'quota:*', 'credential:c1']),
    )
  })

  it('knows what is usual', () => {
    const world = new World()
      .count(row('ok', 100, { ttft, cost }))
      .later(30_000)
      .count(row('ok'))
    const back = evicted(world)
    expect(back.target.speed?.slowAfterMs).toEqual(world.target.speed?.slowAfterMs)
    expect(back.count(row('ok', 20, { cost: [[20, 20]] })).target.cause).toBe('cost')
  })

  it('asks for its alarm again', () => {
    const back = evicted(new World().trip())
    expect(back.tick()).toContainEqual({ kind: 'alarm', atMs: startMs + 3750 })
  })

  it('has empty windows: evidence of half a minute is all that is lost', () => {
    expect(evicted(new World().trip()).state.edge.window.counts.some(Boolean)).toBe(false)
  })

  it('learns nothing from buckets that are older than itself', () => {
    const back = evicted(new World().trip().toHalfOpen().recover(), 40_000)
    expect(back.count(row('ok', 100, { ttft, ageMs: 5000 })).target.state).toBe('closed')
    back.later(25_000).count(row('ok', 1))
    expect(back.target.speed?.slowAfterMs[0]).toBe(30_000)
  })

  it('tells everything to isolates that knew its earlier life', () => {
    const world = new World().trip()
    const { version, boot } = world.report()
    const reply = evicted(world).report({ haveBoot: boot, haveVersion: version })
    expect(reply.boot).toBe('second')
    expect(reply.domains.map(({ key }) => key)).toContain(`target:${a}`)
  })

  it('holds nothing shut for longer than the longest wait when its clock was set back', () => {
    const world = new World().count(row('ok', 100, { target: 'c@acme', ttft }))
    world
      .later(30_000)
      .count(
        row('ok', 1, { target: 'c@acme' }),
        row('timeout', 5),
        row('rate_limited', 1, { target: b, retryAfterMs: 300_000 }),
        row('rate_limited', 1, { target: b, ramp: true }),
        row('quota_exhausted', 1, { target: b }),
      )
    world.take({ kind: 'force', key: `target:${b}`, state: 'open', forMs: 60_000 })
    const back = evicted(world, -1e9)
    expect(back.target).toMatchObject({ openForMs: 120_000, sinceMs: 0 })
    expect(back.domain(`target:${b}`).forced?.forMs).toBe(86_400_000)
    expect(back.domain(`quota:${b}`)).toMatchObject({ notBeforeForMs: 360_000, ratePerS: 0.7 })
    expect(back.domain('quota:*')).toMatchObject({ notBeforeForMs: 3_600_000, sinceMs: 0 })
    expect(back.domain('target:c@acme').speed?.slowAfterMs[0]).toBe(3700)
    expect(back.later(22_000).domain(`quota:${b}`).ratePerS).toBeNull()
    back.later(86_400_000).tick()
    expect(back.state.targets.size).toBe(0)
  })
})

describe('durable()', () => {
  it('of a healthy object is nearly nothing', () => {
    const world = new World().count(row('ok', 50), row('timeout', 1))
    expect(durable(world.state)).toEqual({ form: 1 })
  })

  it('leaves out a gate that is open again', () => {
    const world = new World().count(row('rate_limited', 1, { retryAfterMs: 1000 })).later(2000)
    world.tick()
    expect(durable(world.state)).toEqual({ form: 1 })
  })

  it('keeps a limited rate', () => {
    const world = new World().count(row('rate_limited', 1, { ramp: true }))
    expect(durable(world.state).targets?.[a]?.gate?.rate?.perS).toBeCloseTo(0.7)
  })

  it('is some hundred bytes for a target with a history', () => {
    const world = new World()
      .count(row('ok', 100, { ttft, cost }))
      .later(30_000)
      .count(row('ok'))
    world.count(row('timeout', 50)).toHalfOpen().probe('timeout')
    expect(JSON.stringify(durable(world.state)).length).toBeLessThan(600)
  })
})

describe('restore()', () => {
  const locked = { kind: 'locked', epoch: 1, sinceMs: startMs, untilMs: startMs + 5000, waits: 1 }

  it.each([[null], [undefined], ['text'], [5], [{}], [{ form: 2, quota: locked }]])(
    'begins with nothing when it finds %j',
    (stored) => {
      const { settings } = new World().state
      const state = restore(stored, settings, 'second', startMs)
      expect(durable(state)).toEqual({ form: 1 })
    },
  )

  it('takes in no more than the settings allow', () => {
    const world = new World()
    for (const target of ['x@acme', 'y@acme', 'z@acme'])
      world.count(row('timeout', 5, { target }), row('auth', 1, { credential: target }))
    const few = { ...world.state.settings, maxTargets: 2, maxCredentials: 1 }
    const state = restore(durable(world.state), few, 'second', startMs)
    expect([state.targets.size, state.credentials.size]).toEqual([2, 1])
  })

  it('takes a lock that was stored as free for a free one', () => {
    const quota = { kind: 'free', epoch: 4, sinceMs: startMs + 5 }
    const state = restore({ form: 1, quota }, new World().state.settings, 'second', startMs)
    expect(state.quota.lockout).toEqual({ ...quota, sinceMs: startMs })
  })

  it('leaves out baselines of size classes that do not exist', () => {
    const usual = { p95: 1000, learnedAtMs: startMs }
    const targets = { [a]: { usedAtMs: startMs, ttft: [usual, null, null, null, usual] } }
    const state = restore({ form: 1, targets }, new World().state.settings, 'second', startMs)
    expect(state.targets.get(a)?.speed.ttft.baselines).toEqual([usual, null, null, null])
  })
})
