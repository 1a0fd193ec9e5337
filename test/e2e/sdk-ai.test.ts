import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import {
  APICallError,
  generateText,
  isStepCount,
  jsonSchema,
  type LanguageModel,
  Output,
  streamText,
  tool,
} from 'ai'
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
import { type Cannot, describeCells, world } from '../support/sdk/cells.ts'

const here = world()

interface AiClient {
  readonly name: string
  /** Shows thoughts; OpenAI's own client knows no field for them. */
  readonly readsThoughts: boolean
  model(id: string): LanguageModel
  readonly cannot?: Cannot
}

/**
 * For a model it does not know, Anthropic's provider asks for JSON by a tool
 * that must be called, once: a schema is not needed then, the choice is.
 */
const jsonByTool: Cannot = ({ provider, cannot }, operation) => {
  if (!operation.includes('JSON schema')) return cannot[operation]
  return provider === 'ollama' ? 'toolChoiceRequired' : undefined
}

const clients: readonly AiClient[] = [
  {
    name: 'ai with @ai-sdk/openai-compatible',
    readsThoughts: true,
    model: (id) =>
      createOpenAICompatible({
        name: 'switchyard',
        apiKey: here.gateway.key,
        baseURL: `${here.gateway.url}/v1`,
        includeUsage: true,
        supportsStructuredOutputs: true,
        // Without it the client fetches images itself and sends the bytes.
        supportedUrls: () => ({ 'image/*': [/^https?:/] }),
      })(id),
  },
  {
    name: 'ai with @ai-sdk/openai, chat',
    readsThoughts: false,
    model: (id) =>
      createOpenAI({ apiKey: here.gateway.key, baseURL: `${here.gateway.url}/v1` }).chat(id),
  },
  {
    name: 'ai with @ai-sdk/anthropic',
    readsThoughts: true,
    cannot: jsonByTool,
    model: (id) =>
      createAnthropic({ apiKey: here.gateway.key, baseURL: `${here.gateway.url}/v1` })(id),
  },
]

/** No retries, and no thrown errors of a stream on the console: they are awaited. */
const quiet = { maxRetries: 0, onError: () => undefined }

async function failure(work: PromiseLike<unknown>): Promise<APICallError> {
  const caught = await Promise.resolve(work).then(
    () => null,
    (error: unknown) => error,
  )
  if (!APICallError.isInstance(caught)) throw new Error(`no APICallError: ${String(caught)}`)
  return caught
}

/** Everything a stream tells before it ends, and the error it ends with, if it does. */
async function drain(parts: AsyncIterable<{ readonly type: string }>) {
  const seen: Record<string, string> = { text: '', reasoning: '' }
  const kinds: string[] = []
  let error: unknown = null
  for await (const part of parts) {
    kinds.push(part.type)
    if (part.type === 'text-delta') seen['text'] += (part as unknown as { text: string }).text
    if (part.type === 'reasoning-delta')
      seen['reasoning'] += (part as unknown as { text: string }).text
    if (part.type === 'error') error = (part as unknown as { error: unknown }).error
  }
  return { text: seen['text'] ?? '', reasoning: seen['reasoning'] ?? '', kinds, error }
}

function tools() {
  const calls: unknown[] = []
  return {
    calls,
    weather: tool({
      description: 'Weather of a city',
      inputSchema: jsonSchema<{ city: string }>(weatherSchema),
      execute: async (input) => {
        calls.push(input)
        return 'sunny and 21 degrees'
      },
    }),
    time: tool({
      description: 'Time in a zone',
      inputSchema: jsonSchema<{ zone: string }>(timeSchema),
      execute: async (input) => {
        calls.push(input)
        return 'noon'
      },
    }),
  }
}

describe.each(clients)('$name', ({ name, model: modelOf, readsThoughts, cannot }) => {
  const askAboutImage = async (id: string, data: string | URL) => {
    const answer = await generateText({
      model: modelOf(id),
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'file', mediaType: 'image/png', data },
          ],
        },
      ],
      ...quiet,
    })
    expect(answer.text).toBe('You said: What is this?')
    expect(answer.usage.inputTokens).toBeGreaterThan(imageTokens)
  }

  describeCells(
    name,
    {
      chat: async (id) => {
        const answer = await generateText({ model: modelOf(id), prompt: greeting, ...quiet })
        expect(answer.text).toBe(greetingAnswer)
        expect(answer.finishReason).toBe('stop')
        expect(answer.usage.inputTokens).toBeGreaterThan(0)
        expect(answer.usage.outputTokens).toBeGreaterThan(0)
      },
      streaming: async (id) => {
        const answer = streamText({ model: modelOf(id), prompt: greeting, ...quiet })
        const seen = await drain(answer.fullStream)
        expect(seen.text).toBe(greetingAnswer)
        expect(seen.kinds).toContain('finish')
        expect(await answer.finishReason).toBe('stop')
        expect((await answer.usage).outputTokens).toBeGreaterThan(0)
      },
      'tool loop': async (id) => {
        const { calls, weather } = tools()
        const answer = await generateText({
          model: modelOf(id),
          prompt: 'Weather?',
          tools: { weather },
          stopWhen: isStepCount(3),
          ...quiet,
        })
        expect(answer.text).toContain('sunny and 21 degrees')
        expect(calls).toEqual([{ city: 'Kyiv' }])
      },
      'streamed tool loop': async (id) => {
        const { calls, weather } = tools()
        const answer = streamText({
          model: modelOf(id),
          prompt: 'Weather?',
          tools: { weather },
          stopWhen: isStepCount(3),
          ...quiet,
        })
        expect(await answer.text).toContain('sunny and 21 degrees')
        expect(calls).toEqual([{ city: 'Kyiv' }])
      },
      'parallel tools': async (id) => {
        const { calls, weather, time } = tools()
        const answer = streamText({
          model: modelOf(id),
          prompt: 'Weather and time? [[parallel]]',
          tools: { weather, time },
          stopWhen: isStepCount(3),
          ...quiet,
        })
        expect(await answer.text).toMatch(/sunny.*noon/)
        expect(calls).toHaveLength(2)
        expect(await answer.steps).toHaveLength(2)
      },
      'forced tool': async (id) => {
        const { weather, time } = tools()
        const answer = await generateText({
          model: modelOf(id),
          prompt: 'Weather and time?',
          tools: { weather, time },
          toolChoice: { type: 'tool', toolName: 'time' },
          ...quiet,
        })
        expect(answer.toolCalls).toMatchObject([
          { toolName: 'time', input: { zone: 'sample zone' } },
        ])
      },
      'JSON schema': async (id) => {
        const answer = await generateText({
          model: modelOf(id),
          prompt: 'Plan a trip, as JSON',
          output: Output.object({ schema: trip }),
          ...quiet,
        })
        expect(answer.output.city).toMatch(/./)
      },
      'streamed JSON schema': async (id) => {
        const answer = streamText({
          model: modelOf(id),
          prompt: 'Plan a trip, as JSON',
          output: Output.object({ schema: trip }),
          ...quiet,
        })
        const seen = await drain(answer.fullStream)
        if (seen.error !== null) throw seen.error
        expect((await answer.output).city).toMatch(/./)
      },
      'image as base64': (id) => askAboutImage(id, pixel),
      'image by URL': (id) => askAboutImage(id, new URL(imageUrl)),
      reasoning: async (id, { thinksAloud }) => {
        const answer = await generateText({
          model: modelOf(id),
          prompt: greeting,
          reasoning: 'low',
          ...quiet,
        })
        expect(answer.text).toBe(greetingAnswer)
        if (thinksAloud && readsThoughts) expect(answer.reasoningText).toMatch(/^First I look/)
        else expect(answer.usage.outputTokens).toBeGreaterThan(10)
      },
      'streamed reasoning': async (id, { thinksAloud }) => {
        const seen = await drain(
          streamText({ model: modelOf(id), prompt: greeting, reasoning: 'low', ...quiet })
            .fullStream,
        )
        expect(seen.text).toBe(greetingAnswer)
        const shown = thinksAloud && readsThoughts
        expect(seen.reasoning).toMatch(shown ? /^First I look.*sentence\.$/ : /^$/)
      },
      'upstream refusal': async (id, { provider }) => {
        await here.simulator.fault({ provider, fault: { kind: 'status', status: 400 } })
        const error = await failure(
          generateText({ model: modelOf(id), prompt: greeting, ...quiet }),
        )
        expect(error.statusCode).toBe(400)
        expect(error.responseBody).toContain('"invalid_request"')
        expect(error.isRetryable).toBe(false)
      },
      'upstream outage': async (id, { provider }) => {
        await here.simulator.fault({ provider, fault: { kind: 'status', status: 500 } })
        const seen = await drain(
          streamText({ model: modelOf(id), prompt: greeting, ...quiet }).fullStream,
        )
        if (!APICallError.isInstance(seen.error)) throw new Error(String(seen.error))
        expect(seen.error.statusCode).toBe(502)
        expect(seen.error.responseBody).toContain('"upstream_error"')
        expect(seen.text).toBe('')
      },
      'broken stream': async (id, { provider }) => {
        await here.simulator.fault({ provider, fault: { kind: 'truncate', afterEvents: 6 } })
        const seen = await drain(
          streamText({ model: modelOf(id), prompt: 'Go on [[tokens:40]]', ...quiet }).fullStream,
        )
        expect(seen.text).toMatch(/^w1/)
        expect(seen.error).not.toBeNull()
        expect(JSON.stringify(seen.error) + String(seen.error)).toMatch(/end|interrupted|cut/i)
      },
      abort: async (id, { provider }) => {
        await here.simulator.pace(0, 5)
        const controller = new AbortController()
        const answer = streamText({
          model: modelOf(id),
          prompt: longAsk,
          abortSignal: controller.signal,
          ...quiet,
        })
        let parts = 0
        for await (const part of answer.fullStream) {
          parts += 1
          if (parts === 8) controller.abort()
          if (part.type === 'abort') break
        }
        const seen = await here.simulator.waitForRequest((request) => request.aborted)
        expect(seen).toMatchObject({ provider, done: true })
        expect(seen.billed.output).toBeLessThan(1000)
      },
    },
    async (run, feature) => {
      const error = await failure(run())
      expect(error.statusCode).toBe(400)
      expect(error.responseBody).toContain(`(${feature})`)
    },
    cannot,
  )

  describe(`${name} is told in its own error class`, () => {
    it('a model that is not there, with our message and code', async () => {
      const error = await failure(
        generateText({ model: modelOf('gpt-nothing'), prompt: greeting, ...quiet }),
      )
      expect(error.statusCode).toBe(404)
      expect(error.message).toContain('gpt-nothing')
      expect(error.responseBody).toContain('"unknown_model"')
    })

    it('a value that cannot be, with the field', async () => {
      const error = await failure(
        generateText({ model: modelOf('chat'), prompt: greeting, topP: 7, ...quiet }),
      )
      expect(error.statusCode).toBe(400)
      expect(error.responseBody).toContain('"param":"top_p"')
    })
  })
})
