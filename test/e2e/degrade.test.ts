import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../../scripts/local-gateway.ts'
import { ask, type DialectId, type Question, type Seen } from '../support/ask-gateway.ts'
import { controlSimulator, type SimulatorControl } from '../support/sdk/simulator-control.ts'
import { startGateway, type RunningGateway } from '../support/start-gateway.ts'

/** Less than was asked for rather than nothing, on workerd, against the simulated providers. */

const openai = 'gpt-4.1@openai'
const claude = 'claude-sonnet-4-5@anthropic'
const mistral = 'mistral-small-latest@mistral'

const sorry = 'Sorry, we are busy. Your reference: {requestId}.'
const template = { rung: 'template', text: sorry }

const routes = {
  drill: { tiers: [['grok-4.3@xai'], [claude]] },
  valid: { tiers: [[openai], [claude]], validate: { schema: true, buffer: true } },
  kept: { tiers: [[openai, mistral]], cache: { mode: 'first', ttlSeconds: 600 } },
  ladder: {
    tiers: [
      ['deepseek-v4-pro@deepseek'],
      { targets: ['deepseek-v4-flash@deepseek'], intent: 'smaller' },
    ],
    degrade: ['cache', 'smaller-model', template],
  },
  remembered: { tiers: [['llama-3.3-70b-versatile@groq']], degrade: ['cache'] },
  later: { tiers: [['command-a-03-2025@cohere']], degrade: ['deferred'] },
  narrow: { tiers: [[claude]], priority: 'standard' },
  urgent: { tiers: [[claude]], priority: 'critical' },
}

let gateway: RunningGateway
let simulator: SimulatorControl
let european = ''
let acme = ''

beforeAll(async () => {
  const shipped = JSON.parse(readFileSync(join(root, 'routes.json'), 'utf8')) as {
    readonly targets: Readonly<Record<string, object>>
  }
  const targets = { ...shipped.targets, [claude]: { maxConcurrent: 5 } }
  const scarcity = { premiumReserve: 0.2, batchShare: 0.25 }
  gateway = await startGateway({
    circuits: true,
    ledger: true,
    routes: { ...shipped, targets, routes, scarcity },
  })
  simulator = controlSimulator(gateway.simulator)
  european = await keyOf('demo', { name: 'eu', regions: ['eu'] })
  acme = await keyOf('acme', { name: 'e2e' })
})
afterAll(() => gateway.close())
afterEach(() => simulator.reset())

async function admin(method: string, path: string, body: object): Promise<{ key?: string }> {
  const response = await fetch(`${gateway.url}/admin/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${gateway.adminKey}` },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  expect(response.status, text).toBeLessThan(300)
  return JSON.parse(text) as { key?: string }
}

async function keyOf(tenant: string, key: object): Promise<string> {
  await admin('PUT', `/tenants/${tenant}`, {})
  return (await admin('POST', `/tenants/${tenant}/keys`, key)).key ?? ''
}

function chat(model: string, more: Partial<Question> = {}, key = gateway.key): Promise<Seen> {
  return ask({ url: gateway.url, key }, { dialect: 'openai', model, ...more })
}

const degraded = ({ headers }: Seen): string | null => headers.get('x-switchyard-degraded')
const provider = ({ headers }: Seen): string | null => headers.get('x-switchyard-provider')
const down = (of: string) =>
  simulator.fault({ provider: of, fault: { kind: 'status', status: 500 } })

/** No test finds what another has asked. */
let questions = 0
const anew = (): string => `Question ${(questions += 1)}`

const dialects: readonly DialectId[] = ['openai', 'anthropic']

describe('a primary that is taken out in a drill', () => {
  const place = '/circuits/xai/grok-4.3'

  it('is missed by nobody', async () => {
    await admin('PUT', place, { state: 'open', forMs: 60_000 })
    try {
      const seen: Seen[] = []
      for (const stream of [false, true, false, true])
        for (const dialect of dialects) seen.push(await chat('drill', { dialect, stream }))
      for (const one of seen) {
        expect([one.status, one.ended, one.error]).toEqual([200, true, null])
        expect(degraded(one)).toBeNull()
      }
      expect(seen.slice(-4).map(provider)).toEqual(Array(4).fill('anthropic'))
    } finally {
      await admin('PUT', place, { state: 'auto' })
    }
  })
})

describe('a primary that breaks the schema', () => {
  const schema = {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  }
  const response_format = { type: 'json_schema', json_schema: { name: 'c', strict: true, schema } }

  /** The next call of OpenAI is answered with this text. */
  const sayOnce = async (text: string) => {
    const message = { role: 'assistant', content: text }
    const choices = [{ index: 0, message, finish_reason: 'stop' }]
    const usage = { prompt_tokens: 9, completion_tokens: 9, total_tokens: 18 }
    const body = { id: 'x', object: 'chat.completion', created: 1, model: 'm', choices, usage }
    const response = await fetch(`${gateway.simulator}/__control/replay`, {
      method: 'POST',
      body: JSON.stringify({
        provider: 'openai',
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    })
    expect(response.status).toBe(200)
  }

  it.each([false, true])('has the second target answer (stream: %s)', async (stream) => {
    await sayOnce('{"town":"Ulm"}')
    const seen = await chat('valid', { stream, prompt: anew(), more: { response_format } })
    expect([seen.status, seen.ended, provider(seen)]).toEqual([200, true, 'anthropic'])
    expect(JSON.parse(seen.text)).toHaveProperty('city')
    expect(seen.headers.get('x-switchyard-attempts')).toBe('2')
    expect(seen.headers.get('x-switchyard-reason')).toContain('failed before (malformed)')
  })

  it('is paid for, and its line says what it was', async () => {
    await sayOnce('{"town":"Ulm"}')
    const seen = await chat('valid', { prompt: anew(), more: { response_format } })
    const id = seen.headers.get('x-switchyard-request-id') ?? ''
    const view = async () => {
      const response = await fetch(`${gateway.url}/v1/requests/${id}`, {
        headers: { authorization: `Bearer ${gateway.key}` },
      })
      return (await response.json()) as { attempts: { outcome: string; cost_usd: string | null }[] }
    }
    const endMs = Date.now() + 5000
    let attempts = (await view()).attempts
    while (attempts.some(({ cost_usd }) => cost_usd === null) && Date.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      attempts = (await view()).attempts
    }
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['malformed', 'ok'])
    expect(Number(attempts[0]?.cost_usd)).toBeGreaterThan(0)
  })
})

describe('a ladder', () => {
  it('goes down rung by rung, and says so: smaller model, then a fixed reply', async () => {
    await simulator.fault({
      provider: 'deepseek',
      model: 'deepseek-v4-pro',
      fault: { kind: 'status', status: 500 },
    })
    const smaller = await chat('ladder', { prompt: anew() })
    expect([smaller.status, degraded(smaller)]).toEqual([200, 'smaller-model'])
    expect(smaller.headers.get('x-switchyard-model')).toBe('deepseek-v4-flash')
    await down('deepseek')
    for (const dialect of dialects)
      for (const stream of [false, true]) {
        const seen = await chat('ladder', { dialect, stream, prompt: anew() })
        const id = seen.headers.get('x-switchyard-request-id') ?? ''
        expect([seen.status, seen.ended, seen.error, seen.afterEnd]).toEqual([200, true, null, 0])
        expect(seen.text).toBe(sorry.replace('{requestId}', id))
        expect([degraded(seen), provider(seen)]).toEqual(['template', null])
      }
  })

  it('gives the answer that the same request had before, in the dialect and form it asks for', async () => {
    const prompt = anew()
    const before = await chat('remembered', { prompt, stream: true })
    expect(degraded(before)).toBeNull()
    await down('groq')
    for (const stream of [false, true]) {
      const seen = await chat('remembered', { prompt, stream })
      expect([seen.text, degraded(seen), seen.ended]).toEqual([before.text, 'cache', true])
    }
  })

  it('begins a job where that is its rung, and the job has the answer', async () => {
    await simulator.fault({
      provider: 'cohere',
      fault: { kind: 'status', status: 500 },
      times: 2,
    })
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.key}` },
      body: JSON.stringify({ model: 'later', messages: [{ role: 'user', content: anew() }] }),
    })
    const place = response.headers.get('location') ?? ''
    expect([response.status, place]).toEqual([202, expect.stringMatching(/^\/v1\/jobs\//)])
    const endMs = Date.now() + 10_000
    for (;;) {
      const headers = { authorization: `Bearer ${gateway.key}` }
      const job = await (await fetch(`${gateway.url}${place}`, { headers })).text()
      if (job.includes('chat.completion')) break
      expect(Date.now(), job).toBeLessThan(endMs)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })
})

describe('a cache', () => {
  const asked = async (): Promise<number> => (await simulator.requests()).length

  it('answers the same request again, for nothing', async () => {
    const prompt = anew()
    const before = await chat('kept', { prompt })
    const calls = await asked()
    const after = await chat('kept', { prompt })
    expect([after.text, degraded(after)]).toEqual([before.text, 'cache'])
    expect(after.headers.get('x-switchyard-attempts')).toBe('0')
    expect(await asked()).toBe(calls)
    expect(JSON.parse(after.raw)).toMatchObject({ cost: 0 })
    const other = await chat('kept', { prompt, more: { temperature: 0.1 } })
    expect(degraded(other)).toBeNull()
  })

  it('has nothing of one tenant for another', async () => {
    const prompt = anew()
    await chat('kept', { prompt })
    const other = await chat('kept', { prompt }, acme)
    expect([other.status, degraded(other)]).toEqual([200, null])
    expect(degraded(await chat('kept', { prompt }, acme))).toBe('cache')
  })

  it('is checked again: a key that must stay in a region gets nothing that was made elsewhere', async () => {
    // Some of these were made in the region, some elsewhere.
    for (let n = 0; n < 8; n++) {
      const prompt = anew()
      const first = await chat('kept', { prompt })
      const seen = await chat('kept', { prompt }, european)
      expect(provider(seen)).toBe('mistral')
      expect(degraded(seen)).toBe(provider(first) === 'mistral' ? 'cache' : null)
    }
  })

  it('keeps no stream that broke', async () => {
    const prompt = anew()
    const fault = { kind: 'truncate', afterEvents: 3 }
    for (const of of ['openai', 'mistral']) await simulator.fault({ provider: of, fault })
    const broken = await chat('kept', { prompt, stream: true })
    expect(broken.ended).toBe(false)
    await simulator.reset()
    expect(degraded(await chat('kept', { prompt }))).toBeNull()
  })
})

describe('when capacity is short', () => {
  it('standard work is told to wait, and critical work notices nothing', async () => {
    await simulator.fault({
      provider: 'anthropic',
      fault: { kind: 'latency', firstByteMs: 1500, perChunkMs: 0 },
    })
    const standard = Array.from({ length: 10 }, () => chat('narrow', { prompt: anew() }))
    await new Promise((resolve) => setTimeout(resolve, 300))
    const critical = await Promise.all([1, 2].map(() => chat('urgent', { prompt: anew() })))
    expect(critical.map(({ status }) => status)).toEqual([200, 200])
    const seen = await Promise.all(standard)
    const refused = seen.filter(({ status }) => status === 503)
    // Of five that it takes at once, four are everybody's.
    expect([seen.filter(({ status }) => status === 200).length, refused.length]).toEqual([4, 6])
    for (const { headers, error } of refused) {
      expect(error?.code).toBe('no_healthy_target')
      expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    }
  })
})
