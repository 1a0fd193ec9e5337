import type { Dialect } from '../../../worker/dialects/dialect.ts'

export type Json = Record<string, unknown>

const pixel = 'iVBORw0KGgo='
const mark = { type: 'ephemeral', ttl: '1h' }
const schema = { type: 'object', properties: { city: { type: 'string' } } }

/** Bodies that hold, all together, every field that the two schemas accept, each with a value that is not its default. */
export const bodies: Readonly<Record<Dialect['id'], Readonly<Record<string, Json>>>> = {
  'openai-chat': openAiBodies(),
  'anthropic-messages': anthropicBodies(),
}

function ask(more: Json, content: unknown = 'Hello'): Json {
  return { model: 'm', messages: [{ role: 'user', content }], ...more }
}

function openAiBodies(): Record<string, Json> {
  const weather = { name: 'weather', description: 'Weather of a city', parameters: schema }
  const strict = { type: 'function', function: { ...weather, strict: true } }
  const call = {
    id: 'call_1',
    type: 'function',
    function: { name: 'weather', arguments: '{"a":1}' },
  }
  return {
    sampling: ask({
      temperature: 0.3,
      top_p: 0.7,
      top_k: 9,
      min_p: 0.1,
      frequency_penalty: 0.4,
      presence_penalty: 0.6,
      repetition_penalty: 1.1,
      seed: 7,
      logit_bias: { '50256': -7 },
    }),
    'many answers': ask({ n: 2 }),
    'token probabilities': ask({ logprobs: true, top_logprobs: 3 }),
    'an answer of a certain form': ask({
      stream: true,
      stream_options: { include_usage: true },
      stop: ['END'],
      max_tokens: 77,
      verbosity: 'low',
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'trip', description: 'A trip', schema, strict: true },
      },
    }),
    'the newer limit': ask({ max_completion_tokens: 77 }),
    'audio out in a voice of its own': ask({
      modalities: ['text', 'audio'],
      audio: { voice: { id: 'voice_1' }, format: 'wav' },
    }),
    'audio out': ask({ modalities: ['text', 'audio'], audio: { voice: 'alloy', format: 'mp3' } }),
    tools: ask({
      tools: [
        { ...strict, cache_control: mark },
        { type: 'function', function: { name: 'time', cache_control: mark } },
      ],
      tool_choice: { type: 'function', function: { name: 'weather' } },
      parallel_tool_calls: false,
    }),
    'allowed tools': ask({
      tools: [strict, { type: 'function', function: { name: 'time' } }],
      tool_choice: {
        type: 'allowed_tools',
        allowed_tools: {
          mode: 'required',
          tools: [{ type: 'function', function: { name: 'time' } }],
        },
      },
    }),
    'custom tools': ask({
      tools: [{ type: 'custom', custom: { name: 'shell' } }],
      tool_choice: { type: 'custom', custom: { name: 'shell' } },
    }),
    'allowed custom tools': ask({
      tools: [{ type: 'custom', custom: { name: 'shell' } }],
      tool_choice: {
        type: 'allowed_tools',
        allowed_tools: { mode: 'auto', tools: [{ type: 'custom', custom: { name: 'shell' } }] },
      },
    }),
    'functions of 2023': {
      model: 'm',
      messages: [
        { role: 'user', content: 'Weather?' },
        { role: 'assistant', function_call: { name: 'weather', arguments: '{}' } },
        { role: 'function', name: 'weather', content: 'sunny' },
      ],
      functions: [{ ...weather, strict: true, cache_control: mark }],
      function_call: { name: 'weather' },
    },
    effort: ask({ reasoning_effort: 'high' }),
    'reasoning as an object': ask({ reasoning: { effort: 'low', exclude: true, enabled: true } }),
    'a budget as an object': ask({ reasoning: { max_tokens: 2000 }, max_tokens: 9000 }),
    'thinking and its budget': ask({ thinking: { type: 'enabled', budget_tokens: 2000 } }),
    'thinking as Alibaba says it': ask({ enable_thinking: true, thinking_budget: 2000 }),
    'no thoughts in the answer': ask({ include_reasoning: false, reasoning_effort: 'low' }),
    accounting: ask({
      user: 'ann',
      safety_identifier: 'ann-7',
      metadata: { team: 'a' },
      service_tier: 'flex',
      prompt_cache_key: 'key-1',
      store: true,
      prediction: { type: 'content', content: 'Hello' },
      prompt_cache_retention: '24h',
      prompt_cache_options: { mode: 'explicit' },
      web_search_options: { search_context_size: 'low' },
      moderation: { model: 'm' },
    }),
    'a prediction in parts': ask({
      prediction: {
        type: 'content',
        content: [
          {
            type: 'text',
            text: 'Hello',
            cache_control: mark,
            prompt_cache_breakpoint: { mode: 'explicit' },
          },
        ],
      },
    }),
    preferences: preferring({}),
    'pictures by URL': ask({}, [
      { type: 'text', text: 'What?', cache_control: mark },
      {
        type: 'image_url',
        image_url: { url: 'https://a.example/a.png', detail: 'low' },
        cache_control: mark,
      },
    ]),
    'pictures in line': ask({}, [
      { type: 'text', text: 'What?', prompt_cache_breakpoint: { mode: 'explicit' } },
      {
        type: 'image_url',
        image_url: { url: `data:image/png;base64,${pixel}`, detail: 'high' },
        prompt_cache_breakpoint: { mode: 'explicit' },
      },
    ]),
    sound: ask({}, [
      { type: 'text', text: 'What?' },
      {
        type: 'input_audio',
        input_audio: { data: 'UklGRg==', format: 'wav' },
        cache_control: mark,
      },
    ]),
    film: ask({}, [
      { type: 'text', text: 'What?' },
      {
        type: 'video_url',
        video_url: { url: 'https://a.example/a.mp4' },
        cache_control: mark,
      },
    ]),
    'a file in line': ask({}, [
      { type: 'text', text: 'What?' },
      {
        type: 'file',
        file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERg==' },
        cache_control: mark,
      },
    ]),
    'an uploaded file': ask({}, [
      { type: 'text', text: 'What?' },
      {
        type: 'file',
        file: { filename: 'a.pdf', file_id: 'file-1' },
        prompt_cache_breakpoint: { mode: 'explicit' },
      },
    ]),
    participants: {
      model: 'm',
      messages: [
        { role: 'developer', content: 'Be kind.', name: 'rules', cache_control: mark },
        { role: 'system', content: [{ type: 'text', text: 'Be brief.' }], name: 'more' },
        { role: 'user', content: 'Hello', name: 'ann', cache_control: mark },
        { role: 'assistant', content: 'Hi', refusal: 'No.', name: 'bob', cache_control: mark },
        { role: 'user', content: 'And?' },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'Well' },
            { type: 'refusal', refusal: 'No.' },
          ],
        },
        { role: 'user', content: 'And?' },
      ],
    },
    'a tool loop': {
      model: 'm',
      messages: [
        { role: 'user', content: 'Weather?' },
        {
          role: 'assistant',
          content: 'Let me see',
          tool_calls: [
            {
              ...call,
              cache_control: mark,
              extra_content: { google: { thought_signature: 'c2ln' } },
            },
          ],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'sunny', cache_control: mark, name: 'w' },
      ],
      tools: [strict],
    },
    'a custom tool loop': {
      model: 'm',
      messages: [
        { role: 'user', content: 'Weather?' },
        {
          role: 'assistant',
          tool_calls: [{ id: 'call_1', type: 'custom', custom: { name: 'shell', input: 'ls' } }],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'a.txt' },
      ],
    },
    'a picture from a tool': {
      model: 'm',
      messages: [
        { role: 'user', content: 'Weather?' },
        { role: 'assistant', tool_calls: [call] },
        {
          role: 'tool',
          tool_call_id: 'call_1',
          content: [
            { type: 'text', text: 'seen' },
            {
              type: 'image_url',
              image_url: { url: `data:image/png;base64,${pixel}`, detail: 'low' },
            },
          ],
        },
      ],
    },
    thoughts: {
      model: 'm',
      messages: [
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: 'Hi', reasoning_content: 'They greet me.' },
        { role: 'user', content: 'And?' },
      ],
    },
    'a mark on nothing but thoughts': {
      model: 'm',
      messages: [
        { role: 'user', content: 'Hello' },
        { role: 'assistant', reasoning_content: 'They greet me.', cache_control: mark },
        { role: 'user', content: 'And?' },
      ],
    },
    'thoughts by their other name': {
      model: 'm',
      messages: [
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: 'Hi', reasoning: 'They greet me.' },
        { role: 'user', content: 'And?' },
      ],
    },
    'signed thoughts': {
      model: 'm',
      messages: [
        { role: 'user', content: 'Hello' },
        {
          role: 'assistant',
          content: 'Hi',
          reasoning_details: [
            {
              type: 'reasoning.text',
              text: 'They greet me.',
              signature: 'c2lnbmF0dXJl',
              format: 'anthropic-claude-v1',
              index: 0,
            },
            {
              type: 'reasoning.encrypted',
              data: 'c2VjcmV0',
              format: 'anthropic-claude-v1',
              index: 1,
            },
            { type: 'reasoning.summary', summary: 'A greeting.', format: 'unknown', index: 2 },
          ],
        },
        { role: 'user', content: 'And?' },
      ],
    },
    'audio of an earlier answer': {
      model: 'm',
      messages: [
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: 'Hi', audio: { id: 'audio_1' } },
        { role: 'user', content: 'And?' },
      ],
    },
    'a beginning of the answer': {
      model: 'm',
      messages: [
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: 'Well' },
      ],
    },
  }
}

function anthropicBodies(): Record<string, Json> {
  const limit = { max_tokens: 900 }
  const weather = { name: 'weather', description: 'Weather of a city', input_schema: schema }
  const text = { type: 'text', text: 'What?', cache_control: mark }
  const document = { type: 'document', title: 'Notes', context: 'From the archive' }
  return {
    sampling: ask({
      ...limit,
      stream: true,
      temperature: 0.3,
      top_p: 0.97,
      top_k: 9,
      stop_sequences: ['END'],
    }),
    accounting: ask({
      ...limit,
      metadata: { user_id: 'ann' },
      service_tier: 'standard_only',
      betas: ['beta-2026-01-01'],
    }),
    'betas by their other name': ask({ ...limit, anthropic_beta: ['beta-2026-01-01'] }),
    system: ask({
      ...limit,
      system: [
        { type: 'text', text: 'Be kind.', cache_control: mark },
        { type: 'text', text: 'Be brief.', citations: [{ type: 'page_location' }] },
      ],
    }),
    'system within': {
      model: 'm',
      ...limit,
      system: 'Be kind.',
      messages: [
        { role: 'user', content: 'Hello' },
        { role: 'system', content: 'Be brief.' },
        { role: 'assistant', content: 'Hi' },
        { role: 'user', content: 'And?' },
      ],
    },
    'a form': ask({
      ...limit,
      output_config: { effort: 'low', format: { type: 'json_schema', schema } },
    }),
    'a form by its older name': ask({ ...limit, output_format: { type: 'json_schema', schema } }),
    'thinking and its budget': ask({
      max_tokens: 9000,
      thinking: { type: 'enabled', budget_tokens: 2000, display: 'omitted' },
    }),
    'thinking as the model likes': ask({
      max_tokens: 9000,
      thinking: { type: 'adaptive', display: 'omitted' },
    }),
    'no thinking': ask({ ...limit, thinking: { type: 'disabled' } }),
    tools: ask({
      ...limit,
      tools: [
        { ...weather, type: 'custom', strict: true, cache_control: mark },
        { name: 'time', input_schema: schema, input_examples: [{ city: 'Kyiv' }] },
      ],
      tool_choice: { type: 'tool', name: 'weather', disable_parallel_tool_use: true },
    }),
    'a forced tool': ask({
      ...limit,
      tools: [weather],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
    }),
    'no tool': ask({ ...limit, tools: [weather], tool_choice: { type: 'none' } }),
    'a tool of its own': ask({
      ...limit,
      tools: [{ type: 'web_search_20250305', name: 'web_search' }],
    }),
    'pictures by URL': ask({ ...limit }, [
      text,
      {
        type: 'image',
        source: { type: 'url', url: 'https://a.example/a.png' },
        cache_control: mark,
      },
    ]),
    'pictures in line': ask({ ...limit }, [
      text,
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } },
    ]),
    'an uploaded picture': ask({ ...limit, system: 'Be kind.' }, [
      text,
      { type: 'image', source: { type: 'file', file_id: 'file_1' } },
    ]),
    'a document of text': ask({ ...limit, system: 'Be kind.' }, [
      text,
      {
        ...document,
        source: { type: 'text', media_type: 'text/plain', data: 'Long ago' },
        citations: { enabled: true },
        cache_control: mark,
      },
    ]),
    'a document in line': ask({ ...limit }, [
      text,
      {
        ...document,
        source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERg==' },
      },
    ]),
    'a document by URL': ask({ ...limit }, [
      text,
      { ...document, source: { type: 'url', url: 'https://a.example/a.pdf' } },
    ]),
    'a document of blocks': ask({ ...limit }, [
      text,
      { ...document, source: { type: 'content', content: [{ type: 'text', text: 'x' }] } },
    ]),
    'a tool loop': {
      model: 'm',
      ...limit,
      system: 'Be kind.',
      tools: [weather],
      messages: [
        { role: 'user', content: 'Weather?' },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'Let me see' },
            {
              type: 'tool_use',
              id: 'call_1',
              name: 'weather',
              input: { city: 'Kyiv' },
              cache_control: mark,
              caller: { type: 'direct' },
              signature: 'c2ln',
            },
          ],
        },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 'call_1',
              is_error: true,
              content: [{ type: 'text', text: 'no such city', cache_control: mark }],
              cache_control: mark,
            },
          ],
        },
      ],
    },
    'a picture from a tool': {
      model: 'm',
      ...limit,
      messages: [
        { role: 'user', content: 'Weather?' },
        {
          role: 'assistant',
          content: [{ type: 'tool_use', id: 'call_1', name: 'weather', input: { city: 'Kyiv' } }],
        },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 'call_1',
              content: [
                { type: 'text', text: 'seen' },
                { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } },
              ],
            },
          ],
        },
      ],
    },
    'a toolset': {
      model: 'm',
      ...limit,
      messages: [
        { role: 'user', content: 'Weather?' },
        {
          role: 'assistant',
          content: [{ type: 'tool_use', id: 'a', name: 'w', input: {}, toolset_name: 'set' }],
        },
        {
          role: 'user',
          content: [{ type: 'tool_result', tool_use_id: 'a', content: 'x', toolset_name: 'set' }],
        },
      ],
    },
    thoughts: {
      model: 'm',
      ...limit,
      system: 'Be kind.',
      messages: [
        { role: 'user', content: 'Hello' },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'They greet me.', signature: 'c2lnbmF0dXJl' },
            {
              type: 'text',
              text: 'Hi',
              citations: [{ type: 'web_search_result_location', url: 'https://a.example' }],
            },
          ],
        },
        { role: 'user', content: 'And?' },
      ],
    },
    'hidden thoughts': {
      model: 'm',
      ...limit,
      messages: [
        { role: 'user', content: 'Hello' },
        {
          role: 'assistant',
          content: [
            { type: 'redacted_thinking', data: 'c2VjcmV0' },
            { type: 'text', text: 'Hi' },
          ],
        },
        { role: 'user', content: 'And?' },
      ],
    },
    preferences: preferring(limit),
    'a document from a tool': documentFromTool({ type: 'url', url: 'https://a.example/a.pdf' }),
    'an uploaded document from a tool': documentFromTool({ type: 'file', file_id: 'file_1' }),
    'blocks from a tool': documentFromTool({
      type: 'content',
      content: [{ type: 'text', text: 'x' }],
    }),
    'unsigned thoughts': {
      model: 'm',
      ...limit,
      messages: [
        { role: 'user', content: 'Hello' },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'They greet me.' },
            { type: 'text', text: 'Hi' },
          ],
        },
        { role: 'user', content: 'And?' },
      ],
    },
    'a beginning of the answer': {
      model: 'm',
      ...limit,
      system: 'Be kind.',
      messages: [
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: 'Well' },
      ],
    },
  }
}

/** What OpenRouter's clients send beside any body; it is read by the plan and by the accounting. */
function preferring(more: Json): Json {
  return ask({
    ...more,
    models: ['m', 'n'],
    usage: { include: true },
    provider: {
      order: ['a'],
      only: ['a'],
      ignore: ['b'],
      allow_fallbacks: false,
      require_parameters: false,
      sort: { by: 'price' },
      max_price: { prompt: 1, completion: 2 },
      data_collection: 'allow',
      zdr: false,
    },
  })
}

function documentFromTool(source: Json): Json {
  const document = { type: 'document', title: 'Notes', context: 'From the archive', source }
  const read = { type: 'text', text: 'seen', citations: [{ type: 'page_location' }] }
  return {
    model: 'm',
    max_tokens: 900,
    system: 'Be kind.',
    messages: [
      { role: 'user', content: 'Weather?' },
      {
        role: 'assistant',
        content: [{ type: 'tool_use', id: 'call_1', name: 'weather', input: { city: 'Kyiv' } }],
      },
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: 'call_1',
            content: [read, { ...document, citations: { enabled: true } }],
          },
        ],
      },
    ],
  }
}
