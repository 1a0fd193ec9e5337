import { describe, expect, it } from 'vitest'
import { defaultWatchSettings } from '../../../../worker/edge/health/settings.ts'
import {
  a,
  b,
  domain,
  halfOpenDomain,
  noted,
  openDomain,
  permit,
  reply,
  speed,
  startMs,
  WatchWorld,
} from './support.ts'

const key = `target:${a}` as const

describe('ProviderWatch.standing()', () => {
  it('says nothing of a target of which nothing is known', () => {
    expect(new WatchWorld().standing()).toEqual({ health: undefined, notBeforeMs: 0 })
  })

  it('bars a target whose circuit the object has open, with the reason', () => {
    const { health, notBeforeMs } = new WatchWorld().told(openDomain(key)).standing()
    expect(health).toMatchObject({
      state: 'barred',
      why: 'its circuit is open (blackout: 5 of 5 failed in 6 s)',
    })
    expect(notBeforeMs).toBe(startMs + 4000)
  })

  it('leaves the other targets of the provider alone, unless the edge is open', () => {
    expect(new WatchWorld().told(openDomain(key)).state(b)).toBe('closed')
    expect(new WatchWorld().told(openDomain('edge')).state(b)).toBe('barred')
  })

  it('goes by the word of the object for 15 s, whatever it has seen by itself', () => {
    const world = new WatchWorld().told(domain(key)).fail(5)
    expect(world.later(14_999 - 1).state()).toBe('closed')
    const alone = new WatchWorld().told(domain(key))
    alone.later(15_000).fail(5)
    expect(alone.state()).toBe('barred')
  })

  it('holds on to what the object has open for a minute without a word, and then lets go', () => {
    const world = new WatchWorld().told(openDomain(key, { openForMs: 120_000 }))
    expect(world.later(59_999).state()).toBe('barred')
    expect(world.later(1).state()).toBe('closed')
  })

  it('is protected by its own core while the object has never been heard of', () => {
    const world = new WatchWorld().fail(4)
    expect(world.state()).toBe('closed')
    expect(world.fail(1).state()).toBe('barred')
  })

  it('asks a target that has just failed three times here five times a second at most, for two seconds', () => {
    const world = new WatchWorld().told(domain(key))
    const load = world.watch.load(a)
    const ask = () => load.began(world.nowMs)
    for (let failure = 0; failure < 3; failure += 1) world.note('server_error')
    ask()
    expect(world.standing().health).toMatchObject({
      state: 'barred',
      why: 'it has just failed several times in a row here',
    })
    expect(world.later(199).state()).toBe('barred')
    expect(world.later(1).state()).toBe('closed')
    world.later(1790)
    ask()
    expect(world.state()).toBe('barred')
    expect(world.later(10).state()).toBe('closed')
  })

  it('says how loaded and how full a target is', () => {
    const world = new WatchWorld()
    const load = world.watch.load(a)
    load.measured(0, 500, startMs)
    expect(world.standing().health).toMatchObject({ loadMs: 500, full: false, weight: 1 })
    for (let call = 0; call < 20; call += 1) load.began(startMs)
    expect(world.standing().health).toMatchObject({ loadMs: 10_500, full: false })
    load.struggled(startMs)
    expect(world.standing().health).toMatchObject({ loadMs: 10_500, full: true })
  })

  it('takes the speed that others measured for what it has not', () => {
    const world = new WatchWorld().told(domain(key, { speed }))
    expect(world.standing().health?.loadMs).toBe(400)
    expect(world.watch.speed(a)).toEqual(speed)
  })

  it('bars a refused credential and a spent quota of its own at once', () => {
    const refused = new WatchWorld().told().note('auth', { credential: 'key-1' })
    expect(refused.standing().health?.why).toBe('its credential was refused')
    const spent = new WatchWorld().told().note('quota_exhausted')
    expect(spent.standing().health).toMatchObject({ state: 'barred', why: 'its quota is spent' })
  })

  it('believes the object that a lock is over', () => {
    const world = new WatchWorld().told().note('auth', { credential: 'key-1' })
    world.later(1000).told(domain('credential:key-1', { epoch: 1 }))
    expect(world.state()).toBe('closed')
    expect(world.later(14_000).state()).toBe('closed')
  })

  // The report of the refusal may be lost, and then nobody would ever give a permit for the lock.
  it('believes an object that goes on not knowing of a lock', () => {
    const world = new WatchWorld().told().note('auth', { credential: 'key-1' })
    for (let minute = 0; minute < 20; minute += 1) world.later(60_000).told()
    expect(world.state()).toBe('closed')
  })

  it('honours a wait that a provider asked this isolate for, also against the word of the object', () => {
    const world = new WatchWorld().told().note('rate_limited', { retryAfterMs: 30_000 })
    world.later(1000).told(domain(`quota:${a}`))
    expect(world.standing().notBeforeMs).toBeGreaterThanOrEqual(startMs + 30_000)
    expect(world.later(40_000).standing().notBeforeMs).toBeLessThanOrEqual(world.nowMs)
  })

  it('honours a wait that the object has heard of from others', () => {
    const gate = openDomain(`quota:${a}`, { cause: 'quota', openForMs: 7000, notBeforeForMs: 7000 })
    expect(new WatchWorld().told(gate).standing().notBeforeMs).toBe(startMs + 7000)
  })

  it('spreads its share of a rate over time', () => {
    const limited = domain(`quota:${a}`, { cause: 'quota', ratePerS: 2 })
    const world = new WatchWorld().replied(reply([limited], { activeIsolates: 4 }))
    expect(world.standing().notBeforeMs).toBeLessThanOrEqual(startMs)
    world.watch.load(a).began(startMs)
    expect(world.standing().notBeforeMs).toBe(startMs + 2000)
    expect(world.standing(b).notBeforeMs).toBe(0)
  })
})

describe('ProviderWatch.standing() where health is only observed', () => {
  const observing = () => new WatchWorld({ observeOnly: true })

  it('bars nothing for circuits, credentials and suspicion', () => {
    const world = observing().told(
      openDomain(key),
      openDomain('edge'),
      openDomain('credential:key-1'),
    )
    expect(world.state()).toBe('closed')
    const suspecting = observing().fail(5, 'connect')
    suspecting.watch.load(a).began(startMs)
    expect(suspecting.state()).toBe('closed')
  })

  it('still keeps the waits that a provider asked for', () => {
    const world = observing().note('rate_limited', { retryAfterMs: 5000 })
    expect(world.standing().notBeforeMs).toBeGreaterThanOrEqual(startMs + 5000)
    expect(
      observing()
        .told(openDomain('quota:*', { cause: 'quota' }))
        .state(),
    ).toBe('barred')
  })
})

describe('ProviderWatch permits', () => {
  it('asks for a permit for a half-open target, and probes when it has come', () => {
    const world = new WatchWorld().told(halfOpenDomain(key))
    expect(world.state()).toBe('barred')
    expect(world.want().dueInMs()).toBe(0)
    expect(world.report().wants).toEqual([a])
    world.later(50).replied(reply([], { permits: [permit(key)] }))
    expect(world.state()).toBe('probe')
    expect(world.watch.takePermits(a, world.nowMs)).toEqual([permit(key)])
    expect(world.state()).toBe('barred')
    expect(world.watch.takePermits(a, world.nowMs)).toEqual([])
  })

  it('needs all permits or takes none: half of them would be lost', () => {
    const half = [halfOpenDomain('edge'), halfOpenDomain(key)]
    const world = new WatchWorld().replied(reply(half, { permits: [permit('edge')] }))
    expect(world.state()).toBe('barred')
    expect(world.watch.takePermits(a, world.nowMs)).toEqual([])
    world.replied(reply([], { permits: [permit(key)] }))
    expect(world.state()).toBe('probe')
    expect(world.watch.takePermits(a, world.nowMs)).toEqual([permit('edge'), permit(key)])
  })

  it('does not use a permit whose time is over', () => {
    const permits = [permit(key, 'p', 3000)]
    const world = new WatchWorld().replied(reply([halfOpenDomain(key)], { permits }))
    expect(world.state()).toBe('probe')
    expect(world.later(3000).state()).toBe('barred')
  })

  it('asks its own core while the object is away', () => {
    const world = new WatchWorld().fail(5)
    world.later(world.standing().notBeforeMs - startMs)
    expect(world.state()).toBe('barred')
    expect(world.want().state()).toBe('probe')
    expect(world.watch.takePermits(a, world.nowMs)).toHaveLength(1)
  })

  it('are not looked for while nothing is wrong: every call has the same empty list', () => {
    const world = new WatchWorld()
    const none = () => world.watch.takePermits(a, world.nowMs)
    expect(none()).toEqual([])
    expect(none()).toBe(none())
    expect(world.note('ok').told(domain(key)).state()).toBe('closed')
    expect(none()).toBe(none())
  })

  it('carries none for a closed target', () => {
    const world = new WatchWorld().replied(reply([domain(key)], { permits: [permit(key)] }))
    expect(world.watch.takePermits(a, world.nowMs)).toEqual([])
  })
})

describe('ProviderWatch.dueInMs()', () => {
  /** Has just reported and been answered. */
  function settled(): WatchWorld {
    const world = new WatchWorld()
    world.report()
    return world.told()
  }

  it('asks again for three seconds after a failure, because others may have told the object by then', () => {
    const world = settled().later(1000).note('server_error')
    world.report()
    expect(world.told().later(100).dueInMs()).toBe(150)
    expect(world.later(150).dueInMs()).toBe(0)
    expect(world.later(2750).dueInMs()).toBe(Infinity)
  })

  it('keeps its pace when the object answers with nonsense', () => {
    const world = settled().later(1000).note('server_error')
    world.report()
    expect(() => world.replied({} as never)).toThrow()
    expect(world.dueInMs()).toBe(250)
  })

  it('asks no more than four times as often as the object can hear all isolates', () => {
    const world = settled().later(1000).note('server_error')
    world.report()
    world.replied(reply([], { nextFlushMs: 10_000 }))
    expect(world.dueInMs()).toBe(2500)
  })

  it('lets a failure leave at once, and the next 200 ms later', () => {
    const world = settled().later(1000)
    expect(world.note('server_error').dueInMs()).toBe(0)
    world.report()
    expect(world.later(10).note('server_error').dueInMs()).toBe(190)
    expect(world.later(190).dueInMs()).toBe(0)
  })

  it('lets good news wait for a second, and carries them with whoever comes by then', () => {
    const world = settled().note('ok')
    expect(world.dueInMs()).toBe(Infinity)
    expect(world.later(999).dueInMs()).toBe(Infinity)
    expect(world.later(1).dueInMs()).toBe(0)
  })

  it('paces itself as the object says, and never below 200 ms', () => {
    const paced = new WatchWorld()
    paced.report()
    paced.replied(reply([], { nextFlushMs: 4000 })).note('ok')
    expect(paced.later(3999).dueInMs()).toBe(Infinity)
    expect(paced.later(1).dueInMs()).toBe(0)
    const hasty = new WatchWorld()
    hasty.report()
    hasty.replied(reply([], { nextFlushMs: 0 })).note('ok')
    expect(hasty.later(199).dueInMs()).toBe(Infinity)
    expect(hasty.later(1).dueInMs()).toBe(0)
  })

  it('asks again when what the object said is 15 s old, without any news', () => {
    const world = settled()
    expect(world.later(14_999).dueInMs()).toBe(Infinity)
    expect(world.later(1).dueInMs()).toBe(0)
  })

  it.each(['cancelled', 'priced', 'ok'] as const)('sees no hurry in %s', (outcome) => {
    expect(settled().later(500).note(outcome).dueInMs()).toBe(Infinity)
  })

  it('hurries with the outcome of a probe, good as it may be', () => {
    const world = settled().later(500)
    const probe = { permitId: 'p', outcome: 'ok', size: 0 } as const
    world.watch.note(noted('ok'), [probe], world.nowMs)
    expect(world.dueInMs()).toBe(0)
    expect(world.report().probes).toEqual([probe])
  })

  it('hurries with fifty rows', () => {
    const world = settled()
    for (let row = 0; row < 50; row += 1) world.note('ok', { target: `m${row}@acme` })
    expect(world.dueInMs()).toBe(200)
  })
})

describe('ProviderWatch.report()', () => {
  it('numbers reports, says who it is and what it knows, and tells nothing twice', () => {
    const world = new WatchWorld().note('server_error')
    expect(world.report()).toEqual({
      isolate: 'isolate-1',
      bootNonce: 'nonce-1',
      sequence: 1,
      rows: [{ target: a, size: 0, outcome: 'server_error', count: 1, ageMs: 0 }],
      probes: [],
      wants: [],
      credential: 'key-1',
      haveVersion: 0,
      haveBoot: '',
    })
    world.replied(reply([], { version: 7, boot: 'life-3' }))
    expect(world.report()).toMatchObject({
      sequence: 2,
      rows: [],
      haveVersion: 7,
      haveBoot: 'life-3',
    })
  })

  it('asks for a permit when a request would have used one, once for each time', () => {
    const world = new WatchWorld().told(halfOpenDomain(key))
    world.standing()
    expect(world.report().wants).toEqual([])
    expect(world.want().report().wants).toEqual([a])
    expect(world.report().wants).toEqual([])
    expect(world.want().report().wants).toEqual([a])
  })

  it('asks for none for a target that is closed, or open for a while yet', () => {
    expect(new WatchWorld().told(domain(key)).want().report().wants).toEqual([])
    const open = openDomain(key, { openForMs: 5000 })
    expect(new WatchWorld().told(open).want().report().wants).toEqual([])
    expect(new WatchWorld().told(open).later(5000).want().report().wants).toEqual([a])
  })

  it('says nothing of a credential where there is none', () => {
    expect('credential' in new WatchWorld({ credential: null }).report()).toBe(false)
  })
})

describe('ProviderWatch.received()', () => {
  it('lets a reply that was overtaken change nothing, of whatever life of the object, and keeps its permits', () => {
    const world = new WatchWorld()
    const [early, late] = [world.report(), world.report()]
    world.watch.received(
      reply([halfOpenDomain(key)], { boot: 'life-2' }),
      world.nowMs,
      late.sequence,
    )
    const older = reply([domain(key)], { boot: 'life-1', version: 9 })
    world.watch.received(older, world.nowMs, early.sequence)
    expect(world.state()).toBe('barred')
    const same = reply([domain(key)], { boot: 'life-2', permits: [permit(key)] })
    world.watch.received(same, world.nowMs, early.sequence)
    expect(world.state()).toBe('probe')
  })

  it('takes a reply of the same life that is newer, although its report was overtaken on the way', () => {
    const world = new WatchWorld()
    const [early, late] = [world.report(), world.report()]
    const half = reply([halfOpenDomain(key)], { boot: 'life-2', version: 4 })
    world.watch.received(half, world.nowMs, late.sequence)
    expect(world.state()).toBe('barred')
    const closed = reply([domain(key)], { boot: 'life-2', version: 5 })
    world.watch.received(closed, world.nowMs, early.sequence)
    expect(world.state()).not.toBe('barred')
  })
})

describe('ProviderWatch.claim()', () => {
  it('gives the errand to one at a time, until it is given back or seems to be lost', () => {
    const { watch } = new WatchWorld()
    expect(watch.claim(startMs)).toBe(1)
    expect(watch.claim(startMs + defaultWatchSettings.reportTimeoutMs - 1)).toBeNull()
    expect(watch.claim(startMs + defaultWatchSettings.reportTimeoutMs)).toBe(2)
    watch.release(2)
    expect(watch.claim(startMs + defaultWatchSettings.reportTimeoutMs + 1)).toBe(3)
  })

  it('is kept by who is on it, step by step, and by nobody who has lost it', () => {
    const { watch } = new WatchWorld()
    watch.claim(startMs)
    expect(watch.keep(1, startMs + 1000)).toBe(true)
    expect(watch.claim(startMs + 2499)).toBeNull()
    expect(watch.claim(startMs + 2500)).toBe(2)
    expect(watch.keep(1, startMs + 2501)).toBe(false)
    watch.release(1)
    expect(watch.claim(startMs + 2502)).toBeNull()
  })

  it('seems to be lost after half a second while a failure is fresh, and later each time that one was', () => {
    const world = new WatchWorld().note('server_error')
    const claims = () => world.watch.claim(world.nowMs) !== null
    expect(claims()).toBe(true)
    const waits = [500, 1000, 1500, 1500].map((waitMs) => {
      world.note('server_error').later(waitMs - 1)
      return [claims(), world.later(1).watch.claim(world.nowMs) !== null]
    })
    expect(waits).toEqual(Array.from({ length: 4 }, () => [false, true]))
    world.told().note('server_error')
    world.later(499)
    expect(claims()).toBe(false)
    world.later(1)
    expect(claims()).toBe(true)
  })
})

describe('ProviderWatch.admits()', () => {
  it('lets ever fewer through to a target that does not answer, but one a second from all isolates', () => {
    const world = new WatchWorld().replied(reply([], { activeIsolates: 4 }))
    world.random = 0
    const admits = () => world.watch.admits(a, world.nowMs)
    expect(admits()).toBe(true)
    expect(admits()).toBe(false)
    world.later(3999)
    expect(admits()).toBe(false)
    world.later(1)
    expect(admits()).toBe(true)
  })

  it('counts answers as accepted', () => {
    const world = new WatchWorld()
    world.random = 0
    for (let request = 0; request < 20; request += 1) {
      expect(world.watch.admits(a, world.nowMs)).toBe(true)
      world.note('ok')
    }
  })
})
