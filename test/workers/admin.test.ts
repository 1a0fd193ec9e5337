import { Hono } from 'hono'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  type Jurisdiction,
  regions,
  type Region,
} from '../../durable-objects/provider-health/place.ts'
import { providerHealthStub } from '../../durable-objects/provider-health/stub.ts'
import type { CircuitRow } from '../../worker/admin/circuit-rows.ts'
import {
  mountCircuits,
  type AdminProvider,
  type CircuitAudit,
} from '../../worker/admin/circuits.ts'
import { openAiChat } from '../../worker/dialects/openai-chat/index.ts'
import { local, namespace, TestObject } from './health-object.ts'
import { world } from './world.ts'

const audit: CircuitAudit[] = []
/** Regions whose objects cannot be reached, and how many calls were on their way at once. */
let away: ReadonlySet<Region> = new Set()
let inFlight = 0
let mostInFlight = 0
let others: readonly AdminProvider[] = []
let pinnedTo: readonly Jurisdiction[] = []

let objects: { readonly near: TestObject; readonly far: TestObject }
let provider = ''
let target = ''

beforeEach(() => {
  world.reset()
  audit.length = 0
  away = new Set()
  mostInFlight = 0
  pinnedTo = []
  others = [{ id: 'unset', callable: false, targets: [] }]
  const near = new TestObject()
  provider = near.place.provider
  target = near.target
  objects = { near, far: new TestObject({ provider, region: 'apac' }) }
})

describe('GET /admin/v1/circuits', () => {
  it("lists the targets of the caller's region with state, since, evidence and gate", async () => {
    await objects.near.fail()
    await objects.near.report([{ outcome: 'rate_limited', retryAfterMs: 60_000 }])
    const { data } = await list()
    expect(data.map(({ region, domain, state }) => [region, domain, state])).toEqual([
      ['weur', 'edge', 'closed'],
      ['weur', `target:${target}`, 'open'],
      ['weur', `target:@cf/meta/llama-3@${provider}`, 'closed'],
    ])
    expect(data[1]).toMatchObject({
      target,
      cause: 'blackout',
      epoch: 1,
      evidence: { judged: 10, failed: 10 },
      quota: { state: 'open' },
      forced: null,
    })
    expect(Date.parse(data[1]?.since ?? '')).not.toBeNaN()
    expect(Date.parse(data[1]?.quota?.notBefore ?? '')).toBeGreaterThan(Date.now())
  })

  it('shows a target nobody has used as closed, since ever', async () => {
    const { data } = await list()
    expect(data[1]).toMatchObject({ target, state: 'closed', since: null, evidence: null })
  })

  it('shows a refused credential by its fingerprint', async () => {
    await objects.near.report([{ outcome: 'auth', credential: 'dead0000' }])
    const { data } = await list()
    expect(data.at(-1)).toMatchObject({ domain: 'credential:dead0000', state: 'open' })
  })

  it('shows what a standby target was last asked', async () => {
    world.configure({
      standby: new Map([[target, { intervalMs: 60_000, maxNanoUsdPerDay: 1_000_000_000 }]]),
    })
    await objects.near.report()
    await objects.near.ring()
    const { data } = await list()
    expect(data[1]?.standby).toMatchObject({ status: 'working', spentTodayUsd: '0.00002' })
  })

  it('asks every region for region=all', async () => {
    await objects.far.fail()
    const { data } = await list('?region=all')
    expect(new Set(data.map(({ region }) => region))).toEqual(new Set(regions))
    expect(data.filter(({ state }) => state === 'open')).toMatchObject([{ region: 'apac', target }])
  })

  it('has at most six calls on their way at once', async () => {
    others = [{ id: 'another', callable: true, targets: [] }]
    const { data } = await list('?region=all')
    expect(data.filter(({ domain }) => domain === 'edge')).toHaveLength(12)
    expect(mostInFlight).toBe(6)
  })

  it('leaves out providers whose secrets are not set, unless one is named', async () => {
    const { data } = await list()
    expect(new Set(data.map((row) => row.provider))).toEqual(new Set([provider]))
    expect((await list('?provider=unset')).data).toMatchObject([
      { provider: 'unset', domain: 'edge' },
    ])
  })

  it('says which objects did not answer, and lists the others', async () => {
    away = new Set(['apac'])
    const { data, unreachable } = await list('?region=all')
    expect(unreachable).toEqual([{ provider, region: 'apac' }])
    expect(data.some(({ region }) => region === 'apac')).toBe(false)
    expect(data.some(({ region }) => region === 'oc')).toBe(true)
  })

  it.each([
    ['?region=mars', 400, 'region'],
    ['?regions=all', 400, 'regions'],
    ['?provider=nobody', 404, 'provider'],
  ])('refuses %s and names the field', async (query, status, param) => {
    const response = await call('GET', `/admin/v1/circuits${query}`)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error: { param } })
  })
})

describe('PUT /admin/v1/circuits/{provider}/{model}', () => {
  it('forces a circuit open in every region, for a while', async () => {
    const response = await put('m', { state: 'open', forMs: 60_000 })
    expect(await response.json()).toEqual({
      provider,
      target,
      action: 'open',
      forMs: 60_000,
      regions: [...regions],
      unreachable: [],
    })
    for (const object of [objects.near, objects.far])
      expect(await object.circuit()).toMatchObject({
        state: 'open',
        forced: { state: 'open', forMs: 60_000 },
      })
  })

  it('forces one closed that failed', async () => {
    await objects.near.fail()
    await put('m', { state: 'closed', forMs: 60_000 })
    expect(await objects.near.circuit()).toMatchObject({ state: 'closed' })
  })

  it('holds it for an hour when it is not told for how long', async () => {
    await put('m', { state: 'open' })
    expect(await objects.near.circuit()).toMatchObject({ forced: { forMs: 3_600_000 } })
  })

  it('with auto resets what was forced and what went wrong', async () => {
    await objects.near.fail()
    await put('m', { state: 'open', forMs: 60_000 })
    expect((await put('m', { state: 'auto' })).status).toBe(200)
    expect(await objects.near.circuit()).toMatchObject({ state: 'closed', forced: null })
    expect(await objects.far.circuit()).toMatchObject({ state: 'closed', forced: null })
  })

  it.each(['@cf/meta/llama-3', '%40cf%2Fmeta%2Fllama-3'])(
    'takes a model with slashes and @ in the path: %s',
    async (model) => {
      expect(await (await put(model, { state: 'open' })).json()).toMatchObject({
        target: `@cf/meta/llama-3@${provider}`,
      })
    },
  )

  it("forces the provider's edge", async () => {
    expect(await (await put('edge', { state: 'open' })).json()).toMatchObject({ target: null })
    expect(await objects.near.domain('edge')).toMatchObject({ state: 'open' })
  })

  it.each<[string, number, string | null]>([
    ['{', 400, null],
    ['[]', 400, null],
    ['{"state":"ajar"}', 400, 'state'],
    ['{"forMs":60000}', 400, 'state'],
    ['{"state":"open","forMs":"60000"}', 400, 'forMs'],
    ['{"state":"open","forMs":86400001}', 400, 'forMs'],
    ['{"state":"open","forMs":1}', 400, 'forMs'],
    ['{"state":"open","for":60000}', 400, 'for'],
    [`{"state":"open"}${' '.repeat(5000)}`, 413, null],
  ])('refuses the body %s and names the field', async (body, status, param) => {
    const response = await call('PUT', `/admin/v1/circuits/${provider}/m`, body)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error: { param } })
    expect(audit).toEqual([])
  })

  it.each([
    ['nobody/m', 'provider'],
    ['unset/other', 'model'],
  ])('refuses %s, which the configuration does not know', async (path, param) => {
    const response = await call('PUT', `/admin/v1/circuits/${path}`, '{"state":"open"}')
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({ error: { code: 'unknown_model', param } })
  })

  it('leaves one line of audit: who, what, where, and where not', async () => {
    away = new Set(['apac'])
    await put('m', { state: 'open', forMs: 60_000 })
    expect(audit).toEqual([
      {
        event: 'circuit_admin',
        requestId: 'req_1',
        adminKeyId: 'key00001',
        provider,
        target,
        action: 'open',
        forMs: 60_000,
        regions: regions.filter((region) => region !== 'apac'),
        unreachable: ['apac'],
      },
    ])
  })

  it('is a failure only where no region could be reached, and is in the audit even then', async () => {
    away = new Set(regions)
    expect((await put('m', { state: 'open' })).status).toBe(503)
    expect(audit).toMatchObject([{ regions: [], unreachable: [...regions] }])
  })
})

describe('DELETE /admin/v1/circuits/{provider}/{model}', () => {
  it('closes an open circuit and opens its gate', async () => {
    await objects.near.fail()
    await objects.near.report([{ outcome: 'rate_limited', retryAfterMs: 60_000 }])
    expect((await call('DELETE', `/admin/v1/circuits/${provider}/m`)).status).toBe(200)
    expect(await objects.near.circuit()).toMatchObject({ state: 'closed' })
    expect(await objects.near.domain(`quota:${target}`)).not.toMatchObject({ state: 'open' })
  })

  it("of the edge also resets the account's quota and its credentials", async () => {
    await objects.near.report([{ outcome: 'auth', credential: 'dead0000' }])
    await objects.near.report([{ outcome: 'quota_exhausted' }])
    await call('DELETE', `/admin/v1/circuits/${provider}/edge`)
    const { domains } = await objects.near.stub.circuits()
    expect(domains.filter(({ state }) => state !== 'closed')).toEqual([])
    expect(audit).toMatchObject([{ action: 'reset', target: null, forMs: null }])
  })

  it('of a target that no object has heard of is done as well', async () => {
    const response = await call('DELETE', `/admin/v1/circuits/${provider}/@cf/meta/llama-3`)
    expect(await response.json()).toMatchObject({ action: 'reset', regions: [...regions] })
  })
})

describe('circuits of a jurisdiction, where tenants are pinned to', () => {
  beforeEach(() => {
    pinnedTo = ['eu']
  })

  it('are listed by its name, and are none of those of a region', async () => {
    const place = { provider, region: 'weur', jurisdiction: 'eu' } as const
    await providerHealthStub(namespace, place, local).force({
      key: `target:${target}`,
      state: 'open',
      forMs: 60_000,
    })
    const stateIn = async (region: string) =>
      (await list(`?provider=${provider}&region=${region}`)).data.find(
        (row) => row.target === target,
      )?.state
    expect([await stateIn('eu'), await stateIn('weur')]).toEqual(['open', 'closed'])
  })

  it('are held and reset together with all others', async () => {
    const forced = await put('m', { state: 'open', forMs: 60_000 })
    expect(await forced.json()).toMatchObject({ regions: [...regions, 'eu'], unreachable: [] })
    const { data } = await list(`?provider=${provider}&region=all`)
    const open = data.filter((row) => row.target === target && row.state === 'open')
    expect(open.map(({ region }) => region)).toEqual([...regions, 'eu'])
    const freed = await call('DELETE', `/admin/v1/circuits/${provider}/m`)
    expect(await freed.json()).toMatchObject({ regions: [...regions, 'eu'] })
  })
})

/** The calls as an app mounts them. */
function app(): Hono {
  const hono = new Hono()
  mountCircuits(hono, {
    stubOf: (_context, place) => {
      const stub = providerHealthStub(namespace, place, local)
      return {
        ...stub,
        circuits: () => counted(place.region, stub.circuits),
        force: (one) => counted(place.region, () => stub.force(one)),
      }
    },
    providersOf: () => [
      { id: provider, callable: true, targets: [target, `@cf/meta/llama-3@${provider}`] },
      ...others,
    ],
    regionOf: () => 'weur',
    jurisdictionsOf: () => pinnedTo,
    callerOf: () => ({ requestId: 'req_1', adminKeyId: 'key00001' }),
    answer: (_context, body) => Response.json(body),
    refuse: (_context, error) =>
      Response.json(openAiChat.renderError(error, 'req_1'), { status: error.status }),
    log: (entry) => void audit.push(entry),
  })
  return hono
}

async function counted<Reply>(region: Region, ask: () => Promise<Reply>): Promise<Reply> {
  inFlight += 1
  mostInFlight = Math.max(mostInFlight, inFlight)
  try {
    if (away.has(region)) throw new Error('the object is away')
    return await ask()
  } finally {
    inFlight -= 1
  }
}

async function call(method: string, path: string, body?: string): Promise<Response> {
  return app().request(path, { method, ...(body === undefined ? {} : { body }) })
}

function put(model: string, body: object): Promise<Response> {
  return call('PUT', `/admin/v1/circuits/${provider}/${model}`, JSON.stringify(body))
}

async function list(query = '') {
  const response = await call('GET', `/admin/v1/circuits${query}`)
  return (await response.json()) as {
    readonly data: readonly CircuitRow[]
    readonly unreachable: readonly { readonly provider: string; readonly region: Region }[]
  }
}
