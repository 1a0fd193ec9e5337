import { describe, expect, it } from 'vitest'
import {
  anthropicMessages,
  parseCountTokens,
  renderCountTokens,
} from '../../../worker/dialects/anthropic-messages/index.ts'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { logLine } from '../../../worker/edge/log.ts'
import { Exchange } from '../../../worker/engine/exchange.ts'
import { loggableCode } from '../../../worker/engine/provider-code.ts'
import { serveCountTokens } from '../../../worker/engine/serve-count-tokens.ts'
import { serve } from '../../../worker/engine/serve.ts'
import { type Answer, billing, FakeHost, fakeRuntime, provider } from '../../support/fake-host.ts'

/** S7: a provider that quotes the prompt in its error tells it to the caller, and not to the log. */

const { caller } = billing
const mark = 'zqprompt'
const prompt = `${mark}: my card is 4111 1111 1111 1111, and so on. `.repeat(20)

/** Every field in which one of the vendors has a code, a type, a status or the name of a field. */
const quoting = {
  type: prompt,
  object: 'error',
  code: prompt,
  status: prompt,
  param: prompt,
  message: prompt,
  __type: prompt,
  errors: [{ code: prompt, message: prompt }],
  error: {
    type: prompt,
    code: prompt,
    status: prompt,
    param: prompt,
    message: prompt,
    details: [
      { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: prompt },
      {
        '@type': 'type.googleapis.com/google.rpc.BadRequest',
        fieldViolations: [{ field: prompt, description: prompt }],
      },
    ],
  },
}

const adapters = ['openai', 'anthropic', 'mistral', 'gemini', 'cohere', 'ollama', 'groq'] as const

function hostOf(adapter: string, answer: Answer): FakeHost {
  const host = `${adapter}.example`
  const file = {
    ledger: { mode: 'off' },
    providers: { [adapter]: provider(adapter, host) },
    targets: { [`m@${adapter}`]: {} },
    routes: { chat: { tiers: [[`m@${adapter}`]] } },
    tenants: { demo: {} },
  }
  return new FakeHost(fakeRuntime(file)).on(host, answer)
}

async function asked(host: FakeHost, stream: boolean): Promise<string> {
  const messages = [{ role: 'user', content: prompt }]
  const inbound = new Request('https://gateway.example/v1/chat/completions', {
    method: 'POST',
    body: JSON.stringify({ model: 'chat', stream, messages }),
  })
  const exchange = new Exchange('req_1', openAiChat, caller, 'chat', null, host.ports)
  const response = await host.clock.run(serve(inbound, openAiChat, caller, exchange))
  return response.text()
}

function loggedBy({ records }: FakeHost): string {
  expect(records).toHaveLength(1)
  return JSON.stringify(records.map(logLine))
}

describe('a provider that quotes the prompt in its error', () => {
  it.each(
    adapters.flatMap((adapter) =>
      ([400, 429, 500, 200] as const).map((status) => [adapter, status] as const),
    ),
  )('%s, status %i: nothing of it is logged', async (adapter, status) => {
    const host = hostOf(adapter, () => Response.json(quoting, { status }))
    await asked(host, false)
    expect(host.calls.length).toBeGreaterThan(0)
    expect(loggedBy(host)).not.toContain(mark)
  })

  it.each(['openai', 'anthropic', 'gemini'])(
    '%s, in a stream: nothing of it is logged',
    async (adapter) => {
      const text = `event: error\ndata: ${JSON.stringify(quoting)}\n\n`
      const headers = { 'content-type': 'text/event-stream' }
      const host = hostOf(adapter, () => new Response(text, { headers }))
      await asked(host, true)
      expect(loggedBy(host)).not.toContain(mark)
    },
  )

  it('tells the caller what is wrong all the same', async () => {
    const host = hostOf('openai', () => Response.json(quoting, { status: 400 }))
    expect(await asked(host, false)).toContain(mark)
  })

  it('that counts tokens tells the caller the field, and not the log', async () => {
    const host = hostOf('gemini', () => Response.json(quoting, { status: 400 }))
    const inbound = new Request('https://gateway.example/v1/messages/count_tokens', {
      method: 'POST',
      body: JSON.stringify({ model: 'chat', messages: [{ role: 'user', content: prompt }] }),
    })
    const count = { parse: parseCountTokens, render: renderCountTokens }
    const ports = [anthropicMessages, caller, 'count_tokens', null, host.ports] as const
    const exchange = new Exchange('req_1', ...ports)
    const response = await host.clock.run(serveCountTokens(inbound, count, caller, exchange))
    expect(response.status).toBe(400)
    expect(loggedBy(host)).not.toContain(mark)
  })
})

describe('loggableCode()', () => {
  it.each(['overloaded_error', 'ThrottlingException', '3040', 'answer:schema', 'a.b-c'])(
    'keeps the word %s',
    (code) => expect(loggableCode(code)).toBe(code),
  )

  it.each(['', 'two words', 'line\nbreak', 'x'.repeat(65), 'jürgen', '{"a":1}', 'a@b.example'])(
    'drops %j',
    (code) => expect(loggableCode(code)).toBeUndefined(),
  )
})
