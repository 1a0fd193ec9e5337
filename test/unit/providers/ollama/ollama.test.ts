import { describe, expect, test } from 'vitest'
import type { Block } from '../../../../worker/canonical/blocks.ts'
import type { CanonicalRequest, Message } from '../../../../worker/canonical/request.ts'
import { ollamaAdapter } from '../../../../worker/providers/ollama/adapter.ts'
import { answerOf, decodeStream, recorded, requestOf } from '../../../support/recorded-exchange.ts'
import { checkStreams, feed } from '../../../support/stream-checks.ts'

const folders = {
  calls: 'stream-parallel-tool-calls-stream-with-tools-1-a4d9d6',
  cut: 'stream-truncated-testclient-generatechat-5bdca0',
  cutRaw: 'stream-truncated-stream-raw-exposes-terminal-durations-438e7a',
  thinking: 'json-tool-call-chat-with-callable-tool-cfc6d1',
}
const whole = (folder: string) =>
  answerOf(ollamaAdapter.decodeResponse(JSON.parse(recorded('ollama', folder).text)))
const body = (request: Partial<CanonicalRequest>, upstreamModel = 'qwen3:4b') =>
  ollamaAdapter.encodeRequest(requestOf(request), { upstreamModel, options: {} }).body
const text = (value: string): Block => ({ type: 'text', text: value })

checkStreams(ollamaAdapter, [folders.calls, folders.cut, folders.cutRaw])

describe('createDecoder()', () => {
  test('reads calls with object arguments and makes ids of the answer’s time', () => {
    const events = decodeStream(ollamaAdapter, recorded('ollama', folders.calls).bytes)
    const { choices, usage, model } = answerOf(events)
    expect(model).toBe('qwen3:14b')
    expect(choices[0]).toMatchObject({
      content: [
        { id: 'call_20250609175855337823_0', name: 'weather', arguments: '{"city":"Detroit"}' },
        { id: 'call_20250609175855337823_1', name: 'search' },
      ],
      finish: { reason: 'toolCalls' },
    })
    expect(usage).toEqual({ inputTokens: 218, outputTokens: 306 })
  })

  test('says why an answer ended', () => {
    const streamed = answerOf(decodeStream(ollamaAdapter, recorded('ollama', folders.cut).bytes))
    expect(streamed.choices[0]?.finish).toEqual({ choice: 0, reason: 'length' })
    expect(
      whole('json-generate-text-with-done-reason-unknown-1-e13cda').choices[0]?.finish,
    ).toEqual({
      choice: 0,
      reason: 'other',
      raw: 'custom',
    })
  })

  test('counts nothing that Ollama does not count', () => {
    const done = { message: { content: 'a' }, done: true, done_reason: 'stop', eval_count: 3 }
    expect(feed(ollamaAdapter, done)).toContainEqual({ type: 'usage', usage: { outputTokens: 3 } })
  })

  test('an error inside a stream is a failure', () => {
    const error = 'an error was encountered while running the model'
    expect(feed(ollamaAdapter, { message: { content: 'a' } }, { error }).at(-1)).toEqual({
      type: 'failure',
      failure: { class: 'server_error', message: error },
    })
  })
})

describe('decodeResponse()', () => {
  test('reads thinking beside a call', () => {
    expect(whole(folders.thinking).choices[0]).toMatchObject({
      content: [
        { type: 'reasoning', text: expect.stringMatching(/^Thinking Process/) },
        { type: 'toolCall', id: 'call_2k7ryu9k', arguments: '{"a":2,"b":3}' },
      ],
    })
  })

  test('gives the events that the same line gives in a stream', () => {
    const line = JSON.parse(recorded('ollama', folders.thinking).text)
    expect(ollamaAdapter.decodeResponse(line)).toEqual(feed(ollamaAdapter, line))
  })
})

describe('decodeFailure()', () => {
  const said = (status: number, error: string) =>
    ollamaAdapter.decodeFailure(status, new Map(), JSON.stringify({ error }))

  test('tells a missing model, a full queue and a used-up plan apart', () => {
    expect(said(404, "model 'x' not found")).toMatchObject({
      class: 'bad_request',
      targetFault: true,
    })
    expect(said(400, 'registry.ollama.ai/library/x does not support tools')).toMatchObject({
      targetFault: true,
    })
    expect(said(503, 'server busy, please try again.')).toMatchObject({ class: 'overloaded' })
    expect(said(429, 'you have reached your hourly usage limit')).toMatchObject({
      class: 'quota_exhausted',
    })
    expect(said(429, 'too many requests')).toMatchObject({ class: 'rate_limited' })
  })
})

describe('encodeRequest()', () => {
  test('puts settings under options', () => {
    expect(
      body({
        sampling: {
          temperature: 0,
          topP: 0.9,
          topK: 5,
          minP: 0.1,
          seed: 42,
          repetitionPenalty: 1.2,
        },
        stop: ['x'],
        maxOutputTokens: 64,
        responseFormat: { type: 'jsonSchema', name: 'n', schema: { type: 'object' } },
        reasoning: { enabled: false },
        stream: true,
        extensions: { ollama: { keep_alive: '5m', options: { num_ctx: 8192, num_predict: -1 } } },
      }),
    ).toEqual({
      model: 'qwen3:4b',
      messages: [{ role: 'user', content: 'Hello' }],
      options: {
        num_ctx: 8192,
        temperature: 0,
        top_p: 0.9,
        top_k: 5,
        min_p: 0.1,
        seed: 42,
        repeat_penalty: 1.2,
        num_predict: 64,
        stop: ['x'],
      },
      format: { type: 'object' },
      think: false,
      keep_alive: '5m',
      stream: true,
    })
  })

  test('writes images beside the text, calls as objects and results by name', () => {
    const messages: Message[] = [
      {
        role: 'user',
        content: [
          text('What?'),
          { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA' } },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'reasoning', text: 'hm' },
          { type: 'toolCall', id: 'c', name: 'f', arguments: '{"a":1}' },
        ],
      },
      { role: 'user', content: [{ type: 'toolResult', toolCallId: 'c', content: [text('r')] }] },
    ]
    expect(body({ messages })['messages']).toEqual([
      { role: 'user', content: 'What?', images: ['AA'] },
      {
        role: 'assistant',
        content: '',
        thinking: 'hm',
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: { a: 1 } } }],
      },
      { role: 'tool', content: 'r', tool_name: 'f', tool_call_id: 'c' },
    ])
  })

  test('says no tools by showing none', () => {
    const tools: CanonicalRequest['tools'] = [{ kind: 'function', name: 'f' }]
    expect(body({ tools })['tools']).toHaveLength(1)
    expect(body({ tools, toolChoice: { type: 'none' } })).not.toHaveProperty('tools')
  })

  test.each([
    ['qwen3:4b', { effort: 'low' }, true],
    ['qwen3:4b', { effort: 'none' }, false],
    ['gpt-oss:120b', { effort: 'xhigh' }, 'high'],
    ['gpt-oss:120b', { enabled: false }, 'low'],
  ])('asks %s to think as %j', (model, reasoning, think) => {
    expect(body({ reasoning }, model)['think']).toBe(think)
  })
})
