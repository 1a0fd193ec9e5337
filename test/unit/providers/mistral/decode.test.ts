import { describe, expect, test } from 'vitest'
import { mistralAdapter } from '../../../../worker/providers/mistral/adapter.ts'
import { answerOf, decodeStream, recorded } from '../../../support/recorded-exchange.ts'
import { checkStreams, feed } from '../../../support/stream-checks.ts'

const folders = {
  thinking: 'stream-reasoning-mistral-v1-chat-completions-post-ccfa08da-2fe45c',
  audio: 'stream-audio-in-streaming-agent-sends-audio-7125fe',
  pieces: 'stream-tool-call-mistral-incremental-tool-call-c323ac',
  whole: 'json-reasoning-chat-with-extended-thinking-mistral-mistral-small-latest-73b79e',
  calls: 'json-parallel-tool-calls-generate-text-with-multiple-tools-1-62c954',
}
const streamed = (folder: string) =>
  answerOf(decodeStream(mistralAdapter, recorded('mistral', folder).bytes))
const whole = (folder: string) =>
  answerOf(mistralAdapter.decodeResponse(JSON.parse(recorded('mistral', folder).text)))
const delta = (content: unknown, finish: string | null = null) => ({
  id: 'i',
  model: 'm',
  created: 0,
  choices: [{ index: 0, delta: { content }, finish_reason: finish }],
})

checkStreams(mistralAdapter, [folders.thinking, folders.audio, folders.pieces])

describe('createDecoder()', () => {
  test('reads thinking chunks as reasoning and texts as text', () => {
    const { id, model, createdS, choices, usage } = streamed(folders.thinking)
    expect({ id, model, createdS }).toEqual({
      id: '0804a9a8a6274b54bbd1f8bba06af9d8',
      model: 'magistral-medium-latest',
      createdS: expect.any(Number),
    })
    expect(choices[0]?.content).toMatchObject([
      { type: 'reasoning', text: expect.stringMatching(/^.{145}$/s) },
      { type: 'text', text: expect.stringMatching(/^.{39}$/s) },
    ])
    expect(usage).toEqual({
      inputTokens: 10,
      outputTokens: 63,
      cacheReadTokens: 5,
      totalTokens: 73,
    })
  })

  test('puts a call together whose arguments come with an empty name', () => {
    const { choices } = streamed(folders.pieces)
    expect(choices[0]).toMatchObject({
      content: [
        {
          type: 'toolCall',
          id: 'chatcmpl-tool-9f149c74c42f265b',
          name: 'webSearchTool',
          arguments: '{"query": "current Berlin weather"}',
        },
      ],
      finish: { reason: 'toolCalls' },
    })
  })

  test('counts audio as input, which Mistral counts beside it', () => {
    expect(streamed(folders.audio).usage).toEqual({
      inputTokens: 386,
      audioInputTokens: 375,
      outputTokens: 15,
      cacheReadTokens: 9,
      totalTokens: 401,
    })
  })

  test('reads references as citations and keeps chunks it does not know', () => {
    const reference = { type: 'reference', reference_ids: [1, 2] }
    const strange = { type: 'tool_file', file_id: 'f' }
    const events = feed(
      mistralAdapter,
      delta([{ type: 'text', text: 'a' }, reference]),
      delta([strange], 'stop'),
      '[DONE]',
    )
    expect(events.slice(1)).toEqual([
      { type: 'text', choice: 0, text: 'a' },
      { type: 'citation', choice: 0, citation: { raw: { wire: 'mistral', value: reference } } },
      { type: 'opaque', choice: 0, raw: { wire: 'mistral', value: strange } },
      { type: 'finish', choices: [{ choice: 0, reason: 'stop' }] },
    ])
  })

  test('names Mistral’s own endings', () => {
    const ending = (finish: string) => feed(mistralAdapter, delta('a', finish), '[DONE]').at(-1)
    expect(ending('model_length')).toEqual({
      type: 'finish',
      choices: [{ choice: 0, reason: 'contextWindow', raw: 'model_length' }],
    })
    expect(ending('error')).toMatchObject({ failure: { class: 'server_error' } })
    expect(feed(mistralAdapter, delta('a', 'stop')).at(-1)).toMatchObject({
      failure: { class: 'truncated' },
    })
  })

  test('an error inside a stream is a failure of its own class', () => {
    const error = { object: 'error', message: 'Rate limit exceeded', raw_status_code: 429 }
    expect(feed(mistralAdapter, delta('a'), error).at(-1)).toMatchObject({
      failure: { class: 'rate_limited', status: 429 },
    })
  })
})

describe('decodeResponse()', () => {
  test('reads content chunks and tool calls of a whole answer', () => {
    expect(whole(folders.whole).choices[0]?.content.map(({ type }) => type)).toEqual([
      'reasoning',
      'text',
    ])
    expect(whole(folders.calls).choices[0]).toMatchObject({
      content: [
        { id: 'hd1jUE8h9', name: 'search' },
        { id: '3GLgh8afr', name: 'weather', arguments: '{"city": "Detroit"}' },
      ],
      finish: { reason: 'toolCalls' },
    })
  })
})

describe('decodeFailure()', () => {
  const failureOf = (folder: string) => {
    const { status, headers, text } = recorded('mistral', folder)
    return mistralAdapter.decodeFailure(status, headers, text)
  }

  test('reads what Mistral recorded', () => {
    expect(failureOf('err422-unprocessable-422-3520ef')).toEqual({
      class: 'bad_request',
      message: 'messages.0.user.name: Extra inputs are not permitted',
      status: 422,
      providerCode: 'invalid_request_error',
      param: 'messages.0.user.name',
    })
    expect(failureOf('err400-model-not-found-bad-request-response-a796e7')).toMatchObject({
      class: 'bad_request',
      providerCode: '1500',
      targetFault: true,
    })
    expect(failureOf('err429-rate-limit-rate-limit-429-a73b19')).toMatchObject({
      class: 'rate_limited',
      providerCode: '1300',
    })
  })

  test('a prompt that is too long is no fault of the format', () => {
    const message =
      'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length'
    expect(
      mistralAdapter.decodeFailure(400, new Map(), JSON.stringify({ object: 'error', message })),
    ).toMatchObject({ class: 'context_length' })
  })
})
