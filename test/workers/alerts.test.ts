import { createHmac } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { AlertPayload } from '../../durable-objects/provider-health/alerts.ts'
import type { RecordedAlert } from '../support/alert-recorder.ts'
import { TestObject } from './health-object.ts'
import { world } from './world.ts'

/** `whsec_` and base 64, as receivers of Standard Webhooks know secrets. */
const secretBytes = Buffer.from('a secret of thirty-two bytes, or so')
const secret = `whsec_${secretBytes.toString('base64')}`

let boxes = 0
let box = ''

beforeEach(() => {
  world.reset()
  box = `box-${(boxes += 1)}`
  world.configure({ alerts: { url: `https://alerts.example/${box}`, secret } })
})

afterEach(() => void vi.restoreAllMocks())

describe('alerts', () => {
  it('tell that a circuit opened, with what opened it', async () => {
    const object = new TestObject()
    await object.fail()
    await object.idle()
    expect(await told()).toEqual([
      {
        type: 'circuit.opened',
        timestamp: new Date(world.nowMs).toISOString(),
        data: {
          provider: object.place.provider,
          region: 'weur',
          jurisdiction: null,
          domain: `target:${object.target}`,
          target: object.target,
          cause: 'blackout',
          evidence: expect.objectContaining({ judged: 10, failed: 10 }),
        },
      },
    ])
  })

  it('tell that it closed, and nothing of the steps between', async () => {
    const object = new TestObject()
    await object.fail()
    await object.ring()
    await object.recover()
    await object.idle()
    expect(await types()).toEqual(['circuit.opened', 'circuit.closed'])
  })

  it('tell of a dead credential, a spent quota and a forced circuit', async () => {
    const object = new TestObject()
    await object.report([{ outcome: 'auth', credential: 'dead0000' }])
    await object.report([{ outcome: 'quota_exhausted' }])
    await object.stub.force({ key: 'edge', state: 'open', forMs: 60_000 })
    await object.idle()
    expect((await types()).toSorted()).toEqual([
      'circuit.opened',
      'credential.refused',
      'quota.spent',
    ])
  })

  it('tell of a standby that fails and of one that works again', async () => {
    const object = new TestObject()
    const standby = { intervalMs: 60_000, maxNanoUsdPerDay: 1_000_000_000 }
    world.configure({ standby: new Map([[object.target, standby]]) })
    world.answer = () => ({ outcome: 'bad_request', targetFault: true })
    await object.report()
    await object.pass(59_000)
    world.answer = () => ({ outcome: 'ok' })
    await object.pass(1000)
    expect(await told()).toMatchObject([
      { type: 'standby.failed', data: { target: object.target, cause: 'retired' } },
      { type: 'standby.recovered', data: { target: object.target, cause: null } },
    ])
  })

  it('are signed over id, time and body', async () => {
    const object = new TestObject()
    await object.fail()
    await object.idle()
    const [alert] = await seen()
    const { 'webhook-id': id, 'webhook-timestamp': timestamp } = alert?.headers ?? {}
    expect(Number(timestamp)).toBe(Math.floor(world.nowMs / 1000))
    const signed = `${id}.${timestamp}.${alert?.body}`
    const digest = createHmac('sha256', secretBytes).update(signed).digest('base64')
    expect(alert?.headers['webhook-signature']).toBe(`v1,${digest}`)
    expect(alert).toMatchObject({ method: 'POST', headers: { 'content-type': 'application/json' } })
  })

  it('hold no prompt, key or tenant: these fields and no other', async () => {
    const object = new TestObject()
    await object.report([{ outcome: 'auth', credential: 'dead0000' }])
    await object.idle()
    const [alert] = await seen()
    expect(alert?.body).not.toContain(secret)
    expect(Object.keys(JSON.parse(alert?.body ?? '') as object)).toEqual([
      'type',
      'timestamp',
      'data',
    ])
    expect(Object.keys((JSON.parse(alert?.body ?? '') as AlertPayload).data)).toEqual([
      'provider',
      'region',
      'jurisdiction',
      'domain',
      'target',
      'cause',
      'evidence',
    ])
  })

  it('of a circuit that flaps are one pair, and then the state that stayed', async () => {
    const object = new TestObject()
    const key = `target:${object.target}` as const
    for (let flap = 0; flap < 3; flap++) {
      await object.stub.force({ key, state: 'open', forMs: 3_600_000 })
      world.pass(1000)
      await object.stub.force({ key, state: 'auto', forMs: 1 })
      world.pass(1000)
    }
    await object.stub.force({ key, state: 'open', forMs: 3_600_000 })
    await object.idle()
    expect(await types()).toEqual(['circuit.opened', 'circuit.closed'])
    await object.pass(600_000)
    expect(await types()).toEqual(['circuit.opened'])
  })

  it('that a receiver does not take come again, with the same id, at most three times', async () => {
    await answer(500)
    const object = new TestObject()
    await object.stub.force({ key: 'edge', state: 'open', forMs: 86_400_000 })
    await object.idle()
    for (const [tries, waitMs] of [10_000, 60_000, 300_000].entries()) {
      await object.pass(waitMs - 1)
      expect(world.log.filter(({ event }) => event === 'alert_unsent')).toHaveLength(tries + 1)
      await object.pass(1)
    }
    await object.pass(3_600_000)
    const all = await seen()
    expect(all).toHaveLength(4)
    expect(new Set(all.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(world.log.filter(({ event }) => event === 'alert_unsent')).toMatchObject([
      { status: 500, givenUp: false },
      { status: 500, givenUp: false },
      { status: 500, givenUp: false },
      { status: 500, givenUp: true },
    ])
  })

  it('that were not taken are not forgotten by an eviction', async () => {
    await answer(503)
    const object = new TestObject()
    await object.fail()
    await object.idle()
    const [first] = await seen()
    await object.evict()
    await answer(200)
    await object.ring(world.nowMs + 10_000)
    expect((await seen()).map(({ headers }) => headers['webhook-id'])).toEqual([
      first?.headers['webhook-id'],
    ])
  })

  it('that were told are told once, also after an eviction', async () => {
    const object = new TestObject()
    await object.fail()
    await object.idle()
    await object.evict()
    await object.ring()
    await object.report()
    expect(await types()).toEqual(['circuit.opened'])
  })

  it('follow no redirect', async () => {
    await answer(302)
    const object = new TestObject()
    await object.fail()
    await object.idle()
    expect(world.log.at(-1)).toMatchObject({ event: 'alert_unsent', status: 302 })
    expect(await seen('moved')).toEqual([])
  })

  it('keep no report waiting', async () => {
    const { promise, resolve } = Promise.withResolvers<Response>()
    vi.spyOn(globalThis, 'fetch').mockReturnValue(promise)
    const object = new TestObject()
    expect(await object.fail()).toHaveProperty('version')
    resolve(new Response(null, { status: 204 }))
    await object.idle()
  })

  it('are none where none are configured', async () => {
    world.configure({ alerts: null })
    const object = new TestObject()
    await object.fail()
    await object.idle()
    expect(await types()).toEqual([])
  })
})

async function seen(of = box): Promise<readonly RecordedAlert[]> {
  return (await fetch(`https://alerts.example/seen/${of}`)).json()
}

async function told(): Promise<readonly AlertPayload[]> {
  return (await seen()).map(({ body }) => JSON.parse(body) as AlertPayload)
}

async function types(): Promise<readonly string[]> {
  return (await told()).map(({ type }) => type)
}

async function answer(status: number): Promise<void> {
  await fetch(`https://alerts.example/answer/${box}/${status}`)
}
