import Anthropic from '@anthropic-ai/sdk'
import { LLMock } from '@copilotkit/aimock'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { report } from '../support/report.ts'
import { weatherSchema } from '../support/sdk/asks.ts'
import { type RunningGateway, startGateway } from '../support/start-gateway.ts'
import { emptyRoutes } from '../support/test-routes.ts'

/** `@copilotkit/aimock` as upstream: vendors' wire formats as someone else wrote them down. */

interface Wire {
  readonly adapter: string
  /** What stands behind the mock's address in the base URL. */
  readonly path: string
  readonly credential?: object
  readonly options?: object
  /** The mock can write thoughts in this format. */
  readonly thinks: boolean
  /** The mock ends a call with a word that is not the vendor's, and so the reason is not known. */
  readonly unknownEnd?: boolean
}

const secret = 'AIMOCK_KEY'
const header = (name: string) => ({ kind: 'header', name, secret })

const wires: readonly Wire[] = [
  { adapter: 'openai', path: '/v1', thinks: false },
  { adapter: 'anthropic', path: '/v1', credential: header('x-api-key'), thinks: true },
  {
    adapter: 'gemini',
    path: '/v1beta',
    credential: header('x-goog-api-key'),
    thinks: true,
    // `FUNCTION_CALL`: Google's list has no such reason, its recorded calls end with STOP.
    unknownEnd: true,
  },
  { adapter: 'mistral', path: '/v1', thinks: false },
  { adapter: 'cohere', path: '/v2', thinks: false },
  {
    adapter: 'bedrock',
    path: '',
    credential: {
      kind: 'sigv4',
      accessKeyId: secret,
      secretAccessKey: secret,
      service: 'bedrock',
      region: 'us-east-1',
    },
    options: { region: 'us-east-1' },
    thinks: true,
  },
  {
    adapter: 'azure-openai',
    path: '',
    credential: header('api-key'),
    options: { apiVersion: '2024-10-21' },
    thinks: false,
  },
  { adapter: 'ollama', path: '', thinks: false },
  { adapter: 'openrouter', path: '/api/v1', thinks: false },
  { adapter: 'groq', path: '/openai/v1', thinks: false },
  { adapter: 'openai-compatible', path: '/v1', thinks: true },
]

const busy = ['busy-1', 'busy-2', 'busy-3', 'busy-4'] as const
const mock = new LLMock({ port: 0 })
let gateway: RunningGateway
let passed = 0

mock.on({ toolResultContains: 'sunny' }, { content: 'It is sunny in Kyiv.' })
mock.onMessage('hello', { content: 'Hello to you, dear caller. \u{1F44B} Grüße!' })
mock.onMessage('weather', {
  toolCalls: [{ name: 'weather', arguments: '{"city":"Kyiv"}' }],
})
mock.onMessage('two calls', {
  toolCalls: [
    { name: 'weather', arguments: '{"city":"Kyiv"}' },
    { name: 'weather', arguments: '{"city":"Oslo"}' },
  ],
})
mock.onMessage('think', { content: 'Forty-two.', reasoning: 'Six times seven.' })
mock.onMessage('bad', { error: { message: 'no such thing', type: 'bad' }, status: 400 })
mock.onMessage('busy', { error: { message: 'slow down', type: 'busy' }, status: 429 })
mock.onMessage('broken', { error: { message: 'oh no', type: 'broken' }, status: 500 })
mock.onMessage(
  'cut short',
  { content: 'one two three four five six seven eight nine ten' },
  { chunkSize: 4, truncateAfterChunks: 5 },
)

beforeAll(async () => {
  await mock.start()
  const { host } = new URL(mock.url)
  const routes = emptyRoutes()
  for (const { adapter, path, credential, options } of wires) {
    routes.providers[adapter] = {
      adapter,
      baseUrl: `http://${host}${path}`,
      credential: { ...(credential ?? { kind: 'bearer', secret }), host },
      ...(options === undefined ? {} : { options }),
    }
    // One attempt each, and one 429 for a target: the mock's ask for a second of patience.
    for (const name of ['some-model', ...busy]) {
      const target = `${name}@${adapter}`
      routes.targets[target] = {}
      routes.routes[`${adapter}-${name}`] = { tiers: [[target]], limits: { maxAttempts: 1 } }
    }
  }
  gateway = await startGateway({ routes, simulator: false, variables: { [secret]: 'key' } })
}, 60_000)

afterAll(async () => {
  await gateway.close()
  await mock.stop()
  report(`aimock as upstream: ${passed} tests pass (${wires.length} wire formats, both dialects)`)
}, 30_000)

const hello = 'Hello to you, dear caller. \u{1F44B} Grüße!'

describe.each(wires)('aimock behind $adapter', ({ adapter, thinks, unknownEnd = false }) => {
  const model = `${adapter}-some-model`
  const openai = () =>
    new OpenAI({ apiKey: gateway.key, baseURL: `${gateway.url}/v1`, maxRetries: 0 })
  const anthropic = () =>
    new Anthropic({ apiKey: gateway.key, baseURL: gateway.url, maxRetries: 0 })

  const say = (content: string) => [{ role: 'user' as const, content }]
  const openAiTools = [
    { type: 'function' as const, function: { name: 'weather', parameters: weatherSchema } },
  ]
  const anthropicTools = [
    { name: 'weather', input_schema: { ...weatherSchema, required: ['city'] } },
  ]

  /** Whole and streamed answers have to say the same. */
  const askOpenAi = async (
    content: string | OpenAI.Chat.ChatCompletionMessageParam[],
    stream: boolean,
    more: object = {},
  ) => {
    const body = { model, messages: typeof content === 'string' ? say(content) : content, ...more }
    const answer = stream
      ? await openai().chat.completions.stream(body).finalChatCompletion()
      : await openai().chat.completions.create(body)
    const [choice] = answer.choices
    if (choice === undefined) throw new Error('an answer without a choice')
    return choice
  }
  const askAnthropic = async (
    content: string | Anthropic.MessageParam[],
    stream: boolean,
    more: object = {},
  ) => {
    const messages = typeof content === 'string' ? say(content) : content
    const body = { model, max_tokens: 500, messages, ...more }
    return stream
      ? anthropic().messages.stream(body).finalMessage()
      : anthropic().messages.create(body)
  }
  const textOf = ({ content }: Anthropic.Message) =>
    content.map((block) => (block.type === 'text' ? block.text : '')).join('')

  const cell = (name: string, run: (stream: boolean) => Promise<void>) => {
    it.each([false, true])(`${name}, streamed: %s`, async (stream) => {
      await run(stream)
      passed += 1
    })
  }

  cell('OpenAI: text', async (stream) => {
    const choice = await askOpenAi('hello', stream)
    expect(choice.message.content).toBe(hello)
    expect(choice.finish_reason).toBe('stop')
  })

  cell('OpenAI: a tool loop', async (stream) => {
    const first = await askOpenAi('weather', stream, { tools: openAiTools })
    expect(first.finish_reason).toBe(unknownEnd ? 'stop' : 'tool_calls')
    const [call] = first.message.tool_calls ?? []
    if (call?.type !== 'function') throw new Error('no call')
    expect(call.function.name).toBe('weather')
    expect(JSON.parse(call.function.arguments)).toEqual({ city: 'Kyiv' })
    const messages = [
      ...say('weather'),
      first.message,
      { role: 'tool' as const, tool_call_id: call.id, content: 'sunny' },
    ]
    const second = await askOpenAi(messages, stream, { tools: openAiTools })
    expect(second.message.content).toBe('It is sunny in Kyiv.')
  })

  cell('OpenAI: two calls at once', async (stream) => {
    const { message } = await askOpenAi('two calls', stream, { tools: openAiTools })
    const cities = (message.tool_calls ?? []).map((call) =>
      call.type === 'function' ? JSON.parse(call.function.arguments).city : null,
    )
    expect(cities).toEqual(['Kyiv', 'Oslo'])
    expect(new Set((message.tool_calls ?? []).map(({ id }) => id)).size).toBe(2)
  })

  cell('Anthropic: text', async (stream) => {
    const answer = await askAnthropic('hello', stream)
    expect(textOf(answer)).toBe(hello)
    expect(answer.stop_reason).toBe('end_turn')
  })

  cell('Anthropic: a tool loop', async (stream) => {
    const first = await askAnthropic('weather', stream, { tools: anthropicTools })
    expect(first.stop_reason).toBe(unknownEnd ? 'end_turn' : 'tool_use')
    const call = first.content.find((block) => block.type === 'tool_use')
    expect(call).toMatchObject({ name: 'weather', input: { city: 'Kyiv' } })
    const messages: Anthropic.MessageParam[] = [
      ...say('weather'),
      { role: 'assistant', content: first.content },
      {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: call?.id ?? '', content: 'sunny' }],
      },
    ]
    const second = await askAnthropic(messages, stream, { tools: anthropicTools })
    expect(textOf(second)).toBe('It is sunny in Kyiv.')
  })

  cell('Anthropic: two calls at once', async (stream) => {
    const answer = await askAnthropic('two calls', stream, { tools: anthropicTools })
    // Cohere's plan for its calls comes as a thought before them.
    expect(answer.content.filter(({ type }) => type !== 'thinking')).toMatchObject([
      { type: 'tool_use', input: { city: 'Kyiv' } },
      { type: 'tool_use', input: { city: 'Oslo' } },
    ])
  })

  if (thinks)
    cell('both: thoughts before the text', async (stream) => {
      const { message } = await askOpenAi('think', stream)
      expect(message).toMatchObject({
        content: 'Forty-two.',
        reasoning_content: 'Six times seven.',
      })
      const answer = await askAnthropic('think', stream)
      expect(answer.content).toMatchObject([
        { type: 'thinking', thinking: 'Six times seven.' },
        { type: 'text', text: 'Forty-two.' },
      ])
    })

  cell('both: errors by their class', async (stream) => {
    await expect(askOpenAi('bad', stream)).rejects.toBeInstanceOf(OpenAI.BadRequestError)
    const [first, second] = stream ? busy.slice(2) : busy
    const from = (name: string | undefined) => ({ model: `${adapter}-${name}` })
    await expect(askOpenAi('busy', stream, from(first))).rejects.toBeInstanceOf(
      OpenAI.RateLimitError,
    )
    await expect(askOpenAi('broken', stream)).rejects.toMatchObject({
      status: 502,
      code: 'upstream_error',
    })
    await expect(askAnthropic('bad', stream)).rejects.toBeInstanceOf(Anthropic.BadRequestError)
    await expect(askAnthropic('busy', stream, from(second))).rejects.toBeInstanceOf(
      Anthropic.RateLimitError,
    )
    await expect(askAnthropic('broken', stream)).rejects.toMatchObject({ status: 502 })
  })

  it('both: a stream that is cut is no finished answer', async () => {
    await expect(askOpenAi('cut short', true)).rejects.toThrow()
    await expect(askAnthropic('cut short', true)).rejects.toThrow()
    passed += 1
  })
})
