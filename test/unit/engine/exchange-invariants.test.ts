import { beforeAll, describe, expect, it, vi } from 'vitest'
import { gatewayError } from '../../../worker/canonical/errors.ts'
import { anthropicMessages } from '../../../worker/dialects/anthropic-messages/index.ts'
import type { Dialect } from '../../../worker/dialects/dialect.ts'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { logLine } from '../../../worker/edge/log.ts'
import { Exchange } from '../../../worker/engine/exchange.ts'
import { serve } from '../../../worker/engine/serve.ts'
import {
  chunk,
  event,
  FakeHost,
  fakeRuntime,
  json,
  readAll,
  refusing,
  settings,
  silence,
  streamed,
  streamEnd,
  streaming,
  UpstreamBody,
  upstreamSecret,
  wholeAnswer,
} from '../../support/fake-host.ts'

beforeAll(() => {
  // The runtime's own class, which moves bytes outside of JavaScript; here any transform does.
  Object.assign(globalThis, { IdentityTransformStream: TransformStream })
})

const prompt = 'the secret recipe of grandmother'
const caller = { tenant: 'demo', keyId: 'k1', profile: null }

function exchangeOf(host: FakeHost, dialect: Dialect = openAiChat): Exchange {
  return new Exchange('req_1', dialect, caller, 'chat', 'FRA', host.ports)
}

async function ask(
  host: FakeHost,
  body: object = {},
  dialect: Dialect = openAiChat,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const inbound = new Request('https://gateway.example/v1/x', {
    method: 'POST',
    headers: { authorization: 'Bearer sk-sy-demo-abc', cookie: 'session=1', ...headers },
    body: JSON.stringify({
      model: 'chat',
      max_tokens: 50,
      messages: [{ role: 'user', content: prompt }],
      ...body,
    }),
  })
  return host.clock.run(serve(inbound, dialect, caller, exchangeOf(host, dialect)))
}

/** Reads a streamed answer to its end while time passes. */
async function textOf(host: FakeHost, response: Response): Promise<string> {
  const reading = response.body === null ? Promise.resolve('') : readAll(response.body)
  for (const work of host.background) await host.clock.run(work).catch(() => undefined)
  return reading
}

const streamOptions = { stream: true, stream_options: { include_usage: true } }

describe('settling', () => {
  it('writes one record for a request, whatever ends it', async () => {
    const endings: [string, (host: FakeHost) => Promise<unknown>, object][] = [
      ['finished', (host) => ask(host.on('openai', json(wholeAnswer))), { status: 200 }],
      ['failed', (host) => ask(host), { status: 502, errorCode: 'upstream_error' }],
      ['refused', (host) => ask(host, { model: 'nobody' }), { errorCode: 'unknown_model' }],
      [
        'finished',
        async (host) => {
          host.on('openai', streamed(chunk('a'), streamEnd))
          await textOf(host, await ask(host, streamOptions))
        },
        { plumbing: 'relay' },
      ],
      [
        'finished',
        async (host) => {
          host.on('openai', streamed(chunk('a'), streamEnd))
          await textOf(host, await ask(host, { stream: true }, anthropicMessages))
        },
        { plumbing: 'translate' },
      ],
      [
        'failed',
        async (host) => {
          host.on('openai', streamed(chunk('a')))
          await textOf(host, await ask(host, streamOptions))
        },
        { errorCode: 'upstream_interrupted' },
      ],
      [
        'client_gone',
        async (host) => {
          host.on('openai', streaming(new UpstreamBody().push(chunk('a'))))
          const response = await ask(host, { stream: true })
          await response.body?.cancel()
          host.leave()
          for (const work of host.background) await host.clock.run(work)
        },
        {},
      ],
    ]
    for (const [ending, play, more] of endings) {
      const host = new FakeHost()
      await play(host)
      expect(host.records).toEqual([expect.objectContaining({ ending, ...more })])
    }
  })

  it('keeps the first ending when there are two', () => {
    const host = new FakeHost()
    const exchange = exchangeOf(host)
    exchange.settle({ ending: 'client_gone', status: 200 })
    exchange.settle({ ending: 'finished', status: 200 })
    exchange.refuse(gatewayError('internal', 500, 'late'))
    expect(host.records.map(({ ending }) => ending)).toEqual(['client_gone'])
  })

  it('tells every attempt with its outcome, usage and cost', async () => {
    const host = new FakeHost().on('openai', refusing(429)).on('backup', json(wholeAnswer))
    await ask(host)
    expect(host.records[0]?.attempts).toEqual([
      expect.objectContaining({ target: 'gpt-4.1@openai', outcome: 'rate_limited', status: 429 }),
      expect.objectContaining({ target: 'm@backup', outcome: 'ok' }),
    ])
    expect(host.records[0]?.usage).toMatchObject({ inputTokens: 10, outputTokens: 2 })
    // No price is known for `m`, so there is no cost: unknown is absent, never 0.
    expect(host.records[0]?.costNanoUsd).toBeUndefined()
    const priced = new FakeHost().on('openai', json(wholeAnswer))
    await ask(priced)
    expect(priced.records[0]?.costNanoUsd).toBeGreaterThan(0)
  })

  it('names the true outcome of an attempt that broke after it had begun', async () => {
    const host = new FakeHost().on('openai', streamed(chunk('a')))
    await textOf(host, await ask(host, streamOptions))
    expect(host.records[0]?.attempts).toEqual([
      expect.objectContaining({ target: 'gpt-4.1@openai', outcome: 'truncated' }),
    ])
  })
})

describe('secrecy', () => {
  it('shows no key and no prompt in headers, errors or logs', async () => {
    const leaky = `Incorrect API key provided: ${upstreamSecret}. ${prompt}`
    for (const answer of [
      refusing(401, { message: leaky }, { 'x-upstream-account': 'acct_1234567890' }),
      refusing(500, { message: `internal ${upstreamSecret}` }),
      json(wholeAnswer, {
        headers: { 'set-cookie': 'upstream=1', 'x-upstream-account': 'acct_1' },
      }),
      streamed(chunk('a'), event({ error: { message: `boom ${upstreamSecret}`, code: 500 } })),
    ]) {
      for (const stream of [false, true]) {
        const host = new FakeHost()
        for (const name of ['openai', 'backup', 'third']) host.on(name, answer)
        const response = await ask(host, { stream })
        const text = await textOf(host, response)
        const shown = [...response.headers].join('\n')
        expect(shown).not.toMatch(/acct_|cookie|upstream=/)
        for (const out of [shown, JSON.stringify(host.records.map(logLine))]) {
          expect(out).not.toContain(upstreamSecret)
          expect(out).not.toContain(prompt)
          expect(out).not.toContain('sk-sy-demo')
        }
        expect(text).not.toContain(upstreamSecret)
      }
    }
  })

  it('sends no header of the caller to a provider', async () => {
    const host = new FakeHost().on('openai', json(wholeAnswer))
    await ask(host, {}, openAiChat, {
      'x-forwarded-host': 'evil.example',
      'openai-organization': 'org-1',
    })
    expect(Object.keys(host.calls[0]?.headers ?? {}).sort()).toEqual([
      'accept',
      'authorization',
      'content-type',
      'user-agent',
    ])
  })

  it('writes header values in printable ASCII only', async () => {
    const host = new FakeHost()
    const response = await ask(host, { model: 'chät\u{1F6B2}' })
    expect(response.headers.get('x-switchyard-route')).toBe('ch?t??')
  })
})

describe('answers', () => {
  it('have the same headers on success and on error', async () => {
    const good = await ask(new FakeHost().on('openai', json(wholeAnswer)))
    const bad = await ask(new FakeHost())
    for (const response of [good, bad]) {
      for (const name of [
        'request-id',
        'route',
        'provider',
        'model',
        'region',
        'attempts',
        'reason',
        'config',
      ])
        expect(response.headers.get(`x-switchyard-${name}`)).toBeTruthy()
      expect(response.headers.get('server-timing')).toContain('policy')
    }
    expect(good.headers.get('x-switchyard-attempts')).toBe('1')
    expect(bad.headers.get('x-switchyard-attempts')).toBe('3')
    expect(bad.headers.get('x-should-retry')).toBe('false')
  })

  it('tell the earliest retry-after when every target is out of quota', async () => {
    const host = new FakeHost()
    for (const [name, wait] of [
      ['openai', '30'],
      ['backup', '7'],
      ['third', '90'],
    ] as const)
      host.on(name, refusing(429, { message: 'slow' }, { 'retry-after': wait }))
    const response = await ask(host)
    expect(response.status).toBe(429)
    expect(response.headers.get('retry-after')).toBe('7')
  })

  it("are the provider's own JSON where the client reads that form, with the cost behind it", async () => {
    const own = { ...wholeAnswer, service_tier: 'default', vendor_field: { deep: [1] } }
    const host = new FakeHost().on('openai', json(own))
    const { cost, ...rest } = (await (await ask(host)).json()) as Record<string, unknown>
    expect(rest).toEqual(own)
    expect(cost).toBeGreaterThan(0)
    const stated = new FakeHost().on('openai', json({ ...own, cost: 'ours' }))
    expect(((await (await ask(stated)).json()) as { cost: unknown }).cost).toBe(cost)
  })

  it('are written anew for a client of another form', async () => {
    const host = new FakeHost().on('openai', json(wholeAnswer))
    const answer = (await (await ask(host, {}, anthropicMessages)).json()) as Record<
      string,
      unknown
    >
    expect(answer).toMatchObject({
      type: 'message',
      content: [{ type: 'text', text: 'Hello' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 10, output_tokens: 2 },
    })
  })

  it('put the cost into the usage of those who ask for it', async () => {
    const host = new FakeHost().on('openai', json(wholeAnswer))
    const asked = await ask(host, { usage: { include: true } })
    const { usage, cost } = (await asked.json()) as { usage: { cost: number }; cost: number }
    expect(usage.cost).toBe(cost)
  })

  it('are shortened where the route says so, and say it', async () => {
    const limited = {
      ...settings,
      routes: { chat: { ...settings.routes.chat, limits: { maxOutputTokens: 20 } } },
    }
    const host = new FakeHost(fakeRuntime(limited)).on('openai', json(wholeAnswer))
    const response = await ask(host)
    expect(host.calls[0]?.body).toMatchObject({ max_completion_tokens: 20 })
    expect(response.headers.get('x-switchyard-degraded')).toBe('shorter')
  })

  it('name what was not understood', async () => {
    const host = new FakeHost().on('openai', json(wholeAnswer))
    const messages = [{ role: 'user', content: 'x', mystery: 1 }]
    const response = await ask(host, { messages })
    expect(response.headers.get('x-switchyard-warning')).toContain('mystery')
  })
})

describe('relays', () => {
  const relayed = async (body: object, dialect = openAiChat) => {
    const host = new FakeHost().on('openai', streamed(chunk('a'), streamEnd))
    await textOf(host, await ask(host, body, dialect))
    return host.records[0]?.plumbing
  }

  it('are taken only where nothing in the stream must change', async () => {
    expect(await relayed(streamOptions)).toBe('relay')
    // A usage block that was not asked for has to be taken out, a cost written in.
    expect(await relayed({ stream: true })).toBe('translate')
    expect(await relayed({ ...streamOptions, usage: { include: true } })).toBe('translate')
    expect(await relayed({ stream: true }, anthropicMessages)).toBe('translate')
    const functions = [{ name: 'f', parameters: { type: 'object' } }]
    expect(await relayed({ ...streamOptions, functions })).toBe('translate')
  })
})

describe('silence', () => {
  it('begins the answer with heartbeats in the dialect, and goes on in it', async () => {
    for (const dialect of [openAiChat, anthropicMessages]) {
      const body = new UpstreamBody()
      const host = new FakeHost().on('openai', streaming(body))
      const response = await ask(host, { stream: true }, dialect)
      expect(host.clock.nowMs).toBe(new FakeHost().clock.nowMs + 5000)
      expect(response.status).toBe(200)
      expect(response.headers.get('x-switchyard-attempts')).toBeNull()
      const reading = textOf(host, response)
      await host.clock.settle()
      body.push(chunk('late') + streamEnd).end()
      const text = await reading
      expect(text.startsWith(dialect.heartbeat)).toBe(true)
      expect(text).toContain('late')
      expect(host.records[0]?.ending).toBe('finished')
    }
  })

  it('tells a total failure inside the stream, by the same code, with no end mark', async () => {
    const host = new FakeHost()
    for (const name of ['openai', 'backup', 'third']) host.on(name, silence)
    const text = await textOf(host, await ask(host, { stream: true }))
    expect(text).toContain('"code":"upstream_timeout"')
    expect(text).not.toContain('[DONE]')
    expect(host.records).toEqual([
      expect.objectContaining({ ending: 'failed', errorCode: 'upstream_timeout' }),
    ])
  })

  it('breaks the answer that has begun when something goes wrong here: nobody waits for ever', async () => {
    const host = new FakeHost().on('openai', silence)
    const response = await ask(host, { stream: true })
    // What the failure is told with breaks, in the middle of the heartbeats.
    vi.spyOn(openAiChat, 'renderStreamError').mockImplementation(() => {
      throw new Error('a fault of ours')
    })
    for (const name of ['backup', 'third']) host.on(name, silence)
    const text = await textOf(host, response)
    expect(text.replaceAll(openAiChat.heartbeat, '')).toBe('[broken]')
    expect(host.records).toMatchObject([{ ending: 'failed' }])
    vi.restoreAllMocks()
  })

  it('sends no heartbeat to a client that is answered in time', async () => {
    const host = new FakeHost().on('openai', streamed(chunk('a'), streamEnd))
    const text = await textOf(host, await ask(host, { stream: true }))
    expect(text).not.toContain(openAiChat.heartbeat)
  })
})

describe('deadlines', () => {
  it("hold the caller's own, and refuse what is no number", async () => {
    const host = new FakeHost()
    for (const name of ['openai', 'backup', 'third']) host.on(name, silence)
    const startMs = host.clock.nowMs
    const response = await ask(host, {}, openAiChat, { 'x-switchyard-deadline-ms': '3000' })
    expect(response.status).toBe(504)
    expect(host.clock.nowMs - startMs).toBeLessThanOrEqual(3000)
    for (const bad of ['0', '-5', '1.5', 'soon', '1e9'])
      expect(
        (await ask(new FakeHost(), {}, openAiChat, { 'x-switchyard-deadline-ms': bad })).status,
      ).toBe(400)
  })
})
