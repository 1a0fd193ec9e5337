import { describe, expect, it } from 'vitest'
import type { SendReport } from '../../../worker/edge/health/edge-health.ts'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { Exchange } from '../../../worker/engine/exchange.ts'
import { serve } from '../../../worker/engine/serve.ts'
import { fakeRuntime, FakeHost, json, refusing, wholeAnswer } from '../../support/fake-host.ts'

/** How the object of provider health can be away. */
const away: Readonly<Record<string, SendReport>> = {
  'never answers': () => new Promise(() => undefined),
  'refuses every call': () => Promise.reject(new Error('overloaded')),
  'answers with nonsense': () => Promise.resolve({} as never),
  'is not bound': null,
}

const body = JSON.stringify({ model: 'chat', messages: [{ role: 'user', content: 'Hello' }] })

interface Timed {
  readonly status: number
  readonly tookMs: number
  readonly provider: string | null
  readonly retryAfter: string | null
  readonly attempts: number
}

async function ask(host: FakeHost): Promise<Timed> {
  const startMs = host.clock.nowMs
  const caller = { tenant: 'demo', keyId: 'key', profile: null }
  const exchange = new Exchange('req_1', openAiChat, caller, 'chat', null, host.ports)
  const inbound = new Request('https://gateway.example/v1/chat/completions', {
    method: 'POST',
    body,
  })
  const response = await host.clock.run(serve(inbound, openAiChat, caller, exchange))
  return {
    status: response.status,
    tookMs: host.clock.nowMs - startMs,
    provider: response.headers.get('x-switchyard-provider'),
    retryAfter: response.headers.get('retry-after'),
    attempts: Number(response.headers.get('x-switchyard-attempts')),
  }
}

describe('a request while the health object is away', () => {
  it.each(Object.entries(away))('takes no longer when it %s', async (_, send) => {
    const host = new FakeHost(fakeRuntime(), send).on('openai', json(wholeAnswer))
    for (let request = 0; request < 50; request++) {
      expect(await ask(host)).toMatchObject({ status: 200, tookMs: 0, provider: 'openai' })
      host.clock.nowMs += 250
    }
  })

  it.each(Object.entries(away))(
    'is protected by what this isolate saw when it %s',
    async (_, send) => {
      const host = new FakeHost(fakeRuntime(), send)
        .on('openai', refusing(500))
        .on('backup', json(wholeAnswer))
      host.random = 0.5
      for (let request = 0; request < 40; request++) {
        expect((await ask(host)).status).toBe(200)
        host.clock.nowMs += 500
      }
      const lately = host.calls.filter(({ atMs }) => atMs > host.clock.nowMs - 10_000)
      const wasted = lately.filter(({ provider }) => provider === 'openai')
      // Twenty requests in ten seconds; the open circuit lets a probe through now and then.
      expect(wasted.length).toBeLessThan(6)
      host.on('openai', json(wholeAnswer))
      let home = 0
      for (let request = 0; request < 400 && home < 20; request++) {
        home = (await ask(host)).provider === 'openai' ? home + 1 : 0
        host.clock.nowMs += 500
      }
      expect(home).toBe(20)
    },
  )
})

describe('a request when every circuit is open', () => {
  it('that was tried all the same ends in 503 with the time at which the first may be tried', async () => {
    const host = new FakeHost()
    for (const provider of ['openai', 'backup', 'third']) host.on(provider, refusing(500))
    const seen: Timed[] = []
    for (let request = 0; request < 20; request++) {
      seen.push(await ask(host))
      host.clock.nowMs += 200
    }
    expect(seen[0]).toMatchObject({ status: 502 })
    const shut = seen.filter(({ status }) => status === 503)
    expect(shut.length).toBeGreaterThan(5)
    // Some were tried all the same, the rest were shed.
    expect(shut.some(({ attempts }) => attempts > 0)).toBe(true)
    expect(shut.some(({ attempts }) => attempts === 0)).toBe(true)
    // The first wait of a circuit is five seconds at most.
    for (const { retryAfter } of shut) expect(retryAfter).toMatch(/^[1-5]$/)
  })
})
