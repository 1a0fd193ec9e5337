import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createApp } from '../../worker/app.ts'
import { createIsolate, type Isolate } from '../../worker/edge/isolate.ts'
import { testIsolate } from '../support/test-isolate.ts'
import { digestKey, formatKey, KeyRing, parseKey } from '../../worker/edge/keys.ts'
import type { Runtime } from '../../worker/edge/runtime.ts'
import { fakeRuntime, settings, wholeAnswer } from '../support/fake-host.ts'

const pepper = 'p'.repeat(32)
const key = formatKey('demo', new Uint8Array(40).fill(1))
const adminKey = formatKey('admin', new Uint8Array(40).fill(2))
const strange = formatKey('demo', new Uint8Array(40).fill(3))

function ringOf(known: string): KeyRing {
  const { tenant, id } = parseKey(known) ?? { tenant: '', id: '' }
  return new KeyRing([{ tenant, id, digest: digestKey(known, pepper) }], pepper)
}

function isolateOf(runtime: Runtime = fakeRuntime()): Isolate {
  return testIsolate(runtime, ringOf(key), ringOf(adminKey), pepper)
}

const waiting: Promise<unknown>[] = []
const execution = {
  waitUntil: (work: Promise<unknown>) => void waiting.push(work),
  passThroughOnException: () => undefined,
  props: {},
}

function ask(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body: BodyInit | null = null,
  isolate = isolateOf(),
): Promise<Response> {
  const request = new Request(`https://gateway.example${path}`, {
    method,
    headers,
    body,
    duplex: 'half',
  } as RequestInit)
  return Promise.resolve(createApp(() => isolate).fetch(request, {}, execution))
}

const bearer = { authorization: `Bearer ${key}` }
const chat = JSON.stringify({ model: 'chat', messages: [{ role: 'user', content: 'Hello' }] })

async function codeOf(response: Response): Promise<unknown> {
  return ((await response.json()) as { error?: { code?: unknown } }).error?.code
}

beforeAll(() => {
  Object.assign(globalThis, { IdentityTransformStream: TransformStream })
})
afterEach(() => vi.unstubAllGlobals())

const guarded: readonly (readonly [string, string])[] = [
  ['POST', '/v1/chat/completions'],
  ['POST', '/v1/messages'],
  ['POST', '/v1/messages/count_tokens'],
  ['POST', '/v1/explain'],
  ['GET', '/v1/models'],
  ['GET', '/v1/models/chat'],
  ['POST', '/v1/responses'],
  ['POST', '/v1/embeddings'],
  ['GET', '/v1/requests/req_1'],
  ['GET', '/v1/nothing'],
  ['GET', '/admin/v1/circuits'],
]

describe('authentication', () => {
  it.each(guarded)('is asked for by %s %s', async (method, path) => {
    const wrong = path.startsWith('/admin') ? key : adminKey
    for (const headers of [
      {},
      { authorization: 'Bearer nonsense' },
      { authorization: `Bearer ${strange}` },
      { authorization: `Basic ${btoa(key)}` },
      { authorization: `Bearer ${digestKey(key, pepper)}` },
      { authorization: `Bearer ${wrong}` },
      { 'x-api-key': wrong },
    ])
      expect((await ask(method, path, headers)).status).toBe(401)
  })

  it('lets a key in as a bearer and as x-api-key, and an admin key to its own plane', async () => {
    expect((await ask('GET', '/v1/models', bearer)).status).toBe(200)
    expect((await ask('GET', '/v1/models', { 'x-api-key': key })).status).toBe(200)
    const admin = { authorization: `Bearer ${adminKey}` }
    expect(await codeOf(await ask('GET', '/admin/v1/tenants', admin))).toBe('not_implemented')
  })

  it('comes before the body: not a byte of it is read for a stranger', async () => {
    for (const path of ['/v1/chat/completions', '/v1/messages', '/v1/responses', '/admin/v1/x']) {
      let pulled = 0
      const body = new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            pulled += 1
            controller.enqueue(new Uint8Array(1024))
          },
        },
        { highWaterMark: 0 },
      )
      expect((await ask('POST', path, {}, body)).status).toBe(401)
      expect(pulled).toBe(0)
    }
  })

  it('is not asked for by /healthz, which says nothing but the version', async () => {
    const response = await ask('GET', '/healthz')
    expect(response.status).toBe(200)
    expect(Object.keys((await response.json()) as object)).toEqual(['status', 'config'])
  })

  it('never names the key it refuses', async () => {
    const response = await ask('POST', '/v1/messages', { 'x-api-key': strange })
    expect(await response.text()).not.toContain(strange.slice(6, 30))
  })
})

describe('answers without a provider', () => {
  it('are errors in the dialect of the path, with a request id', async () => {
    const response = await ask('POST', '/v1/messages')
    expect(await response.json()).toMatchObject({
      type: 'error',
      error: { type: 'authentication_error', code: 'unauthorized' },
      request_id: response.headers.get('x-switchyard-request-id'),
    })
    expect(await codeOf(await ask('POST', '/v1/chat/completions'))).toBe('unauthorized')
  })

  it('say what is not built, and what does not exist', async () => {
    const responses = await ask('POST', '/v1/responses', bearer)
    expect([responses.status, await codeOf(responses)]).toEqual([501, 'not_implemented'])
    expect((await ask('GET', '/v1/nothing', bearer)).status).toBe(404)
    expect((await ask('GET', '/v1/models/nobody', bearer)).status).toBe(404)
  })

  it('are a 500 with the request id and nothing else when the fault is ours', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const ring = new KeyRing([], pepper)
    const ill = testIsolate(fakeRuntime(), ring, ring, pepper)
    vi.spyOn(ring, 'find').mockImplementation(() => {
      throw new Error('the pepper is hunter2')
    })
    const response = await ask('GET', '/v1/models', bearer, null, ill)
    const text = await response.text()
    expect(response.status).toBe(500)
    expect(text).not.toContain('hunter2')
    expect(text).toContain(response.headers.get('x-switchyard-request-id') ?? 'none')
    vi.restoreAllMocks()
  })
})

describe('a request that is answered', () => {
  it('goes to the configured address once, and to no other', async () => {
    const sent: { url: string; headers: [string, string][]; body: string }[] = []
    vi.stubGlobal('fetch', async (input: RequestInfo, init: RequestInit) => {
      const request = new Request(input, init)
      sent.push({ url: request.url, headers: [...request.headers], body: await request.text() })
      return Response.json(wholeAnswer)
    })
    vi.spyOn(console, 'log').mockImplementation(() => undefined)
    const headers = { ...bearer, host: 'evil.example', 'x-forwarded-host': 'evil.example' }
    const response = await ask(
      'POST',
      '/v1/chat/completions?base_url=https://evil.example',
      headers,
      chat,
    )
    expect(response.status).toBe(200)
    expect(sent.map(({ url }) => url)).toEqual(['https://api.openai.com/v1/chat/completions'])
    expect(JSON.stringify(sent)).not.toContain('evil.example')
    expect(JSON.stringify(sent)).not.toContain(key)
    vi.restoreAllMocks()
  })

  it('shares what a provider asked for with the next one of the isolate', async () => {
    let calls = 0
    vi.stubGlobal('fetch', (input: RequestInfo, given: RequestInit) => {
      const { url } = new Request(input, given)
      if (!url.includes('openai')) return Promise.resolve(Response.json(wholeAnswer))
      calls += 1
      const init = { status: 429, headers: { 'retry-after': '60' } }
      return Promise.resolve(Response.json({ error: { message: 'slow' } }, init))
    })
    vi.spyOn(console, 'log').mockImplementation(() => undefined)
    const isolate = isolateOf()
    for (let request = 0; request < 3; request++)
      expect((await ask('POST', '/v1/chat/completions', bearer, chat, isolate)).status).toBe(200)
    expect(calls).toBe(1)
    vi.restoreAllMocks()
  })
})

describe('CORS', () => {
  const origin = { origin: 'https://app.example' }
  const open = () =>
    isolateOf(fakeRuntime({ ...settings, cors: { origins: ['https://app.example'] } }))

  it('is off by default', async () => {
    const response = await ask('GET', '/v1/models', { ...bearer, ...origin })
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
    expect((await ask('OPTIONS', '/v1/models', origin)).status).toBe(401)
  })

  it('allows the configured origin and no other, and never credentials', async () => {
    const good = await ask('GET', '/v1/models', { ...bearer, ...origin }, null, open())
    expect(good.headers.get('access-control-allow-origin')).toBe(origin.origin)
    expect(good.headers.get('access-control-allow-credentials')).toBeNull()
    expect((await ask('OPTIONS', '/v1/models', origin, null, open())).status).toBe(204)
    const bad = { ...bearer, origin: 'https://app.example.evil.example' }
    const refused = await ask('GET', '/v1/models', bad, null, open())
    expect(refused.headers.get('access-control-allow-origin')).toBeNull()
  })
})

describe('createIsolate()', () => {
  const keys = JSON.stringify([{ tenant: 'demo', id: 'abcdefgh', digest: '0'.repeat(64) }])
  const secrets = {
    SWITCHYARD_PEPPER: pepper,
    SWITCHYARD_KEYS: keys,
    SWITCHYARD_ADMIN_KEYS: '[]',
  }

  it('has no open mode: every secret must be there', () => {
    expect(() => createIsolate(secrets)).not.toThrow()
    for (const name of Object.keys(secrets))
      expect(() => createIsolate({ ...secrets, [name]: '' })).toThrow(name)
    expect(() => createIsolate({ ...secrets, SWITCHYARD_PEPPER: 'short' })).toThrow('32')
  })
})
