import { describe, expect, it } from 'vitest'
import type { DomainKey } from '../../../durable-objects/provider-health/protocol.ts'
import { a, b, row, World } from './support.ts'

const key = `target:${a}` as const

describe('a forced circuit', () => {
  it('is open for as long as it was told, whatever the evidence says', () => {
    const world = new World().count(row('ok', 50))
    world.take({ kind: 'force', key, state: 'open', forMs: 60_000 })
    expect(world.transitions()).toMatchObject([
      { key, from: 'closed', to: 'open', cause: 'forced' },
    ])
    expect(world.effects).toContainEqual({ kind: 'persist' })
    world.later(59_999).count(row('ok', 50))
    expect(world.target).toMatchObject({
      state: 'open',
      openForMs: 1,
      sinceMs: 59_999,
      forced: { state: 'open', forMs: 1 },
    })
    world.later(1).tick()
    expect(world.target).toMatchObject({ state: 'closed', forced: null, openForMs: 0 })
    expect(world.transitions()).toMatchObject([{ from: 'open', to: 'closed', cause: 'force_over' }])
  })

  it('is closed for as long as it was told, and opens then if the evidence says so', () => {
    const world = new World()
    world.take({ kind: 'force', key, state: 'closed', forMs: 20_000 })
    world.count(row('timeout', 50))
    expect(world.target).toMatchObject({ state: 'closed', openForMs: 0, forced: { forMs: 20_000 } })
    world.later(20_000).tick()
    expect(world.transitions()).toMatchObject([{ to: 'open', cause: 'blackout' }])
  })

  it('hides an open circuit, which goes on underneath', () => {
    const world = new World().trip()
    world.take({ kind: 'force', key, state: 'closed', forMs: 60_000 })
    expect(world.transitions()).toMatchObject([{ from: 'open', to: 'closed', cause: 'forced' }])
    expect(world.permit()).toBeNull()
    world.later(10_000).tick()
    expect(world.transitions()).toEqual([])
    world.take({ kind: 'force', key, state: 'auto', forMs: 0 })
    expect(world.transitions()).toMatchObject([
      { from: 'closed', to: 'half_open', cause: 'force_over' },
    ])
    expect(world.permit()).not.toBeNull()
  })

  it('gives no permits while it is forced open', () => {
    const world = new World().trip().toHalfOpen()
    world.take({ kind: 'force', key, state: 'open', forMs: 60_000 })
    expect(world.permit()).toBeNull()
  })

  it('may be one that nobody has used yet, and the edge', () => {
    const world = new World()
    world.take({ kind: 'force', key: `target:${b}`, state: 'open', forMs: 1000 })
    world.take({ kind: 'force', key: 'edge', state: 'open', forMs: 1000 })
    expect([world.domain(`target:${b}`).state, world.domain('edge').state]).toEqual([
      'open',
      'open',
    ])
  })

  it('is forced for a day at most', () => {
    const world = new World()
    world.take({ kind: 'force', key, state: 'open', forMs: Infinity })
    expect(world.target.forced?.forMs).toBe(86_400_000)
  })

  it.each([0, -1, Number.NaN])('is not forced for %d ms', (forMs) => {
    const world = new World()
    const effects = world.take({ kind: 'force', key, state: 'open', forMs })
    expect(effects).toContainEqual({ kind: 'refused', reason: 'bad_duration' })
    expect(world.target.state).toBe('closed')
  })

  it('is nothing new when it was not forced and is let go', () => {
    const world = new World().count(row('ok'))
    expect(world.take({ kind: 'force', key, state: 'auto', forMs: 0 })).toEqual([])
  })

  it.each([
    ['quota:*', 'not_a_circuit'],
    ['quota:a@acme', 'not_a_circuit'],
    ['credential:c1', 'not_a_circuit'],
    ['target:', 'unknown_key'],
    ['target:*', 'unknown_key'],
    ['nonsense', 'not_a_circuit'],
  ] as const)('is not %s: %s', (other, reason) => {
    const force = { kind: 'force', key: other as DomainKey, state: 'open', forMs: 1000 } as const
    expect(new World().take(force)).toEqual([{ kind: 'refused', reason }])
  })

  it('is not one more than there may be', () => {
    const world = new World({ maxTargets: 1 }).trip()
    const force = { kind: 'force', key: `target:${b}`, state: 'open', forMs: 1000 } as const
    expect(world.take(force)).toContainEqual({ kind: 'refused', reason: 'too_many_targets' })
  })

  it('finds targets with a colon in their name', () => {
    const world = new World()
    world.take({ kind: 'force', key: 'target:a:b@acme', state: 'open', forMs: 1000 })
    expect(world.domain('target:a:b@acme').state).toBe('open')
  })
})

describe('reset', () => {
  it('closes a circuit at once, without ramp, and forgets the evidence and how often it opened', () => {
    const world = new World().trip().toHalfOpen().probe('timeout')
    world.take({ kind: 'reset', key })
    expect(world.transitions()).toMatchObject([
      { from: 'open', to: 'closed', cause: 'reset', epoch: 2 },
    ])
    expect(world.effects).toContainEqual({ kind: 'persist' })
    expect(world.target).toMatchObject({
      state: 'closed',
      rampAgeMs: null,
      evidence: { judged: 0 },
    })
    expect(world.trip().target).toMatchObject({ openForMs: 3750, epoch: 3 })
  })

  it('forgets the evidence of a circuit that is closed, its slowness and its fail rate', () => {
    const world = new World().count(row('ok', 50), row('timeout', 9))
    world.take({ kind: 'reset', key })
    expect(world.target).toMatchObject({ failRate: 0, evidence: { judged: 0, failed: 0 } })
    world.count(row('timeout', 4))
    expect(world.target.state).toBe('closed')
  })

  it('ends a forced state', () => {
    const world = new World()
    world.take({ kind: 'force', key, state: 'open', forMs: 60_000 })
    world.take({ kind: 'reset', key })
    expect(world.transitions()).toMatchObject([{ from: 'open', to: 'closed', cause: 'reset' }])
    expect(world.target).toMatchObject({ state: 'closed', forced: null })
  })

  it('does not bring to light what a forced state hid', () => {
    const world = new World().trip()
    world.take({ kind: 'force', key, state: 'closed', forMs: 60_000 })
    world.take({ kind: 'reset', key })
    expect(world.transitions()).toEqual([])
    expect(world.target).toMatchObject({ state: 'closed', forced: null })
  })

  it('of a lock that is free is no transition', () => {
    const world = new World()
    world.take({ kind: 'reset', key: 'quota:*' })
    expect(world.transitions()).toEqual([])
  })

  it('lets a target learn anew what is usual', () => {
    const ttft = [[9, 100]] as const
    const world = new World()
      .count(row('ok', 100, { ttft }))
      .later(30_000)
      .count(row('ok', 1))
    expect(world.target.speed?.slowAfterMs[0]).toBe(3700)
    world.take({ kind: 'reset', key })
    expect(world.target.speed?.slowAfterMs[0]).toBe(30_000)
  })

  it('makes a slow target whole at once', () => {
    const slow = row('ok', 20, {
      ttft: [
        [22, 14],
        [0, 6],
      ],
    })
    const world = new World().count(slow)
    expect(world.target.slow).toBe(true)
    world.take({ kind: 'reset', key })
    expect(world.target.slow).toBe(false)
  })

  it('closes the edge', () => {
    const world = new World().count(row('connect', 5))
    world.take({ kind: 'reset', key: 'edge' })
    expect(world.domain('edge').state).toBe('closed')
  })

  it('opens a gate, which may be shut for less afterwards', () => {
    const world = new World().count(row('rate_limited', 1, { retryAfterMs: 60_000 }))
    world.take({ kind: 'reset', key: `quota:${a}` })
    expect(world.effects).toContainEqual({ kind: 'persist' })
    expect(world.find(`quota:${a}`)).toBeUndefined()
    const { version } = world.report({ haveBoot: 'boot' })
    world.count(row('rate_limited', 1, { retryAfterMs: 10_000 }))
    expect(world.effects).toContainEqual({ kind: 'persist' })
    const { domains } = world.report({ haveBoot: 'boot', haveVersion: version })
    expect(domains).toMatchObject([{ key: `quota:${a}`, notBeforeForMs: 11_000 }])
  })

  it('tells isolates that a gate is open again', () => {
    const world = new World().count(row('rate_limited', 1, { retryAfterMs: 60_000 }))
    const { version } = world.report({ haveBoot: 'boot' })
    world.take({ kind: 'reset', key: `quota:${a}` })
    const { domains } = world.report({ haveBoot: 'boot', haveVersion: version })
    expect(domains).toMatchObject([{ key: `quota:${a}`, state: 'closed', notBeforeForMs: 0 }])
  })

  it.each(['quota:*', 'credential:c1'] as const)('unlocks %s', (lock) => {
    const world = new World().count(row('quota_exhausted'), row('auth', 1, { credential: 'c1' }))
    world.take({ kind: 'reset', key: lock })
    expect(world.transitions()).toMatchObject([
      { key: lock, from: 'open', to: 'closed', cause: 'reset' },
    ])
    expect(world.find(lock)).toBeUndefined()
  })

  it.each(['target:x', 'quota:x', 'credential:x', 'credential:', 'nonsense'])(
    'refuses %s, which nobody knows',
    (other) => {
      const effects = new World().take({ kind: 'reset', key: other as DomainKey })
      expect(effects).toEqual([{ kind: 'refused', reason: 'unknown_key' }])
    },
  )
})
