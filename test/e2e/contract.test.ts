import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ask, bodyOf, dialectIds, pathOf } from '../support/ask-gateway.ts'
import { pool } from '../support/pool.ts'
import { controlSimulator } from '../support/sdk/simulator-control.ts'
import { startGateway, type RunningGateway } from '../support/start-gateway.ts'

/** The public face, point by point, with the routes.json of the repository. */

let gateway: RunningGateway

beforeAll(async () => {
  gateway = await startGateway()
})
afterEach(() => controlSimulator(gateway.simulator).reset())
afterAll(() => gateway.close())

function call(path: string, body?: unknown, headers: Record<string, string> = {}) {
  return fetch(gateway.url + path, {
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    headers: { authorization: `Bearer ${gateway.key}`, ...headers },
  })
}

async function codeOf(response: Response): Promise<unknown> {
  return ((await response.json()) as { error: { code: unknown } }).error.code
}

const messages = [{ role: 'user', content: 'hello' }]
const header = (response: Response, name: string) => response.headers.get(`x-switchyard-${name}`)

describe('every answer', () => {
  it.each([
    ['health', '/healthz', 200],
    ['models', '/v1/models', 200],
    ['a path that is not there', '/v1/nothing', 404],
    ['an endpoint that is not built', '/v1/embeddings', 501],
    ['the admin plane for a data key', '/admin/v1/circuits', 401],
  ])('of %s says its id, the config, that nobody was called', async (_name, path, status) => {
    const response = await call(path)
    expect(response.status).toBe(status)
    expect(header(response, 'request-id')).toMatch(/^req_[0-9a-f]{32}$/)
    expect(header(response, 'config')).not.toBeNull()
    expect(header(response, 'attempts')).toBe('0')
    expect(response.headers.get('server-timing')).not.toBeNull()
  })

  it('of an endpoint that is not built tells clients not to try again', async () => {
    const response = await call('/v1/responses', { model: 'chat', input: 'hello' })
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect([response.status, await codeOf(response)]).toEqual([501, 'not_implemented'])
  })

  it('of a count of tokens says who counted', async () => {
    const response = await call('/v1/messages/count_tokens', { model: 'claude', messages })
    expect(response.status).toBe(200)
    expect(header(response, 'attempts')).toBe('1')
    expect(header(response, 'provider')).toBe('anthropic')
  })

  it.each(dialectIds)('of a rate limit says when to come back: %s', async (dialect) => {
    const { fault } = controlSimulator(gateway.simulator)
    await fault({ provider: 'openai', fault: { kind: 'status', status: 429 } })
    // A target of its own: its gate stays closed for a while.
    const seen = await ask(gateway, { dialect, model: 'gpt-4o-mini@openai' })
    expect([seen.status, seen.error?.code]).toEqual([429, 'rate_limited'])
    expect(Number(seen.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(seen.headers.get('x-should-retry')).toBe('false')
  })
})

describe('request headers that are not honoured', () => {
  it.each(dialectIds)('are named in the warning, those sent and no others: %s', async (dialect) => {
    const asked = { 'idempotency-key': 'k', 'x-switchyard-tags': 'team=a' }
    const seen = await ask(gateway, { dialect, model: 'chat', headers: asked })
    expect([seen.status, seen.headers.get('x-switchyard-warning')]).toEqual([
      200,
      'not honoured here: x-switchyard-tags, idempotency-key',
    ])
    const plain = await ask(gateway, { dialect, model: 'chat', headers: { prefer: 'wait=5' } })
    expect(plain.headers.get('x-switchyard-warning')).toBeNull()
  })
})

describe('`prefer: respond-async`', () => {
  it.each(dialectIds)('is answered with the place of a job: %s', async (dialect) => {
    const headers = { prefer: 'respond-async' }
    const seen = await ask(gateway, { dialect, model: 'chat', headers })
    expect(seen.status).toBe(202)
    const location = seen.headers.get('location') ?? ''
    expect(location).toMatch(/^\/v1\/jobs\/req_[0-9a-f]{32}$/)
    const authorization = `Bearer ${gateway.key}`
    const job = await fetch(`${gateway.url}${location}`, { headers: { authorization } })
    expect([200, 202]).toContain(job.status)
  })
})

describe('models and providers as OpenRouter’s clients name them', () => {
  it.each(dialectIds)('`models` alone asks the first of them: %s', async (dialect) => {
    const body = bodyOf({ dialect, model: '', more: { models: ['fast', 'chat'] } })
    const response = await call(pathOf(dialect), { ...body, model: undefined })
    expect([response.status, header(response, 'route')]).toEqual([200, 'fast'])
  })

  it('what no target can be chosen by is named in the warning', async () => {
    const provider = { sort: 'latency' }
    // Nobody has asked its targets yet, so that nothing of them is measured.
    const response = await call('/v1/chat/completions', { model: 'reasoning', messages, provider })
    expect(header(response, 'warning')).toContain('provider.sort')
  })

  it.each([{ zdr: true }, { data_collection: 'deny' }])(
    'a wish for privacy that no target declares to honour is refused: %o',
    async (provider) => {
      const response = await call('/v1/chat/completions', { model: 'chat', messages, provider })
      expect(response.status).toBe(400)
      expect(await response.text()).toContain(`provider.${Object.keys(provider)[0]}`)
    },
  )
})

describe('POST /v1/explain', () => {
  it.each(['/v1/chat/completions', '/v1/messages', '/v1/messages/count_tokens'])(
    'answers the plan of %s and calls nobody',
    async (path) => {
      const response = await call('/v1/explain', { path, model: 'chat', max_tokens: 5, messages })
      expect(response.status).toBe(200)
      expect(await response.json()).toMatchObject({
        route: 'chat',
        steps: [{ target: 'gpt-4.1@openai', tier: 1 }, { tier: 2 }, { tier: 3 }, { tier: 4 }],
      })
      expect(await controlSimulator(gateway.simulator).requests()).toEqual([])
    },
  )

  it('says what writing the request for each target would leave out or change', async () => {
    const body = { model: 'chat', messages, temperature: 1.5, logit_bias: { 1: 1 }, seed: 1 }
    const response = await call('/v1/explain', body)
    const { steps } = (await response.json()) as {
      steps: { target: string; departures: string[] }[]
    }
    const claude = steps.find(({ target }) => target.endsWith('@anthropic'))
    expect(steps[0]?.departures).toEqual([])
    expect(claude?.departures.join('; ')).toContain('seed')
    expect(claude?.departures.join('; ')).toContain('temperature')
  })

  it('answers 501 for what is not built, and names the field for what is not there', async () => {
    const later = await call('/v1/explain', { path: '/v1/embeddings', model: 'chat', input: 'x' })
    expect([later.status, await codeOf(later)]).toEqual([501, 'not_implemented'])
    const never = await call('/v1/explain', { path: '/v1/nothing', model: 'chat', messages })
    expect(never.status).toBe(400)
    expect(await never.json()).toMatchObject({ error: { param: 'path' } })
  })
})

describe('GET /v1/models', () => {
  it('lists only what GET /v1/models/{id} finds, slashes and @ in it, escaped or not', async () => {
    const list = (await (await call('/v1/models')).json()) as { data: { id: string }[] }
    const ids = list.data.map(({ id }) => id)
    expect(ids).toContain('@cf/openai/gpt-oss-120b@workers-ai')
    const found = await pool(
      ids.flatMap((id) => [id, encodeURIComponent(id)].map((written) => ({ id, written }))),
      8,
      async ({ id, written }) => {
        const entry = (await (await call(`/v1/models/${written}`)).json()) as { id: string }
        return entry.id === id ? null : written
      },
    )
    expect(found.filter((one) => one !== null)).toEqual([])
  })
})

describe('a stream that calls itself JSON', () => {
  it.each(dialectIds)('is read as the stream it is: %s', async (dialect) => {
    const chunk = (delta: object, finish: string | null) =>
      `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
    const body = `\n${chunk({ role: 'assistant', content: 'Hi' }, null)}${chunk({}, 'stop')}data: [DONE]\n\n`
    await fetch(`${gateway.simulator}/__control/replay`, {
      method: 'POST',
      body: JSON.stringify({
        provider: 'openai',
        status: 200,
        headers: { 'content-type': 'application/json' },
        body,
        chunks: [1, 40],
        chunkDelayMs: 1,
      }),
    })
    const seen = await ask(gateway, { dialect, model: 'gpt-4.1@openai', stream: true })
    expect(seen).toMatchObject({ status: 200, text: 'Hi', ended: true, error: null })
  })
})
