import { describe, expect, it } from 'vitest'
import { openAiChat } from '../../../../worker/dialects/openai-chat/index.ts'

const user = { role: 'user', content: 'x' }

function parsed(more: object) {
  const result = openAiChat.parse({ model: 'm', messages: [user], ...more })
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}

function blocks(message: object) {
  return parsed({ messages: [message] }).messages[0]?.content
}

function part(content: object) {
  return { messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }, content] }] }
}

describe('parse() of openai-chat', () => {
  it('reads the smallest body', () => {
    expect(parsed({})).toEqual({
      model: 'm',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }],
      sampling: {},
      stream: false,
      includeUsage: false,
      includeCost: false,
    })
  })

  it('takes null for absent', () => {
    const nulls = Object.fromEntries(
      ['temperature', 'n', 'stop', 'tools', 'seed', 'stream', 'user', 'store', 'provider'].map(
        (field) => [field, null],
      ),
    )
    expect(parsed(nulls)).toEqual(parsed({}))
  })

  it.each([
    ['messages', { messages: [] }, 'must have at least 1 item(s), but is an empty array'],
    ['messages', { messages: undefined }, 'is required'],
    ['messages', { messages: {} }, 'must be an array, but is an object'],
    ['model', { model: '' }, 'must have at least 1 character(s), but is an empty string'],
    ['messages[0].role', { messages: [{ role: 'bot', content: 'x' }] }, 'but is "bot"'],
    ['messages[0].content', { messages: [{ role: 'user' }] }, 'is required'],
    ['messages[0].content', { messages: [{ role: 'user', content: [] }] }, 'at least 1 item'],
    ['messages[0].content', { messages: [{ role: 'user', content: 7 }] }, 'a string or an array'],
    [
      'messages[0].content[1].image_url.url',
      part({ type: 'image_url', image_url: { url: 7 } }),
      'must be a string, but is 7',
    ],
    [
      'messages[0].content[1].image_url.url',
      part({ type: 'image_url', image_url: { url: 'file:///etc/passwd' } }),
      'must be an http(s) URL or a base64 data URL',
    ],
    [
      'messages[0].content[1].image_url.detail',
      part({ type: 'image_url', image_url: { url: 'https://a.example/a.png', detail: 'huge' } }),
      'must be one of "auto", "low", "high", but is "huge"',
    ],
    ['messages[0].content[1].type', part({ type: 'hologram' }), 'but is "hologram"'],
    [
      'messages[0].content[1].file',
      part({ type: 'file', file: {} }),
      'either file_data or file_id',
    ],
    [
      'messages[0].content[1].input_audio.format',
      part({ type: 'input_audio', input_audio: { data: 'AA', format: 'midi' } }),
      'but is "midi"',
    ],
    ['messages[0].tool_call_id', { messages: [{ role: 'tool', content: 'x' }] }, 'is required'],
    [
      'messages[0].tool_calls[0].function.arguments',
      {
        messages: [
          {
            role: 'assistant',
            tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: {} } }],
          },
        ],
      },
      'must be a string, but is an object',
    ],
    ['temperature', { temperature: 2.1 }, 'must be at most 2, but is 2.1'],
    ['temperature', { temperature: '1' }, 'must be a number, but is a string of 1 characters'],
    ['top_p', { top_p: -0.1 }, 'must be at least 0'],
    ['n', { n: 129 }, 'must be at most 128'],
    ['n', { n: 1.5 }, 'must be an integer'],
    ['top_logprobs', { top_logprobs: 21 }, 'must be at most 20'],
    ['presence_penalty', { presence_penalty: 3 }, 'must be at most 2'],
    ['frequency_penalty', { frequency_penalty: -3 }, 'must be at least -2'],
    ['logit_bias["5 0"]', { logit_bias: { '5 0': 101 } }, 'must be at most 100'],
    ['seed', { seed: 0.5 }, 'must be an integer'],
    ['stop', { stop: ['a', 'b', 'c', 'd', 'e'] }, 'must have at most 4 item(s)'],
    ['max_tokens', { max_tokens: 0 }, 'must be at least 1'],
    ['max_tokens', { max_tokens: 1, max_completion_tokens: 2 }, 'must not differ'],
    ['reasoning_effort', { reasoning_effort: 'extreme' }, 'but is "extreme"'],
    [
      'reasoning.effort',
      { reasoning_effort: 'low', reasoning: { effort: 'high' } },
      'must not differ from reasoning_effort',
    ],
    ['response_format.type', { response_format: { type: 'xml' } }, 'but is "xml"'],
    ['tool_choice', { tool_choice: 'any' }, '"none", "auto", "required", but is "any"'],
    ['tool_choice.type', { tool_choice: { type: 'q' } }, '"function", "custom", "allowed_tools"'],
    ['tool_choice.function', { tool_choice: { type: 'function' } }, 'is required'],
    ['tools[0].function', { tools: [{ type: 'function' }] }, 'is required'],
    ['service_tier', { service_tier: 'gold' }, 'but is "gold"'],
    ['modalities[0]', { modalities: ['smell'] }, 'but is "smell"'],
    ['stream', { stream: 'yes' }, 'must be true or false'],
    ['metadata.a', { metadata: { a: 1 } }, 'must be a string'],
    ['provider.sort', { provider: { sort: 'mood' } }, 'but is "mood"'],
    ['store', { store: 1 }, 'must be true or false'],
  ])('refuses %s of %j', (param, more, rule) => {
    const result = openAiChat.parse({ model: 'm', messages: [user], ...more })
    expect(result).toMatchObject({
      ok: false,
      error: { code: 'invalid_request', status: 400, param },
    })
    if (!result.ok) expect(result.error.message).toContain(rule)
  })

  it('does not repeat a prompt in an error', () => {
    const secret = { role: 'user', content: 'x', name: ['my secret'] }
    const result = openAiChat.parse({ model: 'm', messages: [secret], temperature: 'my secret' })
    expect(JSON.stringify(result)).not.toContain('secret')
  })

  it('reads parts of every kind', () => {
    const cache_control = { type: 'ephemeral', ttl: '1h' }
    const content = [
      { type: 'text', text: 'a', cache_control },
      { type: 'image_url', image_url: { url: 'data:image/PNG;base64,AAAA', detail: 'low' } },
      { type: 'image_url', image_url: 'https://a.example/a.png' },
      { type: 'input_audio', input_audio: { data: 'BBBB', format: 'wav' } },
      {
        type: 'file',
        file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,CCCC' },
        prompt_cache_breakpoint: { mode: 'explicit' },
      },
      { type: 'file', file: { file_id: 'file-1' } },
      { type: 'video_url', video_url: { url: 'https://a.example/a.mp4' } },
    ]
    expect(blocks({ role: 'user', content })).toEqual([
      { type: 'text', text: 'a', cache: { ttl: '1h' } },
      {
        type: 'image',
        source: { kind: 'base64', mediaType: 'image/png', data: 'AAAA' },
        detail: 'low',
      },
      { type: 'image', source: { kind: 'url', url: 'https://a.example/a.png' } },
      {
        type: 'audio',
        source: { kind: 'base64', mediaType: 'audio/wav', data: 'BBBB' },
        format: 'wav',
      },
      {
        type: 'file',
        source: { kind: 'base64', mediaType: 'application/pdf', data: 'CCCC' },
        name: 'a.pdf',
        cache: {},
      },
      { type: 'file', source: { kind: 'id', id: 'file-1', wire: 'openai-chat' } },
      { type: 'video', source: { kind: 'url', url: 'https://a.example/a.mp4' } },
    ])
  })

  it('keeps developer apart from system', () => {
    const messages = [
      { role: 'developer', content: 'a' },
      { role: 'system', content: 'b' },
    ]
    expect(parsed({ messages }).messages.map((message) => message.role)).toEqual([
      'developer',
      'system',
    ])
  })

  it('reads a tool loop', () => {
    const messages = [
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          {
            id: 'c0',
            type: 'function',
            function: { name: 'f', arguments: '{"a":1}' },
            extra_content: { google: { thought_signature: 'g' } },
          },
          { id: 'c1', type: 'custom', custom: { name: 'g', input: 'free' } },
        ],
      },
      { role: 'tool', tool_call_id: 'c0', content: 'done' },
    ]
    expect(parsed({ messages }).messages).toEqual([
      {
        role: 'assistant',
        content: [
          { type: 'toolCall', id: 'c0', name: 'f', arguments: '{"a":1}', signature: 'g' },
          { type: 'toolCall', id: 'c1', name: 'g', arguments: 'free', custom: true },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'toolResult', toolCallId: 'c0', content: [{ type: 'text', text: 'done' }] },
        ],
      },
    ])
  })

  it('reads the functions of 2023 as tools', () => {
    const request = parsed({
      functions: [{ name: 'f', parameters: { type: 'object' } }],
      function_call: { name: 'f' },
      messages: [
        user,
        { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } },
        { role: 'function', name: 'f', content: 'done' },
      ],
    })
    expect(request).toMatchObject({
      legacyFunctions: true,
      parallelToolCalls: false,
      tools: [{ kind: 'function', name: 'f', parameters: { type: 'object' } }],
      toolChoice: { type: 'tool', name: 'f' },
      messages: [
        {},
        { content: [{ type: 'toolCall', id: 'call_1', name: 'f', arguments: '{}' }] },
        { role: 'user', content: [{ type: 'toolResult', toolCallId: 'call_1', name: 'f' }] },
      ],
    })
  })

  it('reads tools that vendors run themselves as native ones', () => {
    const tools = [{ type: 'custom', custom: { name: 'shell' } }, { type: 'browser_search' }]
    expect(parsed({ tools }).tools).toEqual([
      { kind: 'native', name: 'shell', raw: { wire: 'openai-chat', value: tools[0] } },
      { kind: 'native', name: 'browser_search', raw: { wire: 'openai-chat', value: tools[1] } },
    ])
  })

  it('reads allowed_tools', () => {
    const tools = [{ type: 'function', function: { name: 'f' } }]
    const allowed = { mode: 'required', tools }
    expect(
      parsed({ tools, tool_choice: { type: 'allowed_tools', allowed_tools: allowed } }),
    ).toMatchObject({ toolChoice: { type: 'allowed', mode: 'required', names: ['f'] } })
  })

  it('reads an empty list of providers as no wish', () => {
    const provider = { order: [], only: [], ignore: [], zdr: false }
    expect(parsed({ provider }).provider).toEqual({ zdr: false })
    expect(parsed({ provider: { only: ['openai'] } }).provider).toEqual({ only: ['openai'] })
  })

  it.each([
    ['tool_choice', { tool_choice: 'required' }],
    ['tool_choice', { tool_choice: 'required', tools: [] }],
    ['tool_choice', { tool_choice: { type: 'function', function: { name: 'f' } } }],
    [
      'tool_choice',
      {
        tools: [{ type: 'function', function: { name: 'g' } }],
        tool_choice: { type: 'function', function: { name: 'f' } },
      },
    ],
    ['function_call', { function_call: { name: 'f' } }],
  ])('refuses a choice that no tool can meet, and names %s: %j', (param, more) => {
    const read = openAiChat.parse({ model: 'm', messages: [user], ...more })
    expect(read).toMatchObject({ ok: false, error: { status: 400, param } })
    expect(read.ok ? '' : read.error.message).toMatch(new RegExp(`^${param} (?:asks|names)`))
  })

  it('lets a choice pass that asks for no tool', () => {
    for (const tool_choice of ['auto', 'none'])
      expect(parsed({ tool_choice }).toolChoice).toEqual({ type: tool_choice })
  })

  it('reads every way of asking for thinking', () => {
    const reasoning = (more: object) => parsed(more).reasoning
    expect(reasoning({ reasoning_effort: 'high' })).toEqual({
      effort: 'high',
      effortAsksToThink: true,
    })
    expect(reasoning({ reasoning_effort: 'none' })).toEqual({ effort: 'none' })
    expect(reasoning({ reasoning: { max_tokens: 9, exclude: true, enabled: true } })).toEqual({
      budgetTokens: 9,
      hidden: true,
      enabled: true,
    })
    expect(reasoning({ include_reasoning: false })).toEqual({ hidden: true })
    expect(reasoning({ thinking: { type: 'enabled', budget_tokens: 5 } })).toEqual({
      enabled: true,
      budgetTokens: 5,
    })
    expect(reasoning({ thinking: { type: 'disabled' } })).toEqual({ enabled: false })
    expect(reasoning({ enable_thinking: true, thinking_budget: 7 })).toEqual({
      enabled: true,
      budgetTokens: 7,
    })
  })

  it('takes the first of `models` for the model where there is none', () => {
    expect(parsed({ model: undefined, models: ['a', 'b'] })).toMatchObject({
      model: 'a',
      models: ['a', 'b'],
    })
  })

  it('reads what clients of OpenRouter send', () => {
    const request = parsed({
      models: ['a', 'b'],
      usage: { include: true },
      top_k: 4,
      min_p: 0.1,
      repetition_penalty: 1.1,
      provider: {
        order: ['x'],
        only: ['x', 'y'],
        ignore: ['z'],
        allow_fallbacks: false,
        require_parameters: true,
        sort: { by: 'price', partition: 'none' },
        max_price: { prompt: '1.5', completion: 2, request: 1 },
        data_collection: 'deny',
        zdr: true,
        quantizations: ['fp8'],
      },
    })
    expect(request).toMatchObject({
      models: ['a', 'b'],
      includeCost: true,
      includeUsage: true,
      sampling: { topK: 4, minP: 0.1, repetitionPenalty: 1.1 },
      provider: {
        order: ['x'],
        only: ['x', 'y'],
        ignore: ['z'],
        allowFallbacks: false,
        requireParameters: true,
        sort: 'price',
        maxPrice: { prompt: 1.5, completion: 2 },
        dataCollection: 'deny',
        zdr: true,
      },
    })
    expect(request.ignored).toEqual([
      'provider.quantizations',
      'provider.sort.partition',
      'provider.max_price.request',
    ])
  })

  it('names what it leaves out and carries what only this wire knows', () => {
    const request = parsed({
      messages: [
        { ...user, weight: 1 },
        { role: 'assistant', content: 'y', prefix: true },
      ],
      store: true,
      web_search_options: {},
      prediction: { type: 'content', content: 'p' },
      something_new: [1],
      stream_options: { include_usage: true, include_obfuscation: true },
    })
    expect(request.ignored).toEqual([
      'stream_options.include_obfuscation',
      'messages[0].weight',
      'messages[1].prefix',
    ])
    expect(request.includeUsage).toBe(true)
    expect(request.extensions).toEqual({
      'openai-chat': {
        store: true,
        web_search_options: {},
        prediction: { type: 'content', content: 'p' },
        something_new: [1],
      },
    })
  })

  it('reads thoughts from details, and from plain text where there are none', () => {
    const assistant = { role: 'assistant', content: 'y' }
    expect(blocks({ ...assistant, reasoning_content: 'hm', reasoning: 'hm' })).toEqual([
      { type: 'reasoning', text: 'hm' },
      { type: 'text', text: 'y' },
    ])
    const reasoning_details = [
      { type: 'reasoning.text', text: 'h', format: 'anthropic-claude-v1', index: 0 },
      { type: 'reasoning.text', text: 'm', index: 0 },
      { type: 'reasoning.text', signature: 's', index: 0 },
      { type: 'reasoning.encrypted', data: 'e', format: 'google-gemini-v1', index: 1 },
    ]
    expect(blocks({ ...assistant, reasoning_content: 'hm', reasoning_details })).toEqual([
      { type: 'reasoning', text: 'hm', signature: 's', wire: 'anthropic-messages' },
      { type: 'reasoning', text: '', redacted: 'e', wire: 'gemini' },
      { type: 'text', text: 'y' },
    ])
  })
})
