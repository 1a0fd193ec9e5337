import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Exchange } from '../../durable-objects/tenant-ledger/protocol.ts'
import type { BudgetRow, LimitRow } from '../../durable-objects/tenant-ledger/rows.ts'
import { createApp } from '../../worker/app.ts'
import { Access } from '../../worker/edge/access/access.ts'
import { createHmac } from '../../worker/edge/access/web-hmac.ts'
import type { Isolate } from '../../worker/edge/isolate.ts'
import { digestKey, formatKey, KeyRing, parseKey } from '../../worker/edge/keys.ts'
import { LedgerBook } from '../../worker/edge/ledger/ledger-book.ts'
import { fakeRuntime, settings, wholeAnswer } from '../support/fake-host.ts'
import { testIsolate } from '../support/test-isolate.ts'
import { actor, budget, n, namespace, TestLedger } from './tenant-ledger-object.ts'
import { ledgerWorld } from './tenant-ledger-world.ts'

/**
 * The first request of a tenant in an isolate, through the whole Worker with the real object: one call brings the key,
 * its profile, how its budgets stand, and what it spends.
 */

const pepper = 'p'.repeat(32)
const usd = 1_000_000_000

/** gpt-4.1 costs $2 and $8 for a million tokens: 4,096 tokens of answer cost 3.3 cents. */
const priced = { ...settings, targets: { 'gpt-4.1@openai': {} }, routes: routesOf('chat', 'other') }

function routesOf(...names: readonly string[]) {
  return Object.fromEntries(names.map((name) => [name, { tiers: [['gpt-4.1@openai']] }]))
}

const execution = {
  waitUntil: (work: Promise<unknown>) => void work.catch(() => undefined),
  passThroughOnException: () => undefined,
  props: {},
}

/** A tenant of its own for each test, an isolate that has seen nothing, and every call that it makes. */
class Place {
  readonly ledger = new TestLedger()
  readonly calls: string[] = []
  readonly key: string
  isolate: Isolate
  /** Whether a call of this name is carried; a lost one has arrived all the same. */
  isLost: (call: string) => boolean = () => false

  constructor() {
    this.key = formatKey(this.ledger.place.tenantId, crypto.getRandomValues(new Uint8Array(40)))
    this.isolate = this.#born()
  }

  #born(): Isolate {
    const { tenant, id } = parseKey(this.key) ?? { tenant: '', id: '' }
    const ring = new KeyRing([{ tenant, id, digest: digestKey(this.key, pepper) }], pepper)
    const runtime = fakeRuntime({ ...priced, tenants: { [tenant]: {} } })
    const peppers = { current: '1', peppers: { 1: pepper } }
    return {
      ...testIsolate(runtime, ring, ring, pepper),
      access: new Access(ring, peppers, createHmac(), true),
      ledger: new LedgerBook(crypto.randomUUID()),
    }
  }

  /** Another isolate. */
  anew(): void {
    this.isolate = this.#born()
    this.calls.length = 0
  }

  /** Of the calls, those that a request waits for. */
  get waited(): readonly string[] {
    return this.calls.filter((call) => call !== 'told')
  }

  get keyId(): string {
    return parseKey(this.key)?.id ?? ''
  }

  configure(budgets: readonly BudgetRow[], limits: readonly LimitRow[] = []): Promise<unknown> {
    return this.ledger.stub.configure({ budgets, limits, actor })
  }

  async ask(body: object = {}, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    const text = JSON.stringify({
      model: 'chat',
      messages: [{ role: 'user', content: 'Hello' }],
      ...body,
    })
    const request = new Request('https://gateway.example/v1/chat/completions', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.key}`,
        'content-length': String(text.length),
        ...headers,
      },
      body: text,
    })
    const response = await createApp(() => this.isolate).fetch(request, this.#bindings(), execution)
    await response.text()
    return response
  }

  #bindings() {
    const counted = (stub: object): object =>
      new Proxy(stub, {
        get: (target, name) => {
          const method = Reflect.get(target, name) as unknown
          if (typeof method !== 'function') return method
          return async (...given: unknown[]) => {
            this.calls.push(isTold(name, given) ? 'told' : String(name))
            const reply = (await Reflect.apply(method, target, given)) as unknown
            if (this.isLost(String(name))) throw new Error('lost')
            return reply
          }
        },
      })
    const placed = (of: typeof namespace): object => ({
      idFromName: (name: string) => of.idFromName(name),
      get: (id: DurableObjectId) => counted(of.get(id)),
      jurisdiction: (where: DurableObjectJurisdiction) => placed(of.jurisdiction(where)),
    })
    return { ...env, SWITCHYARD_LOCAL: '1', TENANT_LEDGER: placed(namespace) }
  }
}

/** Something is said and nothing asked: behind the answer of some request. */
function isTold(name: string | symbol, [, said]: readonly unknown[]): boolean {
  return name === 'exchange' && (said as Exchange).asks.length === 0
}

let place: Place

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  ledgerWorld.reset()
  place = new Place()
  vi.stubGlobal('fetch', async () => Response.json(wholeAnswer))
})

afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

const hard = (id: string, more: Partial<BudgetRow> = {}) =>
  budget(id, { capNanoUsd: n(100 * usd), ...more })

describe('the first request of a tenant in an isolate', () => {
  it.each([
    ['no budget', () => []],
    ['a hard budget', () => [hard('b')]],
    ['a hard and a soft one', () => [hard('b'), budget('s', { mode: 'soft', capNanoUsd: n(usd) })]],
    ['a budget of its key', () => [hard('b'), hard('k', { scope: `key:${place.keyId}` })]],
    ['budgets by a tag', () => [hard('b'), hard('t', { scope: 'tag:feature=search' })]],
  ])('makes one call of the ledger: %s', async (_what, budgets) => {
    await place.configure(budgets())
    const tags = { 'x-switchyard-tags': 'feature=search' }
    expect((await place.ask({}, tags)).status).toBe(200)
    expect(place.calls).toEqual(['open'])
    // And neither does the next one, which finds what the first has left.
    expect((await place.ask({}, tags)).status).toBe(200)
    expect(place.calls).toEqual(['open'])
  })

  it('makes one where so little is left that each request is held by itself', async () => {
    await place.configure([hard('b', { capNanoUsd: n(usd) })])
    await place.ledger.spend(0.985 * usd)
    const { status } = await place.ask({ max_tokens: 100 })
    expect([status, place.waited]).toEqual([200, ['open']])
    // What it was not for is there for others a moment later, while its call may still run.
    await vi.advanceTimersByTimeAsync(100)
    const { heldNanoUsd = -1, spentNanoUsd = 0 } = (await place.ledger.budget()) ?? {}
    expect(heldNanoUsd + spentNanoUsd - 0.985 * usd).toBeLessThan(0.002 * usd)
    // The next one is held by itself, as everybody is near a cap.
    place.calls.length = 0
    expect((await place.ask({ max_tokens: 100 })).status).toBe(200)
    expect(place.waited).toEqual(['exchange'])
    await vi.advanceTimersByTimeAsync(8000)
    expect(await place.ledger.budget()).toMatchObject({ heldNanoUsd: 0, lostNanoUsd: 0 })
  })

  it('makes one for the last of a budget, whose answer is as short as that', async () => {
    await place.configure([hard('b', { capNanoUsd: n(usd) })])
    await place.ask({ max_tokens: 3000 })
    await vi.advanceTimersByTimeAsync(8000)
    const spent = (await place.ledger.budget())?.spentNanoUsd ?? 0
    await place.ledger.spend(0.995 * usd - spent)
    place.anew()
    const response = await place.ask({ max_tokens: 3000 })
    expect([response.status, place.waited]).toEqual([200, ['open']])
    expect(response.headers.get('x-switchyard-degraded')).toBe('shorter')
  })

  it('makes two where its hold does not pay for it, and is not refused for that', async () => {
    await place.configure([hard('b', { capNanoUsd: n(usd) })])
    // 1.2 cents are left, of which a guess takes half; the request needs 0.8.
    await place.ledger.spend(0.988 * usd)
    const { status } = await place.ask({ max_tokens: 1000 })
    expect([status, place.calls]).toEqual([200, ['open', 'exchange']])
  })

  it('makes two where nothing is left, and is refused', async () => {
    await place.configure([hard('b', { capNanoUsd: n(1) })])
    expect((await place.ask()).status).toBe(402)
    expect(place.calls).toEqual(['open', 'exchange'])
  })

  const slots = (limit: number): LimitRow => ({
    id: 'slots',
    scope: 'tenant',
    kind: 'concurrency',
    limit,
    windowMs: 0,
  })

  it('makes one where limits have room for it and little more', async () => {
    await place.configure([hard('b')], [slots(2)])
    expect((await place.ask()).status).toBe(200)
    expect(place.waited).toEqual(['open'])
  })

  it('is told of a threshold in time to go to a cheaper target', async () => {
    const thresholds = [{ basisPoints: 1, action: 'clamp' }] as const
    await place.configure([hard('b', { thresholds })])
    await place.ledger.spend(usd)
    const response = await place.ask({ max_tokens: 3000 })
    expect(place.calls).toEqual(['open'])
    expect(response.headers.get('x-switchyard-degraded')).toBe('shorter')
  })

  it('counts in the budget of its route, whichever of a few that is', async () => {
    await place.configure([hard('b'), hard('r', { scope: 'route:chat' })])
    expect((await place.ask()).status).toBe(200)
    expect(place.waited).toEqual(['open'])
    await vi.advanceTimersByTimeAsync(8000)
    const spent = (await place.ledger.budget('r'))?.spentNanoUsd
    expect(spent).toBe((await place.ledger.budget('b'))?.spentNanoUsd)
    expect(spent).toBeGreaterThan(0)
    place.anew()
    // The key used another one last.
    expect((await place.ask({ model: 'other' })).status).toBe(200)
    expect(place.waited).toEqual(['open'])
    await vi.advanceTimersByTimeAsync(8000)
    expect(await place.ledger.budget('r')).toMatchObject({ spentNanoUsd: spent, heldNanoUsd: 0 })
    expect(await place.ledger.budget('b')).toMatchObject({ heldNanoUsd: 0, lostNanoUsd: 0 })
  })

  it('makes two where money is kept by many routes, and its key used another one last', async () => {
    const routes = ['chat', 'r1', 'r2', 'r3'].map((id) => hard(id, { scope: `route:${id}` }))
    await place.configure([hard('b'), ...routes])
    await place.ask()
    // Nobody could know.
    expect(place.calls).toEqual(['open', 'exchange'])
    await vi.advanceTimersByTimeAsync(8000)
    place.anew()
    expect((await place.ask()).status).toBe(200)
    expect(place.calls).toEqual(['open'])
    await vi.advanceTimersByTimeAsync(8000)
    place.anew()
    expect((await place.ask({ model: 'other' })).status).toBe(200)
    expect(place.calls).toEqual(['open', 'exchange'])
  })

  it('gives back what it did not spend, when it is idle', async () => {
    await place.configure([hard('b')])
    await place.ask()
    expect((await place.ledger.budget())?.heldNanoUsd).toBeGreaterThan(0)
    await vi.advanceTimersByTimeAsync(8000)
    const { heldNanoUsd, spentNanoUsd, lostNanoUsd } = (await place.ledger.budget()) ?? {}
    expect([heldNanoUsd, lostNanoUsd]).toEqual([0, 0])
    expect(spentNanoUsd).toBeGreaterThan(0)
  })

  it('gives back everything when its body is refused', async () => {
    await place.configure([hard('b')])
    expect((await place.ask({ messages: 'none' })).status).toBe(400)
    await vi.advanceTimersByTimeAsync(8000)
    expect(await place.ledger.budget()).toMatchObject({ heldNanoUsd: 0, spentNanoUsd: 0 })
  })

  it('gives back what was granted to a call whose reply was lost', async () => {
    await place.configure([hard('b')])
    place.isLost = (call) => call === 'open'
    // A key of the deployment is proven without its ledger.
    expect((await place.ask()).status).toBe(200)
    expect(new Set(place.waited)).toEqual(new Set(['open', 'exchange']))
    await vi.advanceTimersByTimeAsync(8000)
    expect(await place.ledger.budget()).toMatchObject({ heldNanoUsd: 0, lostNanoUsd: 0 })
  })

  it('asks for no credit where nothing is spent', async () => {
    await place.configure([hard('b')])
    const request = new Request('https://gateway.example/v1/models', {
      headers: { authorization: `Bearer ${place.key}` },
    })
    await createApp(() => place.isolate).fetch(request, { ...env }, execution)
    expect(await place.ledger.budget()).toMatchObject({ heldNanoUsd: 0 })
  })
})
