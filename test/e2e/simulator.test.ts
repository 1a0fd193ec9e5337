import Anthropic from '@anthropic-ai/sdk'
import { createAmazonBedrock } from '@ai-sdk/amazon-bedrock'
import { createCohere } from '@ai-sdk/cohere'
import { createGoogleGenerativeAI } from '@ai-sdk/google'
import { createMistral } from '@ai-sdk/mistral'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import type { LanguageModel } from 'ai'
import { generateText, isStepCount, jsonSchema, Output, streamText, tool } from 'ai'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startSimulator, type RunningSimulator } from '../support/start-simulator.ts'

let simulator: RunningSimulator

beforeAll(async () => {
  simulator = await startSimulator()
})
afterEach(() => simulator.reset())
afterAll(() => simulator.close())

const weatherSchema = {
  type: 'object',
  properties: { city: { type: 'string', enum: ['Kyiv', 'Oslo'] } },
  required: ['city'],
  additionalProperties: false,
} as const

const bedrock = () =>
  createAmazonBedrock({
    region: 'us-east-1',
    accessKeyId: 'AKIASIMULATED',
    secretAccessKey: 'secret',
    baseURL: `${simulator.url}/bedrock`,
  })

/** Only Anthropic's models take a thinking budget on Bedrock. */
const claudeOnBedrock = () => bedrock()('us.anthropic.claude-sonnet-4-20250514-v1:0')

const models: Record<string, () => LanguageModel> = {
  gemini: () =>
    createGoogleGenerativeAI({ apiKey: 'key', baseURL: `${simulator.url}/gemini/v1beta` })(
      'gemini-2.5-flash',
    ),
  mistral: () =>
    createMistral({ apiKey: 'key', baseURL: `${simulator.url}/mistral/v1` })(
      'mistral-small-latest',
    ),
  cohere: () =>
    createCohere({ apiKey: 'key', baseURL: `${simulator.url}/cohere/v2` })('command-a-03-2025'),
  bedrock: () => bedrock()('amazon.nova-lite-v1:0'),
  groq: () =>
    createOpenAICompatible({
      name: 'groq',
      supportsStructuredOutputs: true,
      apiKey: 'key',
      baseURL: `${simulator.url}/groq`,
      includeUsage: true,
    })('llama-3.3-70b'),
  perplexity: () =>
    createOpenAICompatible({
      name: 'perplexity',
      supportsStructuredOutputs: true,
      apiKey: 'key',
      baseURL: `${simulator.url}/perplexity`,
    })('sonar'),
  openrouter: () =>
    createOpenAICompatible({
      name: 'openrouter',
      supportsStructuredOutputs: true,
      apiKey: 'key',
      baseURL: `${simulator.url}/openrouter`,
    })('some/model'),
  ollama: () =>
    createOpenAICompatible({
      name: 'ollama',
      supportsStructuredOutputs: true,
      baseURL: `${simulator.url}/ollama/v1`,
      includeUsage: true,
    })('llama3'),
}

const weather = tool({
  description: 'The weather of a city',
  inputSchema: jsonSchema<{ city: string }>(weatherSchema),
  execute: async ({ city }) => `21 degrees in ${city}`,
})

describe.each(Object.keys(models))('%s through the AI SDK', (provider) => {
  const model = () => models[provider]?.() as LanguageModel

  it('answers with the user text, a finish reason and usage', async () => {
    const answer = await generateText({ model: model(), prompt: 'hello there', maxRetries: 0 })
    expect(answer.text).toBe('You said: hello there')
    expect(answer.finishReason).toBe('stop')
    expect(answer.usage.inputTokens).toBeGreaterThan(0)
    expect(answer.usage.outputTokens).toBeGreaterThan(0)
  })

  it('streams the same text in several pieces, with usage', async () => {
    const answer = streamText({ model: model(), prompt: 'hello there, stream', maxRetries: 0 })
    const pieces: string[] = []
    for await (const piece of answer.textStream) pieces.push(piece)
    expect(pieces.join('')).toBe('You said: hello there, stream')
    expect(pieces.length).toBeGreaterThan(1)
    expect((await answer.usage).outputTokens).toBeGreaterThan(0)
  })

  it('carries a whole tool loop and quotes the result', async () => {
    const answer = streamText({
      model: model(),
      prompt: 'weather?',
      tools: { weather },
      stopWhen: isStepCount(3),
      maxRetries: 0,
    })
    expect(await answer.text).toContain('21 degrees in Kyiv')
    expect(await answer.steps).toHaveLength(2)
  })

  it('calls two tools at once when asked to', async () => {
    const answer = await generateText({
      model: model(),
      prompt: 'both, [[parallel]]',
      tools: { weather, other: weather },
      stopWhen: isStepCount(3),
      maxRetries: 0,
    })
    expect(answer.steps[0]?.toolCalls.map((call) => call.toolName)).toEqual(['weather', 'other'])
    expect(answer.text).toContain('The tool answered')
  })

  it('answers JSON that is valid under the schema', async () => {
    const answer = await generateText({
      model: model(),
      prompt: 'json please',
      output: Output.object({ schema: jsonSchema<{ city: string }>(weatherSchema) }),
      maxRetries: 0,
    })
    expect(answer.output).toEqual({ city: 'Kyiv' })
  })
})

describe('reasoning through the AI SDK', () => {
  it.each([
    ['gemini', { google: { thinkingConfig: { includeThoughts: true } } }],
    ['bedrock', { bedrock: { reasoningConfig: { type: 'enabled', budgetTokens: 1024 } } }],
    ['cohere', { cohere: { thinking: { type: 'enabled' } } }],
    ['groq', { groq: { reasoningEffort: 'low' } }],
  ] as const)('%s streams it beside the text', async (provider, providerOptions) => {
    const model =
      provider === 'bedrock' ? claudeOnBedrock() : (models[provider]?.() as LanguageModel)
    const answer = streamText({ model, prompt: 'think', providerOptions, maxRetries: 0 })
    expect(await answer.text).toBe('You said: think')
    expect(await answer.reasoningText).toMatch(/^First I look/)
  })
})

describe('openai SDK', () => {
  const client = () =>
    new OpenAI({ apiKey: 'key', baseURL: `${simulator.url}/openai/v1`, maxRetries: 0 })
  const messages = [{ role: 'user' as const, content: 'hi' }]

  it('chats with n choices, logprobs and a stop sequence', async () => {
    const answer = await client().chat.completions.create({
      model: 'gpt-4.1-mini',
      messages,
      n: 2,
      logprobs: true,
      top_logprobs: 2,
      stop: ' hi',
    })
    expect(answer.choices.map((choice) => choice.message.content)).toEqual([
      'You said:',
      '(2) You said:',
    ])
    expect(answer.choices[0]?.logprobs?.content?.[0]?.top_logprobs).toHaveLength(2)
  })

  it('streams usage only when asked', async () => {
    const create = { model: 'gpt-4.1-mini', messages, stream: true } as const
    const usages = async (more: object) => {
      const found: unknown[] = []
      const stream = await client().chat.completions.create({ ...create, ...more })
      for await (const chunk of stream) if (chunk.usage) found.push(chunk.usage)
      return found
    }
    expect(await usages({})).toEqual([])
    expect(await usages({ stream_options: { include_usage: true } })).toHaveLength(1)
  })

  it('ends at max tokens with reason length', async () => {
    const answer = await client().chat.completions.create({
      model: 'gpt-4.1-mini',
      messages: [{ role: 'user', content: '[[tokens:50]]' }],
      max_tokens: 5,
    })
    expect(answer.choices[0]?.finish_reason).toBe('length')
    expect(answer.usage?.completion_tokens).toBe(5)
    expect(answer.choices[0]?.message.content).toBe('w1 w2 w3 w4 w5')
  })

  it('refuses a tool message without its call, an unknown field and a missing key', async () => {
    const create = (body: object) => client().chat.completions.create(body as never)
    const orphan = [...messages, { role: 'tool', tool_call_id: 'call_x', content: 'y' }]
    await expect(create({ model: 'gpt-4.1', messages: orphan })).rejects.toMatchObject({
      status: 400,
    })
    await expect(create({ model: 'gpt-4.1', messages, top_k: 1 })).rejects.toThrow(
      /Unrecognized request argument supplied: top_k/,
    )
    await expect(create({ model: 'gpt-4.1', messages: [] })).rejects.toMatchObject({
      status: 400,
      param: 'messages',
    })
    const keyless = await fetch(`${simulator.url}/openai/chat/completions`, {
      method: 'POST',
      body: '{}',
    })
    expect(keyless.status).toBe(401)
  })

  it('sees the rate limit fault with its headers, then the answer', async () => {
    await simulator.fault({
      provider: 'openai',
      fault: { kind: 'status', status: 429, headers: { 'retry-after': '7' } },
      times: 1,
    })
    const create = () => client().chat.completions.create({ model: 'gpt-4.1', messages })
    await expect(create()).rejects.toMatchObject({ status: 429, code: 'rate_limit_exceeded' })
    await expect(create()).resolves.toMatchObject({ object: 'chat.completion' })
  })
})

describe('azure openai', () => {
  it('answers a deployment and the v1 path, and wants an api-version', async () => {
    const post = async (path: string) =>
      (
        await fetch(`${simulator.url}/azure-openai/openai${path}`, {
          method: 'POST',
          headers: { 'api-key': 'key' },
          body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hi' }] }),
        })
      ).status
    expect(await post('/deployments/gpt-4o/chat/completions?api-version=2024-10-21')).toBe(200)
    expect(await post('/v1/chat/completions')).toBe(200)
    expect(await post('/deployments/gpt-4o/chat/completions')).toBe(404)
  })
})

describe('anthropic SDK', () => {
  const client = () =>
    new Anthropic({ apiKey: 'key', baseURL: `${simulator.url}/anthropic`, maxRetries: 0 })
  const base = { model: 'claude-opus-4-8', max_tokens: 2048 }
  const messages = [{ role: 'user' as const, content: 'weather?' }]
  const tools: Anthropic.Tool[] = [
    { name: 'weather', input_schema: { ...weatherSchema, required: ['city'] } },
  ]

  it('streams thinking with its signature, then text', async () => {
    const stream = client().messages.stream({
      ...base,
      messages,
      thinking: { type: 'enabled', budget_tokens: 1024 },
    })
    const final = await stream.finalMessage()
    expect(final.content.map((block) => block.type)).toEqual(['thinking', 'text'])
    expect(final.content[0]).toHaveProperty('signature', expect.stringMatching(/^.{20}/))
    expect(final.usage.output_tokens).toBeGreaterThan(10)
  })

  it('carries a tool loop', async () => {
    const first = await client()
      .messages.stream({ ...base, messages, tools })
      .finalMessage()
    const [call] = first.content
    if (call?.type !== 'tool_use') throw new Error('no tool call')
    expect(call.input).toEqual({ city: 'Kyiv' })
    const second = await client().messages.create({
      ...base,
      tools,
      messages: [
        ...messages,
        { role: 'assistant', content: first.content },
        {
          role: 'user',
          content: [{ type: 'tool_result', tool_use_id: call.id, content: 'sunny' }],
        },
      ],
    })
    expect(second.content).toEqual([{ type: 'text', text: 'The tool answered: sunny' }])
  })

  it('refuses a result without its call, empty text and missing max_tokens', async () => {
    const create = (body: object) => client().messages.create(body as never)
    const orphan = [
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'x', content: 'y' }] },
    ]
    await expect(create({ ...base, messages: orphan })).rejects.toThrow(/unexpected `tool_use_id`/)
    const empty = [{ role: 'user', content: [{ type: 'text', text: '' }] }]
    await expect(create({ ...base, messages: empty })).rejects.toThrow(/non-empty/)
    await expect(create({ model: base.model, messages })).rejects.toThrow(
      /max_tokens: Field required/,
    )
  })

  it('counts tokens and tells cache writes, then cache reads', async () => {
    const system = [
      {
        type: 'text' as const,
        text: 'long '.repeat(100),
        cache_control: { type: 'ephemeral' as const },
      },
    ]
    const counted = await client().messages.countTokens({ model: base.model, messages, system })
    const first = await client().messages.create({ ...base, messages, system })
    const second = await client().messages.create({ ...base, messages, system })
    expect(first.usage.cache_creation_input_tokens).toBeGreaterThan(100)
    expect(second.usage.cache_read_input_tokens).toBe(first.usage.cache_creation_input_tokens)
    const { input_tokens: rest, cache_read_input_tokens: read } = second.usage
    expect(rest + (read ?? 0)).toBe(counted.input_tokens)
  })
})
