import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ask, dialectIds, type DialectId, type Seen } from '../support/ask-gateway.ts'
import { report } from '../support/report.ts'
import { healthy, kits, openAiHead } from '../support/scripted-answers.ts'
import {
  startScriptedUpstream,
  type Script,
  type ScriptedCall,
  type ScriptedUpstream,
} from '../support/scripted-upstream.ts'
import { startRawGateway, type RawGateway } from '../support/start-raw-gateway.ts'
import { emptyRoutes, patientTimeouts, scriptedProvider, secretOf } from '../support/test-routes.ts'

/**
 * Secrets that cannot occur by chance are sent down every path, and looked for
 * everywhere they must not be: logs, response headers, errors, the wrong host.
 */

const canary = (name: string) =>
  `sk-canary-${name}-${createHash('sha256').update(randomBytes(8)).digest('hex').slice(0, 24)}`

type Wire = 'openai' | 'anthropic'
const wires: readonly Wire[] = ['openai', 'anthropic']

/** One key a provider, each with a host of its own; one has the form of no vendor's, so that no pattern knows it. */
const keys = {
  openai: canary('openai'),
  anthropic: `plain ${canary('anthropic').slice(-24)}`,
}
const prompt = canary('prompt')
const answerText = canary('answer')
const callerHeader = canary('header')

let hosts: Readonly<Record<Wire, ScriptedUpstream>>
let elsewhere: ScriptedUpstream
let gateway: RawGateway
let checks = 0

beforeAll(async () => {
  hosts = { openai: await startScriptedUpstream(), anthropic: await startScriptedUpstream() }
  elsewhere = await startScriptedUpstream()
  const routes = emptyRoutes()
  for (const wire of wires) {
    routes.providers[wire] = scriptedProvider(wire, wire, hosts[wire].host)
    routes.targets[`m@${wire}`] = {}
    routes.routes[wire] = { tiers: [[`m@${wire}`]], timeouts: patientTimeouts }
  }
  gateway = await startRawGateway(routes, {
    [secretOf('openai')]: keys.openai,
    [secretOf('anthropic')]: keys.anthropic,
  })
})
afterAll(async () => {
  report(
    `secrecy: ${checks} answers and their logs searched for ${Object.keys(secrets()).length} canaries`,
  )
  await gateway.close()
  for (const host of [...Object.values(hosts), elsewhere]) await host.close()
})
beforeEach(() => {
  for (const host of [...Object.values(hosts), elsewhere]) host.clear()
})

function secrets(): Readonly<Record<string, string>> {
  return {
    'the key of OpenAI': keys.openai,
    'the key of Anthropic': keys.anthropic,
    "the caller's key": gateway.key,
    "the caller's prompt": prompt,
    "the model's answer": answerText,
    "a header of the caller's": callerHeader,
  }
}

const hostileHeaders: Readonly<Record<string, string>> = {
  cookie: `session=${callerHeader}`,
  'x-forwarded-for': '203.0.113.9',
  'x-forwarded-host': callerHeader,
  'proxy-authorization': `Basic ${callerHeader}`,
  'openai-organization': callerHeader,
  'x-goog-api-key': callerHeader,
  'api-key': callerHeader,
  'x-portkey-custom-host': 'http://203.0.113.9/',
  'x-base-url': 'http://203.0.113.9/',
  'x-stainless-lang': 'js',
  'user-agent': callerHeader,
  referer: `https://${callerHeader}/`,
  'x-custom': callerHeader,
}

/** What an upstream may answer, with everything it was told thrown back. */
const answers: Readonly<Record<string, (wire: Wire) => Script>> = {
  'a healthy answer': (wire) => withHeaders(healthy(kits[wire], answerText)),
  'a refused credential that quotes it': (wire) => refuses(401, `Incorrect API key: ${keys[wire]}`),
  'a forbidden call that quotes the key': (wire) => refuses(403, `key ${keys[wire]} may not`),
  'a bad request that quotes the key': (wire) => refuses(400, `bad field for ${keys[wire]}`),
  'a rate limit that quotes the key': (wire) => refuses(429, `key ${keys[wire]} is over`),
  'a server error that quotes the key': (wire) => refuses(500, `crash with Bearer ${keys[wire]}`),
  'an overload as HTML that quotes the key': (wire) => (reply) => {
    reply.head(502, { 'content-type': 'text/html' })
    reply.end(`<html><body>Authorization: Bearer ${keys[wire]}</body></html>`)
  },
  'a text that quotes the key': (wire) => (reply) => {
    reply.head(500, { 'content-type': 'text/plain' })
    reply.end(`upstream said: x-api-key ${keys[wire]}`)
  },
  'no answer at all': () => (reply) => reply.reset(),
  'half a JSON answer': () => (reply) => {
    reply.head(200, { 'content-type': 'application/json' })
    reply.end(`{"choices":[{"message":{"content":"${prompt}`)
  },
  'a stream that breaks': (wire) => async (reply) => {
    reply.head(200, openAiHead)
    await reply.write(kits[wire].start + kits[wire].text('fine '))
    await reply.wait(20)
    reply.reset()
  },
  'a stream whose error event quotes the key': (wire) => async (reply) => {
    reply.head(200, openAiHead)
    if (wire === 'openai') await reply.write(kits.openai.start + kits.openai.text('fine '))
    else await reply.write(kits.anthropic.start)
    const error = { type: 'some_error', message: `key ${keys[wire]} broke`, code: keys[wire] }
    reply.end(`event: error\ndata: ${JSON.stringify({ type: 'error', error })}\n\n`)
  },
  'a redirect': () => (reply) => {
    reply.head(302, { location: `${elsewhere.url}/?key=${keys.openai}`, 'set-cookie': 'a=b' })
    reply.end()
  },
}

function refuses(status: number, message: string): Script {
  return (reply) => {
    reply.head(status, {
      'content-type': 'application/json',
      'set-cookie': `upstream=${answerText}`,
      'x-upstream-debug': reply.call.headers.authorization ?? 'none',
    })
    reply.end(JSON.stringify({ type: 'error', error: { type: 'some_error', message } }))
  }
}

/** Adds what a careless upstream would send to a healthy answer. */
function withHeaders(script: Script): Script {
  return (reply) =>
    script({
      ...reply,
      head: (status, headers) =>
        reply.head(status, {
          ...headers,
          'set-cookie': 'upstream=1; Path=/',
          'x-upstream-debug': keys.openai,
          'openai-organization': 'org-of-the-operator',
          'x-request-id': 'req_of_the_provider',
          'request-id': 'req_of_the_provider',
          'access-control-allow-origin': '*',
          server: 'secret-server',
        }),
    })
}

interface Path {
  readonly name: string
  readonly dialect: DialectId
  readonly wire: Wire
  readonly stream: boolean
}

const paths: readonly Path[] = dialectIds.flatMap((dialect) =>
  wires.flatMap((wire) =>
    [false, true].map((stream) => ({
      name: `${dialect} -> ${wire}, ${stream ? 'streamed' : 'whole'}`,
      dialect,
      wire,
      stream,
    })),
  ),
)

/** Headers of an answer, by what may be in it. */
const knownResponseHeaders =
  /^(x-switchyard-[a-z-]+|x-request-id|request-id|x-should-retry|retry-after|content-type|content-length|content-encoding|cache-control|server-timing|transfer-encoding|date|connection|keep-alive|vary)$/

/** `relayed`: with a usage block, so that OpenAI's own bytes may pass as they are. */
function askWay(path: Path, relayed = true): Promise<Seen> {
  return ask(gateway, {
    dialect: path.dialect,
    model: path.wire,
    stream: path.stream,
    prompt,
    headers: hostileHeaders,
    more:
      relayed && path.stream && path.dialect === 'openai'
        ? { stream_options: { include_usage: true } }
        : {},
  })
}

/** A relay moves a provider's bytes without looking at them: what a provider itself writes behind the first token stands. */
const quotesAfterTheFirstToken = 'a stream whose error event quotes the key'

describe.each(Object.keys(answers))('%s', (name) => {
  it.each(paths)('keeps every secret: $name', async (path) => {
    const answer = answers[name]
    if (answer === undefined) throw new Error(name)
    gateway.logs.clear()
    hosts[path.wire].on(path.wire, answer(path.wire))
    const seen = await askWay(path, name !== quotesAfterTheFirstToken)
    await gateway.logs.waitFor(seen.headers.get('x-switchyard-request-id') ?? '')
    const headers = JSON.stringify([...seen.headers])
    for (const [what, secret] of Object.entries(secrets())) {
      expect(gateway.logs.text, `${what} is in the log`).not.toContain(secret)
      expect(headers, `${what} is in a response header`).not.toContain(secret)
      if (what !== "the model's answer")
        expect(seen.raw, `${what} is in the body`).not.toContain(secret)
    }
    for (const header of seen.headers.keys()) expect(header).toMatch(knownResponseHeaders)
    // SDKs read these names: our id stands there, never a provider's.
    const own = seen.headers.get('x-switchyard-request-id')
    for (const header of ['x-request-id', 'request-id'])
      expect([null, own]).toContain(seen.headers.get(header))
    expect(elsewhere.calls).toHaveLength(0)
    expect(gateway.logs.faults).toEqual([])
    checks += 1
  })
})

describe('what a provider sees', () => {
  const own: Readonly<Record<Wire, readonly string[]>> = {
    openai: ['authorization'],
    anthropic: ['anthropic-version', 'x-api-key'],
  }
  /** Framing of the runtime; nothing of the caller's. */
  const framing = ['content-length', 'content-type', 'host', 'accept', 'user-agent']

  it.each(paths)('exactly the headers of the list: $name', async (path) => {
    hosts[path.wire].on(path.wire, healthy(kits[path.wire], answerText))
    await askWay(path)
    const [call] = hosts[path.wire].calls
    const names = Object.keys(call?.headers ?? {}).toSorted()
    const allowed = [...framing, ...own[path.wire]].toSorted()
    expect(names.filter((name) => !optional.has(name))).toEqual(allowed)
    expect(valuesOf(call)).not.toContain(callerHeader)
    expect(valuesOf(call)).not.toContain(gateway.key)
    expect(call?.headers['user-agent']).toBe('switchyard')
  })

  /** Added by the runtime on some versions, with values of its own. */
  const optional = new Set(['accept-encoding', 'connection', 'cf-worker', 'cf-ew-via', 'cdn-loop'])

  it.each(paths)('its own key and no other: $name', async (path) => {
    hosts[path.wire].on(path.wire, healthy(kits[path.wire], answerText))
    await askWay(path)
    const [call] = hosts[path.wire].calls
    const other = path.wire === 'openai' ? 'anthropic' : 'openai'
    expect(valuesOf(call)).toContain(keys[path.wire])
    expect(valuesOf(call)).not.toContain(keys[other])
    expect(hosts[other].calls).toHaveLength(0)
  })

  function valuesOf(call: ScriptedCall | undefined): string {
    return (call?.rawHeaders ?? []).join('\n')
  }
})

describe('redirects', () => {
  it.each(
    [301, 302, 303, 307, 308].flatMap((status) =>
      paths.filter(({ dialect }) => dialect === 'openai').map((path) => ({ ...path, status })),
    ),
  )('$status to another host is a failure, never followed: $name', async (path) => {
    elsewhere.on('openai', healthy(kits.openai, 'stolen'))
    hosts[path.wire].on(path.wire, (reply) => {
      reply.head(path.status, { location: `${elsewhere.url}/openai/chat/completions` })
      reply.end()
    })
    const seen = await askWay(path)
    expect(seen).toMatchObject({ status: 502, error: { code: 'upstream_error' } })
    expect(seen.raw).not.toContain('stolen')
    expect(seen.headers.get('location')).toBeNull()
    expect(elsewhere.calls).toHaveLength(0)
  })

  it('to the same host is not followed either', async () => {
    hosts.openai.on('openai', (reply) => {
      reply.head(307, { location: '/openai/elsewhere' })
      reply.end()
    })
    await ask(gateway, { dialect: 'openai', model: 'openai' })
    expect(new Set(hosts.openai.calls.map(({ path }) => path))).toEqual(
      new Set(['/openai/chat/completions']),
    )
  })
})

describe('a body that names a destination or a credential is refused, and calls nobody', () => {
  const fields =
    `api_base api_key base_url custom_host endpoint_url extra_headers headers host proxy
    extra_body azure_endpoint aws_access_key_id`.split(/\s+/)

  it.each(fields.flatMap((field) => dialectIds.map((dialect) => ({ field, dialect }))))(
    '$field: $dialect',
    async ({ field, dialect }) => {
      const more = { [field]: elsewhere.url }
      const seen = await ask(gateway, { dialect, model: 'openai', more })
      expect(seen).toMatchObject({ status: 400, error: { code: 'invalid_request' } })
      expect(seen.error?.message).toContain(field)
      expect(hosts.openai.calls).toHaveLength(0)
      expect(elsewhere.calls).toHaveLength(0)
    },
  )

  it('a model that is an address names nothing', async () => {
    for (const model of [elsewhere.url, `m@${elsewhere.host}`, 'm@openai@elsewhere', '../openai']) {
      const seen = await ask(gateway, { dialect: 'openai', model })
      expect(seen).toMatchObject({ status: 404, error: { code: 'unknown_model' } })
    }
    expect(elsewhere.calls).toHaveLength(0)
  })
})

describe('keys', () => {
  const send = (path: string, headers: Record<string, string>) =>
    fetch(`${gateway.url}${path}`, { method: 'POST', headers, body: '{' })

  it.each([
    ['none', {}],
    ['an empty bearer', { authorization: 'Bearer ' }],
    ['another scheme', { authorization: 'Basic c2s6c2s=' }],
    ['junk', { authorization: 'Bearer junk' }],
    ['a well-formed stranger', { authorization: `Bearer sk-sy-demo-AAAAAAAA-${'B'.repeat(49)}` }],
    ['an empty x-api-key', { 'x-api-key': '' }],
  ] as readonly (readonly [string, Record<string, string>])[])(
    '%s: 401 before the body is read, and the key is not repeated',
    async (_name, headers) => {
      for (const path of ['/v1/chat/completions', '/v1/messages', '/v1/explain', '/v1/models']) {
        const response = await send(path, headers)
        const text = await response.text()
        expect(response.status).toBe(401)
        expect(text).toContain('"code":"unauthorized"')
        expect(text).not.toContain('junk')
        expect(text).not.toContain('AAAAAAAA')
      }
    },
  )

  it('a data-plane key opens no admin door', async () => {
    const response = await send('/admin/v1/circuits', { authorization: `Bearer ${gateway.key}` })
    expect(response.status).toBe(401)
  })

  it('healthz needs none and tells nothing but the version', async () => {
    const response = await fetch(`${gateway.url}/healthz`)
    expect(Object.keys((await response.json()) as object).toSorted()).toEqual(['config', 'status'])
  })
})
