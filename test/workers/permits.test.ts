import { beforeEach, describe, expect, it } from 'vitest'
import { TestObject } from './health-object.ts'
import { world } from './world.ts'

beforeEach(() => world.reset())

describe('permits, over the wire', () => {
  it('are given for a half-open target to who wants it, one at first', async () => {
    const object = new TestObject()
    await object.fail()
    await object.ring()
    const first = await object.report([], { wants: [object.target] })
    const second = await object.report([], { wants: [object.target] })
    expect(first.permits).toMatchObject([{ key: `target:${object.target}`, epoch: 1 }])
    expect(second.permits).toEqual([])
  })

  it('are not given to who wants nothing, nor while the circuit is open or closed', async () => {
    const object = new TestObject()
    const wants = [object.target]
    expect((await object.report([], { wants })).permits).toEqual([])
    expect((await object.fail()).permits).toEqual([])
    expect((await object.report([], { wants })).permits).toEqual([])
    await object.ring()
    expect((await object.report()).permits).toEqual([])
  })

  it('close the circuit when ten calls with one went well', async () => {
    const object = new TestObject()
    await object.fail()
    await object.ring()
    await object.recover()
    expect(await object.circuit()).toMatchObject({ state: 'closed', epoch: 1 })
    expect((await object.circuit())?.rampAgeMs).not.toBeNull()
  })

  it('open it again, for longer, when a call with one failed', async () => {
    const object = new TestObject()
    await object.fail()
    const firstMs = (await object.circuit())?.openForMs ?? 0
    await object.ring()
    const { permits } = await object.report([], { wants: [object.target] })
    const [permitId = ''] = permits.map((permit) => permit.permitId)
    await object.report([], { probes: [{ permitId, outcome: 'timeout', size: 0 }] })
    const again = await object.circuit()
    expect(again).toMatchObject({ state: 'open', epoch: 2, cause: 'probe_failed' })
    expect(again?.openForMs).toBeGreaterThan(firstMs)
  })

  it('are in one reply only: a report that comes twice is counted once', async () => {
    const object = new TestObject()
    await object.fail()
    await object.ring()
    const report = { sequence: 77, wants: [object.target] }
    expect((await object.report([], report)).permits).toHaveLength(1)
    expect((await object.report([], report)).permits).toEqual([])
  })
})
