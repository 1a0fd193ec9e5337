import { describe, expect, test } from 'vitest'
import type { Block } from '../../../../worker/canonical/blocks.ts'
import type { CanonicalRequest, Message } from '../../../../worker/canonical/request.ts'
import { anthropicAdapter } from '../../../../worker/providers/anthropic/adapter.ts'
import { recorded, requestOf } from '../../../support/recorded-exchange.ts'

const wire = 'anthropic-messages'

function call(
  request: Partial<CanonicalRequest>,
  upstreamModel = 'claude-sonnet-4-5',
  maxOutputTokens?: number,
) {
  return anthropicAdapter.encodeRequest(requestOf(request), {
    upstreamModel,
    options: {},
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
  })
}
const body = (...args: Parameters<typeof call>) => call(...args).body
const user = (...content: Block[]): Message => ({ role: 'user', content })
const assistant = (...content: Block[]): Message => ({ role: 'assistant', content })
const text = (value: string): Block => ({ type: 'text', text: value })

describe('encodeRequest()', () => {
  test('writes the recorded request of a streamed thinking call with a tool', () => {
    const { request } = recorded('anthropic', 'stream-tool-call-thinking-streaming-55cbc9')
    const encoded = body(
      {
        messages: [
          {
            role: 'system',
            content: [{ type: 'text', text: 'You are a helpful assistant', cache: {} }],
          },
          user({ type: 'text', text: "What's the weather in Florence, Italy?", cache: {} }),
        ],
        tools: [
          {
            kind: 'function',
            name: 'weather',
            description: 'Get weather information for a location',
            parameters: {
              type: 'object',
              properties: { location: { type: 'string', description: 'the city' } },
              required: ['location'],
            },
          },
        ],
        toolChoice: { type: 'auto' },
        parallelToolCalls: true,
        maxOutputTokens: 4096,
        reasoning: { enabled: true, budgetTokens: 4000 },
        stream: true,
      },
      'claude-sonnet-4-20250514',
    )
    expect(encoded).toEqual(request)
  })

  test('goes to /messages with the API version and the betas the caller named', () => {
    expect(call({})).toMatchObject({
      path: '/messages',
      headers: { 'anthropic-version': '2023-06-01' },
    })
    const extensions = {
      [wire]: { anthropic_beta: ['a-1', 'b-2'], betas: 'b-2,c-3', container: 'c_1' },
    }
    const encoded = call({ extensions })
    expect(encoded.headers['anthropic-beta']).toBe('a-1,b-2,c-3')
    expect(encoded.body).toMatchObject({ container: 'c_1' })
    expect(encoded.body).not.toHaveProperty('anthropic_beta')
    expect(encoded.body).not.toHaveProperty('betas')
  })

  test('never lets an extension speak for the request, and joins objects both have', () => {
    const extensions = {
      [wire]: {
        model: 'x',
        stream: true,
        max_tokens: 9,
        output_config: { task_budget: { total: 5 }, effort: 'max' },
      },
    }
    const encoded = body({ extensions, reasoning: { effort: 'low' } }, 'claude-opus-4-6')
    expect(encoded).toMatchObject({ model: 'claude-opus-4-6', max_tokens: 4096 })
    expect(encoded).not.toHaveProperty('stream')
    expect(encoded['output_config']).toEqual({ task_budget: { total: 5 }, effort: 'low' })
  })

  test('always sends a limit: the caller’s, at most the model’s, else 4096', () => {
    expect(body({ maxOutputTokens: 100 }, 'm', 8000)['max_tokens']).toBe(100)
    expect(body({ maxOutputTokens: 9000 }, 'm', 8000)['max_tokens']).toBe(8000)
    expect(body({}, 'm', 8000)['max_tokens']).toBe(8000)
    expect(body({})['max_tokens']).toBe(4096)
  })

  test('puts instructions in front into `system` and joins consecutive turns', () => {
    const encoded = body({
      messages: [
        { role: 'system', content: [text('a')] },
        { role: 'developer', content: [{ type: 'text', text: 'b', cache: { ttl: '1h' } }] },
        user(text('c')),
        user(text('d')),
        assistant(text('e')),
      ],
    })
    expect(encoded['system']).toEqual([
      { type: 'text', text: 'a' },
      { type: 'text', text: 'b', cache_control: { type: 'ephemeral', ttl: '1h' } },
    ])
    expect(encoded['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'c' },
          { type: 'text', text: 'd' },
        ],
      },
      { role: 'assistant', content: [{ type: 'text', text: 'e' }] },
    ])
  })

  test('keeps a later system message where the model takes one, and marks it as such elsewhere', () => {
    const messages: Message[] = [
      user(text('a')),
      { role: 'system', content: [text('be brief')] },
      assistant(text('b')),
      { role: 'system', content: [text('be long')] },
      user(text('c')),
    ]
    expect(body({ messages }, 'claude-opus-4-8')['messages']).toMatchObject([
      { role: 'user' },
      { role: 'system', content: [{ type: 'text', text: 'be brief' }] },
      { role: 'assistant' },
      { role: 'user', content: [{ text: '<system>\nbe long\n</system>' }, { text: 'c' }] },
    ])
    expect(body({ messages }, 'claude-haiku-4-5')['messages']).toMatchObject([
      { role: 'user', content: [{ text: 'a' }, { text: '<system>\nbe brief\n</system>' }] },
      { role: 'assistant' },
      { role: 'user' },
    ])
  })

  test('sends images and documents from every source', () => {
    const encoded = body({
      messages: [
        user(
          { type: 'image', source: { kind: 'url', url: 'https://e.org/a.png' } },
          {
            type: 'image',
            source: { kind: 'base64', mediaType: 'image/png', data: 'AAAA' },
            cache: {},
          },
          { type: 'image', source: { kind: 'id', id: 'file_1' } },
          {
            type: 'file',
            source: { kind: 'base64', mediaType: 'application/pdf', data: 'BBBB' },
            name: 'a.pdf',
          },
          {
            type: 'file',
            source: { kind: 'text', mediaType: 'text/plain', text: 'plain' },
            context: 'c',
            citations: true,
          },
          { type: 'file', source: { kind: 'base64', mediaType: 'text/plain', data: 'aMOp' } },
          { type: 'file', source: { kind: 'url', url: 'https://e.org/a.pdf' } },
          { type: 'file', source: { kind: 'id', id: 'file_2' } },
        ),
      ],
    })
    expect(encoded['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'image', source: { type: 'url', url: 'https://e.org/a.png' } },
          {
            type: 'image',
            source: { type: 'base64', media_type: 'image/png', data: 'AAAA' },
            cache_control: { type: 'ephemeral' },
          },
          { type: 'image', source: { type: 'file', file_id: 'file_1' } },
          {
            type: 'document',
            source: { type: 'base64', media_type: 'application/pdf', data: 'BBBB' },
            title: 'a.pdf',
          },
          {
            type: 'document',
            source: { type: 'text', media_type: 'text/plain', data: 'plain' },
            context: 'c',
            citations: { enabled: true },
          },
          { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'hé' } },
          { type: 'document', source: { type: 'url', url: 'https://e.org/a.pdf' } },
          { type: 'document', source: { type: 'file', file_id: 'file_2' } },
        ],
      },
    ])
  })

  test('sends calls and results of one turn together, results first, errors and images kept', () => {
    const encoded = body({
      messages: [
        assistant(
          { type: 'toolCall', id: 'functions.f:0', name: 'f', arguments: '{"a":1}' },
          { type: 'toolCall', id: 'c2', name: 'g', arguments: '' },
          { type: 'toolCall', id: 'c3', name: 'h', arguments: '{"cut' },
        ),
        user(text('and hurry')),
        user({
          type: 'toolResult',
          toolCallId: 'functions.f:0',
          content: [text('1')],
          isError: true,
        }),
        user({
          type: 'toolResult',
          toolCallId: 'c2',
          content: [
            { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AAAA' } },
          ],
        }),
      ],
    })
    const [calls, results] = encoded['messages'] as { content: Record<string, unknown>[] }[]
    expect(calls?.content).toMatchObject([
      { type: 'tool_use', name: 'f', input: { a: 1 } },
      { type: 'tool_use', id: 'c2', input: {} },
      { type: 'tool_use', id: 'c3', input: { _raw: '{"cut' } },
    ])
    expect(calls?.content[0]?.['id']).toMatch(/^[a-zA-Z0-9_-]{1,64}$/)
    expect(results?.content).toMatchObject([
      {
        type: 'tool_result',
        tool_use_id: calls?.content[0]?.['id'],
        is_error: true,
        content: [{ text: '1' }],
      },
      { type: 'tool_result', tool_use_id: 'c2', content: [{ type: 'image' }] },
      { type: 'text', text: 'and hurry' },
    ])
  })

  test('sends back thinking that carries Anthropic’s proof, and no other', () => {
    const value = { type: 'server_tool_use', id: 's', name: 'web_search', input: {} }
    const encoded = body({
      messages: [
        user(text('a')),
        assistant(
          { type: 'reasoning', text: 'signed', signature: 'S', wire },
          { type: 'reasoning', text: '', redacted: 'EuYBCkgIEBABGAIq', wire },
          { type: 'reasoning', text: 'unsigned', wire },
          { type: 'reasoning', text: 'foreign', signature: 'S', wire: 'gemini' },
          { type: 'opaque', raw: { wire, value } },
          { type: 'opaque', raw: { wire: 'cohere', value: { a: 1 } } },
          {
            type: 'text',
            text: 'b',
            citations: [
              { raw: { wire, value: { type: 'page_location' } } },
              { url: 'https://e.org' },
            ],
          },
        ),
        user(text('c')),
      ],
    })
    expect((encoded['messages'] as { content: unknown }[])[1]?.content).toEqual([
      { type: 'thinking', thinking: 'signed', signature: 'S' },
      { type: 'redacted_thinking', data: 'EuYBCkgIEBABGAIq' },
      value,
      { type: 'text', text: 'b', citations: [{ type: 'page_location' }] },
    ])
  })

  test('unwraps redacted thinking that Bedrock wrapped once more', () => {
    const messages = [
      assistant({ type: 'reasoning', text: '', redacted: btoa('EuYBCkgIEBABGAIq'), wire }),
    ]
    expect(body({ messages })['messages']).toMatchObject([
      { content: [{ type: 'redacted_thinking', data: 'EuYBCkgIEBABGAIq' }] },
    ])
  })

  test('leaves empty text out and the end of a prefill without blanks', () => {
    const encoded = body({
      messages: [user(text(''), text('a')), assistant(text('')), assistant(text('Sure: \n'))],
    })
    expect(encoded['messages']).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'a' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'Sure:' }] },
    ])
  })

  test('writes function tools and passes Anthropic’s own tools on', () => {
    const raw = { type: 'web_search_20250305', name: 'web_search', max_uses: 3 }
    const encoded = call({
      tools: [
        {
          kind: 'function',
          name: 'f',
          strict: true,
          cache: { ttl: '5m' },
          extensions: { wire, value: { input_examples: [{}] } },
        },
        { kind: 'native', name: 'web_search', raw: { wire, value: raw } },
        { kind: 'native', name: 'x', raw: { wire: 'openai-chat', value: {} } },
      ],
    })
    expect(encoded.body['tools']).toEqual([
      {
        name: 'f',
        input_schema: { type: 'object', properties: {} },
        strict: true,
        cache_control: { type: 'ephemeral', ttl: '5m' },
        input_examples: [{}],
      },
      raw,
    ])
    expect(encoded.unhonoured).toEqual(['customTools'])
  })

  const tools = ['f', 'g'].map((name) => ({ kind: 'function' as const, name }))
  test.each([
    [{ toolChoice: { type: 'auto' } }, { type: 'auto' }],
    [{ toolChoice: { type: 'required' } }, { type: 'any' }],
    [{ toolChoice: { type: 'none' } }, { type: 'none' }],
    [{ toolChoice: { type: 'tool', name: 'f' } }, { type: 'tool', name: 'f' }],
    [{ parallelToolCalls: false }, { type: 'auto', disable_parallel_tool_use: true }],
    [
      { toolChoice: { type: 'required' }, parallelToolCalls: false },
      { type: 'any', disable_parallel_tool_use: true },
    ],
  ] satisfies [Partial<CanonicalRequest>, object][])('writes the choice %j', (choice, expected) => {
    expect(body({ tools, ...choice })['tool_choice']).toEqual(expected)
  })

  test('offers only the tools of an allowed list', () => {
    const encoded = body({ tools, toolChoice: { type: 'allowed', mode: 'required', names: ['g'] } })
    expect(encoded).toMatchObject({ tools: [{ name: 'g' }], tool_choice: { type: 'any' } })
  })

  test('says so when a model takes no forced tool', () => {
    const encoded = call({ tools, toolChoice: { type: 'required' } }, 'claude-opus-5-5')
    expect(encoded.body['tool_choice']).toEqual({ type: 'auto' })
    expect(encoded.unhonoured).toEqual(['toolChoiceRequired'])
  })

  test.each([
    ['claude-opus-4-6', { effort: 'high' }, undefined, { effort: 'high' }],
    [
      'claude-opus-4-6',
      { effort: 'high', effortAsksToThink: true },
      { type: 'adaptive' },
      { effort: 'high' },
    ],
    [
      'claude-opus-4-6',
      { effort: 'xhigh', enabled: true },
      { type: 'adaptive' },
      { effort: 'high' },
    ],
    [
      'claude-opus-4-7',
      { effort: 'xhigh', adaptive: true, hidden: true },
      { type: 'adaptive', display: 'omitted' },
      { effort: 'xhigh' },
    ],
    [
      'claude-opus-4-6',
      { budgetTokens: 2000 },
      { type: 'enabled', budget_tokens: 2000 },
      undefined,
    ],
    [
      'claude-sonnet-4-5',
      { effort: 'medium' },
      { type: 'enabled', budget_tokens: 4000 },
      undefined,
    ],
    ['claude-sonnet-4-5', { adaptive: true }, { type: 'enabled', budget_tokens: 4000 }, undefined],
    ['claude-opus-5-5', { budgetTokens: 2000 }, { type: 'adaptive' }, undefined],
    ['claude-sonnet-4-5', { enabled: false }, { type: 'disabled' }, undefined],
    ['claude-sonnet-4-5', { effort: 'none' }, { type: 'disabled' }, undefined],
    ['claude-opus-5', { enabled: false, effort: 'max' }, { type: 'disabled' }, { effort: 'high' }],
    ['claude-fable-5', { enabled: false }, undefined, { effort: 'low' }],
  ] as const)('asks %s to think as %j', (model, reasoning, thinking, config) => {
    const encoded = body({ reasoning, maxOutputTokens: 8000 }, model)
    expect(encoded['thinking']).toEqual(thinking)
    expect(encoded['output_config']).toEqual(config)
  })

  test('names thinking that does not fit: too small a limit, or a tool that must be called', () => {
    const small = call({ reasoning: { effort: 'high' }, maxOutputTokens: 500 })
    expect(small).toMatchObject({ body: { max_tokens: 500 }, unhonoured: ['reasoning'] })
    const forced = call({ reasoning: { effort: 'high' }, tools, toolChoice: { type: 'required' } })
    expect(forced.unhonoured).toEqual(['reasoning'])
    expect(forced.body).not.toHaveProperty('thinking')
    expect(forced.body['tool_choice']).toEqual({ type: 'any' })
  })

  test('sends sampling where the model takes it and names it where not', () => {
    const sampling = { temperature: 0.2, topP: 0.9, topK: 5 }
    expect(body({ sampling }, 'claude-3-haiku-20240307')).toMatchObject({
      temperature: 0.2,
      top_p: 0.9,
      top_k: 5,
    })
    const newer = call({ sampling }, 'claude-sonnet-4-5')
    expect(newer.body).toMatchObject({ temperature: 0.2, top_k: 5 })
    expect(newer.unhonoured).toEqual(['topP'])
    const newest = call({ sampling }, 'claude-opus-4-7')
    expect(newest.unhonoured).toEqual(['temperature', 'topP', 'topK'])
    // Either of both at its default is not said beside the other, and nothing is lost.
    for (const model of ['claude-sonnet-4-5', 'claude-sonnet-4-6']) {
      const warm = call({ sampling: { temperature: 1, topP: 0.9 } }, model)
      expect([warm.body['temperature'], warm.body['top_p']]).toEqual([undefined, 0.9])
      expect(warm.unhonoured).toBeUndefined()
      const cool = call({ sampling: { temperature: 0.2, topP: 1 } }, model)
      expect([cool.body['temperature'], cool.body['top_p']]).toEqual([0.2, undefined])
      expect(cool.unhonoured).toBeUndefined()
    }
    expect(body({ sampling: { temperature: 1 } }, 'claude-sonnet-4-5')['temperature']).toBe(1)
    const thinking = call({ sampling, reasoning: { budgetTokens: 2000 } })
    expect(thinking.unhonoured).toEqual(['temperature', 'topP', 'topK'])
    expect(
      call({ sampling: { temperature: 1, topP: 1 } }, 'claude-opus-4-7').unhonoured,
    ).toBeUndefined()
    expect(call({ sampling: { temperature: 1.7 } })).toMatchObject({
      body: { temperature: 1 },
      changed: [{ field: 'temperature', sentAs: '1' }],
    })
  })

  test('closes the objects of a JSON schema and says in words what the grammar cannot', () => {
    const schema = {
      type: 'object',
      properties: {
        age: { type: 'integer', minimum: 0, description: 'years' },
        tags: { type: 'array', items: { type: 'object', properties: {} }, minItems: 1 },
      },
      required: ['age'],
    }
    const encoded = body({ responseFormat: { type: 'jsonSchema', name: 'person', schema } })
    expect(encoded['output_config']).toEqual({
      format: {
        type: 'json_schema',
        schema: {
          type: 'object',
          properties: {
            age: { type: 'integer', description: 'years (minimum: 0)' },
            tags: {
              type: 'array',
              items: { type: 'object', properties: {}, additionalProperties: false },
              minItems: 1,
            },
          },
          required: ['age'],
          additionalProperties: false,
        },
      },
    })
  })

  test('writes user, stop sequences and service tier in Anthropic’s words', () => {
    const encoded = call({ userId: 'u1', stop: ['END', '\n'], serviceTier: 'default' })
    expect(encoded.body).toMatchObject({
      metadata: { user_id: 'u1' },
      stop_sequences: ['END'],
      service_tier: 'standard_only',
    })
    expect(encoded.changed).toEqual([
      { field: 'stop', sentAs: 'those that are more than whitespace' },
    ])
    expect(call({ stop: ['\n'] }).unhonoured).toEqual(['stop'])
    expect(call({ serviceTier: 'flex' }).unhonoured).toEqual(['serviceTier'])
  })
})

describe('encodeCountTokens()', () => {
  test('sends the prompt without limits or sampling', () => {
    const encoded = anthropicAdapter.encodeCountTokens?.(
      requestOf({ maxOutputTokens: 5, sampling: { temperature: 0 }, stream: true }),
      { upstreamModel: 'claude-haiku-4-5', options: {} },
    )
    expect(encoded).toMatchObject({ method: 'POST', path: '/messages/count_tokens' })
    expect(encoded?.body).toEqual({
      model: 'claude-haiku-4-5',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }],
    })
  })
})
