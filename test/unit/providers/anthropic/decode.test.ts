import { describe, expect, test } from 'vitest'
import type { CanonicalEvent } from '../../../../worker/canonical/events.ts'
import { anthropicAdapter } from '../../../../worker/providers/anthropic/adapter.ts'
import { answerOf, decodeStream, recorded } from '../../../support/recorded-exchange.ts'

const streams = [
  'stream-tool-call-stream-7a8e45',
  'stream-redacted-thinking-anthropic-model-thinking-part-redacted-stream-9a1568',
  'stream-tool-call-thinking-streaming-55cbc9',
  'stream-citations-chat-citations-with-anthropic-claude-haiku-4-5-streams-c-c39473',
  'stream-server-tool-anthropic-code-execution-20260120-prompt-cache-1-262ab8',
  'stream-prompt-cache-anthropic-compaction-usage-with-cache-streaming-34a284',
  'stream-midstream-error-midstream-overloaded-8a4ed0',
  'stream-prompt-cache-stream-message-delta-usage-295889',
  'stream-parallel-tool-calls-spliced-message-start-a31f53',
]

function eventsOf(folder: string): CanonicalEvent[] {
  return decodeStream(anthropicAdapter, recorded('anthropic', folder).bytes)
}

/** Feeds parsed events without framing. */
function feed(...messages: readonly object[]): CanonicalEvent[] {
  const decoder = anthropicAdapter.createDecoder()
  const out: CanonicalEvent[] = []
  for (const message of messages) decoder.decode({ event: '', data: JSON.stringify(message) }, out)
  decoder.end(out)
  return out
}

describe('createDecoder()', () => {
  test.each(streams)('gives the same events for every split of %s', (folder) => {
    const { bytes } = recorded('anthropic', folder)
    const whole = decodeStream(anthropicAdapter, bytes)
    for (const pieceBytes of [1, 7, 64]) {
      expect(decodeStream(anthropicAdapter, bytes, pieceBytes)).toEqual(whole)
    }
  })

  test('reads thinking, its signature and a tool call', () => {
    const { choices, usage } = answerOf(eventsOf('stream-tool-call-thinking-streaming-55cbc9'))
    expect(choices[0]?.content).toMatchObject([
      {
        type: 'reasoning',
        text: expect.stringMatching(/weather/),
        signature: expect.stringMatching(/^E/),
        wire: 'anthropic-messages',
      },
      { type: 'toolCall', name: 'weather', arguments: '{"location": "Florence, Italy"}' },
    ])
    expect(choices[0]?.finish).toEqual({ choice: 0, reason: 'toolCalls' })
    expect(usage).toMatchObject({ inputTokens: 424, outputTokens: 109, cacheReadTokens: 0 })
  })

  test('reads redacted thinking as one reasoning block without text', () => {
    const { choices } = answerOf(eventsOf(streams[1] ?? ''))
    expect(choices[0]?.content[0]).toMatchObject({
      type: 'reasoning',
      text: '',
      redacted: expect.stringMatching(/^EqkECkYIBxgC/),
      wire: 'anthropic-messages',
    })
  })

  test('keeps a citation and its own record beside the text it supports', () => {
    const [block] = answerOf(eventsOf(streams[3] ?? '')).choices[0]?.content ?? []
    expect(block).toMatchObject({
      type: 'text',
      text: 'The Ruby programming language was created by Yukihiro Matsumoto in 1993.',
      citations: [
        {
          citedText: expect.stringMatching(/Matsumoto/),
          raw: { wire: 'anthropic-messages', value: { type: 'char_location', document_index: 0 } },
        },
      ],
    })
  })

  test('puts server tool calls and results together in order, whole', () => {
    const content = answerOf(eventsOf(streams[4] ?? '')).choices[0]?.content ?? []
    const opaque = content.flatMap((block) => (block.type === 'opaque' ? [block.raw.value] : []))
    expect(opaque).toMatchObject([
      { type: 'server_tool_use', input: expect.objectContaining({ command: expect.anything() }) },
      { type: 'bash_code_execution_tool_result', content: { return_code: 0 } },
      { type: 'server_tool_use', input: { command: expect.stringMatching(/^sum=0/) } },
      { type: 'bash_code_execution_tool_result', content: { stdout: 'Sum: 650\n' } },
    ])
  })

  test('puts a compaction block together from its deltas', () => {
    const content = answerOf(eventsOf(streams[5] ?? '')).choices[0]?.content ?? []
    expect(content[0]).toMatchObject({
      type: 'opaque',
      raw: { value: { type: 'compaction', content: expect.stringMatching(/quick brown fox/) } },
    })
  })

  test('takes a later, cumulative usage over an earlier one', () => {
    const { usage } = answerOf(eventsOf('stream-prompt-cache-stream-message-delta-usage-295889'))
    expect(usage).toEqual({
      inputTokens: 3883 + 30464,
      outputTokens: 49,
      cacheReadTokens: 30464,
      cacheWriteTokens: 0,
    })
  })

  test('names an error event inside the stream', () => {
    expect(eventsOf('stream-midstream-error-midstream-overloaded-8a4ed0').at(-1)).toEqual({
      type: 'failure',
      failure: { class: 'overloaded', message: 'Overloaded', providerCode: 'overloaded_error' },
    })
  })

  test('goes on counting blocks and calls when a proxy splices a second message in', () => {
    const events = eventsOf('stream-parallel-tool-calls-spliced-message-start-a31f53')
    expect(events.filter(({ type }) => type === 'start')).toHaveLength(1)
    const blocks = events.flatMap((event) => (event.type === 'reasoning' ? [event.block] : []))
    expect(blocks).toEqual([0, 0, 2, 2])
    const calls = events.flatMap((event) => (event.type === 'toolCallStart' ? [event.index] : []))
    expect(calls).toEqual([0, 1])
  })

  test('gives `{}` as the arguments of a call that sends none', () => {
    const events = feed(
      {
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'tool_use', id: 'a', name: 'f', input: {} },
      },
      {
        type: 'content_block_delta',
        index: 0,
        delta: { type: 'input_json_delta', partial_json: '' },
      },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 3 } },
      { type: 'message_stop' },
    )
    expect(answerOf(events).choices[0]?.content).toEqual([
      { type: 'toolCall', id: 'a', name: 'f', arguments: '{}' },
    ])
  })

  test('ignores event types, delta types and block fields it does not know', () => {
    const events = feed(
      { type: 'message_start', message: { id: 'm', model: 'c', usage: { input_tokens: 1 } } },
      { type: 'brand_new_event', anything: 1 },
      {
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'text', text: '', mood: 'good' },
      },
      { type: 'content_block_delta', index: 0, delta: { type: 'mood_delta', mood: 'bad' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hi' } },
      { type: 'message_stop' },
    )
    expect(answerOf(events).choices[0]?.content).toEqual([{ type: 'text', text: 'Hi' }])
  })

  test('ends in `truncated` when the end mark is missing, even after a stop reason', () => {
    const events = feed({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: {} })
    expect(events.at(-1)).toMatchObject({ type: 'failure', failure: { class: 'truncated' } })
  })

  test('ends in `malformed` when an event is no JSON', () => {
    const out: CanonicalEvent[] = []
    anthropicAdapter.createDecoder().decode({ event: 'message_start', data: '{"type":' }, out)
    expect(out).toMatchObject([{ type: 'failure', failure: { class: 'malformed' } }])
  })

  test.each([
    ['end_turn', 'stop'],
    ['max_tokens', 'length'],
    ['tool_use', 'toolCalls'],
    ['pause_turn', 'pause'],
    ['refusal', 'refusal'],
    ['model_context_window_exceeded', 'contextWindow'],
  ])('reads stop reason %s as %s', (raw, reason) => {
    const events = feed(
      { type: 'message_delta', delta: { stop_reason: raw } },
      { type: 'message_stop' },
    )
    expect(events.at(-1)).toEqual({ type: 'finish', choices: [{ choice: 0, reason }] })
  })

  test('keeps a stop reason it does not know', () => {
    const events = feed(
      { type: 'message_delta', delta: { stop_reason: 'new' } },
      { type: 'message_stop' },
    )
    expect(events.at(-1)).toEqual({
      type: 'finish',
      choices: [{ choice: 0, reason: 'other', raw: 'new' }],
    })
  })
})

describe('decodeResponse()', () => {
  test('reads a whole answer with its stop sequence and usage', () => {
    const { text } = recorded('anthropic', 'json-agent-stop-sequences-3124f3')
    const answer = answerOf(anthropicAdapter.decodeResponse(JSON.parse(text)))
    expect(answer).toMatchObject({ id: 'msg_011Cd149uugxYJVLtP5uN9d9', model: 'claude-sonnet-5' })
    expect(answer.choices[0]?.finish).toEqual({
      choice: 0,
      reason: 'stop',
      stopSequence: '}',
      raw: 'stop_sequence',
    })
    expect(answer.usage).toEqual({
      inputTokens: 29,
      outputTokens: 70,
      reasoningTokens: 0,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      cacheWrite1hTokens: 0,
    })
  })

  test('gives tool calls their arguments as JSON text', () => {
    const { text } = recorded('anthropic', 'json-tool-call-anthropic-claude-haiku-4-5-0acebf')
    const content = answerOf(anthropicAdapter.decodeResponse(JSON.parse(text))).choices[0]?.content
    const call = content?.find((block) => block.type === 'toolCall')
    expect(call).toMatchObject({ name: 'process_answer', id: expect.stringMatching(/^toolu_/) })
    expect(JSON.parse(call?.type === 'toolCall' ? call.arguments : '')).toMatchObject({
      answer_data: { answer: 42 },
    })
  })

  test('reads redacted thinking', () => {
    const { text } = recorded(
      'anthropic',
      'json-redacted-thinking-anthropic-model-thinking-part-redacted-d9710c',
    )
    const content = answerOf(anthropicAdapter.decodeResponse(JSON.parse(text))).choices[0]?.content
    expect(content?.[0]).toMatchObject({ type: 'reasoning', redacted: expect.stringMatching(/^E/) })
  })

  test('adds the three parts of the prompt up and says nothing of what is unknown', () => {
    const usage = {
      input_tokens: 5,
      cache_creation_input_tokens: 20,
      cache_read_input_tokens: 300,
      cache_creation: { ephemeral_5m_input_tokens: 12, ephemeral_1h_input_tokens: 8 },
      output_tokens: 7,
      server_tool_use: { web_search_requests: 2 },
    }
    const answer = (wire: object) =>
      answerOf(
        anthropicAdapter.decodeResponse({
          type: 'message',
          content: [],
          stop_reason: 'end_turn',
          usage: wire,
        }),
      )
    expect(answer(usage).usage).toEqual({
      inputTokens: 325,
      outputTokens: 7,
      cacheReadTokens: 300,
      cacheWriteTokens: 20,
      cacheWrite1hTokens: 8,
      webSearchRequests: 2,
    })
    expect(answer({ output_tokens: 7 }).usage).toEqual({ outputTokens: 7 })
  })

  test('answers `malformed` for a body that is no message', () => {
    for (const body of [null, 'text', {}, { content: 'text' }])
      expect(anthropicAdapter.decodeResponse(body)).toMatchObject([
        { type: 'failure', failure: { class: 'malformed' } },
      ])
  })
})

describe('decodeFailure()', () => {
  const decode = (status: number, error: object, headers: Record<string, string> = {}) =>
    anthropicAdapter.decodeFailure(
      status,
      new Map(Object.entries(headers)),
      JSON.stringify({ type: 'error', error }),
    )

  test.each([
    [
      'err400-context-length-chat-real-error-scenarios-anthropic-claude-haiku-4-5-han-9fbc09',
      { class: 'context_length' },
    ],
    [
      'err404-model-not-found-anthropic-client-error-c8b56e',
      { class: 'bad_request', targetFault: true },
    ],
    ['err529-overloaded-529-f07b2d', { class: 'overloaded' }],
  ])('names %s', (folder, failure) => {
    const { status, headers, text } = recorded('anthropic', folder)
    expect(anthropicAdapter.decodeFailure(status, headers, text)).toMatchObject({
      status,
      ...failure,
    })
  })

  test('tells a rate limit, a spent account and too fast a growth apart', () => {
    const rate = { type: 'rate_limit_error', message: 'This request would exceed your rate limit' }
    expect(decode(429, rate, { 'retry-after': '13' })).toMatchObject({
      class: 'rate_limited',
      retryAfterMs: 13_000,
    })
    expect(decode(429, rate)).not.toHaveProperty('retryAfterMs')
    const spent = { ...rate, details: { error_code: 'enforced_spend_limit_reached' } }
    expect(decode(429, spent)).toMatchObject({
      class: 'quota_exhausted',
      providerCode: 'enforced_spend_limit_reached',
    })
    const ramp = { ...rate, details: { error_code: 'ramp_limit_exceeded' } }
    expect(decode(429, ramp)).toMatchObject({ class: 'rate_limited', ramp: true })
    const balance = {
      type: 'invalid_request_error',
      message: 'Your credit balance is too low to access the Anthropic API.',
    }
    expect(decode(400, balance)).toMatchObject({ class: 'quota_exhausted' })
  })

  test('never shows the text of a refused credential', () => {
    const failure = decode(401, {
      type: 'authentication_error',
      message: 'invalid x-api-key sk-ant-123',
    })
    expect(failure).toMatchObject({ class: 'auth' })
    expect(failure.message).not.toContain('sk-ant')
  })

  test('falls back to the status when the body is no error object', () => {
    expect(anthropicAdapter.decodeFailure(502, new Map(), '<html>')).toMatchObject({
      class: 'server_error',
    })
    expect(anthropicAdapter.decodeFailure(529, new Map(), '')).toMatchObject({
      class: 'overloaded',
    })
    expect(decode(413, { type: 'request_too_large', message: 'too large' })).toMatchObject({
      class: 'bad_request',
    })
    expect(decode(504, { type: 'timeout_error', message: 'late' })).toMatchObject({
      class: 'server_error',
    })
  })
})

describe('decodeCountTokens()', () => {
  test('reads the count, and null from anything else', () => {
    expect(anthropicAdapter.decodeCountTokens?.({ input_tokens: 588 })).toBe(588)
    expect(anthropicAdapter.decodeCountTokens?.({ input_tokens: -1 })).toBeNull()
    expect(anthropicAdapter.decodeCountTokens?.('588')).toBeNull()
  })
})
