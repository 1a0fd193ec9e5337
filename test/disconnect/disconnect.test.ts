import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { pathOf, type DialectId } from '../support/ask-gateway.ts'
import { pool } from '../support/pool.ts'
import { residentMiB } from '../support/process-memory.ts'
import { openRaw, type RawClient } from '../support/raw-client.ts'
import { report } from '../support/report.ts'
import { kits, openAiHead } from '../support/scripted-answers.ts'
import {
  startScriptedUpstream,
  type Reply,
  type Script,
  type ScriptedCall,
  type ScriptedUpstream,
} from '../support/scripted-upstream.ts'
import { startRawGateway, type RawGateway } from '../support/start-raw-gateway.ts'
import { emptyRoutes, scriptedProvider, secretOf } from '../support/test-routes.ts'

/**
 * Clients that leave, on a bare workerd: the upstream stops, nothing leaks, and
 * the record says once what happened. The same suite on both ways through.
 */

interface Way {
  readonly name: string
  readonly dialect: DialectId
  readonly wire: 'openai' | 'anthropic'
  readonly plumbing: 'relay' | 'translate'
  readonly more: Readonly<Record<string, unknown>>
}

const usage = { stream_options: { include_usage: true } }
const ways: readonly Way[] = [
  { name: 'OpenAI relayed', dialect: 'openai', wire: 'openai', plumbing: 'relay', more: usage },
  {
    name: 'Anthropic relayed',
    dialect: 'anthropic',
    wire: 'anthropic',
    plumbing: 'relay',
    more: {},
  },
  { name: 'OpenAI translated', dialect: 'openai', wire: 'openai', plumbing: 'translate', more: {} },
  {
    name: 'Anthropic as OpenAI',
    dialect: 'openai',
    wire: 'anthropic',
    plumbing: 'translate',
    more: {},
  },
]

/** Within this the upstream must have heard of a client that left, ms. */
const noticedMs = 100
/** Of the route, ms: silence is bounded by the heartbeat when translated and by the stall limit when relayed. */
const heartbeatMs = 400
const idleMs = 900
/** The relay looks at its metering branch once a second. */
const meterMs = 1000
/** What a loaded machine may add, ms. */
const slackMs = 400

/** Of an unstreamed call, ms. */
const answerMs = 300
const shortLimits = {
  firstTokenTimeoutMs: 20_000,
  answerTimeoutMs: answerMs,
  idleTimeoutMs: idleMs,
  deadlineMs: 60_000,
}

let upstream: ScriptedUpstream
let gateway: RawGateway

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  const routes = emptyRoutes()
  for (const wire of ['openai', 'anthropic'] as const) {
    routes.providers[wire] = scriptedProvider(wire, wire, upstream.host)
    routes.targets[`m@${wire}`] = {}
    routes.routes[wire] = {
      tiers: [[`m@${wire}`]],
      heartbeatAfterMs: heartbeatMs,
      timeouts: {
        firstTokenTimeoutMs: 20_000,
        answerTimeoutMs: 20_000,
        idleTimeoutMs: idleMs,
        deadlineMs: 60_000,
      },
    }
  }
  // A whole answer of the first has its limit, and the second may answer instead.
  routes.routes['short'] = { tiers: [['m@openai'], ['m@anthropic']], timeouts: shortLimits }
  routes.routes['short-alone'] = {
    tiers: [['m@openai']],
    timeouts: shortLimits,
    limits: { maxAttempts: 1 },
  }
  gateway = await startRawGateway(routes, {
    [secretOf('openai')]: 'provider-key',
    [secretOf('anthropic')]: 'provider-key',
  })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})
beforeEach(() => {
  upstream.clear()
  gateway.logs.clear()
})

function connect(way: Way, stream = true): RawClient {
  return openRaw({
    port: gateway.port,
    path: pathOf(way.dialect),
    headers: { authorization: `Bearer ${gateway.key}` },
    body: JSON.stringify({
      model: way.wire,
      stream,
      messages: [{ role: 'user', content: 'hello' }],
      ...(way.dialect === 'anthropic' ? { max_tokens: 100 } : {}),
      ...(stream ? way.more : {}),
    }),
  })
}

/** An unstreamed request in OpenAI's dialect. */
function ask(model: string): RawClient {
  return openRaw({
    port: gateway.port,
    path: pathOf('openai'),
    headers: { authorization: `Bearer ${gateway.key}` },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }),
  })
}

const wholeAnthropic = JSON.stringify({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'm',
  content: [{ type: 'text', text: 'Here I am.' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 3, output_tokens: 4 },
})

/** A stream of words, one each `everyMs`, until the caller leaves. */
function talks(wire: Way['wire'], everyMs: number): Script {
  const { start, text } = kits[wire]
  return async (reply) => {
    reply.head(200, openAiHead)
    await reply.write(start + text('first '))
    for (let word = 0; word < 2000; word++) {
      await reply.wait(everyMs)
      if (!(await reply.write(text(`word${word} `)))) return
    }
  }
}

/** Two words, then silence for as long as the caller stays. */
function fallsSilent(wire: Way['wire']): Script {
  const { start, text } = kits[wire]
  return async (reply) => {
    reply.head(200, openAiHead)
    await reply.write(start + text('first '))
    await reply.gone
  }
}

async function calls(count = 1): Promise<readonly ScriptedCall[]> {
  await gateway.logs.waitUntil(() => (upstream.calls.length >= count ? [true] : []))
  return upstream.calls
}

/** How long after `leftMs` the upstream's connection was closed on it, ms. */
async function noticedAfter(leftMs: number, limitMs = 6000): Promise<number> {
  const aborted = await gateway.logs.waitUntil(
    () => upstream.calls.filter((call) => call.aborted),
    limitMs,
  )
  expect(aborted, 'the upstream call was not aborted').toHaveLength(1)
  return (aborted[0]?.abortedAtMs ?? Infinity) - leftMs
}

/** One record, of the ending that happened, and no second one later. */
async function expectOneRecord(plumbing: string | undefined, ending = 'client_gone') {
  const records = await gateway.logs.waitUntil(() => gateway.logs.records)
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(gateway.logs.records).toHaveLength(1)
  expect(records[0]).toMatchObject({ 'switchyard.ending': ending })
  expect(records[0]?.['switchyard.plumbing']).toBe(plumbing)
  expect(gateway.logs.faults).toEqual([])
}

// The runtime tells within a few milliseconds; a machine that does ten other things may take its time once.
const patience = { retry: 2 }

describe('a client that resets', patience, () => {
  it.each(ways)('while tokens come: upstream aborted within 100 ms: $name', async (way) => {
    upstream.on(way.wire, talks(way.wire, 20))
    const client = connect(way)
    expect(await client.until((text) => text.includes('word2'))).toBe(true)
    const leftMs = performance.now()
    client.reset()
    expect(await noticedAfter(leftMs)).toBeLessThan(noticedMs)
    await expectOneRecord(way.plumbing)
  })

  it.each(ways)('in silence after the first token: within 100 ms: $name', async (way) => {
    upstream.on(way.wire, fallsSilent(way.wire))
    const client = connect(way)
    expect(await client.until((text) => text.includes('first'))).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 50))
    const leftMs = performance.now()
    client.reset()
    expect(await noticedAfter(leftMs)).toBeLessThan(noticedMs)
    await expectOneRecord(way.plumbing)
  })

  it.each(ways)('before the upstream has answered at all: within 100 ms: $name', async (way) => {
    upstream.on(way.wire, (reply) => reply.gone)
    const client = connect(way)
    await calls()
    const leftMs = performance.now()
    client.reset()
    expect(await noticedAfter(leftMs)).toBeLessThan(noticedMs)
    await expectOneRecord(undefined)
  })

  it.each(ways)('after the headers, before the first token: within 100 ms: $name', async (way) => {
    upstream.on(way.wire, async (reply) => {
      reply.head(200, openAiHead)
      await reply.write(kits[way.wire].start)
      await reply.gone
    })
    const client = connect(way)
    await calls()
    await new Promise((resolve) => setTimeout(resolve, 50))
    const leftMs = performance.now()
    client.reset()
    expect(await noticedAfter(leftMs)).toBeLessThan(noticedMs)
    await expectOneRecord(undefined)
  })

  it.each(ways)('while heartbeats keep a silent stream open: within 100 ms: $name', async (way) => {
    upstream.on(way.wire, (reply) => reply.gone)
    const client = connect(way)
    expect(await client.until((text) => text.includes('200 OK'))).toBe(true)
    const leftMs = performance.now()
    client.reset()
    expect(await noticedAfter(leftMs)).toBeLessThan(noticedMs)
    await expectOneRecord(undefined)
  })

  it.each(ways)('an unstreamed request: within 100 ms: $name', async (way) => {
    upstream.on(way.wire, async (reply) => {
      reply.head(200, { 'content-type': 'application/json' })
      await reply.write('{"id":')
      await reply.gone
    })
    const client = connect(way, false)
    await calls()
    await new Promise((resolve) => setTimeout(resolve, 50))
    const leftMs = performance.now()
    client.reset()
    expect(await noticedAfter(leftMs)).toBeLessThan(noticedMs)
    await expectOneRecord(undefined)
  })

  it.each(ways)(
    'an unstreamed request that nobody has answered: within 100 ms: $name',
    async (way) => {
      upstream.on(way.wire, (reply) => reply.gone)
      const client = connect(way, false)
      await calls()
      const leftMs = performance.now()
      client.reset()
      expect(await noticedAfter(leftMs)).toBeLessThan(noticedMs)
      await expectOneRecord(undefined)
    },
  )
})

describe('an unstreamed call whose limit has passed', patience, () => {
  const halves = [
    ['has not been answered at all', () => undefined],
    [
      'has half an answer',
      (reply: Reply) => {
        reply.head(200, { 'content-type': 'application/json' })
        return reply.write('{"id":')
      },
    ],
    [
      'has half of an answer of known length',
      (reply: Reply) => {
        reply.head(200, { 'content-type': 'application/json', 'content-length': '500' })
        return reply.write('{"id":')
      },
    ],
  ] as const

  it.each(halves)('is stopped at once: %s', async (_name, half) => {
    upstream.on('openai', async (reply) => {
      await half(reply)
      await reply.gone
    })
    const client = ask('short-alone')
    expect(await client.until((text) => text.includes('upstream_timeout'))).toBe(true)
    const toldMs = performance.now()
    expect(await noticedAfter(toldMs)).toBeLessThan(noticedMs)
    const [record] = await gateway.logs.waitUntil(() => gateway.logs.records)
    expect(record?.['switchyard.attempts']).toMatchObject([{ outcome: 'timeout' }])
    client.reset()
  })

  it.each(halves)(
    'is stopped at once, also where the next target answers: %s',
    async (_name, half) => {
      upstream.on('openai', async (reply) => {
        await half(reply)
        await reply.gone
      })
      upstream.on('anthropic', (reply) => {
        reply.head(200, { 'content-type': 'application/json' })
        reply.end(wholeAnthropic)
      })
      const client = ask('short')
      expect(await client.until((text) => text.includes('Here I am.'))).toBe(true)
      const toldMs = performance.now()
      expect(await noticedAfter(toldMs)).toBeLessThan(noticedMs)
      const [record] = await gateway.logs.waitUntil(() => gateway.logs.records)
      expect(record?.['switchyard.attempts']).toMatchObject([
        { target: 'm@openai', outcome: 'timeout' },
        { target: 'm@anthropic', outcome: 'ok' },
      ])
      client.reset()
    },
  )
})

describe('a client that closes politely', patience, () => {
  it.each(ways)(
    'upstream aborted within 100 ms of the first byte that follows: $name',
    async (way) => {
      const { start, text } = kits[way.wire]
      let sentMs = 0
      upstream.on(way.wire, async (reply) => {
        reply.head(200, openAiHead)
        await reply.write(start + text('first '))
        await reply.wait(150)
        sentMs = performance.now()
        // Until the runtime hears that nobody reads: two words may pass, the third must not.
        while (await reply.write(text('more '))) await reply.wait(20)
      })
      const client = connect(way)
      expect(await client.until((received) => received.includes('first'))).toBe(true)
      client.finish()
      const leftMs = performance.now()
      const after = await noticedAfter(leftMs)
      expect(leftMs + after - sentMs).toBeLessThan(noticedMs)
      await expectOneRecord(way.plumbing)
    },
  )

  it.each(ways.filter(({ plumbing }) => plumbing === 'translate'))(
    'in silence: within one heartbeat: $name',
    async (way) => {
      upstream.on(way.wire, fallsSilent(way.wire))
      const client = connect(way)
      expect(await client.until((text) => text.includes('first'))).toBe(true)
      const leftMs = performance.now()
      client.finish()
      // The first heartbeat provokes the reset; the next write or the runtime's own signal tells of it.
      expect(await noticedAfter(leftMs)).toBeLessThan(heartbeatMs + slackMs)
      await expectOneRecord('translate')
    },
  )

  it.each(ways.filter(({ plumbing }) => plumbing === 'relay'))(
    'in silence: within the stall limit: $name',
    async (way) => {
      upstream.on(way.wire, fallsSilent(way.wire))
      const client = connect(way)
      expect(await client.until((text) => text.includes('first'))).toBe(true)
      const leftMs = performance.now()
      client.finish()
      expect(await noticedAfter(leftMs)).toBeLessThan(idleMs + 2 * meterMs + slackMs)
      const [record] = await gateway.logs.waitUntil(() => gateway.logs.records)
      expect(['client_gone', 'failed']).toContain(record?.['switchyard.ending'])
    },
  )

  it.each(ways)('before the first token: within one heartbeat: $name', async (way) => {
    upstream.on(way.wire, (reply) => reply.gone)
    const client = connect(way)
    await calls()
    const leftMs = performance.now()
    client.finish()
    expect(await noticedAfter(leftMs)).toBeLessThan(2 * heartbeatMs + slackMs)
    await expectOneRecord(undefined)
  })
})

describe('a client that stays', () => {
  it.each(ways)('leaves one record that says finished: $name', async (way) => {
    const { start, text, end, done } = kits[way.wire]
    upstream.on(way.wire, async (reply) => {
      reply.head(200, openAiHead)
      await reply.write(start + text('first ') + end)
      reply.end(done)
    })
    const client = connect(way)
    const mark = way.dialect === 'openai' ? '[DONE]' : 'message_stop'
    expect(await client.until((received) => received.includes(mark))).toBe(true)
    await expectOneRecord(way.plumbing, 'finished')
    client.finish()
  })
})

describe('1,000 aborts leak nothing', () => {
  it('upstream connections are closed, memory is bounded, one record each, and it still answers', async () => {
    const rounds = 1000
    for (const { wire } of ways) upstream.on(wire, talks(wire, 5))
    const warmUp = 500
    await pool([...Array(warmUp).keys()], 20, leave)
    await gateway.logs.waitUntil(() => (gateway.logs.records.length >= warmUp ? [true] : []))
    const before = residentMiB(gateway.pid)
    upstream.clear()
    gateway.logs.clear()
    await pool([...Array(rounds).keys()], 20, leave)
    await gateway.logs.waitUntil(() => (upstream.open() === 0 ? [true] : []))
    await gateway.logs.waitUntil(() => (gateway.logs.records.length >= rounds ? [true] : []))
    const grown = residentMiB(gateway.pid) - before
    const endings = Map.groupBy(gateway.logs.records, (line) => String(line['switchyard.ending']))
    report(
      `1,000 aborts: ${upstream.calls.length} upstream calls, ${upstream.open()} still open, workerd grew by ${grown.toFixed(0)} MiB, endings ${[...endings].map(([ending, lines]) => `${ending} ${lines.length}`).join(', ')}`,
    )
    expect(upstream.open()).toBe(0)
    expect(upstream.calls.every(({ aborted }) => aborted)).toBe(true)
    expect([...endings.keys()]).toEqual(['client_gone'])
    expect(gateway.logs.records).toHaveLength(rounds)
    const ids = gateway.logs.records.map((line) => line['switchyard.request.id'])
    expect(new Set(ids).size).toBe(rounds)
    expect(gateway.logs.faults).toEqual([])
    // It levels off at 400 MiB after 20,000 aborts; a leak of one answer each would be seen here.
    expect(grown).toBeLessThan(128)
    const [way] = ways
    if (way === undefined) return
    const client = connect(way)
    expect(await client.until((text) => text.includes('word2'))).toBe(true)
    client.reset()
  }, 60_000)

  /** Leaves in every way in turn: by reset or politely, before or after the first token. */
  async function leave(index: number): Promise<void> {
    const way = ways[index % ways.length]
    if (way === undefined) return
    const client = connect(way)
    const marks = ['200 OK', 'first', 'word0', 'word1']
    const mark = marks[Math.floor(index / ways.length) % marks.length] ?? 'first'
    await client.until((text) => text.includes(mark))
    if (index % 3 === 0) client.finish()
    else client.reset()
    await client.closed
  }
})
