import { describe, expect, test } from 'vitest'
import type { CanonicalEvent } from '../../../../worker/canonical/events.ts'
import { collect } from '../../../../worker/canonical/response.ts'
import { geminiAdapter } from '../../../../worker/providers/gemini/adapter.ts'
import { StreamDecoder } from '../../../../worker/streams/stream-decoder.ts'
import { answerOf, decodeStream, recorded } from '../../../support/recorded-exchange.ts'
import { checkStreams, feed } from '../../../support/stream-checks.ts'

const folders = {
  calls: 'stream-parallel-tool-calls-streaming-reasoning-with-multiple-tool-calls-675c6e',
  array: 'stream-structured-output-nested-model-optional-37c772',
  twoStops: 'stream-two-terminal-stream-unicode-answer-after-the-first-finis-959172',
  partial:
    'stream-parallel-tool-calls-google-stream-tool-call-array-arguments-missing-terminal-deb793',
  webFetch: 'stream-citations-google-model-web-fetch-tool-stream-ef142f',
  thinking: 'stream-tool-call-thinking-streaming-7b2656',
}
const answer = (folder: string) =>
  answerOf(decodeStream(geminiAdapter, recorded('gemini', folder).bytes))
const chunk = (parts: readonly object[], more: object = {}, beside: object = {}) => ({
  candidates: [{ content: { role: 'model', parts }, ...more }],
  responseId: 'r1',
  modelVersion: 'gemini-3-flash-preview',
  ...beside,
})
const types = (events: readonly CanonicalEvent[]) => events.map(({ type }) => type)

checkStreams(geminiAdapter, [folders.calls, folders.webFetch, folders.thinking])

describe('createDecoder()', () => {
  test('reads calls with their ids and the proof of the first', () => {
    const { choices, usage } = answer(folders.calls)
    expect(choices[0]?.finish).toEqual({ choice: 0, reason: 'toolCalls' })
    expect(choices[0]?.content).toMatchObject([
      {
        type: 'toolCall',
        id: 'dv8szvqe',
        name: 'get_weather',
        arguments: '{"location":"Boston"}',
        signature: expect.stringMatching(/^.{20}/),
      },
      { type: 'toolCall', id: 'j80tal12', arguments: '{"location":"New Delhi"}' },
    ])
    expect(choices[0]?.content[1]).not.toHaveProperty('signature')
    expect(usage).toEqual({
      inputTokens: 71,
      outputTokens: 126,
      reasoningTokens: 93,
      totalTokens: 197,
    })
  })

  test('makes ids that the same bytes give again and two answers do not share', () => {
    const call = { functionCall: { name: 'f', args: {} } }
    const events = feed(geminiAdapter, chunk([call, call], { finishReason: 'STOP' }))
    expect(events.flatMap((one) => (one.type === 'toolCallStart' ? [one.id] : []))).toEqual([
      'call_r1_0_0',
      'call_r1_0_1',
    ])
  })

  test('reads the JSON list that a stream without alt=sse gives, streamed and whole', () => {
    const { bytes, text } = recorded('gemini', folders.array)
    const decoder = new StreamDecoder('json-array', geminiAdapter.createDecoder())
    const streamed = [...decoder.push(bytes), ...decoder.end()]
    expect(geminiAdapter.decodeResponse(JSON.parse(text))).toEqual(streamed)
    expect(answerOf(streamed).choices[0]?.content.map(({ type }) => type)).toEqual([
      'reasoning',
      'text',
      'reasoning',
    ])
  })

  test('takes a finish back when the answer goes on', () => {
    const { choices } = answer(folders.twoStops)
    expect(choices[0]?.content.map(({ type }) => type)).toEqual([
      'opaque',
      'opaque',
      'opaque',
      'opaque',
      'text',
    ])
    const chunks = recorded('gemini', folders.twoStops).text.split(/(?<=\n)(?=data:)/)
    const cut = new TextEncoder().encode(chunks.slice(0, 4).join(''))
    expect(decodeStream(geminiAdapter, cut).at(-1)).toMatchObject({
      failure: { class: 'truncated' },
    })
  })

  test('puts arguments together that come value by value', () => {
    const call = answer(folders.partial).choices[0]?.content[0]
    expect(call?.type === 'toolCall' && JSON.parse(call.arguments)).toEqual({
      operations: [
        { action: 'add', description: 'Fresh red apple', itemid: 'apple_001', price: 0.5 },
        { action: 'add', description: 'Ripe yellow banana', itemid: 'banana_001', price: 0.3 },
      ],
    })
  })

  test('ignores argument paths that are hostile', () => {
    const piece = (jsonPath: string) => ({ jsonPath, stringValue: 'x' })
    const partialArgs = ['$.a[9999999]', '$.__proto__.b', 'a', '$', '$.c'].map(piece)
    const events = feed(
      geminiAdapter,
      chunk([{ functionCall: { name: 'f', willContinue: true } }]),
      chunk([{ functionCall: { partialArgs } }], { finishReason: 'STOP' }),
    )
    expect(events).toContainEqual({
      type: 'toolCallArguments',
      choice: 0,
      index: 0,
      text: '{"a":[],"c":"x"}',
    })
    expect({}).not.toHaveProperty('b')
  })

  test('keeps the proof of a text as reasoning without text, after its citations', () => {
    const events = feed(
      geminiAdapter,
      chunk([{ text: 'thought', thought: true }]),
      chunk([{ text: 'né' }]),
      chunk([{ text: '', thoughtSignature: 'sig' }], {
        finishReason: 'STOP',
        groundingMetadata: {
          groundingChunks: [{ web: { uri: 'https://a.example', title: 'A' } }],
          groundingSupports: [
            { segment: { startIndex: 1, endIndex: 3, text: 'é' }, groundingChunkIndices: [0] },
          ],
          webSearchQueries: ['q', 'r'],
        },
      }),
    )
    const collected = collect(events)
    expect(collected.ok && collected.response.choices[0]?.content).toMatchObject([
      { type: 'reasoning', text: 'thought' },
      {
        type: 'text',
        text: 'né',
        // Bytes 1 to 3 are the characters 1 to 2.
        citations: [{ url: 'https://a.example', title: 'A', startIndex: 1, endIndex: 2 }],
      },
      { type: 'reasoning', text: '', signature: 'sig', wire: 'gemini' },
    ])
    expect(collected.ok && collected.response.usage).toEqual({ webSearchRequests: 2 })
  })

  test('converts byte positions of copied text to characters, or leaves them out', () => {
    const citationSources = [
      { startIndex: 1, endIndex: 7, uri: 'https://a.example' },
      { startIndex: 2, endIndex: 7 },
      { endIndex: 99 },
    ]
    const more = { finishReason: 'STOP', citationMetadata: { citationSources } }
    const events = feed(geminiAdapter, chunk([{ text: 'né😀!' }], more))
    const citations = events.flatMap((one) => (one.type === 'citation' ? [one.citation] : []))
    expect(citations.map(({ raw: _raw, ...citation }) => citation)).toEqual([
      { url: 'https://a.example', startIndex: 1, endIndex: 4 },
      {},
      {},
    ])
  })

  test('answers several candidates, and is truncated when one of them did not end', () => {
    const candidate = (index: number, text: string, finishReason?: string) => ({
      index,
      content: { parts: [{ text }] },
      finishReason,
    })
    const first = { candidates: [candidate(0, 'a'), candidate(1, 'b')] }
    const last = { candidates: [candidate(1, 'd', 'MAX_TOKENS'), candidate(0, 'c', 'STOP')] }
    expect(answerOf(feed(geminiAdapter, first, last)).choices).toMatchObject([
      { index: 0, content: [{ text: 'ac' }], finish: { reason: 'stop' } },
      { index: 1, content: [{ text: 'bd' }], finish: { reason: 'length' } },
    ])
    const half = { candidates: [candidate(0, 'c', 'STOP')] }
    expect(feed(geminiAdapter, first, half).at(-1)).toMatchObject({
      failure: { class: 'truncated' },
    })
  })

  test('counts tool prompts as input and thoughts as output, by modality', () => {
    const usageMetadata = {
      promptTokenCount: 10,
      toolUsePromptTokenCount: 5,
      candidatesTokenCount: 7,
      thoughtsTokenCount: 3,
      cachedContentTokenCount: 4,
      totalTokenCount: 25,
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 6 },
        { modality: 'AUDIO', tokenCount: 4 },
      ],
      candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 2 }],
    }
    const events = feed(geminiAdapter, chunk([], { finishReason: 'STOP' }, { usageMetadata }))
    expect(events).toContainEqual({
      type: 'usage',
      usage: {
        inputTokens: 15,
        outputTokens: 10,
        reasoningTokens: 3,
        cacheReadTokens: 4,
        audioInputTokens: 4,
        imageOutputTokens: 2,
        totalTokens: 25,
      },
    })
    const traffic = { usageMetadata: { trafficType: 'ON_DEMAND' } }
    expect(types(feed(geminiAdapter, chunk([], {}, traffic)))).not.toContain('usage')
  })

  test('gives images as media and probabilities with their text', () => {
    const logprobsResult = {
      chosenCandidates: [{ token: 'a', logProbability: -0.5 }],
      topCandidates: [{ candidates: [{ token: 'b', logProbability: -1 }] }],
    }
    const image = { inlineData: { mimeType: 'image/png', data: 'AAAA' } }
    const events = feed(
      geminiAdapter,
      chunk([{ text: 'a' }, image], { finishReason: 'STOP', logprobsResult }),
    )
    expect(events).toContainEqual({
      type: 'text',
      choice: 0,
      text: 'a',
      logprobs: [{ token: 'a', logprob: -0.5, top: [{ token: 'b', logprob: -1 }] }],
    })
    expect(events).toContainEqual({
      type: 'media',
      choice: 0,
      kind: 'image',
      mediaType: 'image/png',
      data: 'AAAA',
    })
  })

  test('a blocked prompt is a content policy failure, a filtered answer is not', () => {
    const blocked = recorded(
      'gemini',
      'stream-refusal-streaming-failure-prompt-blocked-safety-5fe2e0',
    )
    expect(decodeStream(geminiAdapter, blocked.bytes).at(-1)).toMatchObject({
      type: 'failure',
      failure: { class: 'content_policy', providerCode: 'SAFETY' },
    })
    const filtered = recorded('gemini', 'json-refusal-google-model-safety-settings-590d5c')
    expect(answerOf(geminiAdapter.decodeResponse(JSON.parse(filtered.text))).choices).toMatchObject(
      [{ content: [], finish: { reason: 'contentFilter', raw: 'SAFETY' } }],
    )
  })

  test('an error inside a stream is a failure of its own class', () => {
    const error = { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' }
    expect(feed(geminiAdapter, chunk([{ text: 'a' }]), { error }).at(-1)).toEqual({
      type: 'failure',
      failure: {
        class: 'overloaded',
        message: 'The model is overloaded.',
        status: 503,
        providerCode: 'UNAVAILABLE',
      },
    })
  })
})

describe('decodeResponse()', () => {
  test('a whole answer that names no reason ended for another one', () => {
    const body = { candidates: [{ content: { parts: [{ text: 'a' }] } }] }
    expect(geminiAdapter.decodeResponse(body).at(-1)).toEqual({
      type: 'finish',
      choices: [{ choice: 0, reason: 'other' }],
    })
    expect(geminiAdapter.decodeResponse({ usageMetadata: {} }).at(-1)).toMatchObject({
      failure: { class: 'malformed' },
    })
  })
})

describe('decodeFailure()', () => {
  const failureOf = (folder: string) => {
    const { status, headers, text } = recorded('gemini', folder)
    return geminiAdapter.decodeFailure(status, headers, text)
  }
  const said = (status: number, error: object) =>
    geminiAdapter.decodeFailure(status, new Map(), JSON.stringify([{ error }]))

  test('reads what Google recorded', () => {
    expect(failureOf('err429-rate-limit-google-429-retry-info-8d0e51')).toMatchObject({
      class: 'rate_limited',
      retryAfterMs: 34_400,
    })
    expect(
      failureOf('err400-auth-error-chat-error-handling-with-gemini-gemini-2-5-flash-raises-bc7792'),
    ).toMatchObject({ class: 'auth', providerCode: 'API_KEY_INVALID' })
    expect(
      failureOf(
        'err400-context-length-chat-real-error-scenarios-vertexai-gemini-2-5-flash-hand-67f1d8',
      ),
    ).toMatchObject({ class: 'context_length', status: 400 })
  })

  test('a daily quota is exhausted, whatever wait it names', () => {
    const details = [
      {
        '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
        violations: [{ quotaId: 'GenerateRequestsPerDayPerProjectPerModel-FreeTier' }],
      },
    ]
    expect(said(429, { status: 'RESOURCE_EXHAUSTED', message: 'quota', details })).toMatchObject({
      class: 'quota_exhausted',
    })
  })

  test('blames the target for a missing model and the caller for a missing cache', () => {
    const missing = (message: string) => said(404, { status: 'NOT_FOUND', message })
    expect(missing('models/x is not found for API version v1beta')).toMatchObject({
      class: 'bad_request',
      targetFault: true,
    })
    expect(missing('Not found: cached content metadata 8.')).not.toHaveProperty('targetFault')
    const place = { status: 'FAILED_PRECONDITION', message: 'User location is not supported.' }
    expect(said(400, place)).toMatchObject({ class: 'bad_request', targetFault: true })
  })
})
