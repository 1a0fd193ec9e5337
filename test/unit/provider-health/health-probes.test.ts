import { describe, expect, it } from 'vitest'
import type { Outcome, Permit } from '../../../durable-objects/provider-health/protocol.ts'
import { a, b, row, World } from './support.ts'

const halfOpen = () => new World().trip().toHalfOpen()

/** As many permits as can be had now, each from another report. */
function allPermits(world: World): Permit[] {
  const permits: Permit[] = []
  for (;;) {
    const permit = world.permit()
    if (permit === null) return permits
    permits.push(permit)
  }
}

describe('permits', () => {
  it('are one, then three, then six at a time, as clean probes come back', () => {
    const world = halfOpen()
    const counts: number[] = []
    for (let probe = 0; probe < 10; probe += 1) {
      const permits = allPermits(world)
      counts.push(permits.length)
      for (const permit of permits) world.answer(permit, 'rate_limited')
      world.probe('ok')
    }
    expect(counts).toEqual([1, 3, 3, 3, 6, 6, 6, 6, 6, 6])
    expect(world.target.state).toBe('closed')
  })

  it('go to isolates that want the target, and only while it is half-open', () => {
    const world = new World().trip()
    expect(world.permit()).toBeNull()
    world.toHalfOpen()
    expect(world.report().permits).toEqual([])
    expect(world.permit(b)).toBeNull()
    expect(world.permit()).toMatchObject({ key: `target:${a}`, epoch: 1, permitId: 'boot.1' })
  })

  it('are none for a closed target', () => {
    expect(new World().count(row('ok')).permit()).toBeNull()
  })

  it('are one for each call: a target named twice gets one', () => {
    const world = halfOpen().probe('ok')
    expect(world.report({ wants: [a, a] }).permits).toHaveLength(1)
  })

  it('live for T_ttft_abort and five seconds', () => {
    expect(halfOpen().permit()?.forMs).toBe(65_000)
  })

  it('are given to own calls as well, without a report', () => {
    const world = halfOpen()
    world.take({ kind: 'outcomes', rows: [], wants: [a] })
    expect(world.effects).toContainEqual({
      kind: 'permits',
      permits: [{ permitId: 'boot.1', key: `target:${a}`, epoch: 1, forMs: 65_000 }],
    })
    world.take({
      kind: 'outcomes',
      rows: [],
      probes: [{ permitId: 'boot.1', outcome: 'ok', size: 0 }],
    })
    expect(allPermits(world)).toHaveLength(3)
  })

  it('are none for names that are none, and for at most 64 targets', () => {
    const world = halfOpen()
    expect(world.report({ wants: ['*', 5 as unknown as string] }).permits).toEqual([])
    const others = Array.from({ length: 64 }, (_, at) => `t${at}@acme`)
    expect(world.report({ wants: [...others, a] }).permits).toEqual([])
    expect(world.report({ wants: [...others.slice(1), a] }).permits).toHaveLength(1)
  })

  it('are none while the provider asks for a wait', () => {
    const world = halfOpen().count(row('rate_limited', 1, { retryAfterMs: 10_000 }))
    expect(world.permit()).toBeNull()
    expect(world.later(11_000).permit()).not.toBeNull()
  })
})

describe('a half-open circuit', () => {
  it('closes with the tenth clean probe', () => {
    const world = halfOpen()
    for (let probe = 0; probe < 9; probe += 1) world.probe('ok')
    expect(world.target.state).toBe('half_open')
    world.probe('ok')
    expect(world.transitions()).toMatchObject([
      { from: 'half_open', to: 'closed', cause: 'recovered', epoch: 1 },
    ])
  })

  it('opens for longer with the first failed probe, in a new generation', () => {
    const world = halfOpen().probe('ok').probe('timeout')
    expect(world.target).toMatchObject({
      state: 'open',
      epoch: 2,
      cause: 'probe_failed',
      openForMs: 7500,
      evidence: { failed: 5 },
    })
  })

  it('waits 5, 10, 20, 40, 80, 120, 120 s at most when probes go on failing', () => {
    const world = new World()
    world.random = () => 1
    world.trip()
    const waits = [world.target.openForMs]
    for (let probe = 0; probe < 6; probe += 1)
      waits.push(world.toHalfOpen().probe('timeout').target.openForMs)
    expect(waits).toEqual([5000, 10_000, 20_000, 40_000, 80_000, 120_000, 120_000])
  })

  it('waits as long as the failed probe was asked to', () => {
    const waitMs = (retryAfterMs: number) =>
      halfOpen().probe('overloaded', { retryAfterMs }).target.openForMs
    expect([waitMs(30_000), waitMs(1e9), waitMs(-1), waitMs(Number.NaN)]).toEqual([
      30_000, 120_000, 7500, 7500,
    ])
  })

  it('names broken outputs', () => {
    expect(halfOpen().probe('broken_output').target.cause).toBe('broken_output')
  })

  it.each([
    'rate_limited',
    'quota_exhausted',
    'auth',
    'bad_request',
    'context_length',
    'content_policy',
    'cancelled',
  ] as const)('is not moved by a probe that ends in %s, which gives its permit back', (outcome) => {
    const world = halfOpen().probe(outcome)
    expect(world.target).toMatchObject({ state: 'half_open', epoch: 1 })
    expect(allPermits(world)).toHaveLength(1)
  })

  it.each([
    ['an outcome that nobody knows', { outcome: 'maybe' as Outcome }],
    ['a size class that does not exist', { size: 9 }],
  ])('is not moved by %s', (_what, wrong) => {
    const world = halfOpen()
    const { permitId } = world.permit() ?? { permitId: '' }
    world.report({ probes: [{ permitId, outcome: 'ok', size: 0, ...wrong } as never] })
    expect(allPermits(world)).toHaveLength(1)
  })

  it('is not moved by what is reported without a permit, good or bad', () => {
    const world = halfOpen().count(row('ok', 500))
    expect(world.target.state).toBe('half_open')
    expect(allPermits(world)).toHaveLength(1)
    world.count(row('timeout', 500))
    expect(world.target).toMatchObject({ state: 'half_open', epoch: 1 })
  })

  it.each(['boot.2', 'boot.0', 'other.1', '', undefined, null, 5])(
    'is not moved by a permit that was never given: %s',
    (permitId) => {
      const world = halfOpen()
      world.permit()
      world.report({
        probes: [{ permitId, outcome: 'timeout', size: 0 } as never, null as never, 'x' as never],
      })
      expect(world.target.state).toBe('half_open')
    },
  )

  it('counts a permit once', () => {
    const world = halfOpen()
    const permit = world.permit() as Permit
    for (let time = 0; time < 12; time += 1) world.answer(permit, 'ok')
    expect(world.target.state).toBe('half_open')
    expect(allPermits(world)).toHaveLength(3)
  })

  it('is not moved by a permit of an earlier generation', () => {
    const world = halfOpen().probe('ok')
    const early = world.permit() as Permit
    world.probe('timeout').toHalfOpen()
    world.answer(early, 'timeout')
    expect(world.target).toMatchObject({ state: 'half_open', epoch: 2 })
    world.answer(early, 'ok')
    expect(allPermits(world)).toHaveLength(1)
  })

  it('gives its new generation all its permits, whatever is still out of the old', () => {
    const world = halfOpen().probe('ok')
    world.permit()
    world.permit()
    world.probe('timeout').toHalfOpen()
    expect(allPermits(world)).toHaveLength(1)
  })

  it('takes at most 64 probes of one report', () => {
    const world = halfOpen()
    const { permitId } = world.permit() as Permit
    const none = { permitId: 'none', outcome: 'ok', size: 0 } as const
    const real = { ...none, permitId }
    world.report({ probes: [...Array.from({ length: 64 }, () => none), real] })
    expect(allPermits(world)).toHaveLength(0)
    world.report({ probes: [...Array.from({ length: 63 }, () => none), real] })
    expect(allPermits(world)).toHaveLength(3)
  })
})

describe('a permit of which nothing is heard', () => {
  const lapse = (world: World) => {
    world.permit()
    world.later(65_000).tick()
    return world
  }

  it('is given to another when its time is over', () => {
    const world = halfOpen()
    world.permit()
    world.later(64_999).tick()
    expect(world.permit()).toBeNull()
    world.later(1).tick()
    expect(world.permit()).not.toBeNull()
  })

  it('moves nothing when its outcome comes too late', () => {
    const world = halfOpen()
    const permit = world.permit() as Permit
    world.later(65_000).answer(permit, 'timeout')
    expect(world.target.state).toBe('half_open')
    const other = world.permit() as Permit
    world.later(64_999).answer(other, 'timeout')
    expect(world.target.state).toBe('open')
  })

  it('opens the circuit with the third in a row, for as long as before', () => {
    const world = lapse(lapse(halfOpen()))
    expect(world.target.state).toBe('half_open')
    lapse(world)
    expect(world.target).toMatchObject({
      state: 'open',
      epoch: 2,
      openForMs: 3750,
      cause: 'blackout',
    })
    expect(world.transitions()).toMatchObject([{ cause: 'probes_lost' }])
  })

  it('is forgiven when one is heard of in between', () => {
    const world = lapse(lapse(halfOpen())).probe('cancelled')
    expect(lapse(lapse(world)).target.state).toBe('half_open')
    expect(lapse(world).target.state).toBe('open')
  })

  it('says nothing of a later generation', () => {
    const world = halfOpen().probe('ok')
    world.permit()
    world.permit()
    world.probe('timeout').toHalfOpen()
    lapse(world)
    expect(world.target).toMatchObject({ state: 'half_open', epoch: 2 })
  })
})

describe('the permits of the edge', () => {
  const edgeHalfOpen = () => {
    const world = new World().count(row('connect', 4), row('connect', 4, { target: b }))
    expect(world.domain('edge').state).toBe('open')
    expect(world.target.state).toBe('closed')
    world.later(world.domain('edge').openForMs).tick()
    return world
  }

  it('go to isolates that want any target of it', () => {
    const world = edgeHalfOpen()
    expect(world.report({ wants: ['new@acme', b] }).permits).toMatchObject([{ key: 'edge' }])
    expect(world.permit(b, 'edge')).toBeNull()
  })

  it('close it with ten probes that reached the provider, however they ended there', () => {
    const world = edgeHalfOpen()
    for (let probe = 0; probe < 10; probe += 1) {
      const permit = world.permit(a, 'edge') as Permit
      world.answer(permit, probe % 2 === 0 ? 'ok' : 'rate_limited', { ttftMs: 1e6 })
    }
    expect(world.domain('edge').state).toBe('closed')
  })

  it('open it with one that did not reach it', () => {
    const world = edgeHalfOpen()
    world.answer(world.permit(a, 'edge') as Permit, 'connect')
    expect(world.domain('edge')).toMatchObject({ state: 'open', epoch: 2 })
  })

  it('come together with those of the target, because one call needs both', () => {
    const world = new World().count(row('connect', 8))
    world.later(10_000).tick()
    const { permits } = world.report({ wants: [a] })
    expect(permits.map(({ key }) => key).sort()).toEqual(['edge', `target:${a}`])
  })

  it('are what keeps those of a target back while the edge is open', () => {
    const world = new World().trip().toHalfOpen()
    world.count(row('connect', 50, { target: b }))
    expect(world.domain('edge').state).toBe('open')
    expect(world.permit()).toBeNull()
  })

  it('do not go to a target that is open itself', () => {
    const world = edgeHalfOpen().count(row('server_error', 50))
    expect(world.target.state).toBe('open')
    expect(world.report({ wants: [a] }).permits).toEqual([])
    expect(world.report({ wants: [a, b] }).permits).toMatchObject([{ key: 'edge' }])
  })
})
