import { describe, expect, it } from 'vitest'
import {
  anthropicMessages,
  parseCountTokens,
  renderCountTokens,
} from '../../../worker/dialects/anthropic-messages/index.ts'
import { Exchange } from '../../../worker/engine/exchange.ts'
import { serveCountTokens } from '../../../worker/engine/serve-count-tokens.ts'
import {
  type Answer,
  FakeHost,
  fakeRuntime,
  json,
  settings,
  silence,
  upstreamSecret,
} from '../../support/fake-host.ts'

const caller = { tenant: 'demo', keyId: 'k1', profile: null }
const claude = (host: string) => ({
  ...settings.providers.anthropic,
  baseUrl: `https://${host}/v1`,
  credential: { ...settings.providers.anthropic.credential, host },
})

function hostOf(timeouts: object = {}): FakeHost {
  return new FakeHost(
    fakeRuntime({
      ...settings,
      providers: {
        openai: settings.providers.openai,
        anthropic: claude('api.anthropic.com'),
        backup: claude('backup.example'),
        third: claude('third.example'),
      },
      targets: { 'gpt-4.1@openai': {}, 'm@anthropic': {}, 'm@backup': {}, 'm@third': {} },
      routes: {
        claude: { tiers: [['m@anthropic'], ['m@backup'], ['m@third']], timeouts },
        gpt: { tiers: [['gpt-4.1@openai']] },
      },
    }),
  )
}

async function count(
  host: FakeHost,
  headers: Readonly<Record<string, string>> = {},
  model = 'claude',
): Promise<Response> {
  const inbound = new Request('https://gateway.example/v1/messages/count_tokens', {
    method: 'POST',
    headers,
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] }),
  })
  const dialect = { parse: parseCountTokens, render: renderCountTokens }
  const exchange = new Exchange(
    'req_1',
    anthropicMessages,
    caller,
    'count_tokens',
    'FRA',
    host.ports,
  )
  return host.clock.run(serveCountTokens(inbound, dialect, caller, exchange))
}

const counted = json({ input_tokens: 7 })
const refusing = (status: number, headers: Readonly<Record<string, string>> = {}): Answer =>
  json(
    { type: 'error', error: { type: 'x', message: `no, ${upstreamSecret}` } },
    { status, headers },
  )

describe('serveCountTokens()', () => {
  it("gives the provider's own count", async () => {
    const host = hostOf().on('anthropic', counted)
    const response = await count(host)
    expect([response.status, await response.json()]).toEqual([200, { input_tokens: 7 }])
    expect(host.records).toMatchObject([
      { operation: 'count_tokens', ending: 'finished', usage: { inputTokens: 7 } },
    ])
  })

  it('says that it is an estimate where no provider counts', async () => {
    const host = hostOf()
    const response = await count(host, {}, 'gpt')
    expect(response.headers.get('x-switchyard-warning')).toContain('is an estimate')
    expect(host.asked).toEqual([])
  })

  it('goes on with the next, and names in the reason who failed before and how', async () => {
    const host = hostOf()
      .on('anthropic', refusing(500))
      .on('backup', () => new Response('{"input_tok'))
      .on('third', counted)
    const response = await count(host)
    expect(response.status).toBe(200)
    expect(response.headers.get('x-switchyard-attempts')).toBe('3')
    expect(response.headers.get('x-switchyard-reason')).toBe(
      'tier 3, next in order; m@anthropic failed before (server_error); m@backup failed before (malformed)',
    )
    expect(host.records[0]?.attempts.map(({ outcome }) => outcome)).toEqual([
      'server_error',
      'malformed',
      'ok',
    ])
  })

  it('tells a connection that broke in the answer from one that never was', async () => {
    const broken = () =>
      new Response(
        new ReadableStream({ start: (controller) => controller.error(new Error('reset')) }),
      )
    const host = hostOf().on('anthropic', broken).on('third', counted)
    await count(host)
    expect(host.records[0]?.attempts.map(({ outcome }) => outcome)).toEqual([
      'truncated',
      'connect',
      'ok',
    ])
  })

  it('hands on when to come back, also where the provider names a day', async () => {
    const host = hostOf()
    const untilMs = host.clock.nowMs + 90_000
    const date = { 'retry-after': new Date(untilMs).toUTCString() }
    for (const name of ['anthropic', 'backup', 'third']) host.on(name, refusing(429, date))
    const response = await count(host)
    expect(response.status).toBe(429)
    expect(Number(response.headers.get('retry-after'))).toBe(90)
    expect(await response.text()).not.toContain(upstreamSecret)
  })

  it.each([
    ['the caller', {}, { 'x-switchyard-deadline-ms': '3000' }],
    ['the route', { deadlineMs: 3000 }, {}],
    ['the shorter of both', { deadlineMs: 3000 }, { 'x-switchyard-deadline-ms': '100000' }],
  ])(
    'gives up at the deadline of %s, and leaves each target its share',
    async (_who, timeouts, headers) => {
      const host = hostOf(timeouts)
      for (const name of ['anthropic', 'backup', 'third']) host.on(name, silence)
      const startMs = host.clock.nowMs
      const response = await count(host, headers)
      expect(response.status).toBe(504)
      expect(host.clock.nowMs - startMs).toBeLessThanOrEqual(3000)
      expect(host.calls.map(({ atMs }) => atMs - startMs)).toEqual([0, 1000, 2000])
    },
  )

  it('gives a silent provider no more than ten seconds', async () => {
    const host = hostOf().on('anthropic', silence).on('backup', counted)
    const startMs = host.clock.nowMs
    expect((await count(host)).status).toBe(200)
    expect(host.clock.nowMs - startMs).toBe(10_000)
  })

  it.each(['0', '-1', '1.5', 'soon', ''])('refuses the deadline "%s"', async (deadline) => {
    const host = hostOf().on('anthropic', counted)
    const response = await count(host, { 'x-switchyard-deadline-ms': deadline })
    expect(response.status).toBe(400)
    expect(await response.text()).toContain('x-switchyard-deadline-ms: must be a whole number')
    expect(host.asked).toEqual([])
  })

  it('does not shop a request around that was called invalid', async () => {
    const host = hostOf().on('anthropic', refusing(400)).on('backup', counted)
    expect((await count(host)).status).toBe(400)
    expect(host.asked).toEqual(['anthropic'])
  })
})
