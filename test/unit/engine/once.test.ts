import { beforeAll, describe, expect, it } from 'vitest'
import type { Claimed, OnceAsk, OncePort } from '../../../worker/engine/once-port.ts'
import { Exchange } from '../../../worker/engine/exchange.ts'
import { serve } from '../../../worker/engine/serve.ts'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import {
  billing,
  chunk,
  FakeHost,
  json,
  readAll,
  refusing,
  streamed,
  streamEnd,
  streaming,
  UpstreamBody,
  wholeAnswer,
} from '../../support/fake-host.ts'

const caller = billing.caller
const bytes = new TextEncoder()

beforeAll(() => {
  // The runtime's own; a plain one moves the same bytes.
  Object.assign(globalThis, { IdentityTransformStream: TransformStream })
})

/** A ledger that gives one answer to every claim, and writes down how claims ended. */
class Once implements OncePort {
  readonly ended: string[] = []
  readonly asks: OnceAsk[] = []
  readonly #answer: 'fresh' | 'away' | Exclude<Claimed, { kind: 'fresh' }>

  constructor(answer: 'fresh' | 'away' | Exclude<Claimed, { kind: 'fresh' }> = 'fresh') {
    this.#answer = answer
  }

  claim(ask: OnceAsk): Promise<Claimed> {
    this.asks.push(ask)
    if (this.#answer === 'away') return Promise.reject(new Error('away'))
    if (this.#answer !== 'fresh') return Promise.resolve(this.#answer)
    const ended = (how: string) => {
      this.ended.push(how)
      return Promise.resolve()
    }
    return Promise.resolve({
      kind: 'fresh',
      run: {
        mostBytes: 1000,
        finish: (status, _headers, body) =>
          ended(`finish ${status} ${body === null ? 'too large' : new TextDecoder().decode(body)}`),
        abandon: () => ended('abandon'),
        lose: () => ended('lose'),
      },
    })
  }
}

function ask(host: FakeHost, once: OncePort, body: object = {}, key = 'order 1'.replace(' ', '-')) {
  const inbound = new Request('https://gateway.example/v1/chat/completions', {
    method: 'POST',
    headers: { 'idempotency-key': key },
    body: JSON.stringify({ model: 'chat', messages: [{ role: 'user', content: 'Hi' }], ...body }),
  })
  const ports = { ...host.ports, once }
  const exchange = new Exchange('req_1', openAiChat, caller, 'chat', null, ports)
  return host.clock.run(serve(inbound, openAiChat, caller, exchange))
}

describe('an idempotency key', () => {
  it('is claimed for its caller, path and body before anything is sent, and its answer is kept', async () => {
    const host = new FakeHost().on('openai', json(wholeAnswer))
    const once = new Once()
    const response = await ask(host, once)
    const text = await response.text()
    expect(once.asks).toMatchObject([
      { caller, key: 'order-1', path: '/v1/chat/completions', requestId: 'req_1' },
    ])
    expect(once.ended).toEqual([`finish 200 ${text}`])
  })

  it('keeps every byte of a stream before its end is sent', async () => {
    const host = new FakeHost().on('openai', streamed(chunk('Hello'), streamEnd))
    const once = new Once()
    const response = await ask(host, once, { stream: true })
    const text = await host.clock.run(readAll(response.body as ReadableStream<Uint8Array>))
    expect(text).toContain('[DONE]')
    expect(once.ended).toEqual([`finish 200 ${text}`])
  })

  it('is told when its answer is larger than what is kept', async () => {
    const host = new FakeHost().on('openai', streamed(chunk('x'.repeat(2000)), streamEnd))
    const once = new Once()
    const response = await ask(host, once, { stream: true })
    await host.clock.run(readAll(response.body as ReadableStream<Uint8Array>))
    expect(once.ended).toEqual(['finish 200 too large'])
  })

  it('is lost when a stream breaks off after it began: it may have been billed', async () => {
    const host = new FakeHost().on('openai', streamed(chunk('Hello')))
    const once = new Once()
    const response = await ask(host, once, { stream: true })
    await host.clock.run(readAll(response.body as ReadableStream<Uint8Array>))
    expect(once.ended).toEqual(['lose'])
  })

  it('is lost when the client leaves in the middle of a stream', async () => {
    const body = new UpstreamBody().push(chunk('Hello'))
    const host = new FakeHost().on('openai', streaming(body))
    const once = new Once()
    const response = await ask(host, once, { stream: true })
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    host.leave()
    await host.clock.advance(100)
    expect(once.ended).toEqual(['lose'])
  })

  it('is free again when nothing was bought, whether or not somebody was asked', async () => {
    const once = new Once()
    const host = new FakeHost()
    for (const provider of ['openai', 'backup', 'third']) host.on(provider, refusing(429))
    expect((await ask(host, once)).status).toBe(429)
    expect(once.ended).toEqual(['abandon'])
  })

  it('keeps an error that will be the same again', async () => {
    const host = new FakeHost().on('openai', refusing(400, { message: 'no', param: 'messages' }))
    const once = new Once()
    expect((await ask(host, once)).status).toBe(400)
    expect(once.ended[0]).toMatch(/^finish 400 /)
  })

  it('is answered with what was kept, and nobody is called', async () => {
    const answer = {
      status: 200,
      headers: [
        ['content-type', 'application/json'],
        ['x-switchyard-provider', 'openai'],
      ] as const,
      chunks: [bytes.encode('{"a":'), bytes.encode('1}')],
    }
    const host = new FakeHost()
    const response = await ask(host, new Once({ kind: 'replay', answer, ranAs: 'req_0' }))
    expect(await response.text()).toBe('{"a":1}')
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/json',
      'idempotency-replayed': 'true',
      'x-switchyard-attempts': '0',
      'x-switchyard-provider': 'openai',
      'x-switchyard-request-id': 'req_1',
    })
    expect(host.asked).toEqual([])
  })

  it('is 503 while the ledger is away: nothing is bought that could not be bought only once', async () => {
    const host = new FakeHost().on('openai', json(wholeAnswer))
    const response = await ask(host, new Once('away'))
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2'])
    expect(host.asked).toEqual([])
  })

  it('is refused by name when it is none', async () => {
    const host = new FakeHost().on('openai', json(wholeAnswer))
    const response = await ask(host, new Once(), {}, 'a b')
    expect(response.status).toBe(400)
    expect(await response.text()).toContain('idempotency-key')
  })
})
