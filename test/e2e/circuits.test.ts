import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ask, type Seen } from '../support/ask-gateway.ts'
import { report } from '../support/report.ts'
import { healthy, kits, openAiHead } from '../support/scripted-answers.ts'
import {
  startScriptedUpstream,
  type Script,
  type ScriptedUpstream,
} from '../support/scripted-upstream.ts'
import { startRawGateway, type RawGateway } from '../support/start-raw-gateway.ts'
import { emptyRoutes, patientTimeouts, scriptedProvider, secretOf } from '../support/test-routes.ts'

/** Circuits on real isolates and real objects: what one learns all know, and no request waits for it. */

/** A provider for each test: what one does to it must not decide another. */
const providers = [
  'outage',
  'brownout',
  'limited',
  'unsaid',
  'spent',
  'refused',
  'stalls',
  'garbles',
  'shared',
  'forced',
  'alone',
  'first-of-two',
] as const

let upstream: ScriptedUpstream
let gateway: RawGateway

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  const routes = { ...emptyRoutes(), health: { mode: 'enforce' } }
  const secrets: Record<string, string> = {}
  for (const id of [...providers, 'backup']) {
    routes.providers[id] = scriptedProvider(id, 'openai', upstream.host)
    routes.targets[`m@${id}`] = {}
    secrets[secretOf(id)] = `${id}-provider-key`
    routes.routes[id] = {
      tiers: [[`m@${id}`], ['m@backup']],
      timeouts: { ...patientTimeouts, idleTimeoutMs: 300 },
    }
  }
  routes.routes['only'] = { tiers: [['m@alone']], timeouts: patientTimeouts }
  upstream.on('backup', answering('backup'))
  gateway = await startRawGateway(routes, secrets, { services: 2 })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})
beforeEach(() => upstream.clear())

const answering = (text: string): Script => healthy(kits.openai, text)

const refusing =
  (
    status: number,
    error: object = { message: 'no' },
    headers: Record<string, string> = {},
  ): Script =>
  (reply) => {
    reply.head(status, { 'content-type': 'application/json', ...headers })
    reply.end(JSON.stringify({ error }))
  }

const [pauseMs, longMs] = [20, 20_000]
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

interface Tried {
  readonly seen: Seen
  readonly provider: string | null
  readonly reason: string
  readonly attempts: number
}

async function once(id: string, more: object = {}, service = 0): Promise<Tried> {
  const door = { url: gateway.urls[service] ?? gateway.url, key: gateway.key }
  const seen = await ask(door, { dialect: 'openai', model: id, ...more })
  return {
    seen,
    provider: seen.headers.get('x-switchyard-provider'),
    reason: seen.headers.get('x-switchyard-reason') ?? '',
    attempts: Number(seen.headers.get('x-switchyard-attempts')),
  }
}

/** Asks until `enough`, and answers every try; the bound is a failure, not an ending. */
async function until(
  enough: (tried: Tried) => boolean,
  id: string,
  more: object = {},
): Promise<Tried[]> {
  const all: Tried[] = []
  const endMs = Date.now() + longMs
  while (Date.now() < endMs) {
    const tried = await once(id, more)
    all.push(tried)
    if (enough(tried)) return all
    await pause(pauseMs)
  }
  throw new Error(`not within ${longMs} ms; the last: ${JSON.stringify(all.at(-1)?.reason)}`)
}

const passedOver = ({ attempts, provider, reason }: Tried) =>
  attempts === 1 && provider === 'backup' && reason.includes('passed over: its circuit is open')

interface Circuit {
  readonly domain: string
  readonly state: string
  readonly cause: string | null
  readonly epoch: number
}

async function admin(path: string, init: RequestInit = {}): Promise<{ data: Circuit[] }> {
  const response = await fetch(`${gateway.url}/admin/v1/${path}`, {
    ...init,
    headers: { authorization: `Bearer ${gateway.adminKey}`, 'content-type': 'application/json' },
  })
  expect(response.status).toBe(200)
  return (await response.json()) as { data: Circuit[] }
}

async function circuit(provider: string, domain: string): Promise<Circuit | undefined> {
  const { data } = await admin(`circuits?provider=${provider}`)
  return data.find((one) => one.domain === domain)
}

describe('a circuit', () => {
  it('opens in an outage, no caller sees it, and it closes by probes when the outage is over', async () => {
    upstream.on('outage', refusing(500))
    const tries = await until(passedOver, 'outage')
    for (const { seen } of tries) expect(seen.status).toBe(200)
    expect(tries.at(-1)?.reason).toContain('blackout')
    const during = await circuit('outage', 'target:m@outage')
    expect(during).toMatchObject({ state: 'open', cause: 'blackout', epoch: 1 })

    upstream.on('outage', answering('outage'))
    const back = await until(
      ({ provider, reason }) => provider === 'outage' && reason === 'tier 1, first in order',
      'outage',
    )
    for (const { seen } of back) expect(seen.status).toBe(200)
    expect(back.some(({ reason }) => reason.startsWith('tier 1, tried again'))).toBe(true)
    expect(await circuit('outage', 'target:m@outage')).toMatchObject({ state: 'closed' })
  })

  it('opens when a third fails, which no run of failures in a row would show', async () => {
    let calls = 0
    upstream.on('brownout', (reply) => {
      calls += 1
      return calls % 3 === 0 ? refusing(503)(reply) : answering('brownout')(reply)
    })
    const tries = await until(passedOver, 'brownout')
    for (const { seen } of tries) expect(seen.status).toBe(200)
    expect(tries.at(-1)?.reason).toMatch(/brownout: \d+ of \d+ failed/)
  })

  it('opens for streams that stall after they were committed', async () => {
    upstream.on('stalls', async (reply) => {
      reply.head(200, openAiHead)
      await reply.write(kits.openai.start + kits.openai.text('Well,'))
      await reply.gone
    })
    const tries = await Promise.all(
      Array.from({ length: 16 }, () => once('stalls', { stream: true })),
    )
    const broken = tries.filter(({ provider }) => provider === 'stalls')
    for (const { seen } of broken) expect(seen).toMatchObject({ ended: false })
    const after = await until(passedOver, 'stalls', { stream: true })
    expect(after.at(-1)?.seen).toMatchObject({ ended: true, error: null })
  })

  it('opens for tool calls that do not parse', async () => {
    upstream.on('garbles', (reply) => {
      reply.head(200, { 'content-type': 'application/json' })
      const call = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{"q":' } }
      const message = { role: 'assistant', content: null, tool_calls: [call] }
      const choices = [{ index: 0, message, finish_reason: 'tool_calls' }]
      reply.end(
        JSON.stringify({ id: 'x', object: 'chat.completion', created: 1, model: 'm', choices }),
      )
    })
    const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }]
    const tries = await until(passedOver, 'garbles', { more: { tools } })
    expect(tries.at(-1)?.reason).toContain('broken_output')
  })
})

describe('a quota', () => {
  it('is a time before which nothing is sent, and no circuit', async () => {
    upstream.on('limited', refusing(429, { message: 'slow' }, { 'retry-after': '60' }))
    await once('limited')
    const { provider, attempts, reason } = await once('limited')
    expect({ provider, attempts }).toEqual({ provider: 'backup', attempts: 1 })
    expect(reason).toContain('its provider asked to wait')
    expect(await circuit('limited', 'target:m@limited')).toMatchObject({ state: 'closed' })
  })

  it('without retry-after is believed for a second', async () => {
    upstream.on('unsaid', refusing(429))
    await once('unsaid')
    upstream.on('unsaid', answering('unsaid'))
    expect((await once('unsaid')).provider).toBe('backup')
    await until(({ provider }) => provider === 'unsaid', 'unsaid')
  })

  it('that is spent locks the whole account', async () => {
    upstream.on('spent', refusing(429, { message: 'spent', code: 'insufficient_quota' }))
    await once('spent')
    const { provider, attempts, reason } = await once('spent')
    expect({ provider, attempts }).toEqual({ provider: 'backup', attempts: 1 })
    expect(reason).toContain('its quota is spent')
  })
})

describe('a credential that is refused', () => {
  it('is not sent again, and the caller is answered by another provider', async () => {
    upstream.on('refused', refusing(401))
    expect((await once('refused')).seen.status).toBe(200)
    const { provider, attempts, reason } = await once('refused')
    expect({ provider, attempts }).toEqual({ provider: 'backup', attempts: 1 })
    expect(reason).toContain('its credential was refused')
    expect(reason).not.toContain('provider-key')
    const asked = upstream.calls.filter(({ path }) => path.startsWith('/refused/'))
    expect(asked).toHaveLength(1)
  })
})

describe('what one isolate learns', () => {
  it('makes another change its first choice within 3 s, without one failure of its own', async () => {
    upstream.on('shared', (reply) =>
      reply.call.body.includes('from A') ? refusing(500)(reply) : answering('shared')(reply),
    )
    const fromB: Tried[] = []
    const askB = async () => {
      fromB.push(await once('shared', { prompt: 'from B' }, 1))
      await pause(300)
    }
    for (let request = 0; request < 4; request++) await askB()
    const startMs = Date.now()
    await Promise.all(Array.from({ length: 8 }, () => once('shared', { prompt: 'from A' }, 0)))
    while (!passedOver(fromB.at(-1) as Tried) && Date.now() - startMs < longMs) await askB()
    const learntMs = Date.now() - startMs
    for (const { seen, reason } of fromB) {
      expect(seen.status).toBe(200)
      expect(reason).not.toContain('failed before')
    }
    report(`the other isolate changed its first choice after ${learntMs} ms`)
    expect(learntMs).toBeLessThan(3000)
  })
})

describe('an operator', () => {
  it('forces a circuit open and lets it go again', async () => {
    upstream.on('forced', answering('forced'))
    expect((await once('forced')).provider).toBe('forced')
    const body = JSON.stringify({ state: 'open', forMs: 60_000 })
    await admin('circuits/forced/m', { method: 'PUT', body })
    const tries = await until(({ provider }) => provider === 'backup', 'forced')
    expect(tries.at(-1)?.reason).toContain('m@forced passed over: its circuit is forced open')
    await admin('circuits/forced/m', { method: 'PUT', body: JSON.stringify({ state: 'auto' }) })
    await until(({ provider }) => provider === 'forced', 'forced')
  })
})

describe('the last candidate', () => {
  it('is asked although its circuit is open, and the rest is told when to come back', async () => {
    upstream.on('alone', refusing(500))
    const tries: Tried[] = []
    for (let request = 0; request < 60; request++) tries.push(await once('only'))
    const refused = tries.filter(({ seen }) => seen.status === 503)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.some(({ attempts }) => attempts === 0)).toBe(true)
    for (const { seen } of refused) {
      expect(seen.error?.code).toBe('no_healthy_target')
      expect(Number(seen.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
      expect(seen.headers.get('x-should-retry')).toBe('false')
    }
    upstream.on('alone', answering('alone'))
    await until(({ seen }) => seen.status === 200, 'only')
  })
})
