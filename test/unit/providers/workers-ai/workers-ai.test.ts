import { describe, expect, test } from 'vitest'
import type { CanonicalRequest } from '../../../../worker/canonical/request.ts'
import { workersAiAdapter } from '../../../../worker/providers/workers-ai/adapter.ts'
import { answerOf, decodeStream, recorded, requestOf } from '../../../support/recorded-exchange.ts'
import { checkStreams, feed } from '../../../support/stream-checks.ts'

const model = '@cf/meta/llama-3.3-70b-instruct-fp8-fast'
const call = (request: Partial<CanonicalRequest>, maxOutputTokens?: number) =>
  workersAiAdapter.encodeRequest(requestOf(request), {
    upstreamModel: model,
    options: {},
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
  })
const json = (folder: string) => JSON.parse(recorded('workers-ai', folder).text)

checkStreams(workersAiAdapter, [
  'stream-stream-native-c97f55',
  'stream-tool-call-stream-tool-call-c97f55',
])

describe('createDecoder()', () => {
  test('reads native chunks', () => {
    const { bytes } = recorded('workers-ai', 'stream-stream-native-c97f55')
    expect(answerOf(decodeStream(workersAiAdapter, bytes))).toMatchObject({
      choices: [
        {
          content: [{ type: 'text', text: 'Hello chunk1Hello chunk2' }],
          finish: { reason: 'stop' },
        },
      ],
      usage: { inputTokens: 12, outputTokens: 4, totalTokens: 16 },
    })
  })

  test('reads tool calls of a stream, and none in an empty list', () => {
    const { bytes } = recorded('workers-ai', 'stream-tool-call-stream-tool-call-c97f55')
    expect(answerOf(decodeStream(workersAiAdapter, bytes)).choices[0]).toMatchObject({
      content: [
        {
          type: 'toolCall',
          id: 'call123',
          name: 'get_weather',
          arguments: '{"location": "London"}',
        },
      ],
      finish: { reason: 'toolCalls' },
    })
    const empty = recorded('workers-ai', 'stream-stream-chunk-without-response-c97f55')
    expect(answerOf(decodeStream(workersAiAdapter, empty.bytes)).choices[0]).toMatchObject({
      content: [{ type: 'text' }],
      finish: { reason: 'stop' },
    })
  })

  test('reads OpenAI’s chunks', () => {
    const chunk = (delta: object, finish_reason: string | null = null) => ({
      id: 'c',
      choices: [{ index: 0, delta, finish_reason }],
    })
    const events = feed(
      workersAiAdapter,
      chunk({ reasoning_content: 'hm' }),
      chunk({ content: 'a' }, 'stop'),
      { id: 'c', choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } },
      '[DONE]',
    )
    expect(answerOf(events)).toMatchObject({
      choices: [
        {
          content: [
            { type: 'reasoning', text: 'hm' },
            { type: 'text', text: 'a' },
          ],
        },
      ],
      usage: { inputTokens: 1, outputTokens: 2 },
    })
  })

  test('an error inside a stream is a failure of its own class', () => {
    const errors = [{ code: 3040, message: 'No more data centers' }]
    expect(feed(workersAiAdapter, { response: 'a' }, { success: false, errors }).at(-1)).toEqual({
      type: 'failure',
      failure: { class: 'overloaded', message: 'No more data centers', providerCode: '3040' },
    })
    expect(feed(workersAiAdapter, { response: 'a' }).at(-1)).toMatchObject({
      failure: { class: 'truncated' },
    })
  })
})

describe('decodeResponse()', () => {
  test.each([
    'json-text-d06863',
    'json-tool-call-tool-call-string-args-d06863',
    'json-reasoning-openai-shape-reasoning-d06863',
  ])('%s reads the same with and without the envelope', (folder) => {
    const enveloped = workersAiAdapter.decodeResponse(json(folder))
    expect(enveloped.at(-1)?.type).toBe('finish')
    expect(workersAiAdapter.decodeResponse(json(folder).result)).toEqual(enveloped)
  })

  test('reads text, calls and thinking', () => {
    const content = (body: unknown) => answerOf(workersAiAdapter.decodeResponse(body)).choices[0]
    expect(content(json('json-text-d06863'))).toMatchObject({ content: [{ text: 'Hello' }] })
    expect(content(json('json-tool-call-tool-call-string-args-d06863'))).toMatchObject({
      content: [{ type: 'toolCall', name: 'get_weather', arguments: '{"city":"SF"}' }],
      finish: { reason: 'toolCalls' },
    })
    expect(content(json('json-reasoning-openai-shape-reasoning-d06863'))).toMatchObject({
      content: [{ type: 'reasoning' }, { type: 'text' }],
    })
    expect(
      content({ tool_calls: [{ name: 'f', arguments: { a: 1 } }, { name: 'g' }] }),
    ).toMatchObject({
      content: [{ name: 'f', arguments: '{"a":1}' }, { name: 'g' }],
    })
    expect(content({ response: { a: 1 } })).toMatchObject({ content: [{ text: '{"a":1}' }] })
    expect(content('plain')).toMatchObject({ content: [{ text: 'plain' }] })
  })

  test('an envelope with errors is a failure', () => {
    const body = {
      result: null,
      success: false,
      errors: [{ code: 5007, message: 'No such model' }],
    }
    expect(workersAiAdapter.decodeResponse(body)).toEqual([
      {
        type: 'failure',
        failure: {
          class: 'bad_request',
          message: 'No such model',
          providerCode: '5007',
          targetFault: true,
        },
      },
    ])
  })
})

describe('decodeFailure()', () => {
  const said = (status: number, message: string, code?: number) =>
    workersAiAdapter.decodeFailure(
      status,
      new Map(),
      JSON.stringify({ errors: [{ code, message }] }),
    )

  test('reads what was recorded', () => {
    const failureOf = (folder: string) => {
      const { status, headers, text } = recorded('workers-ai', folder)
      return workersAiAdapter.decodeFailure(status, headers, text)
    }
    expect(failureOf('err401-auth-error-unauthorized-401-d06863')).toMatchObject({ class: 'auth' })
    expect(failureOf('err404-no-route-404-d06863')).toMatchObject({
      class: 'bad_request',
      targetFault: true,
    })
  })

  test('reads Cloudflare’s codes, also out of the text that the binding throws', () => {
    expect(said(429, 'used up', 3036)).toMatchObject({ class: 'quota_exhausted' })
    expect(said(429, 'No more data centers', 3040)).toMatchObject({ class: 'overloaded' })
    expect(said(408, 'Request timeout', 3007)).toMatchObject({ class: 'timeout' })
    expect(said(400, 'exceeded this model context window limit', 5021)).toMatchObject({
      class: 'context_length',
    })
    expect(
      workersAiAdapter.decodeFailure(500, new Map(), 'AiError: AiError: 3036: used up the day'),
    ).toMatchObject({ class: 'quota_exhausted', providerCode: '3036', message: 'used up the day' })
  })
})

describe('encodeRequest()', () => {
  test('runs the model by its path, with a limit where the caller gave none', () => {
    expect(call({}, 4096)).toEqual({
      method: 'POST',
      path: `/ai/run/${model}`,
      headers: {},
      body: {
        messages: [{ role: 'user', content: 'Hello' }],
        stream: false,
        max_tokens: 4096,
      },
    })
    expect(call({ maxOutputTokens: 7 }, 4096).body['max_tokens']).toBe(7)
  })

  test('writes the schema bare and never null for content', () => {
    const schema = { type: 'object' }
    const { body } = call({
      responseFormat: { type: 'jsonSchema', name: 'n', schema },
      sampling: { topK: 3, seed: 1, repetitionPenalty: 1.1 },
      messages: [
        {
          role: 'assistant',
          content: [{ type: 'toolCall', id: 'c', name: 'f', arguments: '{}' }],
        },
      ],
      extensions: { 'workers-ai': { lora: 'x', stream: true, max_tokens: 9 } },
    })
    expect(body).toMatchObject({
      response_format: { type: 'json_schema', json_schema: schema },
      messages: [{ role: 'assistant', content: '' }],
      top_k: 3,
      seed: 1,
      repetition_penalty: 1.1,
      lora: 'x',
      stream: false,
    })
    expect(body).not.toHaveProperty('model')
  })
})
