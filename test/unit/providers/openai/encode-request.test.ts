import { describe, expect, test } from 'vitest'
import type { Block } from '../../../../worker/canonical/blocks.ts'
import type { CanonicalRequest, Message, Tool } from '../../../../worker/canonical/request.ts'
import type { AdapterTarget } from '../../../../worker/providers/adapter.ts'
import { adapterOf } from '../../../../worker/providers/index.ts'
import { requestOf } from '../../../support/recorded-exchange.ts'

const target: AdapterTarget = { upstreamModel: 'gpt-4.1', options: {} }

function encode(id: string, fields: Partial<CanonicalRequest>, to: Partial<AdapterTarget> = {}) {
  const call = adapterOf(id)?.encodeRequest(requestOf(fields), { ...target, ...to })
  if (call === undefined) throw new Error(`no adapter ${id}`)
  return call
}
const body = (...args: Parameters<typeof encode>) => encode(...args).body
const messages = (id: string, list: readonly Message[], to: Partial<AdapterTarget> = {}) =>
  body(id, { messages: list }, to)['messages']
const user = (...content: readonly Block[]): Message => ({ role: 'user', content })
const assistant = (...content: readonly Block[]): Message => ({ role: 'assistant', content })

const add: Tool = { kind: 'function', name: 'add', parameters: { type: 'object' }, strict: true }
const sub: Tool = { kind: 'function', name: 'sub' }
const grep: Tool = {
  kind: 'native',
  name: 'grep',
  raw: { wire: 'openai-chat', value: { type: 'custom', custom: { name: 'grep' } } },
}

describe('encodeRequest() messages', () => {
  test('writes one text as a string and several as parts', () => {
    expect(messages('openai', [user({ type: 'text', text: 'a' })])).toEqual([
      { role: 'user', content: 'a' },
    ])
    expect(
      messages('openai', [user({ type: 'text', text: 'a' }, { type: 'text', text: 'b' })]),
    ).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
    ])
  })

  test('writes every kind of attachment', () => {
    const [message] = messages('openai', [
      user(
        { type: 'image', source: { kind: 'url', url: 'https://x/y.png' }, detail: 'low' },
        { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA==' } },
        { type: 'audio', source: { kind: 'base64', mediaType: 'audio/mpeg', data: 'BB==' } },
        { type: 'file', source: { kind: 'base64', mediaType: 'application/pdf', data: 'CC==' } },
        { type: 'file', source: { kind: 'id', id: 'file-1' } },
        {
          type: 'file',
          name: 'n.txt',
          source: { kind: 'text', mediaType: 'text/plain', text: 't' },
        },
      ),
    ]) as { content: unknown }[]
    expect(message?.content).toEqual([
      { type: 'image_url', image_url: { url: 'https://x/y.png', detail: 'low' } },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
      { type: 'input_audio', input_audio: { data: 'BB==', format: 'mp3' } },
      {
        type: 'file',
        file: { filename: 'document.pdf', file_data: 'data:application/pdf;base64,CC==' },
      },
      { type: 'file', file: { file_id: 'file-1' } },
      { type: 'text', text: 'n.txt\n\nt' },
    ])
  })

  test('writes tool calls and, before anything else, their results', () => {
    expect(
      messages('openai', [
        assistant(
          { type: 'toolCall', id: 'a', name: 'add', arguments: '{"x":1}' },
          { type: 'toolCall', id: 'b', name: 'grep', arguments: 'free text', custom: true },
        ),
        user(
          { type: 'text', text: 'and now?' },
          { type: 'toolResult', toolCallId: 'a', content: [{ type: 'text', text: '2' }] },
          { type: 'toolResult', toolCallId: 'b', content: [] },
        ),
      ]),
    ).toEqual([
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'a', type: 'function', function: { name: 'add', arguments: '{"x":1}' } },
          { id: 'b', type: 'custom', custom: { name: 'grep', input: 'free text' } },
        ],
      },
      { role: 'tool', tool_call_id: 'a', content: '2' },
      { role: 'tool', tool_call_id: 'b', content: '' },
      { role: 'user', content: 'and now?' },
    ])
  })

  test('hands images of a tool over in a user message after all results', () => {
    const image: Block = { type: 'image', source: { kind: 'url', url: 'https://x/y.png' } }
    expect(
      messages('openai', [
        user(
          { type: 'toolResult', toolCallId: 'a', content: [{ type: 'text', text: 'see' }, image] },
          { type: 'toolResult', toolCallId: 'b', content: [{ type: 'text', text: 'no' }] },
        ),
      ]),
    ).toEqual([
      { role: 'tool', tool_call_id: 'a', content: 'see' },
      { role: 'tool', tool_call_id: 'b', content: 'no' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Result of tool call a:' },
          { type: 'image_url', image_url: { url: 'https://x/y.png' } },
        ],
      },
    ])
  })

  test('keeps the developer role where it is known, and says system elsewhere', () => {
    const developer: Message = { role: 'developer', content: [{ type: 'text', text: 'x' }] }
    expect(messages('openai', [developer])).toMatchObject([{ role: 'developer' }])
    expect(messages('groq', [developer])).toMatchObject([{ role: 'system' }])
  })

  test('writes a refusal as a refusal', () => {
    expect(messages('openai', [assistant({ type: 'refusal', text: 'no' })])).toEqual([
      { role: 'assistant', content: null, refusal: 'no' },
    ])
  })

  test('sends thinking back where the vendor wants it, under the vendor’s name', () => {
    const thought: Block = {
      type: 'reasoning',
      text: 'hm',
      signature: 's',
      wire: 'anthropic-messages',
    }
    const turn = [assistant(thought, { type: 'text', text: 'ok' })]
    expect(messages('openai', turn)).toEqual([{ role: 'assistant', content: 'ok' }])
    expect(messages('deepseek', turn)).toMatchObject([{ reasoning_content: 'hm' }])
    expect(messages('groq', turn)).toMatchObject([{ reasoning: 'hm' }])
    expect(messages('openrouter', turn)).toMatchObject([
      {
        reasoning_details: [
          {
            type: 'reasoning.text',
            text: 'hm',
            signature: 's',
            format: 'anthropic-claude-v1',
            index: 0,
          },
        ],
      },
    ])
  })

  test('gives an encrypted thought back exactly as it came', () => {
    const detail = {
      type: 'reasoning.encrypted',
      data: 'x',
      id: 'rs_1',
      format: 'xai-responses-v1',
      index: 0,
    }
    const events = adapterOf('openrouter')?.decodeResponse({
      choices: [{ message: { reasoning_details: [detail], content: 'ok' }, finish_reason: 'stop' }],
    })
    const thought = events?.find((event) => event.type === 'reasoning')
    if (thought?.type !== 'reasoning') throw new Error('no thought')
    const { choice: _choice, block: _block, ...block } = thought
    expect(messages('openrouter', [assistant(block)])).toMatchObject([
      { reasoning_details: [detail] },
    ])
  })

  test('writes cache marks only for models that take them', () => {
    const marked: Message = {
      role: 'system',
      content: [{ type: 'text', text: 'long', cache: { ttl: '1h' } }],
    }
    expect(
      messages('openrouter', [marked], { upstreamModel: 'anthropic/claude-sonnet-4.5' }),
    ).toEqual([
      {
        role: 'system',
        content: [{ type: 'text', text: 'long', cache_control: { type: 'ephemeral', ttl: '1h' } }],
      },
    ])
    expect(messages('openai', [marked], { upstreamModel: 'gpt-5.6-sol' })).toMatchObject([
      { content: [{ prompt_cache_breakpoint: { mode: 'explicit' } }] },
    ])
    for (const [id, upstreamModel] of [
      ['openrouter', 'openai/gpt-5'],
      ['openai', 'gpt-5.1'],
    ] as const)
      expect(messages(id, [marked], { upstreamModel })).toEqual([
        { role: 'system', content: 'long' },
      ])
  })
})

describe('encodeRequest() tools', () => {
  const tools = [add, sub, grep]

  test('writes functions and the wire’s own tools, and leaves other wires’ out', () => {
    const foreign: Tool = { kind: 'native', name: 'web', raw: { wire: 'gemini', value: {} } }
    expect(body('openai', { tools: [...tools, foreign], parallelToolCalls: false })).toMatchObject({
      tools: [
        {
          type: 'function',
          function: { name: 'add', parameters: { type: 'object' }, strict: true },
        },
        { type: 'function', function: { name: 'sub' } },
        { type: 'custom', custom: { name: 'grep' } },
      ],
      parallel_tool_calls: false,
    })
  })

  test.each([
    [{ type: 'auto' }, 'auto'],
    [{ type: 'none' }, 'none'],
    [{ type: 'required' }, 'required'],
    [
      { type: 'tool', name: 'add' },
      { type: 'function', function: { name: 'add' } },
    ],
    [
      { type: 'tool', name: 'grep' },
      { type: 'custom', custom: { name: 'grep' } },
    ],
    [
      { type: 'allowed', mode: 'required', names: ['add'] },
      {
        type: 'allowed_tools',
        allowed_tools: {
          mode: 'required',
          tools: [{ type: 'function', function: { name: 'add' } }],
        },
      },
    ],
  ] as const)('writes the choice %j', (toolChoice, expected) => {
    expect(body('openai', { tools, toolChoice })['tool_choice']).toEqual(expected)
  })

  test('says a choice the vendor has no word for with fewer tools', () => {
    const names = (written: ReturnType<typeof body>) =>
      (written['tools'] as { function: { name: string } }[] | undefined)?.map(
        (tool) => tool.function.name,
      )
    const both = [add, sub]
    const named = body('moonshotai', { tools: both, toolChoice: { type: 'tool', name: 'sub' } })
    expect([names(named), named['tool_choice']]).toEqual([['sub'], 'auto'])
    const allowed = body('groq', {
      tools: both,
      toolChoice: { type: 'allowed', mode: 'required', names: ['add'] },
    })
    expect([names(allowed), allowed['tool_choice']]).toEqual([['add'], 'required'])
    expect(body('zai', { tools: both, toolChoice: { type: 'none' } })).not.toHaveProperty('tools')
  })
})

describe('encodeRequest() settings', () => {
  const everything: Partial<CanonicalRequest> = {
    sampling: {
      temperature: 1,
      topP: 0.5,
      topK: 3,
      seed: 7,
      n: 2,
      logprobs: true,
      topLogprobs: 2,
      logitBias: { '1': 2 },
    },
    stop: ['x'],
    maxOutputTokens: 9,
    userId: 'u',
    metadata: { a: 'b' },
    serviceTier: 'flex',
    promptCacheKey: 'k',
    verbosity: 'low',
    outputModalities: ['text', 'audio'],
    audioOutput: { voice: 'alloy' },
  }

  test('writes all that OpenAI knows, and not what it does not', () => {
    const { messages: _messages, ...rest } = body('openai', everything)
    expect(rest).toEqual({
      model: 'gpt-4.1',
      stream: false,
      max_completion_tokens: 9,
      temperature: 1,
      top_p: 0.5,
      seed: 7,
      logit_bias: { '1': 2 },
      logprobs: true,
      top_logprobs: 2,
      n: 2,
      stop: ['x'],
      modalities: ['text', 'audio'],
      audio: { voice: 'alloy' },
      user: 'u',
      metadata: { a: 'b' },
      service_tier: 'flex',
      prompt_cache_key: 'k',
      verbosity: 'low',
    })
  })

  test('leaves out what a vendor refuses', () => {
    const written = body('cerebras', { ...everything, sampling: { frequencyPenalty: 1, n: 2 } })
    expect(written).not.toHaveProperty('frequency_penalty')
    expect(written).not.toHaveProperty('n')
    expect(written).toHaveProperty('max_completion_tokens', 9)
    expect(body('together', everything)).toHaveProperty('max_tokens', 9)
  })

  test('asks every stream for its usage where that is a question', () => {
    expect(body('openai', { stream: true })).toMatchObject({
      stream: true,
      stream_options: { include_usage: true },
    })
    expect(body('perplexity', { stream: true })).not.toHaveProperty('stream_options')
    const extensions = {
      'openai-chat': { stream_options: { include_usage: false, include_obfuscation: false } },
    }
    expect(body('openai', { stream: true, extensions })['stream_options']).toEqual({
      include_usage: true,
      include_obfuscation: false,
    })
  })

  test('passes extensions on, but never over what decides who answers and what it costs', () => {
    const extensions = {
      'openai-chat': {
        store: true,
        model: 'other',
        models: ['x'],
        n: 9,
        max_tokens: 1e6,
        provider: {},
        stop: ['y'],
      },
      gemini: { safetySettings: [] },
    }
    const written = body('openai', { extensions, stop: ['x'] })
    expect(written).toMatchObject({ store: true, model: 'gpt-4.1', stop: ['x'] })
    for (const name of ['models', 'n', 'max_tokens', 'provider', 'safetySettings'])
      expect(written).not.toHaveProperty(name)
  })

  test('asks for JSON in the form the vendor has', () => {
    const schema = {
      type: 'jsonSchema',
      name: 's',
      schema: { type: 'object' },
      strict: true,
    } as const
    expect(body('openai', { responseFormat: schema })['response_format']).toEqual({
      type: 'json_schema',
      json_schema: { name: 's', schema: { type: 'object' }, strict: true },
    })
    expect(body('deepseek', { responseFormat: schema })['response_format']).toEqual({
      type: 'json_object',
    })
    expect(body('openai', { responseFormat: { type: 'json' } })['response_format']).toEqual({
      type: 'json_object',
    })
  })

  test.each([
    ['openai', { effort: 'low' }, { reasoning_effort: 'low' }],
    ['openai', { budgetTokens: 1000 }, { reasoning_effort: 'low' }],
    ['openai', { budgetTokens: 32_000 }, { reasoning_effort: 'high' }],
    ['openai', { enabled: false }, { reasoning_effort: 'none' }],
    ['openai', { enabled: true }, {}],
    [
      'openrouter',
      { effort: 'high', hidden: true },
      { reasoning: { effort: 'high', exclude: true } },
    ],
    ['openrouter', { budgetTokens: 500 }, { reasoning: { max_tokens: 500 } }],
    ['openrouter', { enabled: false }, { reasoning: { enabled: false } }],
    ['deepseek', { effort: 'low' }, { reasoning_effort: 'low' }],
    ['zai', { enabled: true }, { thinking: { type: 'enabled' } }],
    ['zai', { enabled: false }, { thinking: { type: 'disabled' } }],
    ['alibaba', { budgetTokens: 500 }, { enable_thinking: true, thinking_budget: 500 }],
    ['huggingface', { effort: 'low' }, {}],
  ])('asks %s for thinking %j as %j', (id, reasoning, expected) => {
    const written = body(id, { reasoning })
    const fields = [
      'reasoning_effort',
      'reasoning',
      'thinking',
      'enable_thinking',
      'thinking_budget',
    ]
    const asked = Object.fromEntries(
      fields.flatMap((name) => (name in written ? [[name, written[name]]] : [])),
    )
    expect(asked).toEqual(expected)
  })

  test('does not tell a model to stop thinking that cannot think', () => {
    const written = body(
      'openai',
      { reasoning: { enabled: false } },
      { facts: { reasoning: false } },
    )
    expect(written).not.toHaveProperty('reasoning_effort')
  })
})

describe('azure-openai', () => {
  test.each([
    [undefined, '/openai/v1/chat/completions'],
    ['v1', '/openai/v1/chat/completions'],
    ['preview', '/openai/v1/chat/completions?api-version=preview'],
    [
      '2025-01-01-preview',
      '/openai/deployments/my%20gpt/chat/completions?api-version=2025-01-01-preview',
    ],
  ])('with apiVersion %s calls %s', (apiVersion, path) => {
    const options: Record<string, string> = apiVersion === undefined ? {} : { apiVersion }
    expect(encode('azure-openai', {}, { upstreamModel: 'my gpt', options }).path).toBe(path)
  })

  test('asks no usage of versions that refuse the question', () => {
    const old = body(
      'azure-openai',
      { stream: true, maxOutputTokens: 5 },
      { options: { apiVersion: '2024-02-01' } },
    )
    expect(old).not.toHaveProperty('stream_options')
    expect(old).toHaveProperty('max_tokens', 5)
  })

  test('reads its content filter’s error', () => {
    const text =
      '{"error":{"code":"content_filter","message":"The response was filtered","param":"prompt","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}'
    expect(adapterOf('azure-openai')?.decodeFailure(400, new Map(), text)).toMatchObject({
      class: 'content_policy',
      param: 'prompt',
      providerCode: 'content_filter',
    })
  })
})
