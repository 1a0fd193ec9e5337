import { describe, expect, it } from 'vitest'
import { ttftBucketOf } from '../../../../durable-objects/provider-health/protocol.ts'
import { failure } from '../../../../worker/canonical/failure.ts'
import { WatchedAttempt, type WatchedCall } from '../../../../worker/edge/health/watched-attempt.ts'
import { a, permit, startMs, WatchWorld } from './support.ts'

function attempt(call: Partial<WatchedCall> = {}) {
  const world = new WatchWorld()
  let notes = 0
  const made = new WatchedAttempt(
    world.watch,
    {
      target: a,
      size: 0,
      credential: 'key-1',
      permits: [],
      abortAfterMs: 10_000,
      fallbackAfterMs: null,
      ...call,
    },
    world.nowMs,
    () => world.nowMs,
    () => (notes += 1),
  )
  return {
    made,
    world,
    load: world.watch.load(a),
    notes: () => notes,
    rows: () => world.report().rows,
  }
}

const whole = { broken: false, costNanoUsd: 5000 }

describe('WatchedAttempt', () => {
  it('is good with its first token, and its price is told when it has ended', () => {
    const { made, rows } = attempt()
    made.firstToken(300)
    made.finished(whole)
    expect(rows()).toEqual([
      expect.objectContaining({ outcome: 'ok', count: 1, ttft: [[ttftBucketOf(300), 1]] }),
      expect.objectContaining({ outcome: 'priced', count: 1, cost: [[2, 1]] }),
    ])
  })

  it('is good once, when a whole answer came', () => {
    const { made, rows } = attempt()
    made.finished(whole)
    expect(rows()).toEqual([
      expect.objectContaining({ outcome: 'ok', count: 1, cost: [[2, 1]], credential: 'key-1' }),
    ])
  })

  it('counts an output that does not parse as a failure of its own', () => {
    const streamed = attempt()
    streamed.made.firstToken(300)
    streamed.made.finished({ broken: true, costNanoUsd: 5000 })
    expect(streamed.rows().map(({ outcome }) => outcome)).toEqual(['ok', 'broken_output'])
    const unstreamed = attempt()
    unstreamed.made.finished({ broken: true, costNanoUsd: null })
    expect(unstreamed.rows().map(({ outcome }) => outcome)).toEqual(['broken_output'])
  })

  it('says nothing of a price that is not known', () => {
    const { made, rows } = attempt()
    made.firstToken(300)
    made.finished({ broken: false, costNanoUsd: null })
    expect(rows().map(({ outcome }) => outcome)).toEqual(['ok'])
  })

  it('ends once: what comes later says nothing', () => {
    const { made, rows, load } = attempt()
    expect(load.inFlight).toBe(1)
    made.failed(failure('server_error', 'no'), 100)
    made.failed(failure('timeout', 'no'), 200)
    made.finished(whole)
    expect(load.inFlight).toBe(0)
    expect(rows().map(({ outcome, count }) => [outcome, count])).toEqual([['server_error', 1]])
  })

  it('tells what a provider asked for, and whether traffic grew too fast', () => {
    const { made, rows } = attempt()
    made.failed(failure('rate_limited', 'slow down', { retryAfterMs: 7000, ramp: true }), 50)
    expect(rows()).toEqual([
      expect.objectContaining({ outcome: 'rate_limited', retryAfterMs: 7000, ramp: true }),
    ])
  })

  it('does not blame the credential for a model that is not there', () => {
    const { made, rows } = attempt()
    made.failed(failure('auth', 'no such model', { targetFault: true }), 50)
    expect(rows().map(({ outcome }) => outcome)).toEqual(['bad_request'])
  })

  it('tells how long a caller who left had waited, unless a token had come', () => {
    const early = attempt()
    early.made.failed(failure('cancelled', 'gone'), 4200)
    expect(early.rows()).toEqual([
      expect.objectContaining({ outcome: 'cancelled', elapsedMs: 4200 }),
    ])
    const late = attempt()
    late.made.firstToken(300)
    late.made.failed(failure('cancelled', 'gone'), 4200)
    expect(late.rows().map(({ outcome }) => outcome)).toEqual(['ok'])
  })

  it('counts what breaks behind the first token as a failure besides', () => {
    const { made, rows } = attempt()
    made.firstToken(300)
    made.failed(failure('timeout', 'stalled'), 30_000)
    expect(rows().map(({ outcome }) => outcome)).toEqual(['ok', 'timeout'])
  })

  it.each([
    ['overloaded', 14],
    ['timeout', 14],
    ['server_error', 200],
    ['rate_limited', 200],
  ] as const)('makes room for fewer calls after %s where that means too many', (name, limit) => {
    const { made, load } = attempt()
    made.failed(failure(name, 'no'), 100)
    expect(load.limit).toBe(limit)
  })

  it('measures its target by its first token', () => {
    const { made, load, world } = attempt()
    made.firstToken(700)
    made.finished(whole)
    expect(load.loadMs(0, null)).toBe(700)
    expect(world.standing().health?.loadMs).toBe(700)
  })

  it('answers its permits with the first word about it, and only once', () => {
    const { made, world } = attempt({ permits: [permit('edge'), permit(`target:${a}`)] })
    made.firstToken(300)
    made.failed(failure('timeout', 'stalled'), 30_000)
    expect(world.report().probes).toEqual([
      { permitId: 'permit for edge', outcome: 'ok', size: 0, ttftMs: 300 },
      { permitId: `permit for target:${a}`, outcome: 'ok', size: 0, ttftMs: 300 },
    ])
  })

  it('answers its permits with a failure, and the wait that came with it', () => {
    const { made, world } = attempt({ permits: [permit('edge')] })
    made.failed(failure('overloaded', 'busy', { retryAfterMs: 9000 }), 100)
    expect(world.report().probes).toEqual([
      { permitId: 'permit for edge', outcome: 'overloaded', size: 0, retryAfterMs: 9000 },
    ])
  })

  it('says each time that there is something to tell', () => {
    const { made, notes } = attempt()
    made.firstToken(300)
    made.finished(whole)
    expect(notes()).toBe(2)
  })

  it('begins at once: its target has one call more on its way', () => {
    const { load } = attempt()
    expect(load.lastBegunAtMs).toBe(startMs)
  })
})
