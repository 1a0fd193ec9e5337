import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ask, pathOf, type DialectId } from '../support/ask-gateway.ts'
import { openRaw } from '../support/raw-client.ts'
import { anthropicEvent, anthropicStart, kits, openAiHead } from '../support/scripted-answers.ts'
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import { startRawGateway, type RawGateway } from '../support/start-raw-gateway.ts'
import { emptyRoutes, scriptedProvider, secretOf } from '../support/test-routes.ts'

/** Streams that are longer than what is looked at, and clients that are slower than the provider. */

const idleTimeoutMs = 400

let upstream: ScriptedUpstream
let gateway: RawGateway

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  const routes = emptyRoutes()
  for (const wire of ['openai', 'anthropic']) {
    routes.providers[wire] = scriptedProvider(wire, wire, upstream.host)
    routes.targets[`m@${wire}`] = {}
    routes.routes[wire] = { tiers: [[`m@${wire}`]], timeouts: { idleTimeoutMs } }
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

const usage = { stream_options: { include_usage: true } }
const ways = [
  { name: 'OpenAI relayed', dialect: 'openai', wire: 'openai', more: usage, plumbing: 'relay' },
  { name: 'OpenAI translated', dialect: 'openai', wire: 'openai', more: {}, plumbing: 'translate' },
  {
    name: 'Anthropic relayed',
    dialect: 'anthropic',
    wire: 'anthropic',
    more: {},
    plumbing: 'relay',
  },
  {
    name: 'Anthropic as OpenAI',
    dialect: 'openai',
    wire: 'anthropic',
    more: {},
    plumbing: 'translate',
  },
] as const

/** Anthropic's blocks in a row: each longer than what a relay keeps of a stream. */
function manyBlocks(pieces: number): string {
  const piece = 'p'.repeat(200)
  const block = (index: number, content_block: object, delta: (at: number) => object) =>
    anthropicEvent('content_block_start', { index, content_block }) +
    Array.from({ length: pieces }, (_, at) =>
      anthropicEvent('content_block_delta', { index, delta: delta(at) }),
    ).join('') +
    anthropicEvent('content_block_stop', { index })
  return (
    anthropicEvent('content_block_stop', { index: 0 }) +
    block(1, { type: 'thinking', thinking: '', signature: '' }, () => ({
      type: 'thinking_delta',
      thinking: piece,
    })) +
    block(2, { type: 'text', text: '' }, () => ({ type: 'text_delta', text: piece })) +
    block(3, { type: 'tool_use', id: 'toolu_1', name: 'search', input: {} }, (at) => ({
      type: 'input_json_delta',
      partial_json: at === 0 ? '{"q":"' : at === pieces - 1 ? '"}' : piece,
    })) +
    block(4, { type: 'tool_use', id: 'toolu_2', name: 'search', input: {} }, (at) => ({
      type: 'input_json_delta',
      partial_json: at === 0 ? '{"q":"' : at === pieces - 1 ? '"}' : piece,
    })) +
    anthropicEvent('message_delta', {
      delta: { stop_reason: 'tool_use', stop_sequence: null },
      usage: { output_tokens: 77 },
    }) +
    anthropicEvent('message_stop', {})
  )
}

describe('a stream whose middle is let go', () => {
  it.each([10, 100, 1000])(
    'of several Anthropic blocks is finished, with its usage (%i pieces each)',
    async (pieces) => {
      upstream.on('anthropic', async (reply) => {
        reply.head(200, openAiHead)
        await reply.write(anthropicStart + kits.anthropic.text('Let me see.'))
        await reply.wait(300)
        reply.end(manyBlocks(pieces))
      })
      const seen = await ask(gateway, { dialect: 'anthropic', model: 'm@anthropic', stream: true })
      const record = await gateway.logs.waitFor(seen.headers.get('x-switchyard-request-id') ?? '')
      expect(seen).toMatchObject({ ended: true, error: null })
      expect(record).toMatchObject({
        'switchyard.plumbing': 'relay',
        'switchyard.ending': 'finished',
        'gen_ai.usage.output_tokens': 77,
        'gen_ai.usage.input_tokens': 5,
        'gen_ai.response.finish_reasons': ['toolCalls'],
      })
    },
  )

  it.each([10, 100, 1000])(
    'of OpenAI with tool calls is finished, with its usage (%i pieces)',
    async (pieces) => {
      const call = (index: number, more: object) =>
        kits.openai
          .text('')
          .replace(
            '"delta":{"content":""}',
            `"delta":${JSON.stringify({ tool_calls: [{ index, ...more }] })}`,
          )
      const body = [0, 1].flatMap((index) => [
        call(index, {
          id: `call_${index}`,
          type: 'function',
          function: { name: 'f', arguments: '' },
        }),
        ...Array.from({ length: pieces }, (_, at) =>
          call(index, { function: { arguments: at === 0 ? '{"q":"' : 'p'.repeat(200) } }),
        ),
        call(index, { function: { arguments: '"}' } }),
      ])
      upstream.on('openai', async (reply) => {
        reply.head(200, openAiHead)
        await reply.write(kits.openai.start + kits.openai.text('Let me see.'))
        await reply.wait(200)
        await reply.write(body.join(''))
        await reply.write(kits.openai.end)
        reply.end(kits.openai.done)
      })
      const asked = { dialect: 'openai', model: 'm@openai', stream: true, more: usage } as const
      const seen = await ask(gateway, asked)
      const record = await gateway.logs.waitFor(seen.headers.get('x-switchyard-request-id') ?? '')
      expect(seen).toMatchObject({ ended: true, error: null })
      expect(record).toMatchObject({
        'switchyard.plumbing': 'relay',
        'switchyard.ending': 'finished',
        'gen_ai.usage.output_tokens': 3,
      })
    },
  )

  it.each(ways)('ends in the error event when it breaks at its end: $name', async (way) => {
    const words = 300
    // A reset throws away what the other side has not read yet: it comes when the client has everything.
    const arrived = Promise.withResolvers<void>()
    const last = `${'q'.repeat(10)}#`
    upstream.on(way.wire, async (reply) => {
      reply.head(200, openAiHead)
      await reply.write(kits[way.wire].start)
      for (let index = 1; index < words; index++)
        await reply.write(kits[way.wire].text('q'.repeat(300)))
      await reply.write(kits[way.wire].text(last))
      await Promise.race([arrived.promise, reply.gone])
      reply.reset()
    })
    const seen = await ask(gateway, {
      dialect: way.dialect,
      model: way.wire,
      stream: true,
      more: way.more,
      onRaw: (soFar) => {
        if (soFar.includes(last)) arrived.resolve()
      },
    })
    expect(seen).toMatchObject({ ended: false, afterError: 0, broken: 0 })
    expect(seen.text.length).toBe((words - 1) * 300 + last.length)
    expect(seen.text === 'q'.repeat((words - 1) * 300) + last).toBe(true)
    expect(seen.error?.code).toBe('upstream_interrupted')
  })
})

describe('a client that rests longer than the provider may be silent', () => {
  it.each(ways)('loses nothing: $name', async (way) => {
    const { start, text, end, done } = kits[way.wire]
    const words = 20_000
    const piece = text('s'.repeat(1000))
    upstream.on(way.wire, async (reply) => {
      reply.head(200, openAiHead)
      await reply.write(start)
      for (let index = 0; index < words; index++) if (!(await reply.write(piece))) return
      await reply.write(end)
      reply.end(done)
    })
    const client = openRaw({
      port: gateway.port,
      path: pathOf(way.dialect as DialectId),
      headers: { authorization: `Bearer ${gateway.key}` },
      body: JSON.stringify({
        model: way.wire,
        stream: true,
        max_tokens: 100,
        messages: [{ role: 'user', content: 'hello' }],
        ...way.more,
      }),
      keep: false,
    })
    await client.until(() => client.bytes() > 100_000)
    client.pause()
    await new Promise((resolve) => setTimeout(resolve, idleTimeoutMs + 1600))
    expect(upstream.calls[0]?.over, 'all of it had been taken in').toBe(false)
    client.socket.resume()
    await client.until(() => upstream.calls[0]?.over === true, 15_000)
    const [record] = await gateway.logs.waitUntil(() => gateway.logs.records, 15_000)
    expect(record).toMatchObject({
      'switchyard.plumbing': way.plumbing,
      'switchyard.ending': 'finished',
    })
    expect(client.bytes()).toBeGreaterThan(words * 1000)
    client.reset()
  })
})
