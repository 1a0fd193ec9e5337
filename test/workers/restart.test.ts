import { beforeEach, describe, expect, it } from 'vitest'
import { TestObject } from './health-object.ts'
import { world } from './world.ts'

beforeEach(() => world.reset())

/** Both take an object from memory: one lets it end, the other does not. */
const endings = [
  ['evicted', (object: TestObject) => object.evict()],
  ['aborted', (object: TestObject) => object.abort()],
] as const

describe.each(endings)('a ProviderHealth that is %s', (_name, end) => {
  it('while closed comes back closed, without the evidence of its windows', async () => {
    const object = new TestObject()
    await object.report([{ count: 30 }])
    expect(await object.circuit()).toMatchObject({ state: 'closed', evidence: { judged: 30 } })
    await end(object)
    await object.report()
    expect(await object.domain('edge')).toMatchObject({ state: 'closed', evidence: { judged: 0 } })
  })

  it('while open is open for as long as it was to be', async () => {
    const object = new TestObject()
    await object.fail()
    const before = await object.circuit()
    expect(before).toMatchObject({ state: 'open', epoch: 1, cause: 'blackout' })
    world.pass(1000)
    await end(object)
    expect(await object.circuit()).toMatchObject({
      state: 'open',
      epoch: 1,
      cause: 'blackout',
      openForMs: (before?.openForMs ?? 0) - 1000,
      evidence: before?.evidence,
    })
  })

  it('while half-open is half-open, and a permit of its earlier life moves nothing', async () => {
    const object = new TestObject()
    await object.fail()
    await object.ring()
    const { permits } = await object.report([], { wants: [object.target] })
    expect(permits).toHaveLength(1)
    await end(object)
    const { boot } = await object.report([], { probes: [probe(permits[0]?.permitId)] })
    expect(permits[0]?.permitId).not.toContain(boot)
    expect(await object.circuit()).toMatchObject({ state: 'half_open', epoch: 1 })
    const again = await object.report([], { wants: [object.target] })
    expect(again.permits).toHaveLength(1)
    await object.report([], { probes: [probe(again.permits[0]?.permitId)] })
    expect(await object.circuit()).toMatchObject({ state: 'open', epoch: 2 })
  })

  it('while forced stays forced for the rest of the time', async () => {
    const object = new TestObject()
    const key = `target:${object.target}` as const
    await object.stub.force({ key, state: 'closed', forMs: 60_000 })
    await object.fail()
    await end(object)
    world.pass(20_000 - 1000)
    expect(await object.circuit()).toMatchObject({
      state: 'closed',
      forced: { state: 'closed', forMs: 40_000 },
    })
    await object.ring()
    expect(await object.circuit()).toMatchObject({ state: 'closed', forced: null })
  })

  it('with a refused credential refuses it still', async () => {
    const object = new TestObject()
    await object.report([{ outcome: 'auth', credential: 'dead0000' }])
    const before = await object.domain('credential:dead0000')
    expect(before).toMatchObject({ state: 'open', cause: 'credential' })
    await end(object)
    expect(await object.domain('credential:dead0000')).toEqual(before)
  })

  it('with a closed gate keeps what the provider asked for', async () => {
    const object = new TestObject()
    await object.report([{ outcome: 'rate_limited', retryAfterMs: 60_000 }])
    const before = await object.domain(`quota:${object.target}`)
    expect(before?.notBeforeForMs).toBeGreaterThanOrEqual(60_000)
    await end(object)
    expect(await object.domain(`quota:${object.target}`)).toMatchObject({
      state: 'open',
      notBeforeForMs: before?.notBeforeForMs,
    })
  })

  it('is another life: isolates learn that its versions begin anew', async () => {
    const object = new TestObject()
    const first = await object.fail()
    await end(object)
    const second = await object.report([], { haveBoot: first.boot, haveVersion: first.version })
    expect(second.boot).not.toBe(first.boot)
    expect(second.domains).toContainEqual(expect.objectContaining({ state: 'open', epoch: 1 }))
  })
})

it('a ProviderHealth is loaded once, however many calls come first', async () => {
  const object = new TestObject()
  await object.fail()
  await object.evict()
  world.loaded = 0
  const replies = await Promise.all([object.report(), object.report(), object.stub.circuits()])
  expect(world.loaded).toBe(1)
  expect(replies[0].boot).toBe(replies[1].boot)
  expect(await object.circuit()).toMatchObject({ state: 'open', epoch: 1 })
})

describe('what ProviderHealth stores', () => {
  it('nothing for good answers, however many', async () => {
    const object = new TestObject()
    for (let report = 0; report < 50; report++) await object.report([{ count: 20 }])
    expect(world.stored).toBe(0)
    expect(world.alarmsSet).toBe(0)
    expect(await object.stored()).toBeUndefined()
  })

  it('nothing for failures that open no circuit', async () => {
    const object = new TestObject()
    for (let report = 0; report < 20; report++)
      await object.report([{ count: 30 }, { outcome: 'server_error' }])
    expect(world.stored).toBe(0)
  })

  it('one value and one alarm for a transition', async () => {
    const object = new TestObject()
    await object.fail()
    expect([world.stored, world.alarmsSet]).toEqual([1, 1])
  })

  it('nothing more while a circuit is open and failures go on', async () => {
    const object = new TestObject()
    await object.fail()
    await object.report([{ outcome: 'server_error', count: 50 }])
    await object.report([{ outcome: 'server_error', count: 50 }])
    expect([world.stored, world.alarmsSet]).toEqual([1, 1])
  })

  it('once for each transition on the way back', async () => {
    const object = new TestObject()
    await object.fail()
    await object.ring()
    expect(world.stored).toBe(2)
    await object.recover()
    expect(await object.circuit()).toMatchObject({ state: 'closed' })
    expect(world.log.map((entry) => entry.event === 'circuit' && entry.transition.to)).toEqual([
      'open',
      'half_open',
      'closed',
    ])
    // Nine good probes count and change no state for isolates, and still must not be counted twice after a restart.
    expect(world.stored).toBeLessThanOrEqual(2 + 10)
  })

  it('states and no windows: a thousand rows make it no larger', async () => {
    const object = new TestObject()
    await object.fail()
    const before = JSON.stringify(await object.stored()).length
    await object.report([{ outcome: 'server_error', count: 1000, ttft: [[3, 900]] }])
    await object.ring()
    expect(JSON.stringify(await object.stored()).length).toBeLessThan(before + 50)
  })
})

function probe(permitId = 'none') {
  return { permitId, outcome: 'server_error', size: 0 } as const
}
