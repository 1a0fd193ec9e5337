import { ChatAnthropic } from '@langchain/anthropic'
import {
  AIMessageChunk,
  type BaseMessage,
  HumanMessage,
  ToolMessage,
  type UsageMetadata,
} from '@langchain/core/messages'
import { type StructuredToolInterface, tool } from '@langchain/core/tools'
import { ChatOpenAI } from '@langchain/openai'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import {
  greeting,
  greetingAnswer,
  imageTokens,
  imageUrl,
  longAsk,
  pixel,
  trip,
} from '../support/sdk/asks.ts'
import { type Cannot, describeCells, world } from '../support/sdk/cells.ts'

const here = world()

type Asking = Pick<ChatOpenAI, 'invoke' | 'stream'>

/** What both chat classes have, and this test uses. */
type ChatModel = Pick<ChatOpenAI, 'invoke' | 'stream' | 'withStructuredOutput'> & {
  bindTools(tools: StructuredToolInterface[], more?: { tool_choice?: string }): Asking
}

interface LangChainClient {
  readonly name: string
  readonly readsThoughts: boolean
  model(id: string, more?: { readonly thinks?: boolean }): ChatModel
  readonly cannot?: Cannot
}

const clients: readonly LangChainClient[] = [
  {
    name: 'LangChain, ChatOpenAI',
    // It reads OpenAI's own fields, and those hold no thoughts.
    readsThoughts: false,
    model: (id, { thinks = false } = {}) =>
      new ChatOpenAI({
        model: id,
        apiKey: here.gateway.key,
        maxRetries: 0,
        configuration: { baseURL: `${here.gateway.url}/v1` },
        streamUsage: true,
        ...(thinks ? { modelKwargs: { reasoning_effort: 'low' } } : {}),
      }) as unknown as ChatModel,
  },
  {
    name: 'LangChain, ChatAnthropic',
    readsThoughts: true,
    model: (id, { thinks = false } = {}) =>
      new ChatAnthropic({
        model: id,
        apiKey: here.gateway.key,
        anthropicApiUrl: here.gateway.url,
        maxRetries: 0,
        maxTokens: 4000,
        ...(thinks ? { thinking: { type: 'enabled', budget_tokens: 1024 } } : {}),
      }) as unknown as ChatModel,
    // Structured output is a tool that must be called, unless its own format is asked for.
    cannot: ({ cannot }, operation) =>
      cannot[operation === 'JSON schema' ? 'forced tool' : operation],
  },
]

function tools() {
  const calls: unknown[] = []
  const answering = (answer: string) => (input: unknown) => {
    calls.push(input)
    return answer
  }
  const weather = tool(answering('sunny and 21 degrees'), {
    name: 'get_weather',
    description: 'Weather of a city',
    schema: z.object({ city: z.enum(['Kyiv', 'Oslo']) }),
  })
  const time = tool(answering('noon'), {
    name: 'get_time',
    description: 'Time in a zone',
    schema: z.object({ zone: z.string() }),
  })
  const all: StructuredToolInterface[] = [weather, time]
  return { calls, all }
}

async function failure(work: PromiseLike<unknown>): Promise<Error & { status?: number }> {
  const caught = await Promise.resolve(work).then(
    () => null,
    (error: unknown) => error,
  )
  expect(caught).toBeInstanceOf(Error)
  return caught as Error & { status?: number }
}

/** The whole of a stream, put together by the client's own `concat`. */
async function gather(stream: AsyncIterable<unknown>): Promise<AIMessageChunk> {
  let whole: AIMessageChunk | undefined
  for await (const chunk of stream) {
    if (!(chunk instanceof AIMessageChunk)) throw new Error('not a message chunk')
    whole = whole === undefined ? chunk : whole.concat(chunk)
  }
  if (whole === undefined) throw new Error('an empty stream')
  return whole
}

/** The class's own type for it is "never" where optional fields are exact. */
function usageOf(message: object): UsageMetadata | undefined {
  return (message as { readonly usage_metadata?: UsageMetadata }).usage_metadata
}

function thoughtOf(message: BaseMessage): string {
  if (typeof message.content === 'string') return ''
  return message.content
    .map((block) => ('thinking' in block ? String(block['thinking']) : ''))
    .join('')
}

describe.each(clients)('$name', ({ name, model: modelOf, readsThoughts, cannot }) => {
  /** Asks, runs every tool that is called, sends the results back; the last answer. */
  const toolLoop = async (
    id: string,
    ask: string,
    toolset: StructuredToolInterface[],
    streamed: boolean,
  ): Promise<AIMessageChunk> => {
    const bound = modelOf(id).bindTools(toolset)
    const messages: BaseMessage[] = [new HumanMessage(ask)]
    for (let turn = 0; turn < 3; turn++) {
      const answer = streamed
        ? await gather(await bound.stream(messages))
        : await bound.invoke(messages)
      if ((answer.tool_calls ?? []).length === 0) return answer as AIMessageChunk
      messages.push(answer)
      for (const call of answer.tool_calls ?? []) {
        const called = toolset.find((one) => one.name === call.name)
        const result: unknown = await called?.invoke(call as never)
        if (!(result instanceof ToolMessage)) throw new Error(`no tool ${call.name}`)
        messages.push(result)
      }
    }
    throw new Error('the model went on calling tools')
  }

  const askAboutImage = async (id: string, url: string) => {
    const message = new HumanMessage({
      content: [
        { type: 'text', text: 'What is this?' },
        { type: 'image_url', image_url: { url } },
      ],
    })
    const answer = await modelOf(id).invoke([message])
    expect(answer.text).toBe('You said: What is this?')
    expect(usageOf(answer)?.input_tokens).toBeGreaterThan(imageTokens)
  }

  describeCells(
    name,
    {
      chat: async (id) => {
        const answer = await modelOf(id).invoke(greeting)
        expect(answer.text).toBe(greetingAnswer)
        expect(usageOf(answer)?.input_tokens).toBeGreaterThan(0)
        expect(usageOf(answer)?.output_tokens).toBeGreaterThan(0)
      },
      streaming: async (id) => {
        const answer = await gather(await modelOf(id).stream(greeting))
        expect(answer.text).toBe(greetingAnswer)
        expect(usageOf(answer)?.output_tokens).toBeGreaterThan(0)
      },
      'tool loop': async (id) => {
        const { calls, all } = tools()
        const answer = await toolLoop(id, 'Weather?', all.slice(0, 1), false)
        expect(answer.text).toContain('sunny and 21 degrees')
        expect(calls).toEqual([{ city: 'Kyiv' }])
      },
      'streamed tool loop': async (id) => {
        const { calls, all } = tools()
        const answer = await toolLoop(id, 'Weather?', all.slice(0, 1), true)
        expect(answer.text).toContain('sunny and 21 degrees')
        expect(calls).toEqual([{ city: 'Kyiv' }])
      },
      'parallel tools': async (id) => {
        const { calls, all } = tools()
        const answer = await toolLoop(id, 'Weather and time? [[parallel]]', all, true)
        expect(answer.text).toMatch(/sunny.*noon/)
        expect(calls).toHaveLength(2)
      },
      'forced tool': async (id) => {
        const bound = modelOf(id).bindTools(tools().all, { tool_choice: 'get_time' })
        const answer = await bound.invoke('Weather and time?')
        expect(answer.tool_calls).toMatchObject([
          { name: 'get_time', args: { zone: 'sample zone' } },
        ])
      },
      'JSON schema': async (id) => {
        const structured = modelOf(id).withStructuredOutput(trip)
        expect((await structured.invoke('Plan a trip, as JSON')).city).toMatch(/./)
      },
      'streamed JSON schema': async (id) => {
        // By a tool, ChatAnthropic 1.5 cannot stream: it parses every chunk for itself.
        const structured = modelOf(id).withStructuredOutput(trip, { method: 'jsonSchema' })
        let last: Partial<z.infer<typeof trip>> = {}
        for await (const part of await structured.stream('Plan a trip, as JSON')) last = part
        expect(last.city).toMatch(/./)
      },
      'image as base64': (id) => askAboutImage(id, `data:image/png;base64,${pixel}`),
      'image by URL': (id) => askAboutImage(id, imageUrl),
      reasoning: async (id, { thinksAloud }) => {
        const answer = await modelOf(id, { thinks: true }).invoke(greeting)
        expect(answer.text).toBe(greetingAnswer)
        if (thinksAloud && readsThoughts) expect(thoughtOf(answer)).toMatch(/^First I look/)
        else expect(usageOf(answer)?.output_tokens).toBeGreaterThan(10)
      },
      'streamed reasoning': async (id, { thinksAloud }) => {
        const answer = await gather(await modelOf(id, { thinks: true }).stream(greeting))
        expect(answer.text).toBe(greetingAnswer)
        const shown = thinksAloud && readsThoughts
        expect(thoughtOf(answer)).toMatch(shown ? /^First I look.*sentence\.$/ : /^$/)
      },
      'upstream refusal': async (id, { provider }) => {
        await here.simulator.fault({ provider, fault: { kind: 'status', status: 400 } })
        const error = await failure(modelOf(id).invoke(greeting))
        expect(error.status).toBe(400)
      },
      'upstream outage': async (id, { provider }) => {
        await here.simulator.fault({ provider, fault: { kind: 'status', status: 500 } })
        const error = await failure(modelOf(id).stream(greeting).then(gather))
        expect(error.status).toBe(502)
      },
      'broken stream': async (id, { provider }) => {
        await here.simulator.fault({ provider, fault: { kind: 'truncate', afterEvents: 6 } })
        let text = ''
        const error = await failure(
          (async () => {
            for await (const chunk of await modelOf(id).stream('Go on [[tokens:40]]'))
              text += chunk.text
          })(),
        )
        expect(text).toMatch(/^w1/)
        expect(error.message).toMatch(/end|interrupted|cut/i)
      },
      abort: async (id, { provider }) => {
        await here.simulator.pace(0, 5)
        const controller = new AbortController()
        const stream = await modelOf(id).stream(longAsk, { signal: controller.signal })
        let chunks = 0
        await failure(
          (async () => {
            for await (const _chunk of stream) {
              chunks += 1
              if (chunks === 5) controller.abort()
            }
          })(),
        )
        const seen = await here.simulator.waitForRequest((request) => request.aborted)
        expect(seen).toMatchObject({ provider, done: true })
        expect(seen.billed.output).toBeLessThan(1000)
      },
    },
    async (run, feature) => {
      const error = await failure(run())
      expect(error.status).toBe(400)
      expect(error.message).toContain(`(${feature})`)
    },
    cannot,
  )

  describe(`${name} is told`, () => {
    it('a model that is not there', async () => {
      const error = await failure(modelOf('gpt-nothing').invoke(greeting))
      expect(error.status).toBe(404)
      expect(error.message).toContain('gpt-nothing')
    })
  })
})
