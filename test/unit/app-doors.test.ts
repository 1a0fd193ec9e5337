import { afterEach, describe, expect, it, vi } from 'vitest'
import { createApp } from '../../worker/app.ts'
import { readConfig } from '../../worker/edge/config.ts'
import { testIsolate } from '../support/test-isolate.ts'
import { digestKey, formatKey, KeyRing, parseKey } from '../../worker/edge/keys.ts'
import { createRuntime } from '../../worker/edge/runtime.ts'

const pepper = 'pepper'.repeat(8)
const key = formatKey(
  'demo',
  Uint8Array.from({ length: 40 }, (_, index) => index),
)
const adminKey = formatKey(
  'admin',
  Uint8Array.from({ length: 40 }, (_, index) => index + 7),
)
const stored = (text: string) => ({
  tenant: parseKey(text)?.tenant ?? '',
  id: parseKey(text)?.id ?? '',
  digest: digestKey(text, pepper),
})

const file = {
  cors: { origins: ['https://app.example'] },
  providers: {
    openai: {
      adapter: 'openai',
      baseUrl: 'https://api.openai.com/v1',
      credential: { kind: 'bearer', secret: 'OPENAI_API_KEY', host: 'api.openai.com' },
    },
    cf: { adapter: 'workers-ai', binding: 'AI', credential: { kind: 'none' } },
    groq: {
      adapter: 'groq',
      baseUrl: 'https://api.groq.com/openai/v1',
      credential: { kind: 'bearer', secret: 'GROQ_API_KEY', host: 'api.groq.com' },
    },
  },
  targets: {
    'gpt-4.1@openai': {},
    '@cf/meta/llama-3.3-70b-instruct-fp8-fast@cf': {},
    'llama@groq': {},
  },
  routes: { chat: { tiers: [['gpt-4.1@openai']] }, other: { tiers: [['gpt-4.1@openai']] } },
  tenants: { demo: { routes: ['chat'] } },
}

function app(change: object = {}) {
  const read = readConfig({ ...file, ...change }, { local: false })
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  const isolate = testIsolate(
    createRuntime(read.config, read.version, { OPENAI_API_KEY: 'sk-upstream' }),
    new KeyRing([stored(key)], pepper),
    new KeyRing([stored(adminKey)], pepper),
    pepper,
  )
  return createApp(() => isolate)
}

const context = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} }

async function ask(path: string, init: RequestInit & { bindings?: object; change?: object } = {}) {
  const { bindings = {}, change = {}, ...rest } = init
  const response = await app(change).request(path, rest, bindings, context as never)
  const text = await response.text()
  return {
    response,
    text,
    body: text.startsWith('{') ? (JSON.parse(text) as Record<string, never>) : {},
  }
}

function post(
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
  more: object = {},
) {
  return ask(path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, ...headers },
    body: JSON.stringify(body),
    ...more,
  })
}

const hello = { model: 'chat', messages: [{ role: 'user', content: 'Hello' }] }

/** What OpenAI would answer, and what it was sent. */
function upstream() {
  const answer = {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'gpt-4.1',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: 'Hi' },
        finish_reason: 'stop',
        logprobs: null,
      },
    ],
    usage: { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100 },
  }
  return vi
    .spyOn(globalThis, 'fetch')
    .mockImplementation(async () =>
      Response.json(answer, { headers: { 'set-cookie': 'a=b', 'x-upstream': '1' } }),
    )
}

vi.spyOn(console, 'log').mockImplementation(() => undefined)
afterEach(() => vi.mocked(globalThis.fetch).mockRestore?.())

describe('authentication', () => {
  it.each([
    ['no key', {}],
    ['junk', { authorization: 'Bearer junk' }],
    ['another scheme', { authorization: `Basic ${key}` }],
    [
      'a well-formed key that nobody has',
      { authorization: `Bearer ${formatKey('demo', new Uint8Array(40))}` },
    ],
    ['an admin key', { authorization: `Bearer ${adminKey}` }],
    ['the digest of a key', { authorization: `Bearer ${digestKey(key, pepper)}` }],
  ])('refuses %s with 401, in the dialect of the path', async (_name, headers) => {
    const openai = await ask('/v1/chat/completions', { method: 'POST', headers, body: '{' })
    expect(openai.response.status).toBe(401)
    expect(openai.body).toMatchObject({ error: { code: 'unauthorized' } })
    const anthropic = await ask('/v1/messages', { method: 'POST', headers, body: '{' })
    expect(anthropic.body).toMatchObject({ type: 'error', error: { type: 'authentication_error' } })
  })

  it('takes the key as a bearer token and as x-api-key', async () => {
    for (const headers of [{ authorization: `Bearer ${key}` }, { 'x-api-key': key }]) {
      expect((await ask('/v1/models', { headers })).response.status).toBe(200)
    }
  })

  it('does not read a body before the key', async () => {
    let read = false
    const body = new ReadableStream(
      {
        pull(controller) {
          read = true
          controller.close()
        },
      },
      { highWaterMark: 0 },
    )
    const { response } = await ask('/v1/chat/completions', {
      method: 'POST',
      body,
      duplex: 'half',
    } as never)
    expect(response.status).toBe(401)
    expect(read).toBe(false)
  })

  it('keeps data-plane keys out of the admin plane', async () => {
    expect(
      (await ask('/admin/v1/tenants', { headers: { authorization: `Bearer ${key}` } })).response
        .status,
    ).toBe(401)
    const admin = await ask('/admin/v1/tenants', {
      headers: { authorization: `Bearer ${adminKey}` },
    })
    expect(admin.response.status).toBe(501)
    expect(admin.body).toMatchObject({ error: { code: 'not_implemented' } })
  })

  it('asks no key of /healthz', async () => {
    const { response, body } = await ask('/healthz')
    expect(response.status).toBe(200)
    expect(body).toMatchObject({ status: 'ok' })
  })
})

describe('an unstreamed request', () => {
  it('is sent with exactly these headers, and none of the caller', async () => {
    const fetch = upstream()
    await post('/v1/chat/completions', hello, {
      cookie: 'c=1',
      'x-forwarded-for': '1.2.3.4',
      'openai-organization': 'org',
      'cf-connecting-ip': '1.2.3.4',
    })
    const [input = '', init] = fetch.mock.calls[0] ?? []
    const sent = new Request(input, init)
    expect(sent.url).toBe('https://api.openai.com/v1/chat/completions')
    expect(sent).toMatchObject({ redirect: 'manual', method: 'POST' })
    expect(await sent.json()).toMatchObject({ messages: hello.messages })
    expect(Object.fromEntries(sent.headers)).toEqual({
      'content-type': 'application/json',
      accept: 'application/json',
      'user-agent': 'switchyard',
      authorization: 'Bearer sk-upstream',
    })
  })

  it("answers with our headers and none of the provider's, and adds the cost", async () => {
    upstream()
    const { response, body } = await post('/v1/chat/completions', hello)
    expect(response.headers.get('set-cookie')).toBeNull()
    expect(response.headers.get('x-upstream')).toBeNull()
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-switchyard-route': 'chat',
      'x-switchyard-provider': 'openai',
      'x-switchyard-model': 'gpt-4.1',
      'x-switchyard-attempts': '1',
      'x-switchyard-region': 'unspecified',
      'x-switchyard-reason': 'the only target that may and can answer',
    })
    // 1,000 tokens at 2 USD and 100 at 8 USD per million.
    expect(body).toMatchObject({ id: 'chatcmpl-1', cost: 0.0028 })
  })

  it("names the request where the dialect's clients look for its id, on answers and on refusals", async () => {
    upstream()
    const answers = [
      [await post('/v1/chat/completions', hello), 'x-request-id'],
      [await post('/v1/messages', { ...hello, max_tokens: 5 }), 'request-id'],
      [await ask('/v1/messages', { method: 'POST' }), 'request-id'],
      [await ask('/v1/chat/completions', { method: 'POST' }), 'x-request-id'],
    ] as const
    for (const [{ response }, header] of answers) {
      expect(response.headers.get(header)).toMatch(/^req_[0-9a-f]{32}$/)
      expect(response.headers.get(header)).toBe(response.headers.get('x-switchyard-request-id'))
    }
  })

  it('says which field is wrong, in a 400', async () => {
    const { response, body } = await post('/v1/chat/completions', { ...hello, temperature: 'warm' })
    expect(response.status).toBe(400)
    expect(body).toMatchObject({ error: { code: 'invalid_request', param: 'temperature' } })
  })

  it('refuses an unknown model, a route that the tenant may not use, and a target without its key', async () => {
    expect(await post('/v1/chat/completions', { ...hello, model: 'nope' })).toMatchObject({
      response: { status: 404 },
      body: { error: { code: 'unknown_model', param: 'model' } },
    })
    expect(await post('/v1/chat/completions', { ...hello, model: 'other' })).toMatchObject({
      response: { status: 403 },
      body: { error: { code: 'route_forbidden' } },
    })
    const missing = await post('/v1/chat/completions', { ...hello, model: 'llama@groq' })
    expect(missing).toMatchObject({
      response: { status: 503 },
      body: { error: { code: 'no_healthy_target' } },
    })
    expect(missing.text).toContain('GROQ_API_KEY is not set here')
  })

  it('refuses a deadline that is none', async () => {
    for (const value of ['0', '-5', 'soon', '1.5', '']) {
      const { response, body } = await post('/v1/chat/completions', hello, {
        'x-switchyard-deadline-ms': value,
      })
      expect(response.status).toBe(400)
      expect(body).toMatchObject({ error: { param: 'x-switchyard-deadline-ms' } })
    }
  })

  it('calls Workers AI through its binding', async () => {
    const run = vi.fn(async () =>
      Response.json({
        response: 'Moo',
        usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
      }),
    )
    const model = '@cf/meta/llama-3.3-70b-instruct-fp8-fast'
    const { response, body } = await post(
      '/v1/chat/completions',
      { ...hello, model: `${model}@cf` },
      {},
      { bindings: { AI: { run } } },
    )
    expect(response.status).toBe(200)
    expect(body).toMatchObject({
      choices: [{ message: { content: 'Moo' }, finish_reason: 'stop' }],
    })
    expect(run).toHaveBeenCalledWith(
      model,
      expect.objectContaining({ messages: expect.any(Array) as never }),
      expect.objectContaining({ returnRawResponse: true }),
    )
  })

  it('is an upstream error when the binding is not there', async () => {
    const { response, body } = await post('/v1/chat/completions', {
      ...hello,
      model: '@cf/meta/llama-3.3-70b-instruct-fp8-fast@cf',
    })
    expect(response.status).toBe(502)
    expect(body).toMatchObject({ error: { code: 'upstream_error' } })
    expect(response.headers.get('x-should-retry')).toBe('false')
  })
})

describe('endpoints', () => {
  it.each([
    '/v1/responses',
    '/v1/embeddings',
    '/v1/rerank',
    '/v1/moderations',
    '/v1/images/generations',
    '/v1/audio/speech',
    '/v1/audio/transcriptions',
    '/v1/extract',
  ])('answers 501 for %s, which is not built yet', async (path) => {
    expect(await post(path, {})).toMatchObject({
      response: { status: 501 },
      body: { error: { code: 'not_implemented' } },
    })
  })

  it('answers 404 for what there is not', async () => {
    expect((await post('/v1/nothing', {})).response.status).toBe(404)
    expect((await ask('/')).response.status).toBe(404)
  })

  it('explains a plan and calls nobody', async () => {
    const fetch = upstream()
    const { body } = await post('/v1/explain', {
      path: '/v1/messages',
      model: 'chat',
      max_tokens: 5,
      messages: [{ role: 'user', content: 'Hi' }],
    })
    expect(body).toMatchObject({
      route: 'chat',
      steps: [{ target: 'gpt-4.1@openai', tier: 1 }],
      exclusions: [],
    })
    expect(fetch).not.toHaveBeenCalled()
  })

  it('lists routes and targets, with prices, and finds each by its id', async () => {
    const { body } = await ask('/v1/models', { headers: { 'x-api-key': key } })
    const ids = (body as unknown as { data: { id: string }[] }).data.map(({ id }) => id)
    expect(ids).toContain('chat')
    expect(ids).not.toContain('other')
    for (const id of ids) {
      const one = await ask(`/v1/models/${id}`, { headers: { 'x-api-key': key } })
      expect(one.response.status, id).toBe(200)
    }
    const one = await ask('/v1/models/gpt-4.1@openai', { headers: { 'x-api-key': key } })
    expect(one.body).toMatchObject({
      owned_by: 'openai',
      context_length: expect.any(Number) as never,
      pricing: { prompt: '0.000002', completion: '0.000008' },
    })
  })
})

describe('CORS', () => {
  const origin = { origin: 'https://app.example' }

  it('answers a preflight of a configured origin, and of no other', async () => {
    const allowed = await ask('/v1/chat/completions', { method: 'OPTIONS', headers: origin })
    expect(allowed.response.status).toBe(204)
    expect(allowed.response.headers.get('access-control-allow-origin')).toBe('https://app.example')
    const other = await ask('/v1/chat/completions', {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example' },
    })
    expect(other.response.headers.get('access-control-allow-origin')).toBeNull()
  })

  it('lets a configured origin read errors and answers', async () => {
    const { response } = await ask('/v1/models', { headers: origin })
    expect(response.status).toBe(401)
    expect(response.headers.get('access-control-allow-origin')).toBe('https://app.example')
  })

  it('is off by default', async () => {
    const { response } = await ask('/v1/models', {
      headers: { ...origin, 'x-api-key': key },
      change: { cors: undefined },
    })
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  })
})
