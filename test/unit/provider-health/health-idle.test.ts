import { describe, expect, it } from 'vitest'
import type { HealthEffect } from '../../../durable-objects/provider-health/health.ts'
import type { Permit } from '../../../durable-objects/provider-health/protocol.ts'
import { a, b, row, startMs, World } from './support.ts'

const alarmOf = (effects: readonly HealthEffect[]) =>
  effects.flatMap((effect) => (effect.kind === 'alarm' ? [effect.atMs - startMs] : []))

const probesOf = (effects: readonly HealthEffect[]) =>
  effects.flatMap((effect) => (effect.kind === 'synthetic_probe' ? [effect] : []))

describe('an alarm', () => {
  it('is asked for the end of an open wait, once', () => {
    const world = new World().trip()
    expect(alarmOf(world.effects)).toEqual([3750])
    world.later(1000).count(row('ok'))
    expect(alarmOf(world.effects)).toEqual([])
  })

  it('is moved forward when something comes earlier, and never back', () => {
    const world = new World().count(row('quota_exhausted'))
    expect(alarmOf(world.effects)).toEqual([300_000])
    world.trip()
    expect(alarmOf(world.effects)).toEqual([3750])
    world.take({ kind: 'reset', key: `target:${a}` })
    expect(alarmOf(world.effects)).toEqual([])
    world.later(3750).tick()
    expect(alarmOf(world.effects)).toEqual([300_000])
  })

  it('is asked for the end of a forced state', () => {
    const world = new World()
    world.take({ kind: 'force', key: 'edge', state: 'open', forMs: 5000 })
    expect(alarmOf(world.effects)).toEqual([5000])
  })

  it('is asked for the end of a permit', () => {
    const world = new World().trip().toHalfOpen()
    world.permit()
    expect(alarmOf(world.effects)).toEqual([3750 + 65_000])
  })

  it('is asked for at once when a probe opens a circuit between two looks at the windows', () => {
    const world = new World().trip().toHalfOpen()
    const permit = world.permit() as Permit
    world.answer(permit, 'timeout')
    expect(alarmOf(world.effects)).toEqual([3750 + 7500])
  })

  it('is not asked for while all is well', () => {
    expect(alarmOf(new World().count(row('ok')).effects)).toEqual([])
  })

  it('is never asked for a moment that is nearly now', () => {
    const world = new World()
    world.take({ kind: 'force', key: 'edge', state: 'open', forMs: 1 })
    expect(alarmOf(world.effects)).toEqual([100])
  })
})

describe('a synthetic probe', () => {
  const trippedAndLeft = () => {
    const world = new World({ syntheticProbes: true })
    world.report({ rows: [row('timeout', 5)] })
    return world
  }

  it('is sent for a half-open target that nobody asked for in ten seconds', () => {
    const world = trippedAndLeft().later(3750)
    world.tick()
    expect(world.target.state).toBe('half_open')
    expect(probesOf(world.effects)).toEqual([])
    expect(alarmOf(world.effects)).toEqual([10_000])
    world.later(6250).tick()
    expect(probesOf(world.effects)).toEqual([
      {
        kind: 'synthetic_probe',
        target: a,
        permits: [{ permitId: 'boot.1', key: `target:${a}`, epoch: 1, forMs: 65_000 }],
      },
    ])
  })

  it('is sent once a minute at most', () => {
    const world = trippedAndLeft().later(10_000)
    const [first] = probesOf(world.tick())
    const answer = { permitId: first?.permits[0]?.permitId ?? '', outcome: 'ok', size: 0 } as const
    world.take({ kind: 'outcomes', rows: [row('ok')], probes: [answer] })
    expect(alarmOf(world.effects)).toEqual([70_000])
    expect(probesOf(world.later(59_999).tick())).toEqual([])
    expect(probesOf(world.later(1).tick())).toHaveLength(1)
  })

  it('closes a circuit without any traffic', () => {
    const world = trippedAndLeft().later(10_000)
    for (let probe = 0; probe < 10; probe += 1) {
      const [sent] = probesOf(world.tick())
      const permitId = sent?.permits[0]?.permitId ?? ''
      world.take({ kind: 'outcomes', rows: [], probes: [{ permitId, outcome: 'ok', size: 0 }] })
      world.later(60_000)
    }
    expect(world.target.state).toBe('closed')
  })

  it('is not sent where there is traffic, by what is reported or by what is wanted', () => {
    const world = trippedAndLeft().later(9000)
    world.report({ rows: [row('cancelled')] })
    expect(probesOf(world.later(9000).tick())).toEqual([])
    const { permits } = world.report({ wants: [a] })
    world.answer(permits[0] as Permit, 'rate_limited')
    expect(probesOf(world.later(9999).tick())).toEqual([])
    expect(probesOf(world.later(1).tick())).toHaveLength(1)
  })

  it('is not sent when the settings do not allow it', () => {
    const world = new World({ syntheticProbes: false }).trip().later(60_000)
    expect(probesOf(world.tick())).toEqual([])
  })

  it('is not sent for what is closed, open, or kept back by something else', () => {
    const world = trippedAndLeft()
    world.report({ rows: [row('ok', 1, { target: b }), row('quota_exhausted', 1, { target: b })] })
    expect(probesOf(world.later(10_000).tick())).toEqual([])
    const effects = world.take({ kind: 'reset', key: 'quota:*' })
    expect(probesOf(effects)).toMatchObject([{ target: a }])
  })

  it('is not sent while the provider asks for a wait', () => {
    const world = trippedAndLeft()
    world.report({ rows: [row('rate_limited', 1, { retryAfterMs: 20_000 })] })
    expect(probesOf(world.later(21_999).tick())).toEqual([])
    expect(probesOf(world.later(1).tick())).toMatchObject([{ target: a }])
  })

  it('finds out whether a spent quota is there again', () => {
    const world = new World({ syntheticProbes: true }).count(row('quota_exhausted'))
    expect(probesOf(world.later(300_000).tick())).toMatchObject([
      { target: a, permits: [{ key: 'quota:*' }] },
    ])
  })
})

describe('a target that nobody speaks of', () => {
  it('is forgotten after a day, open or not', () => {
    const world = new World().trip()
    world.later(86_399_999).tick()
    expect(world.find(`target:${a}`)).toBeDefined()
    world.later(1).tick()
    expect(world.find(`target:${a}`)).toBeUndefined()
    expect(world.effects).toContainEqual({ kind: 'persist' })
  })

  it('is not forgotten while someone does', () => {
    const world = new World().trip().later(86_399_999)
    world.report({ wants: [a] })
    world.later(86_399_999).tick()
    expect(world.find(`target:${a}`)).toBeDefined()
  })

  it('takes its permits along', () => {
    const world = new World({ forgetAfterMs: 10_000 }).trip().toHalfOpen()
    const permit = world.permit() as Permit
    world.later(10_000).tick()
    world.answer(permit, 'ok')
    world.later(65_000).tick()
    expect(world.find(`target:${a}`)).toBeUndefined()
  })
})

describe('a full house', () => {
  const names = (count: number) => Array.from({ length: count }, (_, at) => `t${at}@acme`)

  it('lets the target go that was used least lately', () => {
    const world = new World({ maxTargets: 3 })
    for (const target of names(3)) world.later(1).count(row('ok', 1, { target }))
    world.later(1).count(row('ok', 1, { target: 't0@acme' }))
    world.later(1).count(row('ok', 1, { target: 'new@acme' }))
    expect([...world.state.targets.keys()]).toEqual(['t0@acme', 't2@acme', 'new@acme'])
  })

  it.each([
    ['an open circuit', (world: World) => world.trip()],
    [
      'a circuit that opened a short time ago',
      (world: World) => world.trip().toHalfOpen().recover(),
    ],
    [
      'a shut gate',
      (world: World) => world.count(row('rate_limited', 1, { retryAfterMs: 60_000 })),
    ],
    ['a limited rate', (world: World) => world.count(row('rate_limited', 1, { ramp: true }))],
    [
      'a forced state',
      (world: World) => {
        world.take({ kind: 'force', key: `target:${a}`, state: 'closed', forMs: 60_000 })
        return world
      },
    ],
  ])('keeps %s, whoever else comes', (_what, make) => {
    const world = make(new World({ maxTargets: 2 }))
    for (const target of names(50)) world.later(1).count(row('ok', 1, { target }))
    expect(world.state.targets.size).toBe(2)
    expect(world.state.targets.has(a)).toBe(true)
  })

  it('does not take in a newcomer when there is something to remember of all', () => {
    const world = new World({ maxTargets: 1 }).trip()
    world.count(row('connect', 9, { target: b }))
    expect(world.find(`target:${b}`)).toBeUndefined()
    expect(world.domain('edge').state).toBe('open')
    expect(world.report({ wants: [b] }).permits).toEqual([])
  })

  it('makes room again when there is nothing to remember any more', () => {
    const world = new World({ maxTargets: 1 }).count(row('rate_limited', 1, { retryAfterMs: 1000 }))
    world.count(row('ok', 1, { target: b }))
    expect(world.state.targets.has(b)).toBe(false)
    world.later(1100).count(row('ok', 1, { target: b }))
    expect([...world.state.targets.keys()]).toEqual([b])
  })

  it('keeps 32 credentials, the latest', () => {
    const world = new World()
    for (let at = 0; at < 40; at += 1) world.count(row('auth', 1, { credential: `c${at}` }))
    world.count(row('auth', 1, { credential: 'c39' }))
    expect(world.state.credentials.size).toBe(32)
    expect([...world.state.credentials.keys()].at(0)).toBe('c8')
  })
})
