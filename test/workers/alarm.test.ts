import { beforeEach, describe, expect, it } from 'vitest'
import type { ProbeResult } from '../../durable-objects/provider-health/composition.ts'
import { TestObject } from './health-object.ts'
import { world } from './world.ts'

beforeEach(() => world.reset())

describe('alarm()', () => {
  it('makes an open circuit half-open when its wait is over, with nobody calling', async () => {
    const object = new TestObject()
    await object.fail()
    const untilMs = world.nowMs + ((await object.circuit())?.openForMs ?? 0)
    expect(await object.alarmAtMs()).toBe(untilMs)
    await object.ring()
    expect(await object.circuit()).toMatchObject({ state: 'half_open', epoch: 1 })
  })

  it('does so in an object that was evicted in between', async () => {
    const object = new TestObject()
    await object.fail()
    await object.evict()
    await object.ring()
    expect(await object.circuit()).toMatchObject({ state: 'half_open', epoch: 1 })
  })

  it('too early changes nothing and is set again', async () => {
    const object = new TestObject()
    await object.fail()
    const dueMs = await object.alarmAtMs()
    await object.ring(world.nowMs + 10)
    expect(await object.circuit()).toMatchObject({ state: 'open' })
    expect(await object.alarmAtMs()).toBe(dueMs)
  })

  it('ends a forced state', async () => {
    const object = new TestObject()
    await object.stub.force({ key: 'edge', state: 'open', forMs: 5000 })
    await object.ring()
    expect(await object.domain('edge')).toMatchObject({ state: 'closed', forced: null })
    expect(await object.alarmAtMs()).toBeNull()
  })

  it('an object where nothing is wrong sets none', async () => {
    const object = new TestObject()
    await object.report([{ count: 100 }])
    expect(await object.alarmAtMs()).toBeNull()
  })
})

describe('a synthetic probe', () => {
  it('is sent to a half-open target that nobody asks for, and what it comes to counts', async () => {
    const object = new TestObject()
    await halfOpen(object)
    world.answer = () => ({ outcome: 'timeout' })
    await object.ring()
    expect(world.probed).toEqual([object.target])
    expect(await object.circuit()).toMatchObject({ state: 'open', epoch: 2, cause: 'probe_failed' })
  })

  it('closes the circuit by itself when ten of them went well', async () => {
    const object = new TestObject()
    await halfOpen(object)
    for (let probe = 0; probe < 10; probe++) await object.ring()
    expect(world.probed).toHaveLength(10)
    expect(await object.circuit()).toMatchObject({ state: 'closed', epoch: 1 })
  })

  it('is at most one a minute', async () => {
    const object = new TestObject()
    await halfOpen(object)
    await object.ring()
    const firstMs = world.nowMs
    await object.ring()
    expect(world.probed).toHaveLength(2)
    expect(world.nowMs - firstMs).toBeGreaterThanOrEqual(60_000)
  })

  it('is not sent when the day has used up its money, and its permit goes back', async () => {
    world.configure({ syntheticMaxNanoUsdPerDay: 0 })
    const object = new TestObject()
    await halfOpen(object)
    await object.ring()
    expect(world.probed).toEqual([])
    expect((await object.report([], { wants: [object.target] })).permits).toHaveLength(1)
  })

  it('that cannot be sent gives its permit back and says so', async () => {
    const object = new TestObject()
    await halfOpen(object)
    world.answer = () => Promise.reject(new Error('no such target'))
    await object.ring()
    expect(world.log.at(-1)).toMatchObject({ event: 'health_fault' })
    expect((await object.report([], { wants: [object.target] })).permits).toHaveLength(1)
  })

  it('is charged before it is sent, so that a restart does not make the day new', async () => {
    world.configure({ syntheticMaxNanoUsdPerDay: 100_000 })
    const object = new TestObject()
    await halfOpen(object)
    world.answer = () => ({ outcome: 'ok' })
    await object.ring()
    await object.evict()
    await object.ring()
    expect(world.probed).toHaveLength(1)
  })
})

describe('a warm standby', () => {
  it('is asked at once when an isolate first reports, and then once an interval', async () => {
    const object = standbyObject()
    await object.report()
    await object.ring()
    const firstMs = world.nowMs
    expect(firstMs).toBe(await reportedAtMs(object))
    await object.ring()
    expect(world.nowMs - firstMs).toBe(60_000)
    expect(world.probed).toEqual([object.target, object.target])
  })

  it('is known to work before it is needed', async () => {
    const object = standbyObject()
    await object.report()
    await object.ring()
    expect((await object.stub.circuits()).standby).toMatchObject([
      { target: object.target, status: 'working', reason: null, spentTodayNanoUsd: 20_000 },
    ])
    expect(await object.circuit()).toMatchObject({ evidence: { judged: 1, failed: 0 } })
  })

  it('is asked on after an eviction, by the alarm alone', async () => {
    const object = standbyObject()
    await object.report()
    await object.ring()
    await object.evict()
    await object.ring()
    expect(world.probed).toHaveLength(2)
  })

  it.each([
    ['a revoked key', { outcome: 'auth' }, 'auth'],
    ['a retired model', { outcome: 'bad_request', targetFault: true }, 'retired'],
    ['a spent quota', { outcome: 'quota_exhausted' }, 'quota_exhausted'],
  ] as const)('with %s is reported within one interval', async (_name, result, reason) => {
    const object = standbyObject()
    await object.report()
    await object.ring()
    world.answer = () => result
    await object.ring()
    expect(world.log.filter(({ event }) => event === 'standby')).toMatchObject([
      { change: { target: object.target, status: 'failing', reason } },
    ])
  })

  it('with a revoked key disables the credential for live traffic too', async () => {
    const object = standbyObject()
    world.answer = () => ({ outcome: 'auth' })
    await object.report()
    await object.ring()
    expect(await object.domain('credential:c0ffee00')).toMatchObject({ state: 'open' })
  })

  it('with a key that works again enables it again, with nobody asking', async () => {
    const object = standbyObject()
    world.answer = () => ({ outcome: 'auth' })
    await object.report()
    await object.ring()
    world.answer = () => ({ outcome: 'ok' })
    for (let minutes = 0; minutes < 10; minutes++) await object.ring()
    const freed = { key: 'credential:c0ffee00', to: 'closed', cause: 'recovered' }
    expect(world.log).toContainEqual(
      expect.objectContaining({ transition: expect.objectContaining(freed) }),
    )
    expect(await object.domain('credential:c0ffee00')).not.toMatchObject({ state: 'open' })
    expect((await object.stub.circuits()).standby).toMatchObject([{ status: 'working' }])
  })

  it('that answers traffic is not asked', async () => {
    const object = standbyObject()
    await object.report([{ count: 3 }])
    expect(await object.alarmAtMs()).toBe(world.nowMs + 60_000)
    expect((await object.stub.circuits()).standby).toMatchObject([{ status: 'working' }])
  })

  it('is left alone while its circuit is open, and asked with a permit when it may be', async () => {
    const object = standbyObject()
    await object.fail()
    const untilMs = world.nowMs + ((await object.circuit())?.openForMs ?? 0)
    expect(await object.alarmAtMs()).toBe(untilMs)
    world.answer = () => ({ outcome: 'timeout' })
    await object.ring()
    expect(world.probed).toEqual([object.target])
    expect(await object.circuit()).toMatchObject({ state: 'open', epoch: 2, cause: 'probe_failed' })
  })

  it('costs no more than its cap a day, also across evictions', async () => {
    world.answer = () => ({ outcome: 'ok', costNanoUsd: 40_000 })
    const object = standbyObject(190_000)
    await object.report()
    while (world.probed.length < 3) {
      await object.ring()
      await object.evict()
    }
    const { standby } = await object.stub.circuits()
    expect(standby).toMatchObject([{ spentTodayNanoUsd: 120_000 }])
    await object.ring()
    expect(world.probed).toHaveLength(4)
    await object.ring()
    expect(new Date(world.nowMs).toISOString()).toBe('2040-01-02T00:00:00.000Z')
    expect(world.probed).toHaveLength(5)
  })

  it('sleeps where nobody has reported for a day', async () => {
    const object = standbyObject()
    await object.report()
    await object.ring()
    await object.ring(world.nowMs + 86_400_000)
    expect(world.probed).toHaveLength(1)
    expect(await object.alarmAtMs()).toBeNull()
  })

  it('is not woken by an operator who looks', async () => {
    const object = standbyObject()
    await object.stub.circuits()
    expect(await object.alarmAtMs()).toBeNull()
  })

  it('a report does not wait for its answer', async () => {
    const object = standbyObject()
    await object.report()
    const { promise, resolve } = Promise.withResolvers<ProbeResult>()
    world.answer = () => promise
    await object.inside((one, state) => state.storage.deleteAlarm().then(() => one.alarm()))
    expect(world.probed).toHaveLength(1)
    expect(await object.report()).toHaveProperty('version')
    resolve({ outcome: 'ok' })
    await object.idle()
    expect((await object.stub.circuits()).standby).toMatchObject([{ status: 'working' }])
  })
})

/** Half-open, ten seconds from a synthetic probe. */
async function halfOpen(object: TestObject): Promise<void> {
  await object.fail()
  await object.ring()
  expect(await object.circuit()).toMatchObject({ state: 'half_open' })
  expect(world.probed).toEqual([])
}

function standbyObject(maxNanoUsdPerDay = 100_000_000): TestObject {
  const object = new TestObject()
  world.configure({ standby: new Map([[object.target, { intervalMs: 60_000, maxNanoUsdPerDay }]]) })
  return object
}

async function reportedAtMs(object: TestObject): Promise<number> {
  const stored = (await object.stored()) as { kept: { standby: { heardAtMs: number } } }
  return stored.kept.standby.heardAtMs
}
