import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectKeys, expectVendorKeys, expectWellFormed, keys } from '../support/anthropic-shape.ts'
import { expectSchema } from '../support/openai-schema.ts'
import { report } from '../support/report.ts'
import { weatherSchema } from '../support/sdk/asks.ts'
import { sseMessages } from '../support/sse-messages.ts'
import { type RunningGateway, startGateway } from '../support/start-gateway.ts'

/** Every answer and every chunk, of every provider of `routes.json`, in both dialects. */

interface Routes {
  readonly providers: Readonly<Record<string, unknown>>
  readonly targets: Readonly<Record<string, unknown>>
}

const routes = JSON.parse(
  readFileSync(new URL('../../routes.json', import.meta.url), 'utf8'),
) as Routes

const providers = Object.keys(routes.providers)
const targetsOf = (provider: string) =>
  Object.keys(routes.targets).filter((name) => name.endsWith(`@${provider}`))

let gateway: RunningGateway
const count = { answers: 0, chunks: 0, refused: 0 }

beforeAll(async () => {
  gateway = await startGateway()
}, 60_000)

afterAll(async () => {
  await gateway.close()
  report(
    `validated: ${count.answers} answers and ${count.chunks} stream events of ${providers.length} providers in both dialects (${count.refused} asks refused by name)`,
  )
}, 30_000)

async function post(path: string, body: object): Promise<{ status: number; text: string }> {
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, text: await response.text() }
}

const say = (content: string) => ({ messages: [{ role: 'user', content }] })

const openAiTool = { type: 'function', function: { name: 'weather', parameters: weatherSchema } }
const openAiAsks: Readonly<Record<string, object>> = {
  text: say('hello'),
  thoughts: { ...say('hello'), reasoning_effort: 'low' },
  tools: { ...say('weather? [[parallel]]'), tools: [openAiTool] },
  cut: { ...say('[[tokens:40]]'), max_tokens: 8 },
  json: {
    ...say('weather, as JSON'),
    response_format: { type: 'json_schema', json_schema: { name: 'w', schema: weatherSchema } },
  },
  choices: { ...say('hello'), n: 2 },
  logprobs: { ...say('hello'), logprobs: true, top_logprobs: 2 },
  refusal: say('[[refuse]]'),
}

const anthropicTool = { name: 'weather', input_schema: weatherSchema }
const anthropicAsks: Readonly<Record<string, object>> = {
  text: say('hello'),
  thoughts: { ...say('hello'), thinking: { type: 'enabled', budget_tokens: 1024 } },
  tools: { ...say('weather? [[parallel]]'), tools: [anthropicTool] },
  cut: { ...say('[[tokens:40]]'), max_tokens: 8 },
  json: {
    ...say('weather, as JSON'),
    output_config: { format: { type: 'json_schema', schema: weatherSchema } },
  },
  stop: { ...say('say END now'), stop_sequences: ['END'] },
  refusal: say('[[refuse]]'),
}

/** Fields beside OpenAI's own: ours, and those that OpenAI-shaped servers agree on. */
const openAiKeys = {
  answer: keysOf(
    'id object created model choices usage service_tier system_fingerprint moderation metadata',
    'cost citations search_results provider x_groq',
  ),
  choice: keysOf('index message delta finish_reason logprobs', 'native_finish_reason'),
  message: keysOf(
    'role content refusal tool_calls annotations audio function_call',
    'reasoning reasoning_content reasoning_details images',
  ),
}

function keysOf(...names: readonly string[]): ReadonlySet<string> {
  return new Set(names.flatMap((text) => text.split(' ')))
}

function expectKnown(value: object, known: ReadonlySet<string>): void {
  expect(Object.keys(value).filter((key) => !known.has(key))).toEqual([])
}

interface OpenAiAnswer {
  readonly choices: readonly {
    readonly index: number
    readonly message?: object
    readonly delta?: object
    readonly finish_reason: string | null
  }[]
}

function expectKnownKeys(answer: OpenAiAnswer): void {
  expectKnown(answer, openAiKeys.answer)
  for (const choice of answer.choices) {
    expectKnown(choice, openAiKeys.choice)
    expectKnown(choice.message ?? choice.delta ?? {}, openAiKeys.message)
  }
}

function checkOpenAiAnswer(text: string): void {
  const answer = JSON.parse(text) as OpenAiAnswer
  expectSchema('CreateChatCompletionResponse', answer)
  expectKnownKeys(answer)
  count.answers += 1
}

function checkOpenAiStream(text: string): void {
  const messages = sseMessages(text).map(({ data }) => data)
  expect(messages.at(-1)).toBe('[DONE]')
  const finished = new Map<number, number>()
  for (const data of messages.slice(0, -1)) {
    const chunk = JSON.parse(data) as OpenAiAnswer
    expectSchema('CreateChatCompletionStreamResponse', chunk)
    expectKnownKeys(chunk)
    for (const { index, finish_reason } of chunk.choices)
      finished.set(index, (finished.get(index) ?? 0) + (finish_reason === null ? 0 : 1))
    count.chunks += 1
  }
  expect([...finished.values()].every((times) => times === 1)).toBe(true)
}

/** The provider whose answers are passed on as they are. */
const keysOfProvider = (provider: string) =>
  provider === 'anthropic' ? expectVendorKeys : expectKeys

/** `cost` stands beside Anthropic's own fields in an answer. */
function checkAnthropicAnswer(text: string, provider: string): void {
  const expectKeys = keysOfProvider(provider)
  const { cost: _cost, ...message } = JSON.parse(text) as Record<string, unknown>
  expectKeys(message, keys.message)
  expectKeys(message['usage'] as object, keys.usage)
  for (const block of message['content'] as readonly { readonly type: string }[])
    expectKeys(block, keys[block.type as 'text'])
  count.answers += 1
}

function checkAnthropicStream(text: string, provider: string): void {
  expectWellFormed(text, keysOfProvider(provider))
  count.chunks += sseMessages(text).length
}

const dialects = [
  {
    name: 'OpenAI',
    path: '/v1/chat/completions',
    asks: openAiAsks,
    base: { stream_options: { include_usage: true } },
    answer: checkOpenAiAnswer,
    stream: checkOpenAiStream,
    error: (text: string) => expectSchema('ErrorResponse', JSON.parse(text)),
  },
  {
    name: 'Anthropic',
    path: '/v1/messages',
    asks: anthropicAsks,
    base: {},
    answer: checkAnthropicAnswer,
    stream: checkAnthropicStream,
    error: (text: string) =>
      expect(JSON.parse(text)).toMatchObject({
        type: 'error',
        error: { type: 'invalid_request_error', message: expect.any(String) },
        request_id: expect.any(String),
      }),
  },
]

describe.each(dialects)('in the dialect of $name', (dialect) => {
  it.each(providers)('%s answers as the vendor documents', async (provider) => {
    const [model] = targetsOf(provider)
    expect(model).toBeDefined()
    for (const [ask, body] of Object.entries(dialect.asks)) {
      for (const stream of [false, true]) {
        const asked = {
          model,
          max_tokens: 3000,
          ...body,
          ...(stream ? { stream, ...dialect.base } : {}),
        }
        const { status, text } = await post(dialect.path, asked)
        try {
          if (status === 400) {
            expect(text).toContain('no target of')
            dialect.error(text)
            count.refused += 1
          } else {
            expect(status).toBe(200)
            if (stream) dialect.stream(text, provider)
            else dialect.answer(text, provider)
          }
        } catch (cause) {
          const shown = `${model} ${ask}${stream ? ' streamed' : ''}: ${String(cause)}\n${text}`
          throw new Error(shown.slice(0, 4000), { cause })
        }
      }
    }
  })
})
