import { proxyDurable } from 'itty-durable/proxy-durable.js'
import { beforeEach, describe, expect, it } from 'vitest'
import { namespaceAt } from '../../durable-objects/provider-health/place.ts'
import { maxArgumentBytes, providerHealthStub } from '../../durable-objects/provider-health/stub.ts'
import { insideObject, local, namespace, TestObject } from './health-object.ts'
import { world } from './world.ts'

beforeEach(() => world.reset())

describe('the traps of itty-durable', () => {
  it('alarm() of an evicted object loads before it stores, so that an open circuit stays', async () => {
    const object = new TestObject()
    await object.stub.force({ key: 'edge', state: 'open', forMs: 60_000 })
    await object.fail()
    await object.evict()
    await object.ring()
    await object.evict()
    expect(await object.circuit()).toMatchObject({ state: 'half_open', epoch: 1 })
    expect(await object.domain('edge')).toMatchObject({ state: 'open' })
  })

  it('the stub may be returned from an async function, where the proxy of the library would wait for ever', async () => {
    const { place } = new TestObject()
    const proxy = proxyDurable(namespaceAt(namespace, place, local)).get('name') as object
    expect(Reflect.get(proxy, 'then')).toBeTypeOf('function')
    const later = async () => providerHealthStub(namespace, place, local)
    expect(await (await later()).circuits()).toHaveProperty('domains')
  })

  it('the stub refuses arguments over 64 KB, which a header would lose', async () => {
    const object = new TestObject()
    const wants = Array.from({ length: maxArgumentBytes / 16 }, (_, index) =>
      `m${index}@p`.padEnd(16, '-'),
    )
    await expect(object.report([], { wants })).rejects.toThrow(/at most 65536 bytes/)
  })

  it('the stub takes arguments of nearly 64 KB', async () => {
    const object = new TestObject()
    const wants = Array.from({ length: maxArgumentBytes / 16 - 200 }, () => 'm@p'.padEnd(13, '-'))
    expect(await object.report([], { wants })).toHaveProperty('version')
  })

  it('the stub refuses arguments outside ASCII, which a header would garble', async () => {
    const object = new TestObject()
    await expect(object.report([{ target: 'modèle@p' }])).rejects.toThrow(/ASCII only/)
  })

  it('a public field is what is stored, and a private one is out of reach of a call', async () => {
    const object = new TestObject()
    await object.fail()
    expect(Object.keys((await object.stored()) as object)).toEqual(['kept'])
  })
})

describe('ProviderHealth', () => {
  it('refuses a report of another form and goes on', async () => {
    const object = new TestObject()
    await expect(object.stub.report({ rows: 'none' } as never)).rejects.toThrow(/another form/)
    expect(await object.report()).toHaveProperty('version')
  })

  it('refuses to live under another name than provider and region', async () => {
    const stranger = namespace.get(namespace.idFromName('somebody'))
    const loading = insideObject(stranger, (object) => object.loadFromStorage())
    await expect(loading).rejects.toThrow(/another name/)
  })

  it('a pinned object fails closed where the runtime knows no jurisdictions', async () => {
    const place = { provider: 'openai', region: 'weur', jurisdiction: 'eu' } as const
    expect(() => providerHealthStub(namespace, place, { local: false })).toThrow(/[Jj]urisdiction/)
  })

  it('locally a pinned object is a stand-in of its own, and says so in its name', async () => {
    const plain = new TestObject()
    const pinned = new TestObject({ provider: plain.place.provider, jurisdiction: 'eu' })
    await plain.fail()
    expect(await plain.circuit()).toMatchObject({ state: 'open' })
    expect(await pinned.circuit()).toBeUndefined()
    const name = await pinned.inside((_object, state) => state.id.name)
    expect(name).toBe(`stand-in-eu:${plain.place.provider}/weur`)
  })
})
