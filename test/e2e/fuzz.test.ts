import { request } from 'node:http'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ask, dialectIds, pathOf, read, type DialectId, type Seen } from '../support/ask-gateway.ts'
import {
  anthropicBody,
  hostileTexts,
  mutated,
  openAiBody,
  seeded,
  spoiled,
} from '../support/fuzz.ts'
import type { LogLine } from '../support/gateway-logs.ts'
import { peakGrowthMiB, residentMiB } from '../support/process-memory.ts'
import { recordedStreams } from '../support/recorded-streams.ts'
import { report } from '../support/report.ts'
import { healthy, kits, openAiHead } from '../support/scripted-answers.ts'
import {
  startScriptedUpstream,
  type Script,
  type ScriptedUpstream,
} from '../support/scripted-upstream.ts'
import { startRawGateway, type RawGateway } from '../support/start-raw-gateway.ts'
import { emptyRoutes, scriptedProvider, secretOf } from '../support/test-routes.ts'

/** Anything at all on every door: no 500, no fault, no crash, no memory that is kept. */

let upstream: ScriptedUpstream
let gateway: RawGateway
let startMiB = 0

const wires = ['openai', 'anthropic'] as const

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  const routes = emptyRoutes()
  for (const wire of wires) {
    routes.providers[wire] = scriptedProvider(wire, wire, upstream.host)
    routes.targets[`m@${wire}`] = {}
    routes.routes[wire] = {
      tiers: [[`m@${wire}`]],
      timeouts: {
        firstTokenTimeoutMs: 5000,
        answerTimeoutMs: 5000,
        idleTimeoutMs: 5000,
        deadlineMs: 10_000,
      },
    }
  }
  gateway = await startRawGateway(routes, {
    [secretOf('openai')]: 'provider-key',
    [secretOf('anthropic')]: 'provider-key',
  })
  for (const wire of wires) upstream.on(wire, well(wire))
  startMiB = residentMiB(gateway.pid)
})
afterAll(async () => {
  report(
    `fuzz: workerd grew from ${startMiB.toFixed(0)} to ${residentMiB(gateway.pid).toFixed(0)} MiB`,
  )
  await gateway.close()
  await upstream.close()
})
afterEach(async () => {
  expect(gateway.logs.faults).toEqual([])
  const alive = await ask(gateway, { dialect: 'openai', model: 'openai' })
  expect(alive.status, 'the gateway still answers').toBeLessThan(503)
  expect(residentMiB(gateway.pid) - startMiB).toBeLessThan(400)
  gateway.logs.clear()
  upstream.clear()
})

/** Answers, and counts tokens where Anthropic does. */
function well(wire: (typeof wires)[number]): Script {
  return (reply) => {
    if (!reply.call.path.endsWith('/count_tokens')) return healthy(kits[wire], 'fine')(reply)
    reply.head(200, { 'content-type': 'application/json' })
    return reply.end('{"input_tokens":5}')
  }
}

interface Answer {
  readonly status: number
  readonly text: string
}

async function post(path: string, body: string | Uint8Array<ArrayBuffer>): Promise<Answer> {
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
    body,
    signal: AbortSignal.timeout(15_000),
  })
  return { status: response.status, text: await response.text() }
}

/** What may come back to a caller whose provider is healthy: its answer, or a typed refusal of the body. */
function expectSane(dialect: DialectId, { status, text }: Answer): void {
  expect([200, 400, 404, 413], text.slice(0, 300)).toContain(status)
  if (status === 200) return
  const { error } = JSON.parse(text) as { error: Record<string, unknown> }
  expect(error['code']).toMatch(/^(invalid_request|unknown_model|body_too_large)$/)
  expect(error['message']).toBeTypeOf('string')
  if (dialect === 'anthropic') expect(text).toMatch(/^{"type":"error"/)
}

describe('inbound bodies', () => {
  it.each([
    ['openai', '/v1/chat/completions', openAiBody],
    ['anthropic', '/v1/messages', anthropicBody],
    ['anthropic', '/v1/messages/count_tokens', anthropicBody],
    ['openai', '/v1/explain', openAiBody],
  ] as const)('%s %s: anything is answered or refused by name', async (dialect, path, body) => {
    const { seed, numRuns } = seeded(`bodies of ${path}`, 300)
    const statuses = new Map<number, number>()
    const either = fc.oneof(body, spoiled(body))
    const property = fc.asyncProperty(either, async (value) => {
      const answer = await post(path, JSON.stringify(value))
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
      expectSane(path === '/v1/explain' ? 'openai' : dialect, answer)
    })
    await fc.assert(property, { seed, numRuns })
    report(
      `fuzz: ${path}: ${[...statuses].map(([status, count]) => `${status} x ${count}`).join(', ')}`,
    )
    expect(statuses.get(200) ?? 0).toBeGreaterThan(0)
    expect(statuses.get(400) ?? 0).toBeGreaterThan(0)
  })

  it.each(
    dialectIds.flatMap((dialect) => hostileTexts.map(([name, text]) => ({ dialect, name, text }))),
  )('$name: $dialect', async ({ dialect, text }) => {
    const startedMs = performance.now()
    expectSane(dialect, await post(pathOf(dialect), text))
    expect(performance.now() - startedMs).toBeLessThan(5000)
  })

  it.each(dialectIds)(
    'bodies of nothing but faults cost little, however long they are: %s',
    async (dialect) => {
      const startedMs = performance.now()
      const growth = await peakGrowthMiB(gateway.pid, async () => {
        for (const count of [150_000, 1_000_000, 3_500_000, 9_900_000]) {
          const zeros = `[${'0,'.repeat(count - 1)}0]`
          const text = `{"model":"${dialect}","max_tokens":1,"messages":${zeros}}`
          const answer = await post(pathOf(dialect), text)
          expect(answer.status).toBe(400)
          expectSane(dialect, answer)
        }
      })
      report(`fuzz: faults on ${pathOf(dialect)}: workerd grew by ${growth.toFixed(0)} MiB`)
      // Four texts of 27 MB together; of old, 7 MB of zeros were 730 MB.
      expect(growth).toBeLessThan(200)
      expect(performance.now() - startedMs).toBeLessThan(10_000)
    },
  )

  it.each(dialectIds)('bytes that are no text: %s', async (dialect) => {
    const { seed, numRuns } = seeded(`bytes on ${pathOf(dialect)}`, 150)
    const valid = new TextEncoder().encode(
      JSON.stringify({
        model: dialect,
        max_tokens: 9,
        messages: [{ role: 'user', content: 'é世🌍' }],
      }),
    )
    const property = fc.asyncProperty(
      fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated(valid)),
      async (bytes) => expectSane(dialect, await post(pathOf(dialect), Uint8Array.from(bytes))),
    )
    await fc.assert(property, { seed, numRuns })
  })
})

const namesThatAreRead = `authorization x-api-key content-type content-encoding accept origin prefer
  x-switchyard-tags x-switchyard-deadline-ms x-switchyard-resume idempotency-key anthropic-version
  anthropic-beta mf-cf-blob cookie`.split(/\s+/)

describe('headers', () => {
  const value = fc
    .string({ unit: 'binary-ascii', maxLength: 100 })
    .map((text) => text.replaceAll(/[^\x20-\x7e]/g, '~'))
  const name = fc.oneof(
    fc.constantFrom(...namesThatAreRead),
    fc
      .stringMatching(/^[a-z][a-z0-9-]{0,30}$/)
      .filter(
        (one) =>
          !/^(host|te|upgrade|expect|connection|keep-alive|trailer|transfer-encoding|content-length)$/.test(
            one,
          ),
      ),
  )

  it('anything is answered, refused, or not let in', async () => {
    const { seed, numRuns } = seeded('headers', 500)
    const statuses = new Map<number, number>()
    const headers = fc.dictionary(name, value, { maxKeys: 6 })
    const property = fc.asyncProperty(headers, fc.boolean(), async (sent, keyed) => {
      const answer = await send({
        ...(keyed ? { authorization: `Bearer ${gateway.key}` } : {}),
        ...sent,
      })
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
      expect([200, 400, 401, 415], JSON.stringify(sent)).toContain(answer.status)
      if (answer.status !== 200) expect(JSON.parse(answer.text)).toHaveProperty('error.code')
    })
    await fc.assert(property, { seed, numRuns })
    report(
      `fuzz: headers: ${[...statuses].map(([status, count]) => `${status} x ${count}`).join(', ')}`,
    )
  })

  it.each([
    ['a key of 8 kB', 'x'.repeat(8000)],
    ['a key that is a pattern', '.*'],
    ['a key that is a property', '__proto__'],
    ['a key that is another property', 'sk-sy-constructor-toString'],
    ['a key with a stranger check', `sk-sy-demo-${'A'.repeat(8)}-${'A'.repeat(43)}AAAAAA`],
    ['a key that is SQL', "' OR 1=1 --"],
    ['a digest', 'a'.repeat(64)],
  ])('%s is 401', async (_name, key) => {
    for (const headers of [{ authorization: `Bearer ${key}` }, { 'x-api-key': key }])
      expect((await send(headers)).status).toBe(401)
  })

  /** `node:http` sends what `fetch` would refuse to. */
  function send(headers: Readonly<Record<string, string>>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        `${gateway.url}/v1/chat/completions`,
        { method: 'POST', headers },
        (response) => {
          let text = ''
          response.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
        },
      )
      outgoing.on('error', reject)
      outgoing.end('{"model":"openai","messages":[{"role":"user","content":"x"}]}')
    })
  }
})

describe('upstream bytes', () => {
  const usage = { stream_options: { include_usage: true } }
  const ways = [
    { name: 'OpenAI relayed', dialect: 'openai', wire: 'openai', more: usage },
    { name: 'OpenAI translated', dialect: 'openai', wire: 'openai', more: {} },
    { name: 'Anthropic relayed', dialect: 'anthropic', wire: 'anthropic', more: {} },
    { name: 'Anthropic as OpenAI', dialect: 'openai', wire: 'anthropic', more: {} },
    { name: 'OpenAI as Anthropic', dialect: 'anthropic', wire: 'openai', more: {} },
  ] as const

  it.each(ways)('recorded streams with wounds: one end, never a false one: $name', async (way) => {
    const { dialect, wire } = way
    const recordings = recordedStreams().filter(({ provider }) => provider === wire)
    const { seed, numRuns } = seeded(`wounded streams, ${way.name}`, 120)
    const ends = new Map<string, number>()
    const hurt = fc
      .constantFrom(...recordings)
      .chain(({ bytes }) => mutated(bytes.subarray(0, 40_000)))
    const property = fc.asyncProperty(
      hurt,
      fc.integer({ min: 1, max: 4000 }),
      fc.constantFrom('end', 'reset', 'finish'),
      async (bytes, size, ending) => {
        upstream.on(wire, async (reply) => {
          reply.head(200, openAiHead)
          for (let at = 0; at < bytes.length; at += size)
            await reply.write(bytes.subarray(at, at + size))
          if (ending === 'end') reply.end()
          else if (ending === 'reset') reply.reset()
          else reply.finish()
        })
        const response = await fetch(gateway.url + pathOf(dialect), {
          method: 'POST',
          headers: { authorization: `Bearer ${gateway.key}` },
          body: JSON.stringify({
            model: wire,
            max_tokens: 9,
            stream: true,
            messages: [{ role: 'user', content: 'x' }],
            ...way.more,
          }),
          signal: AbortSignal.timeout(15_000),
        })
        const seen = read(dialect, response, await response.text(), 0)
        const id = seen.headers.get('x-switchyard-request-id') ?? ''
        const record = await gateway.logs.waitFor(id)
        const end = `${seen.status} ${String(record['switchyard.ending'])}`
        ends.set(end, (ends.get(end) ?? 0) + 1)
        // A provider may itself blame the request (400) or be out of quota (429) in its stream.
        expect([200, 400, 429, 502, 504], seen.raw.slice(-300)).toContain(seen.status)
        expect(gateway.logs.of(id)).toHaveLength(1)
        if (seen.status !== 200) expect(seen.error).not.toBeNull()
        else expectHonest(seen, record)
      },
    )
    await fc.assert(property, { seed, numRuns })
    report(`fuzz: ${way.name}: ${[...ends].map(([end, count]) => `${end} x ${count}`).join(', ')}`)
  })

  /** A finished stream has its end mark; any other ends in an error, and without one. */
  function expectHonest(seen: Seen, record: LogLine): void {
    const translated = record['switchyard.plumbing'] === 'translate'
    if (record['switchyard.ending'] === 'finished') {
      if (translated) expect(seen).toMatchObject({ ended: true, error: null })
      return
    }
    if (translated) expect(seen).toMatchObject({ ended: false, afterError: 0 })
    // A relay tells what it finds behind the bytes that have gone; the client meets an error either way.
    expect(seen.error !== null || seen.broken > 0, seen.raw.slice(-300)).toBe(true)
  }

  it.each(wires)('whole answers that are anything: %s', async (wire) => {
    const { seed, numRuns } = seeded(`whole answers, ${wire}`, 150)
    const valid = new TextEncoder().encode(kits[wire].whole('fine'))
    const property = fc.asyncProperty(
      fc.oneof(
        mutated(valid),
        fc.uint8Array({ maxLength: 200 }),
        fc.jsonValue().map((value) => new TextEncoder().encode(JSON.stringify(value))),
      ),
      fc.constantFrom(200, 200, 200, 400, 404, 500),
      async (bytes, status) => {
        upstream.on(wire, (reply) => {
          reply.head(status, { 'content-type': 'application/json' })
          reply.end(bytes)
        })
        for (const dialect of dialectIds) {
          const seen = await ask(gateway, { dialect, model: wire })
          expect([200, 400, 429, 502, 504], seen.raw.slice(0, 300)).toContain(seen.status)
          expect(seen.error === null, seen.raw.slice(0, 300)).toBe(seen.status === 200)
        }
      },
    )
    await fc.assert(property, { seed, numRuns })
  })
})
