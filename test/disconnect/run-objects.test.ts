import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openRaw, type RawClient } from '../support/raw-client.ts'
import { openAiDone, openAiEnd, openAiHead, kits } from '../support/scripted-answers.ts'
import {
  startScriptedUpstream,
  type Script,
  type ScriptedUpstream,
} from '../support/scripted-upstream.ts'
import { startRawGateway, type RawGateway } from '../support/start-raw-gateway.ts'
import { emptyRoutes, patientTimeouts, scriptedProvider, secretOf } from '../support/test-routes.ts'

/**
 * Clients that leave requests which run in an object of their own, on a bare workerd with two isolates that share the
 * objects: upstream stops with its client where nothing is kept, and goes on where the route is resumable.
 */

let upstream: ScriptedUpstream
let gateway: RawGateway

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  const routes = emptyRoutes()
  routes.providers['inside'] = {
    ...scriptedProvider('inside', 'openai', upstream.host),
    regions: ['eu'],
  }
  routes.targets['m@inside'] = {}
  const route = { tiers: [['m@inside']], timeouts: patientTimeouts }
  routes.routes['plain'] = route
  routes.routes['long'] = { ...route, resumable: {} }
  routes.tenants['demo'] = { residency: 'eu' }
  gateway = await startRawGateway(
    routes,
    { [secretOf('inside')]: 'provider-key' },
    { services: 2, onDisk: true },
  )
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})
beforeEach(() => {
  upstream.clear()
  gateway.logs.clear()
})

const portOf = (service: number) => Number(new URL(gateway.urls[service] ?? '').port)

function connect(model: string, headers: Record<string, string> = {}, service = 0): RawClient {
  return openRaw({
    port: portOf(service),
    path: '/v1/chat/completions',
    headers: { authorization: `Bearer ${gateway.key}`, ...headers },
    body: JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'hello' }] }),
  })
}

const { start, text } = kits.openai

/** Words until `word`, then only when the test lets it go on. */
function talks(words: number, goOn: Promise<void>): Script {
  return async (reply) => {
    reply.head(200, openAiHead)
    await reply.write(start + text('first '))
    for (let word = 0; word < words; word++)
      if (!(await reply.write(text(`word${word} \u00e9 `)))) return
    await Promise.race([goOn, reply.gone])
    await reply.write(text('last ') + openAiEnd + openAiDone)
    reply.end()
  }
}

function gate(): { readonly open: () => void; readonly opened: Promise<void> } {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, opened }
}

const aborted = () => gateway.logs.waitUntil(() => upstream.calls.filter((call) => call.aborted))

/** The bytes of a chunked answer, one character each, without its head and the sizes of its chunks; as far as it came. */
function sentIn(received: string): string {
  let at = received.indexOf('\r\n\r\n') + 4
  let sent = ''
  for (;;) {
    const lineEnd = received.indexOf('\r\n', at)
    const size = Number.parseInt(received.slice(at, lineEnd), 16)
    if (lineEnd === -1 || !(size > 0)) return sent
    sent += received.slice(lineEnd + 2, lineEnd + 2 + size)
    at = lineEnd + 2 + size + 2
  }
}

const isWhole = (received: string) => received.endsWith('\r\n0\r\n\r\n')

const lastId = (received: string) => [...received.matchAll(/^id: (\S+)$/gm)].at(-1)?.[1] ?? ''

describe('a client that leaves a request of a pinned tenant', () => {
  it('before the first token: its provider hears of it', async () => {
    upstream.on('inside', (reply) => reply.gone)
    const client = connect('plain')
    await gateway.logs.waitUntil(() => upstream.calls)
    client.reset()
    expect(await aborted()).toHaveLength(1)
    const [record] = await gateway.logs.waitUntil(() => gateway.logs.records)
    expect(record).toMatchObject({ 'switchyard.ending': 'client_gone' })
  })

  it('in mid-stream, while nothing comes: its provider hears of it', async () => {
    upstream.on('inside', talks(2, gate().opened))
    const client = connect('plain')
    expect(await client.until((received) => received.includes('word1'))).toBe(true)
    client.reset()
    expect(await aborted()).toHaveLength(1)
    const [record] = await gateway.logs.waitUntil(() => gateway.logs.records)
    expect(record).toMatchObject({ 'switchyard.ending': 'client_gone' })
  })
})

describe('a client that leaves a resumable stream', () => {
  it('comes back to the rest of it through another isolate, and the usage is known', async () => {
    const rest = gate()
    upstream.on('inside', talks(2, rest.opened))
    const first = connect('long')
    expect(await first.until((received) => received.includes('word1'))).toBe(true)
    const had = first.received()
    first.reset()
    const second = connect('long', { 'last-event-id': lastId(had) }, 1)
    rest.open()
    expect(await second.until((received) => received.includes('[DONE]'))).toBe(true)
    expect(second.received()).not.toContain('word1')
    expect(second.received()).toContain('last ')
    expect(upstream.calls.map(({ aborted }) => aborted)).toEqual([false])
    const [record] = await gateway.logs.waitUntil(() => gateway.logs.records)
    expect(record).toMatchObject({
      'switchyard.ending': 'finished',
      'gen_ai.usage.output_tokens': 3,
    })
  })

  it('leaves it running also when nobody comes back', async () => {
    const rest = gate()
    upstream.on('inside', talks(2, rest.opened))
    const first = connect('long')
    expect(await first.until((received) => received.includes('word1'))).toBe(true)
    first.reset()
    await first.closed
    rest.open()
    const [record] = await gateway.logs.waitUntil(() => gateway.logs.records)
    expect(record).toMatchObject({ 'switchyard.ending': 'finished' })
  })

  it('before its first token, too', async () => {
    const rest = gate()
    upstream.on('inside', async (reply) => {
      await rest.opened
      reply.head(200, openAiHead)
      await reply.write(start + text('late ') + openAiEnd + openAiDone)
      reply.end()
    })
    const first = connect('long', { 'idempotency-key': 'left-early' })
    await gateway.logs.waitUntil(() => upstream.calls)
    first.reset()
    await first.closed
    const second = connect('long', { 'idempotency-key': 'left-early' }, 1)
    rest.open()
    expect(await second.until((received) => received.includes('[DONE]'))).toBe(true)
    expect(upstream.calls).toHaveLength(1)
  })

  it('lets a retry in another isolate have identical bytes', async () => {
    const rest = gate()
    upstream.on('inside', talks(3, rest.opened))
    const headers = { 'idempotency-key': 'two-isolates' }
    const first = connect('long', headers)
    expect(await first.until((received) => received.includes('word2'))).toBe(true)
    const second = connect('long', headers, 1)
    expect(await second.until((received) => received.includes('word2'))).toBe(true)
    const had = sentIn(first.received())
    first.reset()
    rest.open()
    expect(await second.until(isWhole)).toBe(true)
    const whole = sentIn(second.received())
    expect(whole.slice(0, had.length)).toBe(had)
    // Each byte as it was sent: an e with an acute is two of them.
    expect([had.includes('word2 \u00c3\u00a9'), whole.includes('[DONE]')]).toEqual([true, true])
    const third = connect('long', headers)
    expect(await third.until(isWhole)).toBe(true)
    expect(sentIn(third.received())).toBe(whole)
    expect(upstream.calls).toHaveLength(1)
  })
})
