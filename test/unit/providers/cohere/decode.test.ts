import { describe, expect, test } from 'vitest'
import { cohereAdapter } from '../../../../worker/providers/cohere/adapter.ts'
import { answerOf, decodeStream, recorded } from '../../../support/recorded-exchange.ts'
import { checkStreams, feed } from '../../../support/stream-checks.ts'

const folders = {
  citation: 'stream-citations-streaming-tool-call-roundtrip-7d3cab',
  thinking: 'stream-citations-chat-citations-with-cohere-command-a-plus-05-2026-stream-b56fad',
  broken: 'stream-midstream-error-sql-agent-05dba1',
  noArguments:
    'stream-parallel-tool-calls-chat-function-calling-cohere-command-a-03-2025-can-use-t-524c31',
  calls:
    'stream-parallel-tool-calls-cohere-v2-chat-legacy-with-tool-calls-and-streaming-asyn-1525bc',
}
const streamed = (folder: string) =>
  answerOf(decodeStream(cohereAdapter, recorded('cohere', folder).bytes))
const whole = (folder: string) =>
  answerOf(cohereAdapter.decodeResponse(JSON.parse(recorded('cohere', folder).text)))

checkStreams(cohereAdapter, [folders.citation, folders.calls, folders.thinking])

describe('createDecoder()', () => {
  test('reads text with what it cites', () => {
    const { choices, usage } = streamed(folders.citation)
    expect(choices[0]?.content).toMatchObject([
      {
        type: 'text',
        text: 'The result of 2 - 5 is -3.',
        citations: [
          { title: 'subtract_dwr1jv3jnhzq:0', citedText: '-3.', startIndex: 23, endIndex: 26 },
        ],
      },
    ])
    expect(usage).toEqual({ inputTokens: 1689, outputTokens: 24, cacheReadTokens: 1568 })
  })

  test('binds a citation to the content that it is of, after thinking', () => {
    const content = streamed(folders.thinking).choices[0]?.content
    expect(content).toMatchObject([
      { type: 'reasoning' },
      { type: 'text', citations: [{ citedText: 'Yukihiro Matsumoto' }, { citedText: '1993.' }] },
    ])
  })

  test('binds a citation without a content index to the text that is being written', () => {
    const event = (type: string, index: number, message: object) => ({
      type,
      index,
      delta: { message },
    })
    const events = feed(
      cohereAdapter,
      event('content-delta', 0, { content: { thinking: 'hm' } }),
      event('content-delta', 1, { content: { text: 'a' } }),
      event('citation-start', 0, { citations: { start: 0, end: 1, text: 'a', sources: [] } }),
      { type: 'message-end', delta: { finish_reason: 'COMPLETE' } },
    )
    expect(answerOf(events).choices[0]?.content).toMatchObject([
      { type: 'reasoning' },
      { type: 'text', text: 'a', citations: [{ startIndex: 0, endIndex: 1 }] },
    ])
  })

  test('reads a tool plan as reasoning and calls piece by piece', () => {
    const { choices } = streamed(folders.calls)
    const [plan, first, second] = choices[0]?.content ?? []
    expect(plan).toMatchObject({
      type: 'reasoning',
      text: expect.stringContaining('search'),
    })
    expect(first?.type === 'toolCall' && JSON.parse(first.arguments)).toEqual({ location: 'Tokyo' })
    expect(second).toMatchObject({ type: 'toolCall', name: 'get_weather' })
    expect(choices[0]?.finish).toEqual({ choice: 0, reason: 'toolCalls' })
  })

  test('a call without any argument has an empty object', () => {
    expect(streamed(folders.noArguments).choices[0]?.content[1]).toMatchObject({
      name: 'best_language_to_learn',
      arguments: '{}',
    })
  })

  test('an invalid tool generation is the model’s failure, with Cohere’s words', () => {
    expect(decodeStream(cohereAdapter, recorded('cohere', folders.broken).bytes).at(-1)).toEqual({
      type: 'failure',
      failure: {
        class: 'malformed',
        message:
          'your request resulted in an invalid tool generation. Try updating the messages or tool definitions',
        providerCode: 'INVALID_TOOL_GENERATION',
      },
    })
  })

  test('names Cohere’s other endings', () => {
    const ending = (finish_reason: string) =>
      feed(cohereAdapter, { type: 'message-end', delta: { finish_reason } }).at(-1)
    expect(ending('STOP_SEQUENCE')).toMatchObject({
      choices: [{ reason: 'stop', raw: 'STOP_SEQUENCE' }],
    })
    expect(ending('ERROR')).toMatchObject({ failure: { class: 'server_error' } })
    expect(ending('TIMEOUT')).toMatchObject({ failure: { class: 'timeout' } })
  })
})

describe('decodeResponse()', () => {
  test('gives the events of a stream, citations after their text', () => {
    const folder = 'json-citations-cohere-v2-chat-legacy-with-tool-calls-and-history-b43f4c'
    const { choices, usage } = whole(folder)
    expect(choices[0]?.content).toMatchObject([
      { type: 'text', citations: [{ startIndex: 29, endIndex: 36 }, { startIndex: 56 }] },
    ])
    // Billed units (94 and 27) leave Cohere's own template out.
    expect(usage).toEqual({ inputTokens: 1094, outputTokens: 102 })
  })

  test('counts images as input where Cohere counts them beside it', () => {
    const folder = 'json-image-in-chat-vision-models-cohere-command-a-plus-05-2026-can-und-b927a8'
    expect(whole(folder).usage).toMatchObject({ inputTokens: 293, imageInputTokens: 259 })
  })
})

describe('decodeFailure()', () => {
  const said = (status: number, message: string) =>
    cohereAdapter.decodeFailure(status, new Map(), JSON.stringify({ id: 'x', message }))

  test('reads what Cohere recorded', () => {
    const { status, headers, text } = recorded(
      'cohere',
      'err404-model-not-found-completion-error-preserves-status-and-body-a4276d',
    )
    expect(cohereAdapter.decodeFailure(status, headers, text)).toMatchObject({
      class: 'bad_request',
      status: 404,
      targetFault: true,
    })
  })

  test('tells a rate from a monthly limit, and knows Cohere’s own statuses', () => {
    expect(said(429, 'limited to 10 API calls / minute')).toMatchObject({ class: 'rate_limited' })
    expect(said(429, 'limited to 1000 API calls / month')).toMatchObject({
      class: 'quota_exhausted',
    })
    expect(said(498, 'invalid token')).toMatchObject({ class: 'auth' })
    expect(said(400, 'too many tokens: size limit exceeded by 5 tokens')).toMatchObject({
      class: 'context_length',
    })
  })
})
