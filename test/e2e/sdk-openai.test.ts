import OpenAI from 'openai'
import { zodResponseFormat } from 'openai/helpers/zod'
import type { RunnableToolFunctionWithParse } from 'openai/lib/RunnableFunction'
import { describe, expect, it } from 'vitest'
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
import { targets, type SdkTarget } from '../support/sdk/targets.ts'

const here = world()

const client = () =>
  new OpenAI({ apiKey: here.gateway.key, baseURL: `${here.gateway.url}/v1`, maxRetries: 0 })

const say = (content: string) => [{ role: 'user' as const, content }]

const weather: OpenAI.Chat.ChatCompletionFunctionTool = {
  type: 'function',
  function: { name: 'get_weather', description: 'Weather of a city', parameters: weatherSchema },
}
const time: OpenAI.Chat.ChatCompletionFunctionTool = {
  type: 'function',
  function: { name: 'get_time', description: 'Time in a zone', parameters: timeSchema },
}

/** A tool whose calls are counted, for the client's own loop. */
function countedTool(tool: OpenAI.Chat.ChatCompletionFunctionTool, answer: string) {
  const calls: Record<string, unknown>[] = []
  const runnable: RunnableToolFunctionWithParse<Record<string, unknown>> = {
    type: 'function',
    function: {
      name: tool.function.name,
      description: tool.function.description ?? '',
      parameters: tool.function.parameters ?? {},
      parse: JSON.parse,
      function: (input) => {
        calls.push(input)
        return answer
      },
    },
  }
  return { calls, runnable }
}

async function failure(work: PromiseLike<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> {
  const caught = await Promise.resolve(work).then(
    () => null,
    (error: unknown) => error,
  )
  expect(caught).toBeInstanceOf(OpenAI.APIError)
  return caught as InstanceType<typeof OpenAI.APIError>
}

async function askAboutImage(model: string, url: string): Promise<void> {
  const answer = await client().chat.completions.create({
    model,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url } },
        ],
      },
    ],
  })
  expect(answer.choices[0]?.message.content).toBe('You said: What is this?')
  expect(answer.usage?.prompt_tokens).toBeGreaterThan(imageTokens)
}

/** The thought, under the name that OpenAI-shaped servers gave it. */
const thoughtOf = (message: object | undefined) =>
  (message as { readonly reasoning_content?: string } | undefined)?.reasoning_content ?? ''

async function breakStream(model: string, target: SdkTarget): Promise<void> {
  await here.simulator.fault({
    provider: target.provider,
    fault: { kind: 'truncate', afterEvents: 6 },
  })
  let text = ''
  let ended: string | null = null
  const error = await failure(
    (async () => {
      const stream = await client().chat.completions.create({
        model,
        stream: true,
        messages: say('Go on [[tokens:40]]'),
      })
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? ''
        ended = chunk.choices[0]?.finish_reason ?? ended
      }
    })(),
  )
  expect(text).toMatch(/^w1 w2/)
  expect(ended).toBeNull()
  expect(error.code).toBe('upstream_interrupted')
}

describeCells(
  'openai (JS)',
  {
    chat: async (model) => {
      const { data, response } = await client()
        .chat.completions.create({ model, messages: say(greeting) })
        .withResponse()
      expect(data.choices[0]?.message).toMatchObject({ role: 'assistant', content: greetingAnswer })
      expect(data.choices[0]?.finish_reason).toBe('stop')
      expect(data.usage?.prompt_tokens).toBeGreaterThan(0)
      expect(data.usage?.completion_tokens).toBeGreaterThan(0)
      expect(response.headers.get('x-switchyard-attempts')).toBe('1')
    },
    streaming: async (model) => {
      const stream = client().chat.completions.stream({
        model,
        messages: say(greeting),
        stream_options: { include_usage: true },
      })
      let deltas = ''
      stream.on('content', (delta) => (deltas += delta))
      const answer = await stream.finalChatCompletion()
      expect(deltas).toBe(greetingAnswer)
      expect(answer.choices[0]).toMatchObject({
        finish_reason: 'stop',
        message: { role: 'assistant', content: greetingAnswer },
      })
      expect(answer.usage?.completion_tokens).toBeGreaterThan(0)
    },
    'tool loop': async (model) => {
      const tool = countedTool(weather, 'sunny and 21 degrees')
      const runner = client().chat.completions.runTools({
        model,
        messages: say('Weather?'),
        tools: [tool.runnable],
      })
      expect(await runner.finalContent()).toContain('sunny and 21 degrees')
      expect(tool.calls).toEqual([{ city: 'Kyiv' }])
    },
    'streamed tool loop': async (model) => {
      const tool = countedTool(weather, 'sunny and 21 degrees')
      const runner = client().chat.completions.runTools({
        model,
        stream: true,
        messages: say('Weather?'),
        tools: [tool.runnable],
      })
      expect(await runner.finalContent()).toContain('sunny and 21 degrees')
      expect(tool.calls).toEqual([{ city: 'Kyiv' }])
    },
    'parallel tools': async (model) => {
      const tools = [countedTool(weather, 'sunny'), countedTool(time, 'noon')]
      const runner = client().chat.completions.runTools({
        model,
        stream: true,
        messages: say('Weather and time? [[parallel]]'),
        tools: tools.map((tool) => tool.runnable),
      })
      const answer = await runner.finalContent()
      expect(tools.map((tool) => tool.calls.length)).toEqual([1, 1])
      expect(answer).toMatch(/sunny.*noon/)
    },
    'forced tool': async (model) => {
      const answer = await client().chat.completions.create({
        model,
        messages: say('Weather and time?'),
        tools: [weather, time],
        tool_choice: { type: 'function', function: { name: 'get_time' } },
      })
      const [call] = answer.choices[0]?.message.tool_calls ?? []
      expect(call).toMatchObject({ type: 'function', function: { name: 'get_time' } })
      expect(answer.choices[0]?.finish_reason).toMatch(/^(tool_calls|stop)$/)
    },
    'JSON schema': async (model) => {
      const answer = await client().chat.completions.parse({
        model,
        messages: say('Plan a trip, as JSON'),
        response_format: zodResponseFormat(trip, 'trip'),
      })
      expect(answer.choices[0]?.message.parsed).toEqual(
        trip.parse(answer.choices[0]?.message.parsed),
      )
    },
    'streamed JSON schema': async (model) => {
      const answer = await client()
        .chat.completions.stream({
          model,
          messages: say('Plan a trip, as JSON'),
          response_format: zodResponseFormat(trip, 'trip'),
        })
        .finalChatCompletion()
      expect(answer.choices[0]?.message.parsed?.city).toMatch(/./)
    },
    'image as base64': (model) => askAboutImage(model, `data:image/png;base64,${pixel}`),
    'image by URL': (model) => askAboutImage(model, imageUrl),
    reasoning: async (model, { thinksAloud }) => {
      const answer = await client().chat.completions.create({
        model,
        messages: say(greeting),
        reasoning_effort: 'low',
      })
      expect(answer.choices[0]?.message.content).toBe(greetingAnswer)
      if (thinksAloud) expect(thoughtOf(answer.choices[0]?.message)).toMatch(/^First I look/)
      else expect(answer.usage?.completion_tokens_details?.reasoning_tokens).toBeGreaterThan(0)
    },
    'streamed reasoning': async (model, { thinksAloud }) => {
      const stream = await client().chat.completions.create({
        model,
        messages: say(greeting),
        reasoning_effort: 'low',
        stream: true,
      })
      let thought = ''
      let text = ''
      for await (const chunk of stream) {
        if (thoughtOf(chunk.choices[0]?.delta) !== '') expect(text).toBe('')
        thought += thoughtOf(chunk.choices[0]?.delta)
        text += chunk.choices[0]?.delta.content ?? ''
      }
      expect(text).toBe(greetingAnswer)
      expect(thought).toMatch(thinksAloud ? /^First I look.*sentence\.$/ : /^$/)
    },
    'upstream refusal': async (model, target) => {
      await here.simulator.fault({
        provider: target.provider,
        fault: { kind: 'status', status: 400 },
      })
      const error = await failure(
        client().chat.completions.create({ model, messages: say(greeting) }),
      )
      expect(error).toBeInstanceOf(OpenAI.BadRequestError)
      expect(error).toMatchObject({ code: 'invalid_request', type: 'invalid_request_error' })
    },
    'upstream outage': async (model, target) => {
      await here.simulator.fault({
        provider: target.provider,
        fault: { kind: 'status', status: 500 },
      })
      const error = await failure(
        client().chat.completions.create({ model, messages: say(greeting), stream: true }),
      )
      expect(error).toBeInstanceOf(OpenAI.InternalServerError)
      expect(error).toMatchObject({ status: 502, code: 'upstream_error' })
    },
    'broken stream': breakStream,
    abort: async (model, target) => {
      await here.simulator.pace(0, 5)
      const controller = new AbortController()
      const stream = await client().chat.completions.create(
        { model, messages: say(longAsk), stream: true },
        { signal: controller.signal },
      )
      let chunks = 0
      for await (const _chunk of stream) {
        chunks += 1
        if (chunks === 5) controller.abort()
      }
      const seen = await here.simulator.waitForRequest((request) => request.aborted)
      expect(seen).toMatchObject({ provider: target.provider, done: true })
      expect(seen.billed.output).toBeLessThan(1000)
    },
  },
  async (run, feature) => {
    const error = await failure(run())
    expect(error).toBeInstanceOf(OpenAI.BadRequestError)
    expect(error).toMatchObject({ code: 'invalid_request', type: 'invalid_request_error' })
    expect(error.param).toMatch(/./)
    expect(error.message).toContain(`(${feature})`)
  },
)

describe('openai (JS) is told in its own error classes', () => {
  it('a key that is not known: AuthenticationError', async () => {
    const stranger = new OpenAI({ apiKey: 'sk-sy-no', baseURL: `${here.gateway.url}/v1` })
    const error = await failure(
      stranger.chat.completions.create({ model: 'chat', messages: say('x') }),
    )
    expect(error).toBeInstanceOf(OpenAI.AuthenticationError)
    expect(error).toMatchObject({ status: 401, code: 'unauthorized' })
    expect(error.message).toContain('this key is not known')
  })

  it('a model that is not there: NotFoundError', async () => {
    const error = await failure(
      client().chat.completions.create({ model: 'gpt-nothing', messages: say('x') }),
    )
    expect(error).toBeInstanceOf(OpenAI.NotFoundError)
    expect(error).toMatchObject({ status: 404, code: 'unknown_model', param: 'model' })
    expect(error.message).toContain('gpt-nothing')
  })

  it('a value that cannot be: BadRequestError with the field', async () => {
    const error = await failure(
      client().chat.completions.create({ model: 'chat', messages: say('x'), temperature: 7 }),
    )
    expect(error).toBeInstanceOf(OpenAI.BadRequestError)
    expect(error).toMatchObject({ status: 400, code: 'invalid_request', param: 'temperature' })
  })

  it('a provider out of quota: RateLimitError with the time to wait', async () => {
    await here.simulator.fault({
      provider: 'openai',
      fault: { kind: 'status', status: 429, headers: { 'retry-after': '7' } },
    })
    const error = await failure(
      client().chat.completions.create({ model: 'gpt-4.1@openai', messages: say('x') }),
    )
    expect(error).toBeInstanceOf(OpenAI.RateLimitError)
    expect(error).toMatchObject({ code: 'rate_limited' })
    expect(Number(error.headers?.get('retry-after'))).toBeGreaterThan(0)
  })
})

describe('openai (JS) beyond one answer', () => {
  it('lists the models and finds one', async () => {
    const ids = []
    for await (const model of client().models.list()) ids.push(model.id)
    expect(ids).toEqual(expect.arrayContaining(['chat', ...targets.map(({ model }) => model)]))
    expect((await client().models.retrieve('chat')).id).toBe('chat')
  })

  it('is answered by the next tier when the first is down, streamed or not', async () => {
    await here.simulator.fault({ provider: 'openai', fault: { kind: 'status', status: 503 } })
    const whole = await client()
      .chat.completions.create({ model: 'chat', messages: say(greeting) })
      .withResponse()
    expect(whole.data.choices[0]?.message.content).toBe(greetingAnswer)
    expect(whole.response.headers.get('x-switchyard-provider')).toBe('anthropic')
    const stream = client().chat.completions.stream({ model: 'chat', messages: say(greeting) })
    expect(await stream.finalContent()).toBe(greetingAnswer)
  })

  it('gets several choices where the model can', async () => {
    const answer = await client().chat.completions.create({
      model: 'gpt-4.1@openai',
      messages: say(greeting),
      n: 2,
    })
    expect(answer.choices.map((choice) => choice.index)).toEqual([0, 1])
  })
})
