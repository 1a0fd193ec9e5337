import { describe, expect, it } from 'vitest'
import { SharedView } from '../../../../worker/edge/health/shared-view.ts'
import { a, domain, halfOpenDomain, openDomain, permit, reply, speed, startMs } from './support.ts'

const key = `target:${a}` as const

describe('SharedView', () => {
  it('knows nothing of a domain that was never named', () => {
    const view = new SharedView()
    expect(view.domain(key, startMs)).toBeNull()
    expect(view.ageMs(startMs)).toBe(Infinity)
    expect(view.quiet).toBe(true)
    view.received(reply([domain('edge')]), startMs)
    expect(view.domain(key, startMs)).toBeNull()
  })

  it('lets waits run out and ages grow while nothing is heard', () => {
    const view = new SharedView()
    const said = openDomain(key, {
      openForMs: 4000,
      notBeforeForMs: 3000,
      sinceMs: 100,
      rampAgeMs: 200,
      forced: { state: 'open', forMs: 5000 },
    })
    view.received(reply([said]), startMs)
    expect(view.domain(key, startMs + 3500)).toMatchObject({
      state: 'open',
      openForMs: 500,
      notBeforeForMs: 0,
      sinceMs: 3600,
      rampAgeMs: 3700,
      forced: { state: 'open', forMs: 1500 },
    })
    expect(view.domain(key, startMs + 60_000)).toMatchObject({ openForMs: 0, forced: { forMs: 0 } })
  })

  it('goes on counting from when a domain was told, when a reply says nothing of it', () => {
    const view = new SharedView()
    view.received(reply([openDomain(key, { openForMs: 4000 })]), startMs)
    view.received(reply([], { version: 2 }), startMs + 1000)
    view.received(reply([], { version: 3 }), startMs + 1500)
    expect(view.domain(key, startMs + 2000)?.openForMs).toBe(2000)
    expect(view.ageMs(startMs + 2000)).toBe(500)
  })

  it('takes the newer word about a domain', () => {
    const view = new SharedView()
    view.received(reply([openDomain(key)]), startMs)
    expect(view.quiet).toBe(false)
    view.received(reply([domain(key)], { version: 2 }), startMs + 1000)
    expect(view.domain(key, startMs + 1000)?.state).toBe('closed')
    expect(view.quiet).toBe(true)
    expect(view.version).toBe(2)
  })

  it('forgets domains and permits of an earlier life of the object', () => {
    const view = new SharedView()
    view.received(reply([openDomain(key)], { permits: [permit(key)] }), startMs)
    view.received(reply([], { boot: 'life-2' }), startMs + 1000)
    expect(view.boot).toBe('life-2')
    expect(view.domain(key, startMs + 1000)).toBeNull()
    expect(view.hasPermit(key, startMs + 1000)).toBe(false)
  })

  it('keeps permits of the same life until they lapse, each for one call', () => {
    const view = new SharedView()
    const permits = [permit(key, 'one', 5000), permit(key, 'two', 9000)]
    view.received(reply([halfOpenDomain(key)], { permits }), startMs)
    view.received(reply(), startMs + 1000)
    expect(view.takePermit(key, startMs + 1000)?.permitId).toBe('one')
    expect(view.takePermit('edge', startMs + 1000)).toBeNull()
    expect(view.hasPermit(key, startMs + 8999)).toBe(true)
    expect(view.hasPermit(key, startMs + 9000)).toBe(false)
    expect(view.takePermit(key, startMs + 9000)).toBeNull()
  })

  it('does not give a permit away twice', () => {
    const view = new SharedView()
    view.received(reply([], { permits: [permit(key)] }), startMs)
    expect(view.takePermit(key, startMs)).not.toBeNull()
    expect(view.takePermit(key, startMs)).toBeNull()
  })

  it.each([
    ['open', openDomain(key)],
    ['degraded', domain(key, { slow: true })],
    ['failing now and then', domain(key, { failRate: 0.1 })],
    ['ramping', domain(key, { rampAgeMs: 0 })],
    ['waited for', domain(`quota:${a}`, { notBeforeForMs: 1000 })],
    ['limited in its rate', domain(`quota:${a}`, { ratePerS: 3 })],
  ])('is not quiet while a domain is %s', (_, one) => {
    const view = new SharedView()
    view.received(reply([domain('edge'), one]), startMs)
    expect(view.quiet).toBe(false)
  })

  it('counts at least itself among the isolates, and knows the speed of targets', () => {
    const view = new SharedView()
    view.received(reply([domain(key, { speed })], { activeIsolates: 0 }), startMs)
    expect(view.activeIsolates).toBe(1)
    expect(view.speed(a)).toEqual(speed)
    expect(view.speed('b@acme')).toBeNull()
    view.received(reply([], { activeIsolates: 7 }), startMs + 1000)
    expect(view.activeIsolates).toBe(7)
  })
})
