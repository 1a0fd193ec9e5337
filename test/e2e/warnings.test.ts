import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { report } from '../support/report.ts'
import { controlSimulator, type SimulatorControl } from '../support/sdk/simulator-control.ts'
import { targets } from '../support/sdk/targets.ts'
import { type RunningGateway, startGateway } from '../support/start-gateway.ts'

/** Fields of a chat that a target may leave out, each with a value that can be found again in what was sent. */
const wishes = {
  temperature: { value: 0.123, trace: /0\.123/ },
  top_p: { value: 0.77, trace: /0\.77/ },
  top_k: { value: 33, trace: /\b33\b/ },
  min_p: { value: 0.11, trace: /0\.11\b/ },
  seed: { value: 4711, trace: /4711/ },
  frequency_penalty: { value: 0.31, trace: /0\.31/ },
  presence_penalty: { value: 0.32, trace: /0\.32/ },
  repetition_penalty: { value: 1.33, trace: /1\.33/ },
  logit_bias: { value: { '50256': -7 }, trace: /50256/ },
  reasoning_effort: { value: 'low', trace: /effort|thinking|reasoning|"think"/i },
  service_tier: { value: 'flex', trace: /flex/ },
  verbosity: { value: 'low', trace: /verbosity/ },
  user: { value: 'user-xyz', trace: /user-xyz/ },
  metadata: { value: { a: 'meta-b' }, trace: /meta-b/ },
  prompt_cache_key: { value: 'pck-1', trace: /pck-1/ },
} as const

/** The same of Anthropic's messages, by the names that its clients know. */
const messageWishes = {
  temperature: { field: { temperature: 0.123 }, trace: /0\.123/ },
  top_p: { field: { top_p: 0.97 }, trace: /0\.97/ },
  top_k: { field: { top_k: 33 }, trace: /\b33\b/ },
  'metadata.user_id': { field: { metadata: { user_id: 'user-xyz' } }, trace: /user-xyz/ },
  'tools[0].strict': {
    field: { tools: [{ name: 'f', input_schema: { type: 'object' }, strict: true }] },
    trace: /strict/,
  },
  'tools[0].cache_control': {
    field: {
      tools: [
        { name: 'f', input_schema: { type: 'object' }, cache_control: { type: 'ephemeral' } },
      ],
    },
    trace: /cache/i,
  },
  'messages[0].content[1].title': {
    field: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'x' },
            {
              type: 'document',
              title: 'Title-xyz',
              source: { type: 'text', media_type: 'text/plain', data: 'Long ago' },
            },
          ],
        },
      ],
    },
    trace: /Title-xyz/,
  },
} as const

let gateway: RunningGateway
let simulator: SimulatorControl
const count = { sent: 0, named: 0 }

beforeAll(async () => {
  gateway = await startGateway()
  simulator = controlSimulator(gateway.simulator)
}, 60_000)

afterAll(async () => {
  await gateway.close()
  report(`wishes: ${count.sent} sent, ${count.named} named in x-switchyard-warning, none lost`)
}, 30_000)

/** `claude-sonnet-5-5` refuses settings that its wire format carries. */
const models = [...targets.map(({ model }) => model), 'gpt-5@openai', 'claude-sonnet-5-5@anthropic']

async function post(path: string, body: object): Promise<Response> {
  return fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

const warningOf = (response: Response) => response.headers.get('x-switchyard-warning') ?? ''

/** Sends one field, and finds it in what the provider saw, or in the warning. */
async function sentOrNamed(path: string, body: object, name: string, trace: RegExp) {
  await simulator.reset()
  const response = await post(path, body)
  expect({ name, status: response.status, text: response.ok ? '' : await response.text() }).toEqual(
    {
      name,
      status: 200,
      text: '',
    },
  )
  const [seen] = await simulator.requests()
  const sent = trace.test(JSON.stringify(seen?.body))
  const warning = warningOf(response)
  // What is sent as something else is sent.
  const [, unknown = ''] = / does not know (.*); not sent/.exec(warning) ?? []
  const named = unknown.split(', ').includes(name)
  expect({ name, sent, named, warning }).toEqual({ name, sent: !named, named, warning })
  count[sent ? 'sent' : 'named'] += 1
}

describe('a field that a target may leave out', () => {
  it.each(models)(
    'is sent, or named in the warning, never both and never neither: %s',
    async (model) => {
      for (const [field, { value, trace }] of Object.entries(wishes)) {
        const messages = [{ role: 'user', content: 'x' }]
        const body = { model, messages, [field]: value }
        await sentOrNamed('/v1/chat/completions', body, field, trace)
      }
    },
  )

  it.each(models)("is called what Anthropic's clients call it: %s", async (model) => {
    for (const [name, { field, trace }] of Object.entries(messageWishes)) {
      const messages = [{ role: 'user', content: 'x' }]
      const body = { model, max_tokens: 90, messages, ...field }
      await sentOrNamed('/v1/messages', body, name, trace)
    }
  })
})

describe('a warning', () => {
  const say = (content: unknown) => [{ role: 'user', content }]

  it('says what was sent where a model takes less than was asked', async () => {
    await simulator.reset()
    const warm = await post('/v1/chat/completions', {
      model: 'claude-sonnet-4-5@anthropic',
      messages: say('x'),
      temperature: 1.7,
      max_completion_tokens: 200_000,
    })
    expect(warningOf(warm)).toBe(
      'max_completion_tokens sent to claude-sonnet-4-5@anthropic as 64000, the most this model gives; ' +
        'temperature sent to claude-sonnet-4-5@anthropic as 1',
    )
    expect(warm.headers.get('x-switchyard-degraded')).toBe('shorter')
    const [seen] = await simulator.requests('anthropic')
    expect(seen?.body).toMatchObject({ temperature: 1, max_tokens: 64_000 })
  })

  it('is none where another target of the route gives the whole answer', async () => {
    const answer = await post('/v1/chat/completions', {
      model: 'chat',
      messages: say('x'),
      max_tokens: 60_000,
    })
    expect(answer.headers.get('x-switchyard-model')).toBe('claude-sonnet-4-5')
    expect([warningOf(answer), answer.headers.get('x-switchyard-degraded')]).toEqual(['', null])
  })

  it("names thinking with another vendor's proof once, however much there is of it", async () => {
    const thought = { type: 'thinking', thinking: 'Hm', signature: 'c2ln' }
    const lost = (model: string) => `${model} does not know messages[1].content[0]; not sent`
    const told = (model: string) =>
      `messages[1].content[0] sent to ${model} as text without its proof`
    const turn = [
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: [thought, { type: 'text', text: 'Hi' }] },
    ]
    for (const [model, warning] of [
      ['gpt-4.1@openai', lost],
      ['gemini-2.5-flash@gemini', told],
      ['deepseek-v4-flash@deepseek', told],
    ] as const) {
      const answer = await post('/v1/messages', {
        model,
        max_tokens: 90,
        system: 'Be kind.',
        messages: [...turn, ...turn, { role: 'user', content: 'And?' }],
      })
      expect(warningOf(answer)).toBe(warning(model))
    }
  })

  it('tells that a tool result is no longer marked as an error', async () => {
    const answer = await post('/v1/messages', {
      model: 'gpt-4.1@openai',
      max_tokens: 90,
      tools: [{ name: 'f', input_schema: { type: 'object' } }],
      messages: [
        { role: 'user', content: 'Weather?' },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'f', input: {} }] },
        {
          role: 'user',
          content: [{ type: 'tool_result', tool_use_id: 'a', content: 'no', is_error: true }],
        },
      ],
    })
    expect(warningOf(answer)).toBe(
      'gpt-4.1@openai does not know messages[2].content[0].is_error; not sent',
    )
  })
})

describe('what would make the answer another one', () => {
  const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } }
  const sound = { type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } }
  const stop_sequences = ['1', '2', '3', '4', '5']
  const file = { type: 'image', source: { type: 'file', file_id: 'file_1' } }

  const bound: readonly (readonly [string, string, Readonly<Record<string, unknown>>, string])[] = [
    [
      '/v1/chat/completions',
      'gpt-oss-120b@deepinfra',
      { content: [image] },
      'messages[0].content[0]',
    ],
    [
      '/v1/chat/completions',
      'claude-sonnet-4-5@bedrock',
      { content: [sound] },
      'messages[0].content[0]',
    ],
    [
      '/v1/chat/completions',
      'claude-sonnet-4-5@openrouter',
      { content: [sound] },
      'messages[0].content[0]',
    ],
    ['/v1/chat/completions', 'gpt-4.1@openai', { modalities: ['text', 'audio'] }, 'modalities'],
    ['/v1/chat/completions', 'gpt-5-mini@openai', { stop: ['END'] }, 'stop'],
    ['/v1/chat/completions', 'gpt-4.1@openai', { tool_choice: 'required' }, 'tool_choice'],
    ['/v1/messages', 'gpt-4.1@openai', { stop_sequences }, 'stop_sequences'],
    ['/v1/messages', 'gpt-4.1@openai', { content: [file] }, 'messages[0].content[0]'],
    ['/v1/messages', 'gpt-4.1@openai', { tool_choice: { type: 'any' } }, 'tool_choice'],
  ]

  it.each(bound)('is refused by name at %s for %s: %j', async (path, model, fields, name) => {
    const { content = 'x', ...more } = fields
    await simulator.reset()
    const messages = [{ role: 'user', content }]
    const response = await post(path, { model, messages, max_tokens: 90, ...more })
    const text = await response.text()
    expect([response.status, text.includes(name)]).toEqual([400, true])
    expect(await simulator.requests()).toEqual([])
  })

  it('is sent to the target of the route that can', async () => {
    const messages = [{ role: 'user', content: 'x' }]
    const answer = await post('/v1/messages', {
      model: 'chat',
      max_tokens: 90,
      messages,
      stop_sequences,
    })
    expect(answer.headers.get('x-switchyard-model')).toBe('claude-sonnet-4-5')
  })
})
