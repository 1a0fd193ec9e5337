import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
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
            this.calls.push(String(name))
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

  it('makes two where so little is left that each request is held by itself', async () => {
    await place.configure([hard('b', { capNanoUsd: n(usd) })])
    await place.ledger.spend(0.985 * usd)
    const { status } = await place.ask({ max_tokens: 100 })
    expect([status, place.calls]).toEqual([200, ['open', 'exchange']])
  })

  it('makes two where nothing is left, and is refused', async () => {
    await place.configure([hard('b', { capNanoUsd: n(1) })])
    expect((await place.ask()).status).toBe(402)
    expect(place.calls).toEqual(['open', 'exchange'])
  })

  it('makes two where limits leave no room for a guess', async () => {
    const slots = {
      id: 'slots',
      scope: 'tenant',
      kind: 'concurrency',
      limit: 2,
      windowMs: 0,
    } as const
    await place.configure([hard('b')], [slots])
    expect((await place.ask()).status).toBe(200)
    expect(place.calls).toEqual(['open', 'exchange'])
  })

  it('is told of a threshold in time to go to a cheaper target', async () => {
    const thresholds = [{ basisPoints: 1, action: 'clamp' }] as const
    await place.configure([hard('b', { thresholds })])
    await place.ledger.spend(usd)
    const response = await place.ask({ max_tokens: 3000 })
    expect(place.calls).toEqual(['open'])
    expect(response.headers.get('x-switchyard-degraded')).toBe('shorter')
  })

  it('counts in the budget of its route, which is the one that the key used last', async () => {
    await place.configure([hard('b'), hard('r', { scope: 'route:chat' })])
    await place.ask()
    // Nobody could know.
    expect(place.calls).toEqual(['open', 'exchange'])
    await vi.advanceTimersByTimeAsync(8000)
    place.anew()
    expect((await place.ask()).status).toBe(200)
    expect(place.calls).toEqual(['open'])
    await vi.advanceTimersByTimeAsync(8000)
    const spent = (await place.ledger.budget('r'))?.spentNanoUsd
    expect(spent).toBe((await place.ledger.budget('b'))?.spentNanoUsd)
    expect(spent).toBeGreaterThan(0)
    place.anew()
    expect((await place.ask({ model: 'other' })).status).toBe(200)
    expect(place.calls).toEqual(['open', 'exchange'])
    await vi.advanceTimersByTimeAsync(8000)
    expect((await place.ledger.budget('r'))?.spentNanoUsd).toBe(spent)
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
    expect(new Set(place.calls)).toEqual(new Set(['open', 'exchange']))
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

  it('has none to itself in a pinned tenant, whose requests are held where they run', async () => {
    await place.configure([hard('b')])
    await place.ledger.stub.putTenant({ tenant: { residency: 'eu' }, actor })
    await place.ask()
    expect(place.calls[0]).toBe('open')
    expect(await place.ledger.count('leases')).toBeLessThanOrEqual(1)
  })
})
