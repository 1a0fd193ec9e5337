import { afterAll, beforeAll, expect, it } from 'vitest'
import { startGateway, type RunningGateway } from '../support/start-gateway.ts'
import { emptyRoutes } from '../support/test-routes.ts'

/** Pinned tenants and jobs over the public face alone, on the gateway that `npm start` starts. */

let gateway: RunningGateway
let key = ''

beforeAll(async () => {
  const routes = emptyRoutes()
  for (const [id, region] of [
    ['inside', 'eu'],
    ['outside', 'us'],
  ] as const) {
    const host = `${id}.example.com`
    const credential = { kind: 'bearer', secret: 'NOBODY_HAS_IT', host }
    const baseUrl = `https://${host}/v1`
    routes.providers[id] = { adapter: 'openai', baseUrl, credential, regions: [region] }
    routes.targets[`gpt-4.1@${id}`] = { free: true }
  }
  routes.routes['chat'] = { tiers: [['gpt-4.1@outside'], ['gpt-4.1@inside']], resumable: {} }
  routes.routes['abroad'] = { tiers: [['gpt-4.1@outside']] }
  gateway = await startGateway({ routes, ledger: true })
  await admin('PUT', '/tenants/acme', { residency: 'eu', strict: true })
  const made = (await admin('POST', '/tenants/acme/keys', { name: 'app' })) as { key: string }
  key = made.key
})
afterAll(() => gateway.close())

async function admin(method: string, path: string, body: object): Promise<unknown> {
  const response = await fetch(`${gateway.url}/admin/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${gateway.adminKey}`,
      'idempotency-key': crypto.randomUUID(),
    },
    body: JSON.stringify(body),
  })
  expect([response.status, path]).toEqual([200, path])
  return response.json()
}

function ask(body: object, { colo = 'FRA', headers = {} } = {}): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'mf-cf-blob': JSON.stringify({ colo, country: 'DE', continent: 'EU' }),
      ...headers,
    },
    body: JSON.stringify({
      model: 'chat',
      messages: [{ role: 'user', content: 'a word for the EU alone' }],
      ...body,
    }),
  })
}

async function codeOf(response: Response): Promise<readonly [number, string]> {
  const { error } = (await response.json()) as { error: { code: string } }
  return [response.status, error.code]
}

it('answers a pinned tenant from inside of its region', async () => {
  const response = await ask({})
  expect([response.status, response.headers.get('x-switchyard-region')]).toEqual([200, 'eu'])
  expect(response.headers.get('x-switchyard-provider')).toBe('inside')
  await response.text()
  const seen = await fetch(`${gateway.simulator}/__control/requests?provider=outside`)
  expect(await seen.text()).not.toContain('a word for the EU alone')
})

it('refuses what is not to be had there, and what came in elsewhere', async () => {
  expect(await codeOf(await ask({ model: 'abroad' }))).toEqual([451, 'region_unavailable'])
  expect(await codeOf(await ask({}, { colo: 'IAD' }))).toEqual([451, 'region_unavailable'])
})

it('gives a stream ids, and what came after one of them', async () => {
  const whole = await (await ask({ stream: true })).text()
  const ids = [...whole.matchAll(/^id: (\S+)$/gm)].map(([, id = '']) => id)
  expect(ids.length).toBeGreaterThan(2)
  const again = await ask({ stream: true }, { headers: { 'last-event-id': ids[0] ?? '' } })
  expect(await again.text()).toBe(
    whole.slice(whole.indexOf(`id: ${ids[0]}\n\n`) + `id: ${ids[0]}\n\n`.length),
  )
})

it('runs a job', async () => {
  const promised = await ask({}, { headers: { prefer: 'respond-async' } })
  expect(promised.status).toBe(202)
  const location = promised.headers.get('location') ?? ''
  await promised.text()
  const job = async () => {
    const response = await fetch(`${gateway.url}${location}`, {
      headers: {
        authorization: `Bearer ${key}`,
        'mf-cf-blob': JSON.stringify({ colo: 'FRA' }),
      },
    })
    return (await response.json()) as { status: string; response: { body: object } | null }
  }
  await expect.poll(async () => (await job()).status).toBe('completed')
  expect((await job()).response?.body).toMatchObject({ object: 'chat.completion' })
})

it('has nothing of it in the log', () => {
  expect(gateway.logs.text).toContain('"switchyard.tenant":"acme"')
  expect(gateway.logs.text).not.toContain('a word for the EU alone')
})
