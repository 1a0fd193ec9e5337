import { describe, expect, test } from 'vitest'
import type { CanonicalEvent } from '../../../../worker/canonical/events.ts'
import { bedrockAdapter } from '../../../../worker/providers/bedrock/adapter.ts'
import { answerOf, decodeStream, recorded } from '../../../support/recorded-exchange.ts'

const streams = {
  calls: 'stream-parallel-tool-calls-raw-stream-surfaces-two-distinct-tool-calls-778dcb',
  redacted: 'stream-redacted-thinking-bedrock-model-thinking-part-redacted-stream-ffdaf2',
  thinking: 'stream-reasoning-bedrock-model-thinking-part-stream-c3b3f4',
  citations: 'stream-citations-chat-citations-with-bedrock-claude-haiku-4-5-streams-cit-f02d90',
  serverTool: 'stream-tool-call-chat-web-search-with-bedrock-amazon-nova-2-lite-v1-0-str-f5b7ea',
  guardrail: 'stream-refusal-titan-converse-stream-guardrail-afcae2',
}

const answer = (folder: string) =>
  answerOf(decodeStream(bedrockAdapter, recorded('bedrock', folder).bytes))
const whole = (folder: string) =>
  answerOf(bedrockAdapter.decodeResponse(JSON.parse(recorded('bedrock', folder).text)))

/** Feeds events without framing. */
function feed(...messages: readonly (readonly [string, object])[]): CanonicalEvent[] {
  const decoder = bedrockAdapter.createDecoder()
  const out: CanonicalEvent[] = []
  for (const [event, data] of messages) {
    if (out.at(-1)?.type !== 'failure' && out.at(-1)?.type !== 'finish')
      decoder.decode({ event, data: JSON.stringify(data) }, out)
  }
  decoder.end(out)
  return out
}

describe('createDecoder()', () => {
  test.each(Object.values(streams))('gives the same events for every split of %s', (folder) => {
    const { bytes } = recorded('bedrock', folder)
    const events = decodeStream(bedrockAdapter, bytes)
    for (const pieceBytes of [1, 13, 100])
      expect(decodeStream(bedrockAdapter, bytes, pieceBytes)).toEqual(events)
  })

  test('reads parallel calls without arguments, and the usage after the end mark', () => {
    const { choices, usage } = answer(streams.calls)
    const calls = choices[0]?.content.filter(({ type }) => type === 'toolCall')
    expect(calls).toMatchObject([
      { name: 'lookup_harbor_label', arguments: '{}' },
      { name: 'lookup_orchard_label', arguments: '{}' },
    ])
    expect(choices[0]?.finish).toEqual({ choice: 0, reason: 'toolCalls' })
    expect((usage?.inputTokens ?? 0) + (usage?.outputTokens ?? 0)).toBe(usage?.totalTokens)
  })

  test('reads thinking with its signature, and redacted thinking', () => {
    expect(answer(streams.thinking).choices[0]?.content[0]).toMatchObject({
      type: 'reasoning',
      text: expect.stringMatching(/./),
      signature: expect.stringMatching(/^E/),
      wire: 'bedrock-converse',
    })
    expect(answer(streams.redacted).choices[0]?.content[0]).toMatchObject({
      type: 'reasoning',
      redacted: expect.stringMatching(/^RXRr/),
      wire: 'bedrock-converse',
    })
  })

  test('keeps citations of documents and of the web', () => {
    expect(answer(streams.citations).choices[0]?.content[0]).toMatchObject({
      type: 'text',
      citations: [{ title: 'facts', citedText: expect.stringMatching(/^The Ruby/) }],
    })
    const cited = answer(streams.serverTool).choices[0]?.content.flatMap((block) =>
      block.type === 'text' ? (block.citations ?? []) : [],
    )
    expect(cited?.[0]).toMatchObject({
      url: 'https://www.ruby-lang.org/en/downloads/',
      raw: { wire: 'bedrock-converse', value: { location: { web: { domain: 'ruby-lang.org' } } } },
    })
  })

  test('puts the provider’s own tool call and its result together, whole', () => {
    const opaque = answer(streams.serverTool).choices[0]?.content.flatMap((block) =>
      block.type === 'opaque' ? [block.raw.value] : [],
    )
    expect(opaque).toMatchObject([
      {
        toolUse: {
          type: 'server_tool_use',
          name: 'nova_grounding',
          input: { query: expect.any(String) },
        },
      },
      {
        toolResult: {
          type: 'nova_grounding_result',
          status: 'success',
          content: [{ text: '[HIDDEN]' }],
        },
      },
    ])
  })

  test('tells a guardrail from an ordinary end', () => {
    expect(answer(streams.guardrail).choices[0]?.finish).toEqual({
      choice: 0,
      reason: 'contentFilter',
      raw: 'guardrail_intervened',
    })
  })

  test.each([
    ['end_turn', 'stop', undefined],
    ['stop_sequence', 'stop', 'stop_sequence'],
    ['max_tokens', 'length', undefined],
    ['content_filtered', 'contentFilter', undefined],
    ['model_context_window_exceeded', 'contextWindow', undefined],
    ['malformed_tool_use', 'other', 'malformed_tool_use'],
    ['malformed_model_output', 'other', 'malformed_model_output'],
  ])('reads stop reason %s as %s', (stopReason, reason, raw) => {
    const choice = { choice: 0, reason, ...(raw === undefined ? {} : { raw }) }
    expect(feed(['messageStop', { stopReason }]).at(-1)).toEqual({
      type: 'finish',
      choices: [choice],
    })
  })

  test('waits for the usage after the end mark, and does without when the stream ends', () => {
    const usage = { inputTokens: 3, outputTokens: 4, totalTokens: 7 }
    expect(feed(['messageStop', { stopReason: 'end_turn' }], ['metadata', { usage }])).toEqual([
      { type: 'usage', usage },
      { type: 'finish', choices: [{ choice: 0, reason: 'stop' }] },
    ])
    expect(feed(['messageStart', {}], ['metadata', { usage }]).at(-1)).toMatchObject({
      type: 'failure',
      failure: { class: 'truncated' },
    })
  })

  test.each([
    ['throttlingException', 'rate_limited'],
    ['modelStreamErrorException', 'server_error'],
    ['internalServerException', 'server_error'],
    ['serviceUnavailableException', 'overloaded'],
    ['validationException', 'bad_request'],
    ['brandNewException', 'server_error'],
  ])('ends in a failure at an exception frame: %s is %s', (name, failureClass) => {
    expect(feed(['messageStart', {}], [`exception:${name}`, { message: 'why' }]).at(-1)).toEqual({
      type: 'failure',
      failure: { class: failureClass, message: 'why', providerCode: name },
    })
  })

  test('finishes at the usage, without waiting for the connection to close', () => {
    const decoder = bedrockAdapter.createDecoder()
    const out: CanonicalEvent[] = []
    decoder.decode({ event: 'messageStop', data: '{"stopReason":"end_turn"}' }, out)
    expect(out).toEqual([])
    decoder.decode({ event: 'metadata', data: '{"usage":{"inputTokens":1,"outputTokens":1}}' }, out)
    expect(out.at(-1)).toMatchObject({ type: 'finish' })
  })

  test('ignores the padding and events it does not know', () => {
    const events = feed(
      ['brandNew', { p: 'abcdef' }],
      ['contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'Hi' }, p: 'abc' }],
      ['messageStop', { stopReason: 'end_turn' }],
    )
    expect(answerOf(events).choices[0]?.content).toEqual([{ type: 'text', text: 'Hi' }])
  })
})

describe('decodeResponse()', () => {
  test('reads cited text as text with citations', () => {
    const { choices } = whole('json-citations-citations-v1-v0-343da9')
    expect(choices[0]?.content).toMatchObject([
      { type: 'text', text: 'According to the policy, employees should ' },
      {
        type: 'text',
        text: 'consult with your manager for details.',
        citations: [
          { title: 'company_policy', citedText: 'Consult with your manager for details.' },
        ],
      },
    ])
  })

  test('keeps the provider’s own tools apart from the caller’s', () => {
    const { choices } = whole(
      'json-parallel-tool-calls-bedrock-model-with-code-execution-tool-6e89a6',
    )
    expect(choices[0]?.content).toMatchObject([
      { type: 'opaque', raw: { value: { toolUse: { name: 'nova_code_interpreter' } } } },
      { type: 'opaque', raw: { value: { toolResult: { status: 'success' } } } },
      { type: 'toolCall', name: 'final_result', arguments: '{"result":14013304}' },
    ])
  })

  test('adds the parts of the prompt up', () => {
    const { usage } = whole(
      'json-document-in-bedrock-cache-messages-with-document-as-last-content-53d112',
    )
    expect(usage).toEqual({
      inputTokens: 3 + 1712 + 236,
      outputTokens: 121,
      cacheReadTokens: 1712,
      cacheWriteTokens: 236,
      cacheWrite1hTokens: 0,
      totalTokens: 2072,
    })
  })

  test('reads thinking with its signature', () => {
    const { choices } = whole(
      'json-reasoning-chat-with-extended-thinking-bedrock-claude-haiku-4-5-pre-79c8d5',
    )
    expect(choices[0]?.content).toMatchObject([
      {
        type: 'reasoning',
        text: expect.stringMatching(/^The user is asking/),
        signature: expect.any(String),
      },
      { type: 'text', text: '8 × 2 = 16' },
    ])
  })

  test('answers `malformed` for a body without a message', () => {
    for (const body of [null, [], { output: {} }, { message: 'no' }])
      expect(bedrockAdapter.decodeResponse(body)).toMatchObject([
        { type: 'failure', failure: { class: 'malformed' } },
      ])
  })
})

describe('decodeFailure()', () => {
  const decode = (status: number, type: string, message: string) =>
    bedrockAdapter.decodeFailure(
      status,
      new Map([['x-amzn-errortype', `${type}:http://internal.amazon.com/coral/`]]),
      JSON.stringify({ message }),
    )

  test.each([
    [
      'err403-bedrock-converse-error-974f47',
      { class: 'auth', providerCode: 'ExpiredTokenException' },
    ],
    [
      'err404-retired-model-id-preserves-provider-error-bc396c',
      { class: 'bad_request', targetFault: true },
    ],
    [
      'err429-rate-limit-throttling-429-a20924',
      { class: 'rate_limited', providerCode: 'ThrottlingException' },
    ],
  ])('names %s', (folder, failure) => {
    const { status, headers, text } = recorded('bedrock', folder)
    expect(bedrockAdapter.decodeFailure(status, headers, text)).toMatchObject({
      status,
      ...failure,
    })
  })

  test.each([
    [503, 'ServiceUnavailableException', 'busy', { class: 'overloaded' }],
    [429, 'ModelNotReadyException', 'warming up', { class: 'overloaded' }],
    [408, 'ModelTimeoutException', 'late', { class: 'timeout' }],
    [424, 'ModelErrorException', 'model failed', { class: 'server_error' }],
    [400, 'ServiceQuotaExceededException', 'quota', { class: 'quota_exhausted' }],
    [
      429,
      'ThrottlingException',
      'Too many tokens per day, please wait before trying again.',
      { class: 'quota_exhausted' },
    ],
    [
      400,
      'ValidationException',
      'Input is too long for requested model.',
      { class: 'context_length' },
    ],
    [
      400,
      'ValidationException',
      'The provided model identifier is invalid.',
      { class: 'bad_request', targetFault: true },
    ],
    [
      403,
      'AccessDeniedException',
      "You don't have access to the model with the specified model ID.",
      { class: 'bad_request', targetFault: true },
    ],
    [
      403,
      'AccessDeniedException',
      'User: arn:aws:iam::1:user/x is not authorized',
      { class: 'auth' },
    ],
  ])('reads %i %s "%s"', (status, type, message, expected) => {
    expect(decode(status, type, message)).toMatchObject(expected)
  })

  test('reads the type from the body when the header is missing', () => {
    const body = JSON.stringify({
      __type: 'com.amazon.coral.service#ThrottlingException',
      Message: 'slow',
    })
    expect(bedrockAdapter.decodeFailure(400, new Map(), body)).toMatchObject({
      class: 'rate_limited',
      message: 'slow',
    })
    expect(bedrockAdapter.decodeFailure(529, new Map(), '')).toMatchObject({ class: 'overloaded' })
  })
})
