import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ask, dialectIds, type Question } from '../support/ask-gateway.ts'
import { report } from '../support/report.ts'
import { healthy, kits, openAiHead } from '../support/scripted-answers.ts'
import {
  startScriptedUpstream,
  type Script,
  type ScriptedUpstream,
} from '../support/scripted-upstream.ts'
import { startRawGateway, type RawGateway } from '../support/start-raw-gateway.ts'
import { emptyRoutes, patientTimeouts, scriptedProvider, secretOf } from '../support/test-routes.ts'

/** Who is asked after whom, how often, and when nobody is asked again. */

const heartbeatAfterMs = 150
const firstTokenTimeoutMs = 700

let upstream: ScriptedUpstream
let gateway: RawGateway

/** Providers with a budget of their own for each test: a retry of one must not cost another its own. */
const providers = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7', 'p8', 'p9'] as const
const five = ['p0', 'p1', 'p2', 'p3', 'p4'].map((id) => [`five@${id}`])

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  const closed = await startScriptedUpstream()
  const { host: closedHost } = closed
  await closed.close()
  const routes = emptyRoutes()
  for (const id of [...providers, 'openai', 'second'])
    routes.providers[id] = scriptedProvider(id, 'openai', upstream.host)
  routes.providers['dead'] = scriptedProvider('dead', 'openai', closedHost)
  routes.targets['second@second'] = {}
  routes.targets['dead@dead'] = {}
  routes.routes['dead-first'] = {
    tiers: [['dead@dead'], ['second@second']],
    timeouts: patientTimeouts,
  }
  routes.routes['dead-only'] = { tiers: [['dead@dead']], timeouts: patientTimeouts }
  for (const id of providers) {
    routes.targets[`m@${id}`] = {}
    routes.targets[`five@${id}`] = {}
    routes.routes[`${id}-only`] = { tiers: [[`m@${id}`]], timeouts: patientTimeouts }
    routes.routes[`${id}-first`] = {
      tiers: [[`m@${id}`], ['second@second']],
      timeouts: patientTimeouts,
    }
  }
  routes.routes['five'] = { tiers: five, timeouts: patientTimeouts }
  for (const model of ['gpt-4o', 'gpt-4o-mini', 'gpt-4.1']) routes.targets[`${model}@openai`] = {}
  routes.routes['windows'] = {
    tiers: [['gpt-4o@openai'], ['gpt-4o-mini@openai'], ['gpt-4.1@openai']],
    timeouts: patientTimeouts,
  }
  routes.routes['same-window'] = {
    tiers: [['gpt-4o@openai'], ['gpt-4o-mini@openai']],
    timeouts: patientTimeouts,
  }
  routes.routes['silent'] = {
    tiers: [['m@p8']],
    timeouts: { ...patientTimeouts, firstTokenTimeoutMs },
    heartbeatAfterMs,
  }
  routes.routes['silent-first'] = {
    tiers: [['m@p8'], ['second@second']],
    timeouts: { ...patientTimeouts, firstTokenTimeoutMs },
    heartbeatAfterMs,
  }
  const secrets = Object.keys(routes.providers).map((id) => [secretOf(id), 'provider-key'])
  gateway = await startRawGateway(routes, Object.fromEntries(secrets) as Record<string, string>)
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})
beforeEach(() => {
  upstream.clear()
  upstream.on('second', healthy(kits.openai, 'the second answered'))
})

const callsTo = (name: string) =>
  upstream.calls.filter(({ path }) => path.startsWith(`/${name}/`)).length

function modelsAsked(): string[] {
  return upstream.calls.map(({ body }) => (JSON.parse(body) as { model: string }).model)
}

function refuses(status: number, error: object, headers: Record<string, string> = {}): Script {
  return (reply) => {
    reply.head(status, { 'content-type': 'application/json', ...headers })
    reply.end(JSON.stringify({ error }))
  }
}

const openAi = (model: string, more: Partial<Question> = {}) =>
  ask(gateway, { dialect: 'openai', model, ...more })

describe('a dead primary without a circuit', () => {
  it('1,000 requests in a row are all answered by the second', { timeout: 60_000 }, async () => {
    const startedMs = performance.now()
    const answers = new Map<string, number>()
    for (let index = 0; index < 1000; index++) {
      const dialect = dialectIds[index % 2] ?? 'openai'
      const seen = await ask(gateway, { dialect, model: 'dead-first', stream: index % 4 < 2 })
      const answer = `${seen.status} ${seen.text} ${seen.ended} ${seen.headers.get('x-switchyard-provider')}`
      answers.set(answer, (answers.get(answer) ?? 0) + 1)
    }
    report(
      `dead primary: 1,000 requests in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`,
    )
    expect([...answers]).toEqual([['200 the second answered true second', 1000]])
  })

  it('alone it is tried twice, and named as an upstream error', async () => {
    // The bucket of `dead` was emptied above by its own retries; the first fallback is free, retries are not.
    const seen = await openAi('dead-only')
    expect(seen).toMatchObject({ status: 502, error: { code: 'upstream_error' } })
    expect(['1', '2']).toContain(seen.headers.get('x-switchyard-attempts'))
  })
})

describe('retries on the same target', () => {
  it('a server error is tried once more, and may then answer', async () => {
    let calls = 0
    upstream.on('p0', (reply) => {
      calls += 1
      return calls === 1
        ? refuses(500, { message: 'boom' })(reply)
        : healthy(kits.openai, 'at the second try')(reply)
    })
    const seen = await openAi('p0-only')
    expect(seen).toMatchObject({ status: 200, text: 'at the second try' })
    expect(seen.headers.get('x-switchyard-attempts')).toBe('2')
  })

  it('an overloaded provider is left for another one at once', async () => {
    upstream.on('p1', refuses(503, { message: 'overloaded' }))
    expect(await openAi('p1-first')).toMatchObject({ text: 'the second answered' })
    expect(callsTo('p1')).toBe(1)
  })

  it('alone, an overloaded provider is asked again after at least a second', async () => {
    let calls = 0
    upstream.on('p1', (reply) => {
      calls += 1
      return calls === 1
        ? refuses(503, { message: 'overloaded' })(reply)
        : healthy(kits.openai, 'after a rest')(reply)
    })
    const seen = await openAi('p1-only')
    expect(seen).toMatchObject({ status: 200, text: 'after a rest' })
    const [first, second] = upstream.calls
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(990)
  })

  it.each([
    ['a broken answer', (reply) => (reply.head(200, {}), reply.end('{"half"'))],
    ['a truncated answer', (reply) => (reply.head(200, openAiHead), reply.end())],
    ['a rate limit', refuses(429, { message: 'slow down' })],
    ['a refused credential', refuses(401, { message: 'bad key' })],
    ['an exhausted quota', refuses(429, { message: 'quota', code: 'insufficient_quota' })],
  ] as readonly (readonly [string, Script])[])(
    '%s is not tried again there',
    async (_name, script) => {
      upstream.on('p2', script)
      const seen = await openAi('p2-only', { stream: true })
      expect(seen.status).toBeGreaterThanOrEqual(429)
      expect(callsTo('p2')).toBe(1)
    },
  )

  it.each([
    ['bad_request', 400, { message: 'temperature is wrong' }, 'invalid_request'],
    [
      'content_policy',
      400,
      { message: 'refused', code: 'content_policy_violation' },
      'content_policy',
    ],
    ['content_policy', 400, { message: 'filtered', code: 'content_filter' }, 'content_policy'],
    ['bad_request', 422, { message: 'cannot be processed' }, 'invalid_request'],
  ])('%s (%i) is the answer: nobody else is asked', async (_name, status, error, code) => {
    upstream.on('p3', refuses(status, error))
    for (const stream of [false, true]) {
      upstream.clear()
      const seen = await openAi('p3-first', { stream })
      expect(seen).toMatchObject({ status: 400, error: { code } })
      expect(seen.headers.get('x-should-retry')).toBe('false')
      expect(upstream.calls).toHaveLength(1)
    }
  })

  it('at most three calls, however many targets there are', async () => {
    for (const id of ['p0', 'p1', 'p2', 'p3', 'p4'])
      upstream.on(id, refuses(500, { message: 'boom' }))
    const seen = await openAi('five')
    expect(seen).toMatchObject({ status: 502, error: { code: 'upstream_error' } })
    expect(upstream.calls).toHaveLength(3)
    expect(seen.headers.get('x-switchyard-attempts')).toBe('3')
  })

  it('the bucket of a provider ends its retries, and successes fill it again', async () => {
    upstream.on('p5', refuses(500, { message: 'boom' }))
    const attempts: string[] = []
    for (let index = 0; index < 12; index++)
      attempts.push((await openAi('p5-only')).headers.get('x-switchyard-attempts') ?? '')
    expect(attempts.join('')).toBe('222221111111')
    upstream.on('p5', healthy(kits.openai, 'well again'))
    for (let index = 0; index < 11; index++) expect((await openAi('p5-only')).status).toBe(200)
    upstream.on('p5', refuses(500, { message: 'boom' }))
    expect((await openAi('p5-only')).headers.get('x-switchyard-attempts')).toBe('2')
  })
})

describe('a prompt that does not fit', () => {
  const tooLong = refuses(400, {
    message: "This model's maximum context length is 128000 tokens.",
    code: 'context_length_exceeded',
  })

  it('goes to a larger window, past those of the same size', async () => {
    upstream.on('openai', (reply) =>
      reply.call.body.includes('gpt-4.1') ? healthy(kits.openai, 'it fits')(reply) : tooLong(reply),
    )
    expect(await openAi('windows')).toMatchObject({ status: 200, text: 'it fits' })
    expect(modelsAsked()).toEqual(['gpt-4o', 'gpt-4.1'])
  })

  it('is told to the caller where no window is larger', async () => {
    upstream.on('openai', tooLong)
    const seen = await openAi('same-window')
    expect(seen).toMatchObject({ status: 400, error: { code: 'context_length_exceeded' } })
    expect(modelsAsked()).toEqual(['gpt-4o'])
  })
})

describe("the caller's deadline", () => {
  it.each([false, true])('ends a silent request in time (stream: %s)', async (stream) => {
    upstream.on('p6', (reply) => reply.gone)
    const seen = await openAi('p6-only', { stream, headers: { 'x-switchyard-deadline-ms': '300' } })
    expect(seen).toMatchObject({ status: 504, error: { code: 'upstream_timeout' } })
    expect(seen.durationMs).toBeGreaterThanOrEqual(290)
    expect(seen.durationMs).toBeLessThan(2000)
  })

  it('is shared, so that a second provider has its time', async () => {
    upstream.on('p6', (reply) => reply.gone)
    const headers = { 'x-switchyard-deadline-ms': '2000' }
    const seen = await openAi('p6-first', { headers })
    expect(seen).toMatchObject({ status: 200, text: 'the second answered' })
    expect(seen.durationMs).toBeLessThan(1900)
  })

  it('ends a stream that goes on after it in the error event', async () => {
    upstream.on('p6', async (reply) => {
      reply.head(200, openAiHead)
      await reply.write(kits.openai.start)
      while (await reply.write(kits.openai.text('more '))) await reply.wait(20)
    })
    for (const more of [{}, { stream_options: { include_usage: true } }]) {
      const headers = { 'x-switchyard-deadline-ms': '500' }
      const seen = await openAi('p6-only', { stream: true, headers, more })
      expect(seen).toMatchObject({ status: 200, ended: false, afterError: 0 })
      expect(seen.error?.code).toBe('upstream_timeout')
      expect(seen.durationMs).toBeLessThan(3000)
    }
  })

  it.each(['0', '-5', 'soon', '1.5', '99999999999'])('%s is refused by name', async (value) => {
    const seen = await openAi('p6-only', { headers: { 'x-switchyard-deadline-ms': value } })
    expect(seen).toMatchObject({ status: 400, error: { code: 'invalid_request' } })
    expect(seen.raw).toContain('x-switchyard-deadline-ms')
    expect(upstream.calls).toHaveLength(0)
  })
})

describe.each(dialectIds)('heartbeats while the model is silent: %s', (dialect) => {
  it('then an answer', async () => {
    upstream.on('p8', async (reply) => {
      await reply.wait(500)
      await healthy(kits.openai, 'at last')(reply)
    })
    const seen = await ask(gateway, { dialect, model: 'silent', stream: true })
    expect(seen).toMatchObject({ status: 200, text: 'at last', ended: true, error: null })
    expect(seen.heartbeats).toBeGreaterThanOrEqual(2)
    expect(seen.headers.get('x-switchyard-request-id')).not.toBeNull()
    expect(seen.headers.get('x-switchyard-provider')).toBeNull()
  })

  it('then the answer of the second provider', async () => {
    upstream.on('p8', (reply) => reply.gone)
    const seen = await ask(gateway, { dialect, model: 'silent-first', stream: true })
    expect(seen).toMatchObject({ text: 'the second answered', ended: true, error: null })
    expect(seen.heartbeats).toBeGreaterThanOrEqual(3)
  })

  it('then everybody has failed: the error event with the same code, no end mark', async () => {
    upstream.on('p8', (reply) => reply.gone)
    const seen = await ask(gateway, { dialect, model: 'silent', stream: true })
    expect(seen).toMatchObject({ status: 200, text: '', ended: false, afterError: 0 })
    expect(seen.error?.code).toBe('upstream_timeout')
    expect(seen.heartbeats).toBeGreaterThanOrEqual(3)
    const record = await gateway.logs.waitFor(seen.headers.get('x-switchyard-request-id') ?? '')
    expect(record).toMatchObject({
      'switchyard.ending': 'failed',
      'error.type': 'upstream_timeout',
      'gen_ai.provider.name': 'p8',
    })
  })

  it('are not sent to a client that did not ask for a stream', async () => {
    upstream.on('p8', async (reply) => {
      await reply.wait(400)
      await healthy(kits.openai, 'at last')(reply)
    })
    const seen = await ask(gateway, { dialect, model: 'silent' })
    expect(seen).toMatchObject({ status: 200, text: 'at last', heartbeats: 0 })
  })
})
