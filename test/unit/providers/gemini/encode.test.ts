import { describe, expect, test } from 'vitest'
import type { Block } from '../../../../worker/canonical/blocks.ts'
import type { CanonicalRequest, Message } from '../../../../worker/canonical/request.ts'
import { geminiAdapter } from '../../../../worker/providers/gemini/adapter.ts'
import { requestOf } from '../../../support/recorded-exchange.ts'

const call = (request: Partial<CanonicalRequest>, upstreamModel = 'gemini-3-flash-preview') =>
  geminiAdapter.encodeRequest(requestOf(request), { upstreamModel, options: {} })
const body = (...args: Parameters<typeof call>) => call(...args).body
const config = (...args: Parameters<typeof call>) => body(...args)['generationConfig']
const user = (...content: Block[]): Message => ({ role: 'user', content })
const assistant = (...content: Block[]): Message => ({ role: 'assistant', content })
const text = (value: string): Block => ({ type: 'text', text: value })
const toolCall = (id: string, more: object = {}): Block => ({
  type: 'toolCall',
  id,
  name: 'f',
  arguments: '{"a":1}',
  ...more,
})

describe('encodeRequest()', () => {
  test('asks for the method that the request needs, at the model’s path', () => {
    expect(call({}).path).toBe('/models/gemini-3-flash-preview:generateContent')
    expect(call({ stream: true }).path).toBe(
      '/models/gemini-3-flash-preview:streamGenerateContent?alt=sse',
    )
    expect(call({}, 'tunedModels/a b').path).toBe('/tunedModels/a%20b:generateContent')
  })

  test('writes instructions apart and turns as user and model', () => {
    const messages: Message[] = [
      { role: 'system', content: [text('Be brief.')] },
      user(text('Hi')),
      assistant(text('Hello')),
      { role: 'developer', content: [text('Be kind.')] },
      user(text('Bye')),
    ]
    expect(body({ messages })).toEqual({
      systemInstruction: { parts: [{ text: 'Be brief.' }, { text: 'Be kind.' }] },
      contents: [
        { role: 'user', parts: [{ text: 'Hi' }] },
        { role: 'model', parts: [{ text: 'Hello' }] },
        { role: 'user', parts: [{ text: 'Bye' }] },
      ],
    })
  })

  test('writes media by bytes, address and id', () => {
    const content: Block[] = [
      { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA' } },
      { type: 'image', source: { kind: 'url', url: 'https://a.example/b.webp?x=1' } },
      { type: 'audio', source: { kind: 'base64', mediaType: 'audio/wav', data: 'BB' } },
      { type: 'video', source: { kind: 'url', url: 'https://youtu.be/x' } },
      { type: 'file', source: { kind: 'id', id: 'https://files.example/1' } },
    ]
    expect(body({ messages: [user(...content)] })['contents']).toEqual([
      {
        role: 'user',
        parts: [
          { inlineData: { mimeType: 'image/png', data: 'AA' } },
          { fileData: { mimeType: 'image/webp', fileUri: 'https://a.example/b.webp?x=1' } },
          { inlineData: { mimeType: 'audio/wav', data: 'BB' } },
          { fileData: { mimeType: 'video/mp4', fileUri: 'https://youtu.be/x' } },
          { fileData: { fileUri: 'https://files.example/1' } },
        ],
      },
    ])
  })

  const image: Block = {
    type: 'image',
    source: { kind: 'base64', mediaType: 'image/png', data: 'AA' },
  }
  const loop: Message[] = [
    assistant(toolCall('c1', { signature: 'sig' }), toolCall('c2')),
    user({ type: 'toolResult', toolCallId: 'c1', content: [text('{"t":3}'), image] }),
    user({ type: 'toolResult', toolCallId: 'c2', content: [text('no')], isError: true }),
  ]

  test('joins the results of calls made together, each under its tool’s name', () => {
    expect(body({ messages: loop })['contents']).toEqual([
      {
        role: 'model',
        parts: [
          { functionCall: { id: 'c1', name: 'f', args: { a: 1 } }, thoughtSignature: 'sig' },
          { functionCall: { id: 'c2', name: 'f', args: { a: 1 } } },
        ],
      },
      {
        role: 'user',
        parts: [
          {
            functionResponse: {
              id: 'c1',
              name: 'f',
              response: { t: 3 },
              parts: [{ inlineData: { mimeType: 'image/png', data: 'AA' } }],
            },
          },
          { functionResponse: { id: 'c2', name: 'f', response: { error: 'no' } } },
        ],
      },
    ])
  })

  test('puts a tool’s image behind its result for models before Gemini 3', () => {
    const contents = body({ messages: loop }, 'gemini-2.5-flash')['contents'] as {
      parts: object[]
    }[]
    expect(contents[1]?.parts.map((part) => Object.keys(part)[0])).toEqual([
      'functionResponse',
      'functionResponse',
      'inlineData',
    ])
  })

  test('marks calls that another model made, where Gemini 3 would refuse them', () => {
    const messages = [assistant(toolCall('toolu_1'), toolCall('toolu_2'))]
    const signatures = (model: string) =>
      (
        body({ messages }, model)['contents'] as { parts: { thoughtSignature?: string }[] }[]
      )[0]?.parts.map((part) => part.thoughtSignature)
    expect(signatures('gemini-3-pro-preview')).toEqual([
      'skip_thought_signature_validator',
      undefined,
    ])
    expect(signatures('gemini-2.5-flash')).toEqual([undefined, undefined])
  })

  test('gives thoughts back with Google’s proof and without anyone else’s', () => {
    const thought = (wire: 'gemini' | 'anthropic-messages', value: string): Block => ({
      type: 'reasoning',
      text: value,
      signature: 's',
      wire,
    })
    const messages = [
      assistant(thought('gemini', 'a'), thought('gemini', ''), thought('anthropic-messages', 'b')),
    ]
    expect(body({ messages })['contents']).toEqual([
      {
        role: 'model',
        parts: [
          { text: 'a', thought: true, thoughtSignature: 's' },
          { text: '', thoughtSignature: 's' },
          { text: 'b', thought: true },
        ],
      },
    ])
  })

  test('declares functions together and keeps Google’s own tools as they came', () => {
    const tools: CanonicalRequest['tools'] = [
      { kind: 'function', name: 'f', description: 'd', parameters: { type: 'object' } },
      { kind: 'native', name: 's', raw: { wire: 'gemini', value: { googleSearch: {} } } },
      { kind: 'native', name: 'w', raw: { wire: 'anthropic-messages', value: {} } },
      { kind: 'function', name: 'g' },
    ]
    expect(body({ tools })['tools']).toEqual([
      {
        functionDeclarations: [
          { name: 'f', description: 'd', parametersJsonSchema: { type: 'object' } },
          { name: 'g' },
        ],
      },
      { googleSearch: {} },
    ])
    const choose = (toolChoice: CanonicalRequest['toolChoice'] & object) =>
      body({ tools, toolChoice })['toolConfig']
    expect(choose({ type: 'auto' })).toEqual({ functionCallingConfig: { mode: 'AUTO' } })
    expect(choose({ type: 'none' })).toEqual({ functionCallingConfig: { mode: 'NONE' } })
    expect(choose({ type: 'required' })).toEqual({ functionCallingConfig: { mode: 'ANY' } })
    expect(choose({ type: 'tool', name: 'g' })).toEqual({
      functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['g'] },
    })
    expect(choose({ type: 'allowed', mode: 'auto', names: ['f'] })).toEqual({
      functionCallingConfig: { mode: 'VALIDATED', allowedFunctionNames: ['f'] },
    })
  })

  test('writes sampling, limits and formats into the generation config', () => {
    expect(
      config({
        sampling: {
          temperature: 0.5,
          topP: 0.9,
          topK: 3,
          seed: 1,
          presencePenalty: 0.1,
          frequencyPenalty: 0.2,
          n: 2,
          logprobs: true,
          topLogprobs: 4,
        },
        stop: ['x'],
        maxOutputTokens: 50,
        outputModalities: ['text', 'image'],
        responseFormat: { type: 'jsonSchema', name: 'n', schema: { type: 'object' } },
      }),
    ).toEqual({
      temperature: 0.5,
      topP: 0.9,
      topK: 3,
      seed: 1,
      presencePenalty: 0.1,
      frequencyPenalty: 0.2,
      candidateCount: 2,
      responseLogprobs: true,
      logprobs: 4,
      stopSequences: ['x'],
      maxOutputTokens: 50,
      responseModalities: ['TEXT', 'IMAGE'],
      responseMimeType: 'application/json',
      responseJsonSchema: { type: 'object' },
    })
  })

  test.each([
    [
      'gemini-3-flash-preview',
      { effort: 'medium' },
      { thinkingLevel: 'medium', includeThoughts: true },
    ],
    [
      'gemini-3-pro-preview',
      { effort: 'minimal' },
      { thinkingLevel: 'low', includeThoughts: true },
    ],
    ['gemini-3.5-flash', { effort: 'none' }, { thinkingLevel: 'minimal' }],
    ['gemini-3.5-flash', { budgetTokens: 99 }, { thinkingBudget: 99, includeThoughts: true }],
    ['gemini-2.5-flash', { effort: 'high' }, { thinkingBudget: 24_576, includeThoughts: true }],
    ['gemini-2.5-flash', { enabled: false }, { thinkingBudget: 0 }],
    ['gemini-2.5-pro', { enabled: false }, { thinkingBudget: 128 }],
    [
      'gemini-2.5-pro',
      { adaptive: true, hidden: true },
      { thinkingBudget: -1, includeThoughts: false },
    ],
    ['gemini-2.0-flash', { effort: 'high' }, undefined],
  ])('asks %s to think as %j', (model, reasoning, thinkingConfig) => {
    expect(config({ reasoning }, model)).toEqual(thinkingConfig && { thinkingConfig })
  })

  test('lets extensions say what is Google’s, never what is billed', () => {
    const extensions = {
      gemini: {
        model: 'x',
        contents: [],
        safetySettings: [{ category: 'c', threshold: 't' }],
        generationConfig: { candidateCount: 8, maxOutputTokens: 9, mediaResolution: 'LOW' },
      },
    }
    expect(body({ extensions, maxOutputTokens: 5 })).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'Hello' }] }],
      safetySettings: [{ category: 'c', threshold: 't' }],
      generationConfig: { mediaResolution: 'LOW', maxOutputTokens: 5 },
    })
  })
})

describe('encodeCountTokens()', () => {
  const count = (options: Record<string, string>) =>
    geminiAdapter.encodeCountTokens?.(
      requestOf({ messages: [{ role: 'system', content: [text('S')] }, user(text('Hi'))] }),
      { upstreamModel: 'gemini-2.5-flash', options },
    )
  const prompt = {
    contents: [{ role: 'user', parts: [{ text: 'Hi' }] }],
    systemInstruction: { parts: [{ text: 'S' }] },
  }

  test('wraps the request for the Gemini API and not for Vertex', () => {
    expect(count({})).toMatchObject({
      path: '/models/gemini-2.5-flash:countTokens',
      body: { generateContentRequest: { model: 'models/gemini-2.5-flash', ...prompt } },
    })
    expect(count({ api: 'vertex' })?.body).toEqual(prompt)
  })

  test('reads the total and nothing else', () => {
    expect(geminiAdapter.decodeCountTokens?.({ totalTokens: 12 })).toBe(12)
    for (const other of [null, {}, { totalTokens: -1 }, { totalTokens: '12' }])
      expect(geminiAdapter.decodeCountTokens?.(other)).toBeNull()
  })
})
