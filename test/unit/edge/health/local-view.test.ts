import { describe, expect, it } from 'vitest'
import { defaultHealthSettings } from '../../../../durable-objects/provider-health/settings.ts'
import { LocalView } from '../../../../worker/edge/health/local-view.ts'
import { a, noted, startMs } from './support.ts'

const key = `target:${a}` as const

class World {
  nowMs = startMs
  readonly view = new LocalView(defaultHealthSettings, 'nonce-1', startMs, () => 0.5)

  note(outcome: Parameters<typeof noted>[0], more: Parameters<typeof noted>[1] = {}): this {
    this.view.note(noted(outcome, more), [], this.nowMs)
    return this
  }

  fail(times: number): this {
    for (let failure = 0; failure < times; failure += 1) this.note('malformed')
    return this
  }

  later(ms: number): this {
    this.nowMs += ms
    return this
  }

  domain(name: Parameters<LocalView['domain']>[0] = key) {
    return this.view.domain(name, this.nowMs)
  }
}

describe('LocalView', () => {
  it('opens by the isolate’s own outcomes, as the object does by those of all', () => {
    const world = new World().fail(4)
    expect(world.domain()?.state).toBe('closed')
    expect(world.fail(1).later(100).domain()).toMatchObject({ state: 'open', cause: 'blackout' })
  })

  it('opens with the next look, also when nothing more is noted', () => {
    const world = new World().fail(5)
    expect(world.domain()?.state).toBe('open')
  })

  it('looks again at once when something fails, however lately it has looked', () => {
    const world = new World().note('bad_request')
    expect(world.domain()?.state).toBe('closed')
    expect(world.later(10).fail(5).domain()?.state).toBe('open')
  })

  it('is half-open when the wait is over, and then gives a permit to whoever wants to probe', () => {
    const world = new World().fail(5)
    const waitMs = world.domain()?.openForMs ?? 0
    expect(waitMs).toBeGreaterThan(2000)
    world.later(waitMs)
    expect(world.domain()?.state).toBe('half_open')
    expect(world.view.hasPermit(key, world.nowMs)).toBe(false)
    world.view.want(a, null, world.nowMs)
    expect(world.view.hasPermit(key, world.nowMs)).toBe(true)
    const permit = world.view.takePermit(key, world.nowMs)
    expect(permit?.epoch).toBe(1)
    const probe = { permitId: permit?.permitId ?? '', outcome: 'malformed', size: 0 } as const
    world.view.note(noted('malformed'), [probe], world.nowMs)
    expect(world.domain()).toMatchObject({ state: 'open', epoch: 2 })
  })

  it('holds a rate limit and a refused credential that this isolate has met', () => {
    const world = new World().note('rate_limited', { retryAfterMs: 5000 })
    expect(world.domain(`quota:${a}`)?.notBeforeForMs).toBeGreaterThanOrEqual(5000)
    world.note('auth', { credential: 'key-1' })
    expect(world.domain('credential:key-1')?.state).toBe('open')
  })

  it('is quiet until something goes wrong, and again when nothing is left of it', () => {
    const world = new World().note('ok')
    world.domain()
    expect(world.view.quiet).toBe(true)
    expect(world.later(999).note('ok').view.quiet).toBe(true)
    world.later(1000).note('malformed')
    expect(world.view.quiet).toBe(false)
    world.domain()
    expect(world.view.quiet).toBe(false)
    world.later(40_000).note('ok').domain()
    expect(world.view.quiet).toBe(true)
  })

  it('sends no probes of its own', () => {
    const world = new World().fail(5)
    world.later(world.domain()?.openForMs ?? 0).domain()
    world.later(120_000).domain()
    // A synthetic probe would hold the one permit of the first stage.
    world.view.want(a, null, world.nowMs)
    expect(world.view.hasPermit(key, world.nowMs)).toBe(true)
  })
})
