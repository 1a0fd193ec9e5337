import { describe, expect, it } from 'vitest'
import {
  costBucketOf,
  type OutcomeRow,
  ttftBucketOf,
} from '../../../durable-objects/provider-health/protocol.ts'
import type { HealthSettings } from '../../../durable-objects/provider-health/settings.ts'
import { a, row, World } from './support.ts'

const answers = (ttftMs: number, count: number, more: Partial<OutcomeRow> = {}) =>
  row('ok', count, { ttft: [[ttftBucketOf(ttftMs), count]], ...more })

const priced = (nanoUsd: number, count: number) =>
  row('ok', count, { cost: [[costBucketOf(nanoUsd), count]] })

/** A target that answered `rowOf` for two minutes, ten times a second, and so has a baseline. */
function settled(rowOf: () => OutcomeRow, settings: Partial<HealthSettings> = {}): World {
  const world = new World(settings)
  for (let second = 0; second < 120; second += 1) world.count(rowOf()).later(1000)
  return world
}

const fast = () => settled(() => answers(1000, 10))
const slowAfterMs = (world: World) => world.target.speed?.slowAfterMs

describe('T_slow', () => {
  it('is its ceiling while nothing is known, and so is T_ttft_abort', () => {
    const { speed } = new World().count(answers(500, 1)).target
    expect(speed?.slowAfterMs).toEqual([30_000, 30_000, 30_000, 30_000])
    expect(speed?.abortAfterMs).toEqual([60_000, 60_000, 60_000, 60_000])
  })

  it('is three times what is usual, for each size class by itself', () => {
    const { speed } = fast().target
    expect(speed?.slowAfterMs).toEqual([3700, 30_000, 30_000, 30_000])
    expect(speed?.abortAfterMs).toEqual([10_000, 60_000, 60_000, 60_000])
  })

  it('waits for a hundred answers that are half a minute old', () => {
    const known = (count: number) => {
      const world = new World().count(answers(1000, count)).later(30_000)
      return slowAfterMs(world.count(answers(1000, 1)).later(1000).count())?.[0]
    }
    expect(known(99)).toBe(30_000)
    expect(known(100)).toBe(3700)
  })

  it('learns nothing from half a minute before an outage, nor from the outage', () => {
    const world = new World().count(answers(20_000, 100)).later(4000).trip()
    world.later(30_000).count(answers(20_000, 100)).later(30_000).count(answers(20_000, 1))
    world.later(1000).tick()
    expect(slowAfterMs(world)?.[0]).toBe(30_000)
  })

  it('learns nothing from probes and from the ramp, and goes on after it', () => {
    const teach = (world: World) => {
      world.count(answers(1000, 100)).later(30_000).count(answers(1000, 1)).later(1000).tick()
      return slowAfterMs(world)?.[0]
    }
    expect(teach(new World().trip().toHalfOpen())).toBe(30_000)
    expect(teach(new World().trip().toHalfOpen().recover())).toBe(30_000)
    const world = new World().trip().toHalfOpen().recover()
    // A bucket of its own, after the one in which the circuit closed.
    expect(teach(new World().trip().toHalfOpen().recover().later(2250))).toBe(30_000)
    world.later(30_000).tick()
    expect(teach(world.later(2000))).toBe(3700)
  })

  it('learns nothing while it is forced to be closed', () => {
    const world = new World().count(answers(1000, 100))
    world.take({ kind: 'force', key: `target:${a}`, state: 'closed', forMs: 60_000 })
    world.later(30_000).count(answers(1000, 1)).later(1000).tick()
    expect(slowAfterMs(world)?.[0]).toBe(30_000)
  })

  it('learns nothing from slow times', () => {
    const world = fast().later(30_000).count(answers(20_000, 14), answers(500, 6))
    for (let minute = 0; minute < 24 * 60; minute += 1)
      world.count(answers(20_000, 7), answers(500, 3)).later(25_000)
    expect(world.target).toMatchObject({ state: 'closed', slow: true })
    expect(slowAfterMs(world)?.[0]).toBe(3700)
  })

  it('follows a provider that got faster within hours', () => {
    const world = fast()
    for (let hour = 0; hour < 3; hour += 1)
      for (let minute = 0; minute < 60; minute += 1) world.later(60_000).count(answers(300, 10))
    expect(slowAfterMs(world)?.[0]).toBe(2000)
  })

  it('is stored when it changes as published', () => {
    const world = new World().count(answers(1000, 100)).later(30_000)
    world.count(answers(1000, 1))
    expect(slowAfterMs(world)?.[0]).toBe(3700)
    expect(world.effects).toContainEqual({ kind: 'persist' })
    world.later(1000).count(answers(1000, 1))
    expect(world.effects).not.toContainEqual({ kind: 'persist' })
  })

  it('is what the operator says for a target, and so is T_ttft_abort', () => {
    const speedOverrides = { [a]: { slowAfterMs: 50_000, abortAfterMs: 200_000 } }
    const { speed } = settled(() => answers(1000, 10), { speedOverrides }).target
    expect(speed?.slowAfterMs).toEqual([50_000, 50_000, 50_000, 50_000])
    expect(speed?.abortAfterMs).toEqual([200_000, 200_000, 200_000, 200_000])
  })
})

describe('a slow target', () => {
  it('keeps a tenth of its weight when more than half of twenty answers are slow', () => {
    const world = fast().later(30_000)
    expect(world.count(answers(20_000, 14), answers(500, 6)).target).toMatchObject({
      state: 'closed',
      slow: true,
      evidence: { slow: 14, judged: 20 },
    })
    expect(fast().later(30_000).count(answers(20_000, 13), answers(500, 7)).target.slow).toBe(false)
  })

  it('is so until at most half of what came in half a minute is slow', () => {
    const world = fast().later(30_000).count(answers(20_000, 14), answers(500, 6))
    world.later(10_000).count(answers(500, 7))
    expect(world.target.slow).toBe(true)
    world.later(100).count(answers(500, 1))
    expect(world.target.slow).toBe(false)
  })

  it('is so no longer when nothing came for half a minute', () => {
    const world = fast().later(30_000).count(answers(20_000, 14), answers(500, 6))
    world.later(30_000).tick()
    expect(world.target.slow).toBe(false)
  })

  it('opens only when four fifths of them are surely slow, and says that this is why', () => {
    const world = fast().later(30_000).count(answers(20_000, 18), answers(500, 2))
    expect(world.target).toMatchObject({ state: 'closed', slow: true })
    world.later(100).count(answers(20_000, 80))
    expect(world.target).toMatchObject({ state: 'open', slow: false, cause: 'slow' })
  })

  it('is seen beside any number of answers without a first token, which say nothing of speed', () => {
    const whole = (count: number) => row('ok', count)
    const world = fast().later(30_000).count(whole(500), answers(20_000, 14), answers(500, 6))
    expect(world.target).toMatchObject({
      state: 'closed',
      slow: true,
      evidence: { judged: 520, timed: 20, slow: 14 },
    })
    world.later(100).count(whole(500), answers(20_000, 80))
    expect(world.target).toMatchObject({ state: 'open', cause: 'slow' })
    expect(fast().later(30_000).count(whole(500)).target).toMatchObject({ slow: false })
  })

  it('is not seen in failures, which take no time that means anything', () => {
    const failing = fast().later(30_000).count(row('server_error', 4), answers(20_000, 20))
    expect(failing.target).toMatchObject({ cause: 'slow', evidence: { judged: 24, timed: 20 } })
  })

  it('does not fail: slow answers are good ones', () => {
    expect(fast().count(answers(20_000, 100)).target).toMatchObject({ failRate: 0 })
  })

  it('is measured at the lower end of the bucket, so that no fast answer is called slow', () => {
    const slow = (ttftMs: number) => fast().count(answers(ttftMs, 1)).target.evidence?.slow
    expect([3699, 4000, 4600].map(slow)).toEqual([0, 0, 1])
  })

  it('counts callers who left after T_slow without a token, and no others', () => {
    const left = (elapsedMs: number) =>
      fast()
        .later(30_000)
        .count(row('cancelled', 30, { elapsedMs })).target
    expect(left(3699)).toMatchObject({ state: 'closed', slow: false, evidence: { hung: 0 } })
    expect(left(3700)).toMatchObject({
      state: 'open',
      cause: 'slow',
      evidence: { hung: 30, slow: 30, judged: 0 },
    })
  })

  it('that is open for slowness needs fast probes, and opens again with a slow one', () => {
    const world = fast().later(30_000).count(answers(20_000, 30)).toHalfOpen()
    world.probe('ok', { ttftMs: 3699 })
    expect(world.target.state).toBe('half_open')
    world.probe('ok', { ttftMs: 3700 })
    expect(world.target).toMatchObject({ state: 'open', epoch: 2, cause: 'slow', openForMs: 7500 })
    world.toHalfOpen()
    for (let probe = 0; probe < 10; probe += 1) world.probe('ok', { ttftMs: 500 })
    expect(world.target.state).toBe('closed')
  })

  it('that was open for failures does not count a slow probe as clean, nor as failed', () => {
    const world = fast().later(30_000).trip().toHalfOpen()
    for (let probe = 0; probe < 9; probe += 1) world.probe('ok', { ttftMs: 3700 })
    for (let probe = 0; probe < 9; probe += 1) world.probe('ok', { ttftMs: 3699 })
    expect(world.target.state).toBe('half_open')
    world.probe('ok', { ttftMs: 3700 })
    expect(world.target.state).toBe('closed')
  })

  it('takes a time of a probe that is no number for a slow one', () => {
    const world = fast().later(30_000).trip().toHalfOpen()
    for (let probe = 0; probe < 9; probe += 1) world.probe('ok')
    world.probe('ok', { ttftMs: Number.NaN })
    expect(world.target.state).toBe('half_open')
  })
})

describe('the times to first token', () => {
  it('are the median and the p95 of the last half minute, in two digits', () => {
    const { speed } = new World().count(answers(500, 94), answers(5000, 6)).target
    expect(speed?.ttftP50Ms).toEqual([570, null, null, null])
    expect(speed?.ttftP95Ms).toEqual([4800, null, null, null])
  })

  it('stay what they were when no answers come', () => {
    const world = new World().count(answers(500, 10)).later(60_000)
    world.count(row('timeout'), answers(100, 1, { size: 2 }))
    expect(world.target.speed?.ttftP50Ms).toEqual([560, null, 110, null])
  })

  it('forget what is older than half a minute', () => {
    const world = new World().count(answers(500, 90)).later(30_000)
    expect(world.count(answers(5000, 1)).target.speed?.ttftP50Ms[0]).toBeGreaterThan(4000)
  })
})

describe('a dear target', () => {
  const usual = () => settled(() => priced(1_000_000, 10)).later(30_000)

  it('opens when half of twenty answers surely cost over four times what is usual', () => {
    expect(usual().count(priced(9_000_000, 14), priced(1_000_000, 6)).target).toMatchObject({
      state: 'open',
      cause: 'cost',
      evidence: { dear: 14, priced: 20 },
    })
    expect(usual().count(priced(9_000_000, 13), priced(1_000_000, 7)).target.state).toBe('closed')
  })

  it('is one only beyond the band', () => {
    expect(usual().count(priced(4_000_000, 100)).target.evidence).toMatchObject({
      priced: 100,
      dear: 0,
    })
    expect(usual().count(priced(4_100_000, 100)).target.evidence).toMatchObject({ dear: 100 })
  })

  it('is none while nobody knows what is usual', () => {
    const world = new World().count(priced(9_000_000_000, 50))
    expect(world.target).toMatchObject({ state: 'closed', evidence: { priced: 0, dear: 0 } })
  })

  it('needs cheap probes, and opens again with a dear one', () => {
    const world = usual().count(priced(9_000_000, 30)).toHalfOpen()
    world.probe('ok', { costNanoUsd: 1_000_000 })
    expect(world.target.state).toBe('half_open')
    world.probe('ok', { costNanoUsd: 9_000_000 })
    expect(world.target).toMatchObject({ state: 'open', cause: 'cost', epoch: 2 })
  })

  it('is found as well when costs are told after the answers were counted', () => {
    const late = row('priced', 14, { cost: [[costBucketOf(9_000_000), 14]] })
    const world = usual().count(row('ok', 20), late)
    expect(world.target).toMatchObject({ state: 'closed', evidence: { judged: 20, priced: 14 } })
    world.count(row('priced', 6, { cost: [[costBucketOf(1_000_000), 6]] }))
    expect(world.target).toMatchObject({ state: 'open', cause: 'cost', evidence: { judged: 20 } })
    expect(world.domain('edge').evidence).toMatchObject({ judged: 20 })
  })

  it('teaches what is usual also when costs are told later', () => {
    const priced = row('priced', 100, { cost: [[costBucketOf(1_000_000), 100]] })
    const world = new World().count(priced).later(30_000).count(row('ok'))
    expect(world.target.evidence).toMatchObject({ judged: 1 })
    world.count(row('priced', 20, { cost: [[costBucketOf(9_000_000), 20]] }))
    expect(world.target.cause).toBe('cost')
  })

  it('is not asked for its cost when it opened for something else', () => {
    const world = usual().trip().toHalfOpen().probe('ok', { costNanoUsd: 9_000_000 })
    expect(world.target.state).toBe('half_open')
    const dear = usual().count(priced(9_000_000, 30)).toHalfOpen().probe('ok')
    expect(dear.target.state).toBe('half_open')
  })

  it('is not asked for the cost of a size class of which nobody knows what is usual', () => {
    const world = usual().count(priced(9_000_000, 30)).toHalfOpen()
    const { permitId } = world.permit() ?? { permitId: '' }
    world.report({ probes: [{ permitId, outcome: 'ok', size: 3, costNanoUsd: 9_000_000 }] })
    expect(world.target.state).toBe('half_open')
  })

  it('has its baseline stored', () => {
    const world = new World().count(priced(1_000_000, 100)).later(30_000)
    world.count(priced(1_000_000, 1))
    expect(world.effects).toContainEqual({ kind: 'persist' })
  })
})
