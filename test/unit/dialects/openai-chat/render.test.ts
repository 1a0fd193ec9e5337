import fc from 'fast-check'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import type { Block } from '../../../../worker/canonical/blocks.ts'
import type { CanonicalEvent } from '../../../../worker/canonical/events.ts'
import { collect } from '../../../../worker/canonical/response.ts'
import { openAiChat } from '../../../../worker/dialects/openai-chat/index.ts'
import { expectSchema } from '../../../support/openai-schema.ts'
import { answering, anyStream, anyText, context, renderAll, sseMessages } from '../support.ts'

const finish: CanonicalEvent = { type: 'finish', choices: [{ choice: 0, reason: 'stop' }] }

/** Everything a stream can hold, twice over for two choices. */
const everything: CanonicalEvent[] = [
  { type: 'start', id: 'chatcmpl-1', model: 'gpt', createdS: 5 },
  { type: 'reasoning', choice: 0, text: 'let me ', block: 0 },
  { type: 'reasoning', choice: 0, text: 'see', block: 0 },
  { type: 'reasoning', choice: 0, text: '', block: 0, signature: 's1', wire: 'anthropic-messages' },
  { type: 'reasoning', choice: 0, text: '', block: 1, redacted: 'r1', wire: 'gemini' },
  {
    type: 'text',
    choice: 0,
    text: 'Hi',
    logprobs: [
      { token: 'Hi', logprob: -0.5, bytes: [72, 105], top: [{ token: 'Hi', logprob: -0.5 }] },
    ],
  },
  { type: 'text', choice: 1, text: 'Hello' },
  { type: 'citation', choice: 0, citation: { url: 'https://a.example', title: 'A' } },
  { type: 'citation', choice: 0, citation: { title: 'doc', citedText: 'cited' } },
  { type: 'refusal', choice: 1, text: 'no', logprobs: [{ token: 'no', logprob: -1 }] },
  { type: 'toolCallStart', choice: 0, index: 0, id: 'c0', name: 'f', signature: 'g' },
  { type: 'toolCallStart', choice: 0, index: 1, id: 'c1', name: 'h' },
  { type: 'toolCallArguments', choice: 0, index: 0, text: '{"a":' },
  { type: 'toolCallArguments', choice: 0, index: 1, text: '{}' },
  { type: 'toolCallArguments', choice: 0, index: 0, text: '1}' },
  {
    type: 'media',
    choice: 1,
    kind: 'audio',
    id: 'au',
    data: 'AAAA',
    transcript: 'hi',
    expiresAt: 9,
  },
  { type: 'media', choice: 1, kind: 'image', mediaType: 'image/png', data: 'AAAA' },
  {
    type: 'usage',
    usage: {
      inputTokens: 10,
      outputTokens: 5,
      reasoningTokens: 2,
      cacheReadTokens: 4,
      cacheWriteTokens: 1,
      audioInputTokens: 1,
      audioOutputTokens: 1,
      acceptedPredictionTokens: 1,
    },
  },
  {
    type: 'finish',
    choices: [
      { choice: 0, reason: 'toolCalls' },
      { choice: 1, reason: 'refusal' },
    ],
  },
]

function chunksOf(stream: string): Record<string, unknown>[] {
  return sseMessages(stream)
    .filter((message) => message.data !== '[DONE]')
    .map((message) => JSON.parse(message.data))
}

describe('createStreamRenderer() of openai-chat', () => {
  it("writes chunks that OpenAI's schema accepts, whatever the events", () => {
    for (const chunk of chunksOf(renderAll(openAiChat, everything)))
      expectSchema('CreateChatCompletionStreamResponse', chunk)
    fc.assert(
      fc.property(anyStream, (events) => {
        for (const chunk of chunksOf(renderAll(openAiChat, events)))
          expectSchema('CreateChatCompletionStreamResponse', chunk)
      }),
      { numRuns: 60 },
    )
  })

  it('begins every choice with its role and ends with usage, [DONE] and the price', () => {
    const stream = renderAll(openAiChat, [
      { type: 'text', choice: 0, text: 'a' },
      { type: 'usage', usage: { inputTokens: 1, outputTokens: 2 } },
      finish,
    ])
    const chunks = chunksOf(stream)
    expect(chunks.map((chunk) => chunk['choices'])).toEqual([
      [
        {
          index: 0,
          delta: { role: 'assistant', content: '', refusal: null },
          logprobs: null,
          finish_reason: null,
        },
      ],
      [{ index: 0, delta: { content: 'a' }, logprobs: null, finish_reason: null }],
      [{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }],
      [],
    ])
    expect(chunks.map((chunk) => chunk['usage'])).toEqual([
      null,
      null,
      null,
      { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
    ])
    expect(chunks[0]).toMatchObject({ id: 'req_1', model: 'chat', created: context.nowS })
    expect(stream.endsWith('data: [DONE]\n\n: cost-usd 0.000123\n\n')).toBe(true)
  })

  it('leaves usage out when the client did not ask, and puts the cost into it when it did', () => {
    const usage = { inputTokens: 1, outputTokens: 2 }
    const events: CanonicalEvent[] = [{ type: 'usage', usage }, finish]
    expect(renderAll(openAiChat, events, { includeUsage: false })).not.toContain('usage')
    const asked = chunksOf(renderAll(openAiChat, events, { includeCost: true })).at(-1)
    expect(asked?.['usage']).toMatchObject({ prompt_tokens: 1, cost: 0.000123 })
  })

  it('invents no usage and no price when the provider gave none', () => {
    const stream = renderAll(openAiChat, [finish])
    expect(chunksOf(stream).at(-1)?.['choices']).not.toEqual([])
    expect(stream.endsWith('data: [DONE]\n\n')).toBe(true)
    const unpriced = renderAll(openAiChat, [{ type: 'usage', usage: { inputTokens: 1 } }, finish], {
      costUsd: () => null,
    })
    expect(unpriced.endsWith('data: [DONE]\n\n')).toBe(true)
  })

  it('writes prices without exponent', () => {
    const usage: CanonicalEvent = { type: 'usage', usage: { inputTokens: 1 } }
    const ending = (cost: number) =>
      renderAll(openAiChat, [usage, finish], { costUsd: () => cost }).split('[DONE]\n\n')[1]
    expect(ending(1.23e-7)).toBe(': cost-usd 0.000000123\n\n')
    expect(ending(100)).toBe(': cost-usd 100\n\n')
    expect(ending(0)).toBe(': cost-usd 0\n\n')
  })

  it('ends a broken stream with the error and without [DONE]', async () => {
    const stream = renderAll(openAiChat, [
      { type: 'text', choice: 0, text: 'a' },
      { type: 'failure', failure: { class: 'truncated', message: 'the answer ended early' } },
    ])
    expect(stream).not.toContain('[DONE]')
    expect(chunksOf(stream).at(-1)).toEqual({
      error: {
        message: 'the answer ended early',
        type: 'server_error',
        param: null,
        code: 'upstream_error',
      },
    })
    await expect(readWithSdk(stream)).rejects.toThrow('the answer ended early')
  })

  it('puts citations under the text of their block, once it is whole', () => {
    const events: CanonicalEvent[] = [
      { type: 'text', choice: 0, text: 'One. ', block: 0 },
      { type: 'citation', choice: 0, block: 1, citation: { url: 'https://a.example' } },
      { type: 'text', choice: 0, text: 'Two.', block: 1 },
      { type: 'text', choice: 0, text: ' Three.', block: 2 },
      finish,
    ]
    const annotation = {
      type: 'url_citation',
      url_citation: { url: 'https://a.example', title: '', start_index: 5, end_index: 9 },
    }
    const deltas = chunksOf(renderAll(openAiChat, events)).flatMap((chunk) =>
      (chunk['choices'] as { delta: object }[]).map((choice) => choice.delta),
    )
    expect(deltas).toContainEqual({ annotations: [annotation] })
    expect(wholeMessage(events)).toMatchObject({ annotations: [annotation] })
  })

  it('writes one function_call for clients of functions', () => {
    const events: CanonicalEvent[] = [
      { type: 'toolCallStart', choice: 0, index: 0, id: 'c', name: 'f' },
      { type: 'toolCallArguments', choice: 0, index: 0, text: '{}' },
      { type: 'finish', choices: [{ choice: 0, reason: 'toolCalls' }] },
    ]
    const stream = renderAll(openAiChat, events, { legacyFunctions: true })
    expect(stream).toContain('"function_call":{"name":"f","arguments":""}')
    expect(stream).toContain('"function_call":{"arguments":"{}"}')
    expect(stream).toContain('"finish_reason":"function_call"')
    expect(stream).not.toContain('tool_calls')
    for (const chunk of chunksOf(stream)) expectSchema('CreateChatCompletionStreamResponse', chunk)
  })

  it('hands on parts of its own format that have no canonical kind, and none of another', () => {
    const events: CanonicalEvent[] = [
      { type: 'opaque', choice: 0, raw: { wire: 'openai-chat', value: { type: 'novel' } } },
      { type: 'opaque', choice: 0, raw: { wire: 'gemini', value: { type: 'other' } } },
      finish,
    ]
    const stream = renderAll(openAiChat, events)
    expect(stream).toContain('"delta":{"content_parts":[{"type":"novel"}]}')
    expect(stream).not.toContain('other')
    expect(wholeMessage(events)).toEqual({
      role: 'assistant',
      content: null,
      refusal: null,
      content_parts: [{ type: 'novel' }],
    })
  })

  it('keeps text that looks like framing inside its event', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const stream = renderAll(openAiChat, [{ type: 'text', choice: 0, text }, finish])
        expect(stream.split(/\r\n|[\r\n\u0085\u2028\u2029]/).join('\n')).toBe(stream)
        const told = chunksOf(stream).map(
          (chunk) =>
            (chunk['choices'] as { delta: { content?: string } }[])[0]?.delta.content ?? '',
        )
        expect(told.join('')).toBe(text)
      }),
    )
  })
})

interface Told {
  text: string
  reasoning: string
  refusal: string
  details: unknown[]
  calls: { id: string; name: string; arguments: string }[]
  finish: string | null
}

/** Reads a stream with OpenAI's own SDK and adds choice 0 up. */
async function readWithSdk(stream: string) {
  const client = new OpenAI({ apiKey: 'none', maxRetries: 0, fetch: answering(stream) })
  const chunks = await client.chat.completions.create({ model: 'm', messages: [], stream: true })
  const told: Told = { text: '', reasoning: '', refusal: '', details: [], calls: [], finish: null }
  let usage: unknown = null
  for await (const chunk of chunks) {
    usage = chunk.usage ?? usage
    const choice = chunk.choices.find((one) => one.index === 0)
    if (choice === undefined) continue
    const delta = choice.delta as typeof choice.delta & {
      reasoning_content?: string
      reasoning_details?: unknown[]
    }
    told.text += delta.content ?? ''
    told.refusal += delta.refusal ?? ''
    told.reasoning += delta.reasoning_content ?? ''
    told.details.push(...(delta.reasoning_details ?? []))
    told.finish = choice.finish_reason ?? told.finish
    for (const call of delta.tool_calls ?? []) {
      const open = (told.calls[call.index] ??= { id: '', name: '', arguments: '' })
      open.id += call.id ?? ''
      open.name += call.function?.name ?? ''
      open.arguments += call.function?.arguments ?? ''
    }
  }
  return { ...told, usage }
}

/** The same of the canonical events. */
function expected(events: readonly CanonicalEvent[]) {
  const collected = collect(events)
  if (!collected.ok) throw new Error(collected.failure.message)
  const { response } = collected
  const [choice] = response.choices
  const blocks = choice?.content ?? []
  const textOf = (type: Block['type']) =>
    blocks.map((block) => (block.type === type && 'text' in block ? block.text : '')).join('')
  return {
    text: textOf('text'),
    reasoning: textOf('reasoning'),
    thoughts: blocks.filter((block) => block.type === 'reasoning'),
    calls: blocks.flatMap((block) =>
      block.type === 'toolCall'
        ? [{ id: block.id, name: block.name, arguments: block.arguments }]
        : [],
    ),
    usage: response.usage,
    finish: choice?.finish.reason,
  }
}

const words = {
  stop: 'stop',
  length: 'length',
  toolCalls: 'tool_calls',
  contentFilter: 'content_filter',
}

describe('openai-chat streams read by the openai SDK', () => {
  it('say what the canonical events say', async () => {
    await fc.assert(
      fc.asyncProperty(anyStream, async (events) => {
        const told = await readWithSdk(renderAll(openAiChat, events))
        const want = expected(events)
        expect(told.text).toBe(want.text)
        expect(told.reasoning).toBe(want.reasoning)
        expect(told.calls).toEqual(want.calls)
        expect(told.finish).toBe(words[want.finish as keyof typeof words])
        expect(told.usage).toMatchObject({
          prompt_tokens: want.usage?.inputTokens,
          completion_tokens: want.usage?.outputTokens,
        })
      }),
      { numRuns: 150 },
    )
  })

  it('come back through a client with every thought, call and signature', async () => {
    await fc.assert(
      fc.asyncProperty(anyStream, async (events) => {
        const told = await readWithSdk(renderAll(openAiChat, events))
        const want = expected(events)
        const body = {
          model: 'm',
          messages: [
            {
              role: 'assistant',
              content: told.text,
              reasoning_content: told.reasoning,
              reasoning_details: told.details,
              tool_calls: told.calls.map(({ id, ...called }) => ({
                id,
                type: 'function',
                function: called,
              })),
            },
          ],
        }
        const parsed = openAiChat.parse(body)
        if (!parsed.ok) throw new Error(parsed.error.message)
        const content = parsed.value.messages[0]?.content ?? []
        const back = (type: Block['type']) => content.filter((block) => block.type === type)
        expect(back('toolCall')).toEqual(want.calls.map((call) => ({ type: 'toolCall', ...call })))
        expect(back('reasoning')).toEqual(want.thoughts)
      }),
      { numRuns: 80 },
    )
  })
})

function whole(events: readonly CanonicalEvent[], more: Partial<typeof context> = {}) {
  const collected = collect(events)
  if (!collected.ok) throw new Error(collected.failure.message)
  return openAiChat.renderResponse(collected.response, { ...context, ...more })
}

function wholeMessage(events: readonly CanonicalEvent[]): unknown {
  const response = whole(events) as { choices: { message: unknown }[] }
  return response.choices[0]?.message
}

describe('renderResponse() of openai-chat', () => {
  it("writes answers that OpenAI's schema accepts", () => {
    expectSchema('CreateChatCompletionResponse', whole(everything))
    expectSchema('CreateChatCompletionResponse', whole([finish]))
    fc.assert(
      fc.property(anyStream, (events) =>
        expectSchema('CreateChatCompletionResponse', whole(events)),
      ),
      { numRuns: 60 },
    )
  })

  it('tells text, calls, thinking, refusals, counts and the price', () => {
    expect(whole(everything)).toMatchObject({
      id: 'chatcmpl-1',
      model: 'gpt',
      created: 5,
      cost: 0.000123,
      choices: [
        {
          finish_reason: 'tool_calls',
          message: {
            content: 'Hi',
            refusal: null,
            reasoning_content: 'let me see',
            reasoning_details: [
              { type: 'reasoning.text', text: 'let me see', signature: 's1', index: 0 },
              { type: 'reasoning.encrypted', data: 'r1', format: 'google-gemini-v1', index: 1 },
            ],
            tool_calls: [
              {
                id: 'c0',
                function: { name: 'f', arguments: '{"a":1}' },
                extra_content: { google: { thought_signature: 'g' } },
              },
              { id: 'c1', function: { name: 'h', arguments: '{}' } },
            ],
            citations: [{ title: 'doc', cited_text: 'cited' }],
          },
        },
        {
          finish_reason: 'stop',
          message: { content: 'Hello', refusal: 'no', audio: { id: 'au', expires_at: 9 } },
        },
      ],
      usage: {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 15,
        prompt_tokens_details: { cached_tokens: 4, cache_write_tokens: 1, audio_tokens: 1 },
        completion_tokens_details: { reasoning_tokens: 2, accepted_prediction_tokens: 1 },
      },
    })
    expect(whole(everything, { includeCost: true })).toMatchObject({ usage: { cost: 0.000123 } })
  })

  it('leaves usage and cost out when nothing is known', () => {
    expect(Object.keys(whole([finish]))).toEqual(['id', 'object', 'created', 'model', 'choices'])
  })

  it('tells a refusal without words as a content filter', () => {
    const refused = whole([{ type: 'finish', choices: [{ choice: 0, reason: 'refusal' }] }])
    expect(refused).toMatchObject({ choices: [{ finish_reason: 'content_filter' }] })
  })
})

describe('renderError() of openai-chat', () => {
  it.each([
    [400, 'invalid_request', 'invalid_request_error'],
    [401, 'unauthorized', 'authentication_error'],
    [402, 'budget_exceeded', 'insufficient_quota'],
    [403, 'route_forbidden', 'permission_error'],
    [404, 'unknown_model', 'invalid_request_error'],
    [429, 'rate_limited', 'rate_limit_error'],
    [451, 'region_unavailable', 'permission_error'],
    [502, 'upstream_error', 'server_error'],
  ] as const)('gives status %i and code %s the type %s', (status, code, type) => {
    const rendered = openAiChat.renderError({ code, status, message: 'm', param: 'p' }, 'req_1')
    expect(rendered).toEqual({ error: { message: 'm', type, param: 'p', code } })
    expectSchema('ErrorResponse', rendered)
    expectSchema('ErrorResponse', openAiChat.renderError({ code, status, message: 'm' }, 'req_1'))
  })
})
