import { describe, expect, it } from 'vitest'
import type { Permit } from '../../../durable-objects/provider-health/protocol.ts'
import { a, b, row, World } from './support.ts'

describe('the gate of a rate limit', () => {
  const gate = (world: World) => world.find(`quota:${a}`)

  it('is shut for as long as the provider asked, and stretched by a draw', () => {
    const world = new World().count(row('rate_limited', 1, { retryAfterMs: 10_000 }))
    expect(gate(world)).toMatchObject({
      state: 'open',
      cause: 'quota',
      notBeforeForMs: 11_000,
      openForMs: 11_000,
    })
    expect(gate(world.later(10_999))).toMatchObject({ notBeforeForMs: 1 })
    expect(gate(world.later(1))).toBeUndefined()
  })

  it('counts from the moment of the answer', () => {
    const world = new World().count(row('rate_limited', 1, { retryAfterMs: 10_000, ageMs: 4000 }))
    expect(gate(world)?.notBeforeForMs).toBe(7000)
  })

  it('is never shortened by a later answer', () => {
    const world = new World().count(row('rate_limited', 1, { retryAfterMs: 60_000 }))
    world.count(row('rate_limited', 1, { retryAfterMs: 1000 }))
    expect(gate(world)?.notBeforeForMs).toBe(66_000)
  })

  it('is that of one target, and leaves its circuit closed', () => {
    const world = new World().count(row('rate_limited', 100, { retryAfterMs: 60_000 }))
    expect(world.find(`quota:${b}`)).toBeUndefined()
    expect(world.target).toMatchObject({ state: 'closed', failRate: 0 })
  })

  it('is stored when it is shut for ten seconds more than was stored', () => {
    const persists = (world: World, retryAfterMs: number) =>
      world
        .count(row('rate_limited', 1, { retryAfterMs }))
        .effects.some(({ kind }) => kind === 'persist')
    const world = new World()
    expect(persists(world, 9000)).toBe(false)
    expect(persists(world, 10_000)).toBe(true)
    expect(persists(world, 18_000)).toBe(false)
    expect(persists(world, 60_000)).toBe(true)
  })

  it('has a rate when traffic grew too fast: seven tenths, growing by 5 % a second', () => {
    const world = new World().count(row('ok', 59), row('rate_limited', 1, { ramp: true }))
    expect(gate(world)).toMatchObject({
      state: 'closed',
      cause: 'quota',
      notBeforeForMs: 0,
      ratePerS: 7,
    })
    expect(gate(world.later(10_000))?.ratePerS).toBe(11)
  })

  it('loses its rate when it has grown to twice what was too much, and that is told', () => {
    const world = new World().count(row('ok', 59), row('rate_limited', 1, { ramp: true }))
    const { version } = world.report({ haveBoot: 'boot' })
    const reply = world.later(22_000).report({ haveBoot: 'boot', haveVersion: version })
    expect(reply.domains.find(({ key }) => key === `quota:${a}`)).toMatchObject({
      ratePerS: null,
      cause: null,
    })
    expect(gate(world)).toBeUndefined()
  })

  it('does not take a cost that is told later for one more request', () => {
    const world = new World().count(row('ok', 59), row('priced', 59))
    world.count(row('rate_limited', 1, { ramp: true }))
    expect(gate(world)?.ratePerS).toBe(7)
  })

  it('begins with one request a second when hardly any were sent', () => {
    const world = new World().count(row('rate_limited', 1, { ramp: true }))
    expect(gate(world)?.ratePerS).toBe(0.7)
  })
})

describe('a spent quota', () => {
  const spent = () => new World().count(row('quota_exhausted', 1, { credential: 'c1' }))
  const quota = (world: World) => world.find('quota:*')

  it('shuts the whole credential with one answer, for five minutes', () => {
    const world = spent()
    expect(quota(world)).toMatchObject({
      state: 'open',
      cause: 'quota',
      notBeforeForMs: 300_000,
      epoch: 1,
    })
    expect(world.transitions()).toMatchObject([
      { key: 'quota:*', from: 'closed', to: 'open', cause: 'quota' },
    ])
    expect(world.effects).toContainEqual({ kind: 'persist' })
    expect(world.target.state).toBe('closed')
    expect(world.find('credential:c1')).toBeUndefined()
  })

  it('is probed by one call, and open again with one good answer', () => {
    const world = spent()
    expect(world.permit(a, 'quota:*')).toBeNull()
    world.later(300_000)
    const permit = world.permit(a, 'quota:*') as Permit
    expect(quota(world)?.state).toBe('half_open')
    expect(world.permit(b, 'quota:*')).toBeNull()
    world.answer(permit, 'ok')
    expect(world.transitions()).toMatchObject([
      { key: 'quota:*', to: 'closed', cause: 'recovered' },
    ])
    expect(quota(world)).toBeUndefined()
  })

  it('waits twice as long after a probe that found it spent', () => {
    const world = spent().later(300_000)
    world.answer(world.permit(a, 'quota:*') as Permit, 'quota_exhausted')
    expect(quota(world)).toMatchObject({
      state: 'open',
      notBeforeForMs: 600_000,
      sinceMs: 300_000,
      epoch: 2,
    })
    expect(world.effects).toContainEqual({ kind: 'persist' })
  })

  it.each(['rate_limited', 'timeout', 'auth', 'cancelled'] as const)(
    'learns nothing from a probe that ends in %s',
    (outcome) => {
      const world = spent().later(300_000)
      world.answer(world.permit(a, 'quota:*') as Permit, outcome)
      expect(quota(world)?.state).toBe('half_open')
      expect(world.permit(a, 'quota:*')).not.toBeNull()
    },
  )

  it('is open again with an answer whose output is broken: it was paid for', () => {
    const world = spent().later(300_000)
    world.answer(world.permit(a, 'quota:*') as Permit, 'broken_output')
    expect(quota(world)).toBeUndefined()
  })

  it('is not moved by what is reported without a permit', () => {
    const world = spent().count(row('ok', 100), row('quota_exhausted', 100))
    expect(quota(world)).toMatchObject({ state: 'open', notBeforeForMs: 300_000, epoch: 1 })
    world.later(300_000).count(row('ok', 100), row('quota_exhausted', 100))
    expect(quota(world)).toMatchObject({ state: 'half_open', epoch: 1 })
  })

  it('is not moved by a permit of an earlier generation', () => {
    const world = spent().later(300_000)
    const lost = world.permit(a, 'quota:*') as Permit
    world.later(65_000)
    world.answer(world.permit(a, 'quota:*') as Permit, 'quota_exhausted')
    world.answer(lost, 'ok')
    expect(quota(world)).toMatchObject({ state: 'open', epoch: 2 })
  })

  it('does not believe an early permit even when it is still good', () => {
    const world = spent().later(300_000)
    const early = world.permit(a, 'quota:*') as Permit
    world.take({ kind: 'reset', key: 'quota:*' })
    world.count(row('quota_exhausted'))
    world.answer(early, 'ok')
    expect(quota(world)).toMatchObject({ state: 'open', epoch: 2 })
  })

  it('is told as half-open when its wait is over', () => {
    const world = spent()
    const { version } = world.report({ haveBoot: 'boot' })
    const reply = world.later(300_000).report({ haveBoot: 'boot', haveVersion: version })
    expect(reply.domains.find(({ key }) => key === 'quota:*')).toMatchObject({
      state: 'half_open',
      openForMs: 0,
    })
  })
})

describe('a refused credential', () => {
  const refused = () => new World().count(row('auth', 1, { credential: 'c1' }))

  it('is disabled with one answer, by its fingerprint', () => {
    const world = refused()
    expect(world.domain('credential:c1')).toMatchObject({
      state: 'open',
      cause: 'credential',
      openForMs: 300_000,
      notBeforeForMs: 0,
    })
    expect(world.transitions()).toMatchObject([
      { key: 'credential:c1', to: 'open', cause: 'credential' },
    ])
    expect(world.target.state).toBe('closed')
    expect(world.domain('edge').state).toBe('closed')
  })

  it('does not touch a changed secret, which has another fingerprint', () => {
    expect(refused().find('credential:c2')).toBeUndefined()
  })

  it('cannot be told without a fingerprint', () => {
    const world = new World().count(row('auth'))
    expect([...world.state.credentials.keys()]).toEqual([])
  })

  it('is probed by isolates that would use it, and enabled by one good answer', () => {
    const world = refused().later(300_000)
    expect(world.report({ wants: [a], credential: 'c2' }).permits).toEqual([])
    expect(world.report({ wants: [a], credential: '' }).permits).toEqual([])
    const { permits } = world.report({ wants: [a], credential: 'c1' })
    expect(permits).toMatchObject([{ key: 'credential:c1', epoch: 1 }])
    expect(world.report({ wants: [a], credential: 'c1' }).permits).toEqual([])
    world.answer(permits[0] as Permit, 'ok')
    expect(world.find('credential:c1')).toBeUndefined()
  })

  it('keeps other permits back from an isolate that would use it', () => {
    const world = refused().trip().toHalfOpen()
    expect(world.report({ wants: [a], credential: 'c1' }).permits).toEqual([])
    expect(world.report({ wants: [a], credential: 'c2' }).permits).toHaveLength(1)
  })

  it('is disabled for longer when the probe is refused as well', () => {
    const world = refused().later(300_000)
    const { permits } = world.report({ wants: [a], credential: 'c1' })
    world.answer(permits[0] as Permit, 'auth')
    expect(world.domain('credential:c1').openForMs).toBe(600_000)
  })

  it('is not moved by outcomes that nobody knows', () => {
    const world = refused().later(300_000)
    const { permits } = world.report({ wants: [a], credential: 'c1' })
    world.answer(permits[0] as Permit, 'maybe' as never)
    expect(world.domain('credential:c1').state).toBe('half_open')
  })
})
