import { gzipSync } from 'node:zlib'
import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { readConfig } from '../../worker/edge/config.ts'
import { ask, pathOf, type DialectId, type Question, type Seen } from '../support/ask-gateway.ts'
import { cpuMs, peakGrowthMiB, residentMiB } from '../support/process-memory.ts'
import { openRaw, type RawClient } from '../support/raw-client.ts'
import { report } from '../support/report.ts'
import { healthy, kits, openAiHead } from '../support/scripted-answers.ts'
import {
  startScriptedUpstream,
  type Reply,
  type Script,
  type ScriptedUpstream,
} from '../support/scripted-upstream.ts'
import { startRawGateway, type RawGateway } from '../support/start-raw-gateway.ts'
import { emptyRoutes, scriptedProvider, patientTimeouts, secretOf } from '../support/test-routes.ts'

/**
 * The cases that the peer on this runtime gets wrong, one test for each row of
 * the published table, on a bare workerd against an upstream that does exactly
 * what the row says.
 */

type Wire = 'openai' | 'anthropic'

/** Every way through: who asks, who answers, and how the bytes travel. */
interface Way {
  readonly name: string
  readonly dialect: DialectId
  readonly wire: Wire
  readonly plumbing: 'relay' | 'translate'
  readonly more: Readonly<Record<string, unknown>>
}

const ways: readonly Way[] = [
  {
    name: 'OpenAI relayed',
    dialect: 'openai',
    wire: 'openai',
    plumbing: 'relay',
    more: { stream_options: { include_usage: true } },
  },
  {
    name: 'OpenAI translated',
    dialect: 'openai',
    wire: 'openai',
    plumbing: 'translate',
    more: {},
  },
  {
    name: 'Anthropic relayed',
    dialect: 'anthropic',
    wire: 'anthropic',
    plumbing: 'relay',
    more: {},
  },
  {
    name: 'Anthropic as OpenAI',
    dialect: 'openai',
    wire: 'anthropic',
    plumbing: 'translate',
    more: {},
  },
  {
    name: 'OpenAI as Anthropic',
    dialect: 'anthropic',
    wire: 'openai',
    plumbing: 'translate',
    more: {},
  },
]

const routesOfAKind = 200

/** Limits that rows about silence run into, ms. */
const hastyTimeouts = {
  firstTokenTimeoutMs: 500,
  answerTimeoutMs: 500,
  idleTimeoutMs: 250,
  deadlineMs: 8000,
}

/** With and without a second provider; in a hurry where the row is about silence. */
const kinds = {
  alone: { backed: false, timeouts: patientTimeouts },
  backed: { backed: true, timeouts: patientTimeouts },
  hasty: { backed: false, timeouts: hastyTimeouts },
  hastyBacked: { backed: true, timeouts: hastyTimeouts },
} as const

let upstream: ScriptedUpstream
let gateway: RawGateway
let closedPort = 0
let rows = 0

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  closedPort = await portThatIsClosed()
  gateway = await start()
  upstream.on('spare', healthy(kits.openai, spareText))
})

function start(): Promise<RawGateway> {
  const routes = emptyRoutes()
  for (const wire of ['openai', 'anthropic'] as const) {
    routes.providers[wire] = scriptedProvider(wire, wire, upstream.host)
    for (let index = 0; index < routesOfAKind; index++) {
      const target = `m${index}@${wire}`
      routes.targets[target] = {}
      for (const [kind, { backed, timeouts }] of Object.entries(kinds)) {
        const tiers = backed ? [[target], ['spare@spare']] : [[target]]
        routes.routes[routeName(kind, wire, index)] = { tiers, timeouts }
      }
    }
  }
  routes.providers['spare'] = scriptedProvider('spare', 'openai', upstream.host)
  routes.providers['dead'] = scriptedProvider('dead', 'openai', `127.0.0.1:${closedPort}`)
  routes.targets['spare@spare'] = {}
  routes.targets['dead@dead'] = {}
  routes.routes['dead'] = { tiers: [['dead@dead']], timeouts: patientTimeouts }
  routes.routes['dead-backed'] = {
    tiers: [['dead@dead'], ['spare@spare']],
    timeouts: hastyTimeouts,
  }
  const secrets = Object.keys(routes.providers).map((id) => [secretOf(id), 'provider-key'])
  return startRawGateway(routes, Object.fromEntries(secrets) as Record<string, string>)
}
afterAll(async () => {
  report(`robustness: ${rows} cases of the table`)
  await gateway.close()
  await upstream.close()
})
beforeEach(() => {
  rows += 1
  upstream.clear()
})

const spareText = 'the spare answered'
type Kind = keyof typeof kinds
const taken: Record<Kind, number> = { alone: 0, backed: 0, hasty: 0, hastyBacked: 0 }

/** A route that no other test has used: gates and budgets of one row do not reach into another. */
function route(wire: Wire, kind: Kind): string {
  const index = taken[kind]++
  if (index >= routesOfAKind) throw new Error('more rows than routes')
  return routeName(kind, wire, index)
}

function routeName(kind: string, wire: Wire, index: number): string {
  return `${kind.toLowerCase()}-${wire}-${index}`
}

function question(way: Way, kind: Kind = 'alone'): Question {
  return {
    dialect: way.dialect,
    model: route(way.wire, kind),
    stream: true,
    more: way.more,
  }
}

async function run(way: Way, script: Script, kind: Kind = 'alone'): Promise<Seen> {
  upstream.on(way.wire, script)
  const seen = await ask(gateway, question(way, kind))
  const record = await gateway.logs.waitFor(seen.headers.get('x-switchyard-request-id') ?? '')
  if (seen.stream && seen.headers.get('x-switchyard-provider') === way.wire)
    expect(record['switchyard.plumbing']).toBe(way.plumbing)
  return seen
}

/** Starts a stream with two words, then does `rest`. */
function begun(wire: Wire, rest: Script): Script {
  const { start, text } = kits[wire]
  return async (reply) => {
    reply.head(200, openAiHead)
    await reply.write(start + text('one ') + text('two'))
    await reply.wait(20)
    await rest(reply)
  }
}

/** The upstream hears of it a moment after the client. */
async function expectAborted(): Promise<void> {
  const aborted = () => upstream.calls.filter((call) => call.aborted)
  expect(await gateway.logs.waitUntil(aborted, 500)).toHaveLength(1)
}

function expectInterrupted(seen: Seen, code = 'upstream_interrupted'): void {
  expect(seen).toMatchObject({ status: 200, text: 'one two', ended: false, afterError: 0 })
  expect(seen.error?.code).toBe(code)
}

describe('a stream that breaks after its first token ends in the error event, never in an end mark', () => {
  it.each(ways)('upstream reset mid-stream: $name', async (way) => {
    expectInterrupted(
      await run(
        way,
        begun(way.wire, (reply) => reply.reset()),
      ),
    )
  })

  it.each(ways)('upstream FIN without last chunk: $name', async (way) => {
    expectInterrupted(
      await run(
        way,
        begun(way.wire, (reply) => reply.finish()),
      ),
    )
  })

  it.each(ways)('clean end without an end mark: $name', async (way) => {
    expectInterrupted(
      await run(
        way,
        begun(way.wire, (reply) => reply.end()),
      ),
    )
  })

  it.each(ways)('reset in the middle of an event: $name', async (way) => {
    const script = begun(way.wire, async (reply) => {
      await reply.write('event: x\ndata: {"half":')
      await reply.wait(20)
      reply.reset()
    })
    const seen = await run(way, script)
    expect(seen).toMatchObject({ text: 'one two', ended: false, afterError: 0 })
    expect(seen.error?.code).toBe('upstream_interrupted')
  })

  it.each(ways)('malformed JSON SSE event: $name', async (way) => {
    const { text, end, done } = kits[way.wire]
    const script = begun(way.wire, async (reply) => {
      await reply.write('data: {"choices":[{"index":0,"delta":{"content":"thr\n\n')
      // A relay looks at what has passed, the more seldom the longer a stream lasts.
      await reply.wait(way.plumbing === 'relay' ? 500 : 0)
      if (await reply.write(text('four') + end)) reply.end(done)
    })
    const seen = await run(way, script)
    const record = await gateway.logs.waitFor(seen.headers.get('x-switchyard-request-id') ?? '')
    expect(record).toMatchObject({
      'switchyard.ending': 'failed',
      'switchyard.attempts': [{ outcome: 'malformed' }],
    })
    expectInterrupted(seen)
    // It has moved the bytes by then: the client meets the broken event itself, and our error behind it.
    expect(seen.broken).toBe(way.plumbing === 'relay' ? 1 : 0)
  })

  it.each(ways.filter(({ plumbing }) => plumbing === 'relay'))(
    'malformed JSON SSE event and the end mark in one packet: $name',
    async (way) => {
      const { end, done } = kits[way.wire]
      const script = begun(way.wire, async (reply) => {
        await reply.wait(100)
        reply.end(`data: {"choices":[{"index":0,"delta":{"content":"thr\n\n${end}${done}`)
      })
      const seen = await run(way, script)
      const record = await gateway.logs.waitFor(seen.headers.get('x-switchyard-request-id') ?? '')
      expect(record).toMatchObject({ 'switchyard.attempts': [{ outcome: 'malformed' }] })
      // Nobody can call it back: the client meets the broken event, and one ending behind it.
      expect(seen).toMatchObject({ broken: 1, ended: true, error: null, afterEnd: 0 })
    },
  )

  it.each(ways.filter(({ plumbing }) => plumbing === 'relay'))(
    'error event, and much later the end mark: $name',
    async (way) => {
      const { done } = kits[way.wire]
      const error = { type: 'server_error', message: 'boom' }
      const script = begun(way.wire, async (reply) => {
        const type = way.wire === 'anthropic' ? { type: 'error' } : {}
        await reply.write(`event: error\ndata: ${JSON.stringify({ ...type, error })}\n\n`)
        await reply.wait(3000)
        reply.end(done)
      })
      const seen = await run(way, script)
      expect(seen).toMatchObject({ text: 'one two', ended: false, afterError: 0 })
      expect(seen.error?.message).toBe('boom')
      expect(seen.durationMs).toBeLessThan(2900)
    },
  )

  it.each(ways)('end mark, and the connection stays open: $name', async (way) => {
    const { end, done } = kits[way.wire]
    const script = begun(way.wire, async (reply) => {
      await reply.write(end + done)
      await reply.gone
    })
    const seen = await run(way, script)
    expect(seen).toMatchObject({ text: 'one two', ended: true, error: null, afterEnd: 0 })
    expect(seen.durationMs).toBeLessThan(4000)
    await expectAborted()
  })

  it.each(ways.filter(({ plumbing }) => plumbing === 'relay'))(
    'malformed JSON SSE event far from the end of a long stream: $name',
    async (way) => {
      const { text, end, done } = kits[way.wire]
      const more = text('x'.repeat(4000)).repeat(10)
      const script = begun(way.wire, async (reply) => {
        await reply.write(more)
        await reply.write(`data: {"choices":[{"index":0,"delta":{"content":"thr\n\n${more}`)
        await reply.wait(500)
        reply.end(end + done)
      })
      const seen = await run(way, script)
      const record = await gateway.logs.waitFor(seen.headers.get('x-switchyard-request-id') ?? '')
      expect(record).toMatchObject({
        'switchyard.ending': 'failed',
        'switchyard.attempts': [{ outcome: 'malformed' }],
      })
      expect(seen).toMatchObject({ broken: 1, ended: false, afterError: 0 })
      expect(seen.error?.code).toBe('upstream_interrupted')
      expect(seen.raw).not.toContain('cost-usd')
    },
  )

  it.each(ways)('headers + 1 chunk then silence: $name', async (way) => {
    const seen = await run(
      way,
      begun(way.wire, (reply) => reply.gone),
      'hasty',
    )
    expectInterrupted(seen, 'upstream_timeout')
    expect(seen.durationMs).toBeLessThan(hastyTimeouts.idleTimeoutMs + 3000)
    await expectAborted()
  })

  it.each(ways.filter(({ wire }) => wire === 'anthropic'))(
    'Anthropic error event: $name',
    async (way) => {
      const script = begun('anthropic', async (reply) => {
        const error = { type: 'overloaded_error', message: 'Overloaded' }
        await reply.write(`event: error\ndata: ${JSON.stringify({ type: 'error', error })}\n\n`)
        reply.end()
      })
      const seen = await run(way, script)
      expect(seen).toMatchObject({ text: 'one two', ended: false, afterError: 0 })
      expect(seen.error?.type).toBe(way.plumbing === 'relay' ? 'overloaded_error' : 'server_error')
      expect(seen.raw).not.toContain('finish_reason":"overloaded')
    },
  )
})

describe('what is odd but whole reaches the client whole', () => {
  it.each(ways)('SSE comments and unknown event types: $name', async (way) => {
    const { text, end, done } = kits[way.wire]
    const script = begun(way.wire, async (reply) => {
      await reply.write(': keep-alive\n\n')
      await reply.write('event: vendor_news\ndata: {"type":"vendor_news","object":"news"}\n\n')
      await reply.write(text(' three') + end)
      reply.end(done)
    })
    expect(await run(way, script)).toMatchObject({
      text: 'one two three',
      ended: true,
      error: null,
    })
  })

  it.each(ways)('`data:` without a space: $name', async (way) => {
    const { start, text, end, done } = kits[way.wire]
    const script: Script = async (reply) => {
      reply.head(200, openAiHead)
      const whole = start + text('one ') + text('two') + end + done
      reply.end(whole.replaceAll('data: ', 'data:').replaceAll('event: ', 'event:'))
    }
    expect(await run(way, script)).toMatchObject({ text: 'one two', ended: true, error: null })
  })

  it.each(ways)('UTF-8 split byte by byte: $name', async (way) => {
    const { start, text, end, done } = kits[way.wire]
    const words = 'Grüße, 世界 🌍'
    const script: Script = async (reply) => {
      reply.head(200, openAiHead)
      for (const byte of Buffer.from(start + text(words) + end + done)) {
        await reply.write(Buffer.of(byte))
        await new Promise((resolve) => setImmediate(resolve))
      }
      reply.end()
    }
    expect(await run(way, script)).toMatchObject({ text: words, ended: true, error: null })
  })

  it.each(ways)('CRLF SSE is not buffered until the end: $name', async (way) => {
    const { start, text, end, done } = kits[way.wire]
    const crlf = (part: string) => part.replaceAll('\n', '\r\n')
    upstream.on(way.wire, async (reply) => {
      reply.head(200, openAiHead)
      await reply.write(crlf(start + text('one ')))
      await reply.wait(700)
      await reply.write(crlf(text('two') + end))
      reply.end(crlf(done))
    })
    const startedMs = performance.now()
    const response = await open(question(way))
    const reader = response.body?.getReader()
    const first = await reader?.read()
    const firstMs = performance.now() - startedMs
    let raw = Buffer.from(first?.value ?? []).toString('utf8')
    for (;;) {
      const next = await reader?.read()
      if (next === undefined || next.done) break
      raw += Buffer.from(next.value).toString('utf8')
    }
    expect(firstMs).toBeLessThan(500)
    expect(raw).toContain('two')
    expect(raw).toContain(way.dialect === 'openai' ? '[DONE]' : 'message_stop')
  })
})

function open({ dialect, model, more = {} }: Question): Promise<Response> {
  return fetch(gateway.url + pathOf(dialect), {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model,
      stream: true,
      messages: [{ role: 'user', content: 'hello' }],
      ...(dialect === 'anthropic' ? { max_tokens: 100 } : {}),
      ...more,
    }),
  })
}

describe('an upstream that never answers is given up in time', () => {
  it.each(ways)('never answers, no second provider: $name', async (way) => {
    const seen = await run(way, (reply) => reply.gone, 'hasty')
    expect(seen).toMatchObject({ status: 504, error: { code: 'upstream_timeout' } })
    expect(seen.durationMs).toBeLessThan(hastyTimeouts.firstTokenTimeoutMs + 2000)
    await expectAborted()
  })

  it.each(ways)('never answers, second provider: $name', async (way) => {
    const seen = await run(way, (reply) => reply.gone, 'hastyBacked')
    expect(seen).toMatchObject({ status: 200, text: spareText, ended: true, error: null })
  })

  it.each(ways)('headers and a first event without a token, then silence: $name', async (way) => {
    const silent: Script = async (reply) => {
      reply.head(200, openAiHead)
      await reply.write(kits[way.wire].start)
      await reply.gone
    }
    expect(await run(way, silent, 'hastyBacked')).toMatchObject({ text: spareText, ended: true })
    const alone = await run(way, silent, 'hasty')
    expect(alone).toMatchObject({ status: 504, error: { code: 'upstream_timeout' } })
  })

  it('an unstreamed answer that stops in the middle', async () => {
    const half: Script = async (reply) => {
      reply.head(200, { 'content-type': 'application/json' })
      await reply.write(kits.openai.whole('never').slice(0, 100))
      await reply.gone
    }
    upstream.on('openai', half)
    const seen = await ask(gateway, { dialect: 'openai', model: route('openai', 'hasty') })
    expect(seen).toMatchObject({ status: 504, error: { code: 'upstream_timeout' } })
  })
})

describe('rate limits', () => {
  const limited =
    (retryAfter: string | null): Script =>
    (reply) => {
      reply.head(429, {
        'content-type': 'application/json',
        ...(retryAfter === null ? {} : { 'retry-after': retryAfter }),
      })
      reply.end(
        JSON.stringify({ error: { message: 'Slow down', type: 'requests', code: 'rate_limited' } }),
      )
    }

  it.each([
    ['seconds', () => '2', 2, 2],
    ['120 s', () => '120', 120, 120],
    ['HTTP-date', () => new Date(Date.now() + 90_000).toUTCString(), 87, 91],
  ])('429 with retry-after as %s is told to the caller', async (_name, value, least, most) => {
    upstream.on('openai', limited(value()))
    const seen = await ask(gateway, { dialect: 'openai', model: route('openai', 'alone') })
    expect(seen).toMatchObject({ status: 429, error: { code: 'rate_limited' } })
    const told = Number(seen.headers.get('retry-after'))
    expect(told).toBeGreaterThanOrEqual(least)
    expect(told).toBeLessThanOrEqual(most)
    expect(upstream.calls).toHaveLength(1)
  })

  it('429 falls back, and the provider is left alone as long as it asked', async () => {
    upstream.on('openai', limited('120'))
    const model = route('openai', 'backed')
    for (let index = 0; index < 3; index++)
      expect((await ask(gateway, { dialect: 'openai', model })).text).toBe(spareText)
    expect(upstream.calls.filter(({ path }) => path.startsWith('/openai/'))).toHaveLength(1)
    expect(upstream.calls.filter(({ path }) => path.startsWith('/spare/'))).toHaveLength(3)
  })
})

describe('answers that are none fall back', () => {
  const broken: readonly (readonly [string, Script])[] = [
    [
      '200 with broken JSON',
      (reply) => json(reply, 200, kits.openai.whole('broken').slice(0, -40)),
    ],
    ['200 with JSON that is no answer', (reply) => json(reply, 200, '{"ok":true}')],
    ['200 with a JSON array', (reply) => json(reply, 200, '[]')],
    ['200 with an empty body', (reply) => json(reply, 200, '')],
    ['200 with HTML', (reply) => html(reply, 200)],
    ['5xx', (reply) => json(reply, 500, '{"error":{"message":"boom"}}')],
    ['503 HTML', (reply) => html(reply, 503)],
    ['502 HTML', (reply) => html(reply, 502)],
    ['reset before the headers', (reply) => reply.reset()],
    ['reset after the headers', (reply) => (reply.head(200, openAiHead), reply.reset())],
  ]

  it.each(broken)('%s', async (_name, script) => {
    upstream.on('openai', script)
    for (const stream of [false, true]) {
      const backed = { dialect: 'openai', model: route('openai', 'backed'), stream } as const
      expect(await ask(gateway, backed)).toMatchObject({
        status: 200,
        text: spareText,
        ended: true,
        error: null,
      })
      const alone = { dialect: 'openai', model: route('openai', 'alone'), stream } as const
      const seen = await ask(gateway, alone)
      expect(seen).toMatchObject({ status: 502, error: { code: 'upstream_error' } })
      expect(Object.keys(JSON.parse(seen.raw) as object)).toEqual(['error'])
    }
  })

  it('refused + fallback', async () => {
    const seen = await ask(gateway, { dialect: 'openai', model: 'dead-backed' })
    expect(seen).toMatchObject({ status: 200, text: spareText })
  })

  it.each(['openai', 'anthropic'] as const)(
    'refused, no fallback, is an error in the dialect: %s',
    async (dialect) => {
      const seen = await ask(gateway, { dialect, model: 'dead' })
      expect(seen).toMatchObject({ status: 502, error: { code: 'upstream_error' } })
      expect(seen.headers.get('content-type')).toBe('application/json')
      expect(seen.raw).not.toContain(String(closedPort))
    },
  )

  it("gzip'ed error body is read, and its encoding is not passed on", async () => {
    upstream.on('openai', (reply) => {
      reply.head(400, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
      const error = { message: 'temperature is out of range', param: 'temperature' }
      reply.end(gzipSync(JSON.stringify({ error })))
    })
    const seen = await ask(gateway, {
      dialect: 'openai',
      model: route('openai', 'backed'),
      headers: { 'accept-encoding': 'identity' },
    })
    expect(seen).toMatchObject({ status: 400, error: { code: 'invalid_request' } })
    expect(seen.error?.message).toContain('temperature is out of range')
    expect(seen.headers.get('content-encoding')).toBeNull()
  })
})

function json(reply: Reply, status: number, body: string): void {
  reply.head(status, { 'content-type': 'application/json' })
  reply.end(body)
}

function html(reply: Reply, status: number): void {
  reply.head(status, { 'content-type': 'text/html' })
  reply.end('<html><body><h1>Service Unavailable</h1></body></html>')
}

describe('what a caller sends wrong is a 400 that calls nobody', () => {
  const bodies: readonly (readonly [string, string])[] = [
    ['invalid JSON', '{"model": "alone-openai-0", '],
    ['null', 'null'],
    ['[1,2]', '[1,2]'],
    ['a number', '7'],
    ['a text', '"hello"'],
    ['empty', ''],
    ['missing messages', '{"model":"alone-openai-0","max_tokens":5}'],
    ['messages of a wrong type', '{"model":"alone-openai-0","max_tokens":5,"messages":"hi"}'],
    ['no model', '{"max_tokens":5,"messages":[{"role":"user","content":"hi"}]}'],
  ]

  it.each(
    bodies.flatMap(([name, body]) =>
      (['openai', 'anthropic'] as const).map((dialect) => ({ name, dialect, body })),
    ),
  )('$name: $dialect', async ({ dialect, body }) => {
    const response = await fetch(gateway.url + pathOf(dialect), {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.key}` },
      body,
    })
    const answer = (await response.json()) as { error: { code: string; message: string } }
    expect(response.status).toBe(400)
    expect(answer.error.code).toBe('invalid_request')
    expect(upstream.calls).toHaveLength(0)
  })

  it('no Authorization is 401, and nothing is forwarded', async () => {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'alone-openai-0', messages: [] }),
    })
    expect(response.status).toBe(401)
    expect(upstream.calls).toHaveLength(0)
  })
})

describe('load balancing that cannot work is refused at load', () => {
  const withTier = (tier: unknown) =>
    readConfig(
      {
        providers: { p: scriptedProvider('p', 'openai', '127.0.0.1:1') },
        targets: { 'm@p': {} },
        routes: { r: { tiers: [tier] } },
        tenants: { demo: {} },
      },
      { local: true },
    )

  it('total weight 0', () => {
    expect(withTier([{ target: 'm@p', weight: 0 }])).toMatchObject({
      ok: false,
      problems: [{ path: 'routes.r.tiers[0]' }],
    })
  })

  it('empty targets', () => {
    expect(withTier([])).toMatchObject({ ok: false, problems: [{ path: 'routes.r.tiers[0]' }] })
  })

  it('the same tier with a weight is taken', () => {
    expect(withTier([{ target: 'm@p', weight: 1 }]).ok).toBe(true)
  })
})

describe('large bodies and answers stay bounded', () => {
  const megabyte = 1_048_576

  // Memory that earlier tests have used and given back would hide what these take.
  beforeAll(async () => {
    await gateway.close()
    gateway = await start()
  })

  it.each(ways)(
    '114 MB stream, client stops reading: backpressure bounds memory: $name',
    async (way) => {
      const { start, text, end, done } = kits[way.wire]
      const piece = text('z'.repeat(8000)).repeat(8)
      const pieces = Math.ceil((114 * megabyte) / piece.length)
      upstream.on(way.wire, async (reply) => {
        reply.head(200, openAiHead)
        await reply.write(start)
        for (let index = 0; index < pieces; index++) if (!(await reply.write(piece))) return
        await reply.write(end)
        reply.end(done)
      })
      const asked = question(way)
      let sent = 0
      const growth = await peakGrowthMiB(gateway.pid, async () => {
        const client = connectRaw(way, asked.model)
        await client.until(() => client.bytes() > 20_000)
        client.pause()
        await new Promise((resolve) => setTimeout(resolve, 1200))
        sent = upstream.calls[0]?.bytesSent ?? 0
        client.reset()
        await gateway.logs.waitUntil(() => upstream.calls.filter(({ over }) => over))
      })
      report(
        `114 MB stream, client stops reading, ${way.name}: ${(sent / megabyte).toFixed(1)} MiB left the upstream, workerd grew by ${growth.toFixed(0)} MiB to ${residentMiB(gateway.pid).toFixed(0)}`,
      )
      expect(sent).toBeGreaterThan(0)
      expect(sent).toBeLessThan(32 * megabyte)
      expect(growth).toBeLessThan(48)
      await expectAborted()
    },
  )

  it.each(ways)('114 MB stream, fast client: nothing of it is kept: $name', async (way) => {
    const { start, text, end, done } = kits[way.wire]
    const piece = text('z'.repeat(8000)).repeat(8)
    const pieces = Math.ceil((114 * megabyte) / piece.length)
    upstream.on(way.wire, async (reply) => {
      reply.head(200, openAiHead)
      await reply.write(start)
      for (let index = 0; index < pieces; index++) if (!(await reply.write(piece))) return
      await reply.write(end)
      reply.end(done)
    })
    const asked = question(way)
    gateway.logs.clear()
    const startedMs = performance.now()
    const growth = await peakGrowthMiB(gateway.pid, async () => {
      const client = connectRaw(way, asked.model)
      await gateway.logs.waitUntil(() => gateway.logs.records, 20_000)
      expect(client.bytes()).toBeGreaterThan(100 * megabyte)
      client.reset()
    })
    report(
      `114 MB stream, fast client, ${way.name}: ${(performance.now() - startedMs).toFixed(0)} ms, workerd grew by ${growth.toFixed(0)} MiB`,
    )
    expect(gateway.logs.records[0]).toMatchObject({ 'switchyard.ending': 'finished' })
    // Kept whole, the stream would be 114 and more; garbage of the first one is not collected at once.
    expect(growth).toBeLessThan(100)
  })

  it.each([
    ['declared by its length', true],
    ['sent in chunks of unknown length', false],
  ])('100 MB request body %s is 413, quickly and without keeping it', async (_name, declared) => {
    let answer = ''
    const startedMs = performance.now()
    const growth = await peakGrowthMiB(gateway.pid, async () => {
      answer = await sendLargeBody(100 * megabyte, declared)
    })
    const tookMs = performance.now() - startedMs
    report(
      `100 MB body, ${_name}: ${tookMs.toFixed(0)} ms, workerd grew by ${growth.toFixed(0)} MiB`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(answer).toContain('"code":"body_too_large"')
    expect(growth).toBeLessThan(declared ? 16 : 96)
    expect(tookMs).toBeLessThan(5000)
    expect(upstream.calls).toHaveLength(0)
    expect((await ask(gateway, { dialect: 'openai', model: 'dead-backed' })).status).toBe(200)
  })

  it.each([
    ['declared', true],
    ['undeclared', false],
  ])('40 MB response, %s, is over the limit and falls back', async (_name, declared) => {
    const body = Buffer.from(kits.openai.whole('x'.repeat(40 * megabyte)))
    upstream.on('openai', async (reply) => {
      reply.head(200, {
        'content-type': 'application/json',
        ...(declared ? { 'content-length': String(body.length) } : {}),
      })
      for (let at = 0; at < body.length; at += 65_536)
        if (!(await reply.write(body.subarray(at, at + 65_536)))) return
      reply.end()
    })
    let seen: Seen | undefined
    const growth = await peakGrowthMiB(gateway.pid, async () => {
      seen = await ask(gateway, { dialect: 'openai', model: route('openai', 'backed') })
    })
    report(`40 MB response, ${_name}: workerd grew by ${growth.toFixed(0)} MiB`)
    expect(seen).toMatchObject({ status: 200, text: spareText })
    expect(growth).toBeLessThan(declared ? 32 : 160)
  })

  it.each(ways)('one 4 MB SSE event in 1400-byte pieces costs linear work: $name', async (way) => {
    const { start, text, end, done } = kits[way.wire]
    const cost = async (bytes: number) => {
      const event = Buffer.from(text('y'.repeat(bytes)))
      const script: Script = async (reply) => {
        reply.head(200, openAiHead)
        await reply.write(start + text('one '))
        for (let at = 0; at < event.length; at += 1400)
          await reply.write(event.subarray(at, at + 1400))
        await reply.write(end)
        reply.end(done)
      }
      const before = cpuMs(gateway.pid) ?? performance.now()
      const seen = await run(way, script)
      const spent = (cpuMs(gateway.pid) ?? performance.now()) - before
      expect(seen).toMatchObject({ ended: true, error: null })
      expect(seen.text.length).toBe(bytes + 4)
      return spent
    }
    const small = await cost(megabyte)
    let large = 0
    const growth = await peakGrowthMiB(gateway.pid, async () => {
      large = await cost(4 * megabyte)
    })
    report(
      `4 MB event, ${way.name}: ${large} ms CPU (1 MB: ${small} ms), workerd grew by ${growth.toFixed(0)} MiB`,
    )
    // Quadratic work would be 16 times as much; the peer needs 6,500 ms.
    expect(large).toBeLessThan(Math.max(10 * small, 1500))
    expect(growth).toBeLessThan(160)
  })
})

/** A client that counts what it reads, and keeps nothing. */
function connectRaw(way: Way, model: string): RawClient {
  return openRaw({
    port: gateway.port,
    path: pathOf(way.dialect),
    headers: { authorization: `Bearer ${gateway.key}` },
    body: JSON.stringify({
      model,
      stream: true,
      messages: [{ role: 'user', content: 'hello' }],
      ...(way.dialect === 'anthropic' ? { max_tokens: 100 } : {}),
      ...way.more,
    }),
    keep: false,
  })
}

/**
 * Sends a body of spaces over a bare socket and answers what came back. Of a
 * declared body only the beginning is sent: the answer must not wait for the rest.
 */
function sendLargeBody(bytes: number, declared: boolean): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: gateway.port })
    let received = ''
    let sent = 0
    const piece = Buffer.alloc(65_536, 0x20)
    const finish = () => {
      socket.destroy()
      resolve(received)
    }
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      if (received.includes('}}')) finish()
    })
    socket.on('error', () => resolve(received))
    socket.on('close', () => resolve(received))
    const length = declared ? `content-length: ${bytes}` : 'transfer-encoding: chunked'
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer ${gateway.key}\r\n${length}\r\n\r\n`,
    )
    const pump = () => {
      while (sent < (declared ? 65_536 : bytes) && !socket.destroyed) {
        sent += piece.length
        if (!declared) socket.write(`${piece.length.toString(16)}\r\n`)
        const more = socket.write(piece)
        if (!declared) socket.write('\r\n')
        if (!more) {
          socket.once('drain', pump)
          return
        }
      }
    }
    pump()
  })
}

async function portThatIsClosed(): Promise<number> {
  const probe = await startScriptedUpstream()
  const port = Number(probe.host.split(':')[1])
  await probe.close()
  return port
}
