import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openRaw } from '../support/raw-client.ts'
import { kits, openAiHead } from '../support/scripted-answers.ts'
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import { startRawGateway, type RawGateway } from '../support/start-raw-gateway.ts'
import { emptyRoutes, scriptedProvider, secretOf } from '../support/test-routes.ts'

/** Clients that stay and stop reading, on a bare workerd: the deadline of the route holds for them too. */

const deadlineMs = 1500
/** What the last words and a loaded machine may add, ms. */
const slackMs = 2000

const ways = [
  { plumbing: 'relay', more: { stream_options: { include_usage: true } } },
  { plumbing: 'translate', more: {} },
] as const

let upstream: ScriptedUpstream
let gateway: RawGateway

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  const routes = emptyRoutes()
  routes.providers['openai'] = scriptedProvider('openai', 'openai', upstream.host)
  routes.targets['m@openai'] = {}
  routes.routes['openai'] = {
    tiers: [['m@openai']],
    timeouts: {
      firstTokenTimeoutMs: 1000,
      answerTimeoutMs: 1000,
      idleTimeoutMs: 60_000,
      deadlineMs,
    },
  }
  gateway = await startRawGateway(routes, { [secretOf('openai')]: 'provider-key' })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})
beforeEach(() => {
  upstream.clear()
  gateway.logs.clear()
})

describe('a client that stops reading', () => {
  it.each(ways)(
    'is cut off at the deadline, once, and it says so: $plumbing',
    async ({ plumbing, more }) => {
      const { start, text } = kits.openai
      upstream.on('openai', async (reply) => {
        reply.head(200, openAiHead)
        await reply.write(start)
        while (await reply.write(text('x'.repeat(60_000))));
      })
      const startMs = performance.now()
      const client = openRaw({
        port: gateway.port,
        path: '/v1/chat/completions',
        headers: { authorization: `Bearer ${gateway.key}` },
        body: JSON.stringify({
          model: 'openai',
          stream: true,
          messages: [{ role: 'user', content: 'hello' }],
          ...more,
        }),
      })
      client.pause()
      const records = await gateway.logs.waitUntil(() => gateway.logs.records, 10_000)
      expect(performance.now() - startMs).toBeLessThan(deadlineMs + slackMs)
      expect(records).toHaveLength(1)
      expect(records[0]).toMatchObject({
        'switchyard.ending': 'failed',
        'switchyard.plumbing': plumbing,
        'error.type': 'upstream_timeout',
      })
      await gateway.logs.waitUntil(() => upstream.calls.filter(({ aborted }) => aborted))
      expect(upstream.open()).toBe(0)
      client.reset()
      await client.closed
      expect(gateway.logs.records).toHaveLength(1)
      expect(gateway.logs.faults).toEqual([])
    },
  )
})
