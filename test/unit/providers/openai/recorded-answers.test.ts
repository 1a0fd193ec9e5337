import { describe, expect, test } from 'vitest'
import type { Usage } from '../../../../worker/canonical/usage.ts'
import { adapterOf } from '../../../../worker/providers/index.ts'
import type { ProviderAdapter } from '../../../../worker/providers/adapter.ts'
import { collect } from '../../../../worker/canonical/response.ts'
import { answerOf, decodeStream, recorded } from '../../../support/recorded-exchange.ts'

function adapter(id: string): ProviderAdapter {
  const found = adapterOf(id)
  if (found === undefined) throw new Error(`no adapter ${id}`)
  return found
}

const stream = (id: string, folder: string) =>
  answerOf(decodeStream(adapter(id), recorded(id, folder).bytes))
const whole = (id: string, folder: string) =>
  answerOf(adapter(id).decodeResponse(JSON.parse(recorded(id, folder).text)))

const text = (answer: ReturnType<typeof answerOf>) =>
  answer.choices[0]?.content.map((block) => (block.type === 'text' ? block.text : '')).join('')
const calls = (answer: ReturnType<typeof answerOf>) =>
  answer.choices[0]?.content.flatMap((block) =>
    block.type === 'toolCall' ? [[block.name, block.arguments]] : [],
  )

const streams: readonly (readonly [string, string])[] = [
  ['openai', 'stream-chat-completion-streamed-tokens-8024b9'],
  ['openai', 'stream-parallel-tool-calls-open-ai-function-calls-tools-streaming-parallel-00fc3d'],
  ['openai', 'stream-logprobs-streaming-gpt-4-1-mini-stop-top-absent-7ba0b1'],
  ['azure-openai', 'stream-simple-streaming-b471a8'],
  ['groq', 'stream-midstream-error-tool-use-failed-error-streaming-with-text-a5c637'],
  ['deepseek', 'stream-reasoning-streaming-low-length-top-absent-0ca07c'],
  ['perplexity', 'stream-citations-perplexity-text-e38505'],
  ['openrouter', 'stream-midstream-error-openrouter-stream-error-7d2a91'],
  ['openrouter', 'stream-parallel-tool-calls-multi-tool-streaming-01e71e'],
  ['llamacpp', 'stream-tool-call-streaming-tool-call-cut-mid-arguments-a7a5bc'],
]

describe('createDecoder()', () => {
  test.each(streams)('gives the same events for every split of %s %s', (id, folder) => {
    const { bytes } = recorded(id, folder)
    const events = decodeStream(adapter(id), bytes)
    for (const pieceBytes of [1, 2, 3, 17, 256])
      expect(decodeStream(adapter(id), bytes, pieceBytes)).toEqual(events)
  })

  test.each(streams)(
    'calls every cut of %s %s truncated, or keeps its own failure',
    (id, folder) => {
      const { bytes } = recorded(id, folder)
      const ending = decodeStream(adapter(id), bytes).at(-1)
      const mark = new TextDecoder().decode(bytes).lastIndexOf('data:')
      for (let length = 0; length < mark; length += 97) {
        const last = decodeStream(adapter(id), bytes.subarray(0, length)).at(-1)
        expect(last?.type).toBe('failure')
        if (last?.type === 'failure' && ending?.type !== 'failure')
          expect(last.failure.class).toBe('truncated')
      }
    },
  )

  test('reads text and the usage after it', () => {
    const answer = stream('openai', 'stream-chat-completion-streamed-tokens-8024b9')
    expect(answer.choices[0]?.finish).toEqual({ choice: 0, reason: 'stop' })
    expect(answer.usage).toEqual({ inputTokens: 17, outputTokens: 19, totalTokens: 36 })
  })

  test('reads parallel calls that share nothing but the stream', () => {
    const answer = stream(
      'openai',
      'stream-parallel-tool-calls-open-ai-function-calls-tools-streaming-parallel-00fc3d',
    )
    expect(calls(answer)?.map(([name]) => name)).toEqual([
      'get_current_weather',
      'get_current_weather',
    ])
    for (const [, args] of calls(answer) ?? []) expect(JSON.parse(args ?? '')).toBeTypeOf('object')
    expect(answer.choices[0]?.finish.reason).toBe('toolCalls')
  })

  test('keeps half-written arguments as they came', () => {
    const answer = stream(
      'llamacpp',
      'stream-tool-call-streaming-tool-call-cut-mid-arguments-a7a5bc',
    )
    expect(answer.choices[0]?.finish.reason).toBe('length')
    expect(calls(answer)).toHaveLength(1)
    expect(() => JSON.parse(calls(answer)?.[0]?.[1] ?? '')).toThrow()
  })

  test('starts with the first chunk that has an id, not with Azure’s filter results', () => {
    const [first] = decodeStream(
      adapter('azure-openai'),
      recorded('azure-openai', 'stream-simple-streaming-b471a8').bytes,
    )
    expect(first).toMatchObject({ type: 'start', id: expect.stringMatching(/^chatcmpl-/) })
  })

  test('ends in a failure at an SSE error event, and says what Groq said', () => {
    const { bytes } = recorded(
      'groq',
      'stream-midstream-error-tool-use-failed-error-streaming-with-text-a5c637',
    )
    expect(decodeStream(adapter('groq'), bytes).at(-1)).toEqual({
      type: 'failure',
      failure: {
        class: 'bad_request',
        status: 400,
        providerCode: 'tool_use_failed',
        message: 'Tool choice is required, but model did not call a tool',
      },
    })
  })

  test('ends in a failure at an error inside a chunk, after its usage', () => {
    const { bytes } = recorded(
      'openrouter',
      'stream-midstream-error-openrouter-stream-error-7d2a91',
    )
    const collected = collect(decodeStream(adapter('openrouter'), bytes))
    expect(collected).toMatchObject({
      ok: false,
      failure: { class: 'bad_request', message: 'Token limit reached' },
      partial: { usage: { inputTokens: 43, outputTokens: 21, reasoningTokens: 11 } },
    })
  })

  test('takes a finish reason for the end where the vendor sends no [DONE]', () => {
    const answer = stream('perplexity', 'stream-citations-perplexity-text-e38505')
    expect(answer.choices[0]?.finish.reason).toBe('stop')
    expect(answer.usage?.outputTokens).toBe(434)
  })

  test('tells each source once, though every chunk repeats them', () => {
    const events = decodeStream(
      adapter('perplexity'),
      recorded('perplexity', 'stream-citations-perplexity-text-e38505').bytes,
    )
    const urls = events.flatMap((event) => (event.type === 'citation' ? [event.citation.url] : []))
    expect(urls.length).toBeGreaterThan(0)
    expect(new Set(urls).size).toBe(urls.length)
  })

  test('does not take a finish reason for the end where the vendor does', () => {
    const { bytes } = recorded('openai', 'stream-chat-completion-streamed-tokens-8024b9')
    const withoutDone = new TextDecoder().decode(bytes).replace('data: [DONE]', '')
    expect(
      decodeStream(adapter('openai'), new TextEncoder().encode(withoutDone)).at(-1),
    ).toMatchObject({ type: 'failure', failure: { class: 'truncated' } })
  })

  test('reads thinking under each of its names', () => {
    const deepSeek = stream('deepseek', 'stream-reasoning-streaming-low-length-top-absent-0ca07c')
    expect(deepSeek.choices[0]?.content[0]).toMatchObject({ type: 'reasoning' })
    const groq = stream('groq', 'stream-tool-call-groq-tool-call-d8581d')
    expect(groq.choices[0]?.finish.reason).toBe('toolCalls')
  })

  test('seals an encrypted thought with the id it needs to be of use', () => {
    const answer = stream('openrouter', 'stream-parallel-tool-calls-multi-tool-streaming-01e71e')
    const thought = answer.choices[0]?.content.find((block) => block.type === 'reasoning')
    expect(thought).toMatchObject({ text: '', wire: 'openai-chat' })
    expect(JSON.parse(thought?.type === 'reasoning' ? (thought.redacted ?? '') : '')).toMatchObject(
      {
        format: 'google-gemini-v1',
        id: expect.stringMatching(/^tool_add_/),
      },
    )
  })
})

describe('decodeResponse()', () => {
  test('reads every choice', () => {
    const answer = whole('openai', 'json-async-chat-completion-multiple-choices-b5438e')
    expect(answer.choices.map((choice) => choice.finish)).toEqual([
      { choice: 0, reason: 'stop' },
      { choice: 1, reason: 'stop' },
    ])
  })

  test('reads a refusal', () => {
    const answer = whole('openai', 'json-refusal-async-parsed-refused-completion-3f142d')
    expect(answer.choices[0]?.content).toEqual([
      { type: 'refusal', text: expect.stringContaining('sorry') },
    ])
  })

  test('reads the function call of 2023, and invents an id for it', () => {
    const answer = whole('openai', 'json-tool-call-openai-functions-eaa62d')
    expect(answer.choices[0]?.content[0]).toMatchObject({
      type: 'toolCall',
      name: 'Joke',
      id: expect.stringMatching(/^call_[A-Za-z0-9]+_0$/),
    })
  })

  test('keeps content_filter apart from a stop', () => {
    const answer = whole('azure-openai', 'json-refusal-chat-content-filtering-9dc262')
    expect(answer.choices[0]?.finish.reason).toBe('contentFilter')
  })

  test('reads Perplexity’s message, not the empty delta beside it, and its sources once', () => {
    const folder = 'json-citations-chat-with-extended-thinking-perplexity-sonar-reasoning-p-61f08c'
    const answer = whole('perplexity', folder)
    expect(text(answer)).toContain('8')
    const citations = answer.choices[0]?.content.flatMap((block) =>
      block.type === 'text' ? (block.citations ?? []) : [],
    )
    expect(new Set(citations?.map((citation) => citation.url)).size).toBe(citations?.length)
    expect(answer.usage?.providerCostUsd).toBeGreaterThan(0)
  })

  test('finds tool calls behind an empty finish reason and empty fillers', () => {
    const answer = whole('snowflake', 'json-tool-call-snowflake-thinking-910855')
    expect(calls(answer)).toEqual([['get_weather', '{"city":"Mexico City"}']])
    expect(answer.choices[0]?.finish).toEqual({ choice: 0, reason: 'toolCalls' })
    expect(answer.choices[0]?.content[0]).toMatchObject({
      type: 'reasoning',
      wire: 'anthropic-messages',
      signature: expect.stringMatching(/^EvAB/),
    })
  })

  test.each([
    ['openai', { error: { message: 'no', type: 'server_error', code: null } }, 'server_error'],
    [
      'minimax',
      { base_resp: { status_code: 1008, status_msg: 'insufficient balance' } },
      'quota_exhausted',
    ],
    ['openai', { choices: [] }, 'malformed'],
    ['openai', { detail: 'Not Found' }, 'malformed'],
    ['openai', 'text', 'malformed'],
    ['openai', null, 'malformed'],
    ['openrouter', { choices: [{ error: { code: 503, message: 'down' } }] }, 'overloaded'],
    [
      'deepseek',
      { choices: [{ index: 0, finish_reason: 'insufficient_system_resource', message: {} }] },
      'overloaded',
    ],
  ])('takes a 200 of %s that is no answer for a failure: %j', (id, body, failureClass) => {
    expect(adapter(id).decodeResponse(body).at(-1)).toMatchObject({
      type: 'failure',
      failure: { class: failureClass },
    })
  })
})

describe('usage', () => {
  test.each<[string, string, Usage]>([
    // total = prompt + completion + reasoning: thinking is beside the completion.
    [
      'xai',
      'json-parallel-tool-calls-multi-tool-923f3d',
      {
        inputTokens: 470,
        outputTokens: 253,
        reasoningTokens: 185,
        cacheReadTokens: 192,
        totalTokens: 723,
      },
    ],
    // total = prompt + completion: thinking is inside it.
    [
      'deepseek',
      'json-parallel-tool-calls-blocking-parallel-calls-keep-the-complete-one-3bc8c5',
      { inputTokens: 434, outputTokens: 56, cacheReadTokens: 384, totalTokens: 490 },
    ],
  ])('of %s counts every generated token once (%s)', (id, folder, expected) => {
    expect(whole(id, folder).usage).toMatchObject(expected)
  })

  test('of xAI gives its own price, which is that of the tokens', () => {
    const usage = whole('xai', 'json-parallel-tool-calls-multi-tool-923f3d').usage
    expect(usage?.providerCostUsd).toBeCloseTo((278 * 0.2 + 192 * 0.02 + 253 * 1.5) / 1e6, 12)
  })

  test('is read from x_groq, where older Groq streams have it', () => {
    expect(stream('groq', 'stream-chat-streaming-legacy-f55fc1').usage).toEqual({
      inputTokens: 18,
      outputTokens: 73,
      totalTokens: 91,
    })
  })

  test('is absent where none came', () => {
    const folder =
      'stream-parallel-tool-calls-open-ai-function-calls-tools-streaming-parallel-00fc3d'
    expect(stream('openai', folder).usage).toBeUndefined()
  })
})
