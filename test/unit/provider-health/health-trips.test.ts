import { describe, expect, it } from 'vitest'
import { failureTable, type FailureClass } from '../../../worker/canonical/failure.ts'
import { a, b, row, startMs, World } from './support.ts'

const classes = Object.keys(failureTable) as FailureClass[]

describe('the circuit of a target', () => {
  it('opens with five failures of five, and not with four', () => {
    expect(new World().count(row('timeout', 4)).target.state).toBe('closed')
    expect(new World().count(row('timeout', 5)).target.state).toBe('open')
  })

  it('says why it opened, with the evidence', () => {
    const world = new World().count(row('ok', 5), row('timeout', 5))
    expect(world.transitions()).toMatchObject([
      {
        key: `target:${a}`,
        from: 'closed',
        to: 'open',
        epoch: 1,
        cause: 'brownout',
        evidence: { windowMs: 6000, judged: 10, failed: 5 },
      },
    ])
    expect(world.target).toMatchObject({
      state: 'open',
      cause: 'brownout',
      epoch: 1,
      openForMs: 3750,
      evidence: { windowMs: 6000, judged: 10, failed: 5 },
    })
    expect(world.effects).toContainEqual({ kind: 'persist' })
  })

  it.each(classes)('takes %s as the table of failures says', (outcome) => {
    const { target } = new World().count(row(outcome, 10))
    expect(target.state).toBe(failureTable[outcome].target === 'fail' ? 'open' : 'closed')
  })

  /** Half a minute in which all was well, ten times a second. */
  function well(): World {
    const world = new World()
    for (let second = 0; second < 30; second += 1) world.count(row('ok', 10)).later(1000)
    return world
  }

  it('sees an outage within a second or two although half a minute before it was fine', () => {
    const world = well()
    let failed = 0
    for (; world.target.state === 'closed'; failed += 1) world.later(100).count(row('timeout'))
    expect(failed).toBe(10)
    expect(world.target).toMatchObject({ cause: 'blackout', evidence: { windowMs: 2000, failed } })
  })

  it('sees that half of all fails only where it weighs against six seconds', () => {
    const world = well().later(1000).count(row('timeout', 5), row('ok', 5))
    expect(world.target.state).toBe('closed')
    expect(world.later(100).count(row('timeout', 45), row('ok', 45)).target).toMatchObject({
      state: 'open',
      cause: 'brownout',
      evidence: { windowMs: 6000 },
    })
  })

  it('waits for the answers of the others, which come a second later than failures', () => {
    const alone = well().count(row('timeout', 5))
    for (let step = 0; step < 9; step += 1)
      expect(alone.later(100).count().target.state).toBe('closed')
    const heard = well().count(row('timeout', 5))
    heard.later(900).count(row('ok', 8, { ageMs: 500 }))
    expect(heard.later(100).count(row('timeout')).target.state).toBe('closed')
    expect(alone.later(100).count(row('timeout')).target.state).toBe('open')
  })

  it('waits as long for them as the object lets isolates wait between reports', () => {
    const world = well()
    for (let isolate = 0; isolate < 1000; isolate += 1)
      world.report({ isolate: `isolate-${isolate}` })
    world.later(100).count(row('timeout', 5)).later(1000)
    expect(world.count(row('timeout')).target.state).toBe('closed')
    expect(world.later(900).count(row('timeout')).target.state).toBe('open')
  })

  it('looks back at the bucket before while the present one is young', () => {
    const world = well()
      .later(2100)
      .count(row('timeout', 5, { ageMs: 300 }))
    expect(world.target).toMatchObject({ state: 'open', evidence: { windowMs: 2000, failed: 5 } })
  })

  it('sees a quiet outage in half a minute, where six seconds hold too little', () => {
    const world = new World()
    for (let call = 0; call < 5; call += 1) {
      expect(world.find(`target:${a}`)?.state).not.toBe('open')
      world.count(row('timeout')).later(5000)
    }
    expect(world.target.state).toBe('open')
    expect(world.target.evidence).toMatchObject({ windowMs: 30_000, failed: 5 })
  })

  it('does not see what is older than half a minute', () => {
    const world = new World().count(row('timeout', 4)).later(30_000)
    expect(world.count(row('timeout')).target).toMatchObject({
      state: 'closed',
      evidence: { failed: 1 },
    })
  })

  it('stands by itself', () => {
    const world = new World().count(row('server_error', 9), row('ok', 9, { target: b }))
    expect([world.target.state, world.domain(`target:${b}`).state]).toEqual(['open', 'closed'])
    expect(world.domain('edge').state).toBe('closed')
  })

  it('counts broken outputs as failures, with a cause of their own', () => {
    const world = new World().count(row('broken_output', 5))
    expect(world.target).toMatchObject({ state: 'open', cause: 'broken_output' })
    expect(world.domain('edge').evidence).toMatchObject({ judged: 5, failed: 0 })
  })

  it('is looked at a tenth of a second after the last look, not with each report', () => {
    const world = new World()
    world.report({ rows: [row('ok')] })
    world.later(99).report({ rows: [row('timeout', 50)] })
    expect(world.target.state).toBe('closed')
    world.later(1).report()
    expect(world.target.state).toBe('open')
  })
})

describe('the circuit of the edge', () => {
  it.each(classes)('takes %s as the table of failures says', (outcome) => {
    const { state, evidence } = new World().count(row(outcome, 10)).domain('edge')
    const verdict = failureTable[outcome].edge
    expect(state).toBe(verdict === 'fail' ? 'open' : 'closed')
    if (verdict !== 'fail') expect(evidence?.judged).toBe(verdict === 'ok' ? 10 : 0)
  })

  it('is closed by what one target alone cannot say: half of the connections work', () => {
    const world = new World().count(
      ...Array.from({ length: 5 }, () => row('connect')),
      row('rate_limited', 95, { target: b }),
    )
    expect(world.domain('edge').state).toBe('closed')
    expect(world.target.state).toBe('open')
  })
})

describe('an open circuit', () => {
  it.each([
    [0, 2500],
    [0.5, 3750],
    [0.999, 4998],
  ])('waits for half of 5 s and a draw of %d: %d ms', (draw, waitMs) => {
    const world = new World()
    world.random = () => draw
    expect(world.trip().target.openForMs).toBe(waitMs)
  })

  it('waits longer when every failure carried a Retry-After', () => {
    const failing = (...retryAfterMs: (number | undefined)[]) =>
      new World().count(
        ...retryAfterMs.map((ms) =>
          row('overloaded', 3, ms === undefined ? {} : { retryAfterMs: ms }),
        ),
      ).target.openForMs
    expect(failing(20_000, 40_000)).toBe(40_000)
    expect(failing(40_000, 20_000)).toBe(40_000)
    expect(failing(20_000, undefined)).toBe(3750)
    expect(failing(1000, 1000)).toBe(3750)
    expect(failing(600_000, 600_000)).toBe(120_000)
    expect(failing(Infinity, Infinity)).toBe(120_000)
  })

  it('counts a Retry-After from the moment it was said', () => {
    const late = row('overloaded', 5, { retryAfterMs: 30_000, ageMs: 4000 })
    expect(new World().count(late).target.openForMs).toBe(26_000)
  })

  it('is half-open when its wait is over, and not a millisecond before', () => {
    const world = new World().trip()
    world.later(3749).tick()
    expect(world.target.state).toBe('open')
    world.later(1).tick()
    expect(world.target).toMatchObject({ state: 'half_open', openForMs: 0, cause: 'blackout' })
    expect(world.transitions()).toMatchObject([
      { from: 'open', to: 'half_open', cause: 'wait_over', epoch: 1 },
    ])
  })

  it('is not moved by what is reported without a permit, good or bad', () => {
    const world = new World().trip()
    world.count(row('ok', 500))
    expect(world.target).toMatchObject({ state: 'open', openForMs: 3750 })
    world.count(row('timeout', 500))
    expect(world.target).toMatchObject({ state: 'open', openForMs: 3750, epoch: 1 })
  })
})

describe('a circuit that closed', () => {
  it('is not opened again by the evidence of the outage, nor by what is told of it late', () => {
    const world = new World().trip({ ageMs: 0 }).toHalfOpen()
    world.count(row('timeout', 50)).recover()
    expect(world.target).toMatchObject({ state: 'closed', evidence: { judged: 0 } })
    world.later(500).count(row('timeout', 50, { ageMs: 501 }))
    expect(world.target).toMatchObject({ state: 'closed', evidence: { judged: 0 } })
    world.count(row('timeout', 5, { ageMs: 500 }))
    expect(world.target.state).toBe('open')
  })

  it('is deaf for what is told late also when it is the edge', () => {
    const world = new World().count(row('connect', 5))
    world.later(10_000).tick()
    for (let probe = 0; probe < 10; probe += 1) {
      const { permits } = world.report({ wants: ['new@acme'] })
      for (const permit of permits) world.answer(permit, 'ok')
    }
    expect(world.domain('edge').state).toBe('closed')
    world.count(row('connect', 50, { ageMs: 1 }))
    expect(world.domain('edge')).toMatchObject({ state: 'closed', evidence: { judged: 0 } })
  })

  it('gets its traffic back over half a minute', () => {
    const world = new World().trip().toHalfOpen().recover()
    expect(world.target.rampAgeMs).toBe(0)
    expect(world.later(12_000).target.rampAgeMs).toBe(12_000)
    expect(world.later(17_999).target.rampAgeMs).toBe(29_999)
    expect(world.later(1).target.rampAgeMs).toBeNull()
  })

  it('opens for twice as long when it fails again at once, and as at first after a minute', () => {
    const again = (closedForMs: number) => {
      const world = new World().trip().toHalfOpen().recover()
      return world.later(closedForMs).trip().target.openForMs
    }
    expect(again(1000)).toBe(7500)
    expect(again(59_999)).toBe(7500)
    expect(again(60_000)).toBe(3750)
  })

  it('never had an outage, has no ramp', () => {
    expect(new World().count(row('ok')).target.rampAgeMs).toBeNull()
  })
})

describe('the fail rate of a target', () => {
  it('is that of the worse window, in hundredths', () => {
    const world = new World().count(row('ok', 29), row('timeout', 3))
    expect(world.target.failRate).toBe(0.09)
    world.later(7000).count(row('ok', 10))
    expect(world.target.failRate).toBe(0.07)
  })

  it('is made new once a second, and ends when the failures leave the window', () => {
    const world = new World().count(row('ok', 9), row('timeout'))
    expect(world.target.failRate).toBe(0.1)
    world.later(999).count(row('ok', 10))
    expect(world.target.failRate).toBe(0.1)
    world.later(1).tick()
    expect(world.target.failRate).toBe(0.05)
    world.later(30_000).tick()
    expect(world.target.failRate).toBe(0)
  })
})

describe('step()', () => {
  it('does not let the clock go back, or be no number', () => {
    const world = new World().count(row('timeout', 4))
    world.nowMs = startMs - 60_000
    world.count(row('timeout'))
    expect(world.state.nowMs).toBe(startMs)
    world.nowMs = Number.NaN
    world.tick()
    world.nowMs = startMs
    expect(world.target.state).toBe('open')
  })
})
