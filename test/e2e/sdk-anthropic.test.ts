import Anthropic from '@anthropic-ai/sdk'
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod'
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import {
  greeting,
  greetingAnswer,
  imageTokens,
  imageUrl,
  longAsk,
  pixel,
  timeSchema,
  trip,
  weatherSchema,
} from '../support/sdk/asks.ts'
import { describeCells, world } from '../support/sdk/cells.ts'
import type { SdkTarget } from '../support/sdk/targets.ts'

const here = world()

const client = () =>
  new Anthropic({ apiKey: here.gateway.key, baseURL: here.gateway.url, maxRetries: 0 })

const say = (content: string): Anthropic.MessageParam[] => [{ role: 'user', content }]

const weather: Anthropic.Tool = {
  name: 'get_weather',
  description: 'Weather of a city',
  input_schema: { ...weatherSchema, required: ['city'] },
}
const time: Anthropic.Tool = {
  name: 'get_time',
  description: 'Time in a zone',
  input_schema: { ...timeSchema, required: ['zone'] },
}

/** Tools whose calls are counted, for the client's own loop. */
function countedTools() {
  const calls: unknown[] = []
  const tools = [
    betaZodTool({
      name: 'get_weather',
      description: 'Weather of a city',
      inputSchema: z.object({ city: z.enum(['Kyiv', 'Oslo']) }),
      run: (input) => {
        calls.push(input)
        return 'sunny and 21 degrees'
      },
    }),
    betaZodTool({
      name: 'get_time',
      description: 'Time in a zone',
      inputSchema: z.object({ zone: z.string() }),
      run: (input) => {
        calls.push(input)
        return 'noon'
      },
    }),
  ]
  return { calls, tools }
}

const textOf = (content: readonly { readonly type: string; readonly text?: string }[]) =>
  content.map((block) => (block.type === 'text' ? block.text : '')).join('')

async function failure(
  work: PromiseLike<unknown>,
): Promise<InstanceType<typeof Anthropic.APIError>> {
  const caught = await Promise.resolve(work).then(
    () => null,
    (error: unknown) => error,
  )
  expect(caught).toBeInstanceOf(Anthropic.APIError)
  return caught as InstanceType<typeof Anthropic.APIError>
}

/** What the gateway said: the body of the error, or of the stream's error event. */
const bodyOf = (error: InstanceType<typeof Anthropic.APIError>) =>
  error.error as { error: { type: string; message: string }; request_id: string }

async function askAboutImage(
  model: string,
  source: Anthropic.ImageBlockParam['source'],
): Promise<void> {
  const answer = await client().messages.create({
    model,
    max_tokens: 500,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'image', source },
          { type: 'text', text: 'What is this?' },
        ],
      },
    ],
  })
  expect(textOf(answer.content)).toBe('You said: What is this?')
  expect(answer.usage.input_tokens).toBeGreaterThan(imageTokens)
}

async function breakStream(model: string, target: SdkTarget): Promise<void> {
  await here.simulator.fault({
    provider: target.provider,
    fault: { kind: 'truncate', afterEvents: 6 },
  })
  const stream = client().messages.stream({
    model,
    max_tokens: 500,
    messages: say('Go on [[tokens:40]]'),
  })
  let text = ''
  stream.on('text', (delta) => (text += delta))
  const ends: string[] = []
  stream.on('streamEvent', (event) => {
    if (event.type === 'message_stop' || event.type === 'message_delta') ends.push(event.type)
  })
  const error = await failure(stream.finalMessage())
  expect(text).toMatch(/^w1/)
  expect(ends).toEqual([])
  expect(bodyOf(error).error.type).toBe('api_error')
}

describeCells(
  'anthropic (JS)',
  {
    chat: async (model) => {
      const answer = await client().messages.create({
        model,
        max_tokens: 500,
        system: 'Be brief.',
        messages: say(greeting),
      })
      expect(answer).toMatchObject({
        type: 'message',
        role: 'assistant',
        stop_reason: 'end_turn',
        content: [{ type: 'text', text: greetingAnswer }],
      })
      expect(answer.usage.input_tokens).toBeGreaterThan(0)
      expect(answer.usage.output_tokens).toBeGreaterThan(0)
    },
    streaming: async (model) => {
      const stream = client().messages.stream({ model, max_tokens: 500, messages: say(greeting) })
      let deltas = ''
      stream.on('text', (delta) => (deltas += delta))
      const answer = await stream.finalMessage()
      expect(deltas).toBe(greetingAnswer)
      expect(textOf(answer.content)).toBe(greetingAnswer)
      expect(answer.stop_reason).toBe('end_turn')
      expect(answer.usage.input_tokens).toBeGreaterThan(0)
      expect(answer.usage.output_tokens).toBeGreaterThan(0)
    },
    'tool loop': async (model) => {
      const { calls, tools } = countedTools()
      const answer = await client().beta.messages.toolRunner({
        model,
        max_tokens: 500,
        messages: say('Weather?'),
        tools: tools.slice(0, 1),
      })
      expect(textOf(answer.content)).toContain('sunny and 21 degrees')
      expect(calls).toEqual([{ city: 'Kyiv' }])
    },
    'streamed tool loop': async (model) => {
      const { calls, tools } = countedTools()
      const runner = client().beta.messages.toolRunner({
        model,
        max_tokens: 500,
        stream: true,
        messages: say('Weather?'),
        tools: tools.slice(0, 1),
      })
      const answer = await runner.runUntilDone()
      expect(textOf(answer.content)).toContain('sunny and 21 degrees')
      expect(calls).toEqual([{ city: 'Kyiv' }])
    },
    'parallel tools': async (model) => {
      const { calls, tools } = countedTools()
      const runner = client().beta.messages.toolRunner({
        model,
        max_tokens: 500,
        stream: true,
        messages: say('Weather and time? [[parallel]]'),
        tools,
      })
      const answer = await runner.runUntilDone()
      expect(calls).toHaveLength(2)
      expect(textOf(answer.content)).toMatch(/sunny.*noon/)
    },
    'forced tool': async (model) => {
      const answer = await client().messages.create({
        model,
        max_tokens: 500,
        messages: say('Weather and time?'),
        tools: [weather, time],
        tool_choice: { type: 'tool', name: 'get_time' },
      })
      const calls = answer.content.filter((block) => block.type === 'tool_use')
      expect(calls).toMatchObject([{ name: 'get_time', input: { zone: 'sample zone' } }])
      expect(answer.stop_reason).toBe('tool_use')
    },
    'JSON schema': async (model) => {
      const answer = await client().messages.parse({
        model,
        max_tokens: 500,
        messages: say('Plan a trip, as JSON'),
        output_config: { format: zodOutputFormat(trip) },
      })
      expect(answer.parsed_output).toEqual(trip.parse(answer.parsed_output))
    },
    'streamed JSON schema': async (model) => {
      const answer = await client()
        .messages.stream({
          model,
          max_tokens: 500,
          messages: say('Plan a trip, as JSON'),
          output_config: { format: zodOutputFormat(trip) },
        })
        .finalMessage()
      expect(answer.parsed_output?.city).toMatch(/./)
    },
    'image as base64': (model) =>
      askAboutImage(model, { type: 'base64', media_type: 'image/png', data: pixel }),
    'image by URL': (model) => askAboutImage(model, { type: 'url', url: imageUrl }),
    reasoning: async (model, { thinksAloud }) => {
      const answer = await client().messages.create({
        model,
        max_tokens: 4000,
        thinking: { type: 'enabled', budget_tokens: 1024 },
        messages: say(greeting),
      })
      expect(textOf(answer.content)).toBe(greetingAnswer)
      const thoughts = answer.content.flatMap((block) =>
        block.type === 'thinking' ? [block.thinking] : [],
      )
      if (thinksAloud) expect(thoughts.join('')).toMatch(/^First I look/)
      else expect(answer.usage.output_tokens).toBeGreaterThan(10)
    },
    'streamed reasoning': async (model, { thinksAloud }) => {
      const stream = client().messages.stream({
        model,
        max_tokens: 4000,
        thinking: { type: 'enabled', budget_tokens: 1024 },
        messages: say(greeting),
      })
      let thought = ''
      stream.on('thinking', (delta) => (thought += delta))
      const answer = await stream.finalMessage()
      expect(textOf(answer.content)).toBe(greetingAnswer)
      expect(thought).toMatch(thinksAloud ? /^First I look.*sentence\.$/ : /^$/)
    },
    'upstream refusal': async (model, target) => {
      await here.simulator.fault({
        provider: target.provider,
        fault: { kind: 'status', status: 400 },
      })
      const error = await failure(
        client().messages.create({ model, max_tokens: 5, messages: say(greeting) }),
      )
      expect(error).toBeInstanceOf(Anthropic.BadRequestError)
      expect(bodyOf(error).error.type).toBe('invalid_request_error')
    },
    'upstream outage': async (model, target) => {
      await here.simulator.fault({
        provider: target.provider,
        fault: { kind: 'status', status: 500 },
      })
      const error = await failure(
        client()
          .messages.stream({ model, max_tokens: 5, messages: say(greeting) })
          .finalMessage(),
      )
      expect(error).toBeInstanceOf(Anthropic.InternalServerError)
      expect(error.status).toBe(502)
      expect(bodyOf(error).error.type).toBe('api_error')
    },
    'broken stream': breakStream,
    abort: async (model, target) => {
      await here.simulator.pace(0, 5)
      const controller = new AbortController()
      const stream = await client().messages.create(
        { model, max_tokens: 3000, messages: say(longAsk), stream: true },
        { signal: controller.signal },
      )
      let events = 0
      for await (const _event of stream) {
        events += 1
        if (events === 5) controller.abort()
      }
      const seen = await here.simulator.waitForRequest((request) => request.aborted)
      expect(seen).toMatchObject({ provider: target.provider, done: true })
      expect(seen.billed.output).toBeLessThan(1000)
    },
    'count tokens': async (model) => {
      const { data, response } = await client()
        .messages.countTokens({
          model,
          system: 'Be brief.',
          messages: say('Count me, please, word for word.'),
          tools: [weather],
        })
        .withResponse()
      expect(data.input_tokens).toBeGreaterThan(10)
      expect(data.input_tokens).toBeLessThan(500)
      const counted = await here.simulator.requests()
      const warning = response.headers.get('x-switchyard-warning') ?? ''
      expect(warning.includes('estimate')).toBe(counted.length === 0)
    },
  },
  async (run, feature) => {
    const error = await failure(run())
    expect(error).toBeInstanceOf(Anthropic.BadRequestError)
    expect(bodyOf(error).error.type).toBe('invalid_request_error')
    expect(error.message).toContain(`(${feature})`)
  },
)

describe('anthropic (JS) is told in its own error classes', () => {
  it('a key that is not known: AuthenticationError', async () => {
    const stranger = new Anthropic({ apiKey: 'sk-sy-no', baseURL: here.gateway.url })
    const error = await failure(
      stranger.messages.create({ model: 'chat', max_tokens: 5, messages: say('x') }),
    )
    expect(error).toBeInstanceOf(Anthropic.AuthenticationError)
    expect(bodyOf(error)).toMatchObject({
      type: 'error',
      error: { type: 'authentication_error', message: 'this key is not known' },
      request_id: expect.stringMatching(/^req_/),
    })
  })

  it('a model that is not there: NotFoundError', async () => {
    const error = await failure(
      client().messages.create({ model: 'claude-nothing', max_tokens: 5, messages: say('x') }),
    )
    expect(error).toBeInstanceOf(Anthropic.NotFoundError)
    expect(bodyOf(error).error).toMatchObject({ type: 'not_found_error' })
    expect(error.message).toContain('claude-nothing')
  })

  it('a value that cannot be: BadRequestError that names the field', async () => {
    const error = await failure(
      client().messages.create({
        model: 'claude',
        max_tokens: -1,
        messages: say('x'),
      }),
    )
    expect(error).toBeInstanceOf(Anthropic.BadRequestError)
    expect(bodyOf(error).error.message).toContain('max_tokens')
  })

  it('a provider out of quota: RateLimitError with the time to wait', async () => {
    await here.simulator.fault({
      provider: 'anthropic',
      fault: { kind: 'status', status: 429, headers: { 'retry-after': '7' } },
    })
    const error = await failure(
      client().messages.create({
        model: 'claude-sonnet-4-5@anthropic',
        max_tokens: 5,
        messages: say('x'),
      }),
    )
    expect(error).toBeInstanceOf(Anthropic.RateLimitError)
    expect(bodyOf(error).error.type).toBe('rate_limit_error')
    expect(Number(error.headers?.get('retry-after'))).toBeGreaterThan(0)
  })
})

describe('anthropic (JS) beyond one answer', () => {
  it('sends a signed thought back with the tool result, and the provider gets it unchanged', async () => {
    const ask = {
      model: 'claude-sonnet-4-5@anthropic',
      max_tokens: 4000,
      thinking: { type: 'enabled' as const, budget_tokens: 1024 },
      tools: [weather],
    }
    const first = await client().messages.create({ ...ask, messages: say('Weather?') })
    const thought = first.content.find((block) => block.type === 'thinking')
    const call = first.content.find((block) => block.type === 'tool_use')
    expect(thought?.signature).toMatch(/./)
    const second = await client().messages.create({
      ...ask,
      messages: [
        ...say('Weather?'),
        { role: 'assistant', content: first.content },
        {
          role: 'user',
          content: [{ type: 'tool_result', tool_use_id: call?.id ?? '', content: 'sunny' }],
        },
      ],
    })
    expect(textOf(second.content)).toContain('sunny')
    const sent = (await here.simulator.requests('anthropic')).at(-1)
    expect(sent?.body).toMatchObject({
      messages: [{}, { content: expect.arrayContaining([thought]) }, {}],
    })
  })

  it('is answered by another cloud when the first is down, streamed or not', async () => {
    await here.simulator.fault({ provider: 'anthropic', fault: { kind: 'status', status: 529 } })
    const ask = { model: 'claude', max_tokens: 500, messages: say(greeting) }
    const { data, response } = await client().messages.create(ask).withResponse()
    expect(textOf(data.content)).toBe(greetingAnswer)
    expect(response.headers.get('x-switchyard-provider')).toBe('bedrock')
    expect(await client().messages.stream(ask).finalText()).toBe(greetingAnswer)
  })
})
