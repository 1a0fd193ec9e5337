import { describe, expect, test } from 'vitest'
import type { Block } from '../../../../worker/canonical/blocks.ts'
import type { CanonicalRequest, Message } from '../../../../worker/canonical/request.ts'
import { bedrockAdapter } from '../../../../worker/providers/bedrock/adapter.ts'
import { recorded, requestOf } from '../../../support/recorded-exchange.ts'

const wire = 'bedrock-converse'
const claude = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0'
const nova = 'us.amazon.nova-2-lite-v1:0'

function call(request: Partial<CanonicalRequest>, upstreamModel = claude) {
  return bedrockAdapter.encodeRequest(requestOf(request), { upstreamModel, options: {} })
}
const body = (...args: Parameters<typeof call>) => call(...args).body
const user = (...content: Block[]): Message => ({ role: 'user', content })
const assistant = (...content: Block[]): Message => ({ role: 'assistant', content })
const text = (value: string): Block => ({ type: 'text', text: value })

/** The recorded request without the empty parts that the wire lets us leave out. */
function recordedRequest(folder: string): object {
  const request = recorded('bedrock', folder).request ?? {}
  return Object.fromEntries(
    Object.entries(request).filter(([, value]) => Object.keys(value as object).length > 0),
  )
}

describe('encodeRequest()', () => {
  test('writes the recorded conversation with citations', () => {
    const cited = (start: number, end: number, source: string) => ({
      raw: {
        wire,
        value: {
          title: 'company_policy',
          sourceContent: [{ text: source }],
          location: { documentChar: { documentIndex: 0, start, end } },
        },
      } as const,
    })
    const policy =
      'Company leave policy: Employees get 20 days annual leave. Consult with your manager for details.'
    const encoded = body({
      messages: [
        user(
          {
            type: 'file',
            source: { kind: 'text', mediaType: 'text/plain', text: policy },
            name: 'company_policy',
            context: 'HR Policy Manual Section 3.2',
            citations: true,
          },
          text('How many days of annual leave do employees get?'),
        ),
        assistant(
          text('Employees receive '),
          {
            type: 'text',
            text: '20 days annual leave.',
            citations: [cited(0, 58, 'Company leave policy: Employees get 20 days annual leave. ')],
          },
          text(' For further details, '),
          {
            type: 'text',
            text: 'consult with your manager.',
            citations: [cited(58, 96, 'Consult with your manager for details.')],
          },
        ),
        user(text('Who should they consult with?')),
      ],
    })
    expect(encoded).toEqual(recordedRequest('json-citations-citations-v1-v0-343da9'))
  })

  test('writes the recorded conversation with a server tool', () => {
    const folder = 'json-parallel-tool-calls-bedrock-model-with-code-execution-tool-6e89a6'
    const { messages } = recorded('bedrock', folder).request as {
      messages: { content: unknown[] }[]
    }
    const [call1, result1] = messages[1]?.content ?? []
    const encoded = body(
      {
        messages: [
          { role: 'system', content: [text('You are a helpful chatbot.')] },
          user(text('What is 1234 * 5678?')),
          assistant(
            { type: 'opaque', raw: { wire, value: call1 } },
            { type: 'opaque', raw: { wire, value: result1 } },
            {
              type: 'toolCall',
              id: 'tooluse_DaRsVjwcShCI_3pOsIsWqg',
              name: 'final_result',
              arguments: '{"result":7006652}',
            },
          ),
          user({
            type: 'toolResult',
            toolCallId: 'tooluse_DaRsVjwcShCI_3pOsIsWqg',
            content: [text('Final result processed.')],
            isError: false,
          }),
          user(text('Now multiply that by 2')),
        ],
        tools: [
          {
            kind: 'function',
            name: 'final_result',
            description: 'The final response which ends this conversation',
            parameters: {
              properties: { result: { type: 'number' } },
              required: ['result'],
              title: 'Response',
              type: 'object',
            },
          },
          {
            kind: 'native',
            name: 'nova_code_interpreter',
            raw: { wire, value: { systemTool: { name: 'nova_code_interpreter' } } },
          },
        ],
        toolChoice: { type: 'required' },
      },
      nova,
    )
    expect(encoded).toEqual(recordedRequest(folder))
  })

  test('writes the recorded thinking conversation', () => {
    const folder = 'json-reasoning-chat-with-extended-thinking-bedrock-claude-haiku-4-5-pre-79c8d5'
    const { messages } = recordedRequest(folder) as {
      messages: { content: { reasoningContent: { reasoningText: { signature: string } } }[] }[]
    }
    const signature = messages[1]?.content[0]?.reasoningContent.reasoningText.signature ?? ''
    const encoded = body({
      messages: [
        user(text('What is 5 + 3?')),
        assistant(
          {
            type: 'reasoning',
            text: 'This is a basic arithmetic question. 5 + 3 = 8.',
            signature,
            wire,
          },
          text('5 + 3 = 8'),
        ),
        user(text('Now multiply that by 2')),
      ],
      reasoning: { enabled: true, budgetTokens: 1024 },
    })
    expect(encoded['messages']).toEqual(messages)
    expect(encoded['additionalModelRequestFields']).toEqual({
      thinking: { type: 'enabled', budget_tokens: 1024 },
    })
  })

  test('writes a JSON schema as text', () => {
    const recordedBody = recorded(
      'bedrock',
      'json-structured-output-bedrock-native-output-minimax-e76216',
    ).request as {
      outputConfig: { textFormat: { structure: { jsonSchema: { schema: string } } } }
    }
    const { schema } = recordedBody.outputConfig.textFormat.structure.jsonSchema
    const encoded = body(
      {
        responseFormat: {
          type: 'jsonSchema',
          name: 'CityInfo',
          description: 'Information about a city.',
          schema: JSON.parse(schema),
        },
      },
      'minimax.minimax-m2',
    )
    expect(encoded['outputConfig']).toEqual({
      textFormat: {
        type: 'json_schema',
        structure: {
          jsonSchema: {
            name: 'CityInfo',
            description: 'Information about a city.',
            schema: JSON.stringify(JSON.parse(schema)),
          },
        },
      },
    })
  })

  test('encodes the model id into the path, streamed or not', () => {
    expect(call({}, nova).path).toBe('/model/us.amazon.nova-2-lite-v1%3A0/converse')
    const arn = 'arn:aws:bedrock:us-east-1:1:inference-profile/x'
    expect(call({ stream: true }, arn).path).toBe(
      '/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse-stream',
    )
  })

  test('puts cache points after what they mark, where the model caches', () => {
    const messages: Message[] = [
      { role: 'system', content: [{ type: 'text', text: 'a', cache: {} }] },
      user({ type: 'text', text: 'b', cache: { ttl: '1h' } }),
    ]
    const tools = [{ kind: 'function' as const, name: 'f', cache: {} }]
    expect(body({ messages, tools })).toMatchObject({
      system: [{ text: 'a' }, { cachePoint: { type: 'default' } }],
      messages: [{ content: [{ text: 'b' }, { cachePoint: { type: 'default', ttl: '1h' } }] }],
      toolConfig: { tools: [{ toolSpec: { name: 'f' } }, { cachePoint: { type: 'default' } }] },
    })
    const llama = call({ messages }, 'meta.llama3-2-1b-instruct-v1:0')
    expect(llama.unhonoured).toEqual(['cacheMarks'])
    expect(JSON.stringify(llama.body)).not.toContain('cachePoint')
  })

  test('sends media as bytes or from S3, with names Converse accepts, and names what it cannot fetch', () => {
    const pdf = (name?: string): Block => ({
      type: 'file',
      source: { kind: 'base64', mediaType: 'application/pdf', data: 'AAAA' },
      ...(name === undefined ? {} : { name }),
    })
    const encoded = call({
      messages: [
        user(
          { type: 'image', source: { kind: 'base64', mediaType: 'image/jpeg', data: 'AAAA' } },
          { type: 'image', source: { kind: 'url', url: 's3://b/a.jpg' } },
          { type: 'image', source: { kind: 'url', url: 'https://e.org/a.png' } },
          { type: 'video', source: { kind: 'base64', mediaType: 'video/3gpp', data: 'AAAA' } },
          { type: 'audio', source: { kind: 'base64', mediaType: 'audio/mpeg', data: 'AAAA' } },
          pdf('Q3: report.pdf'),
          pdf('Q3: report.pdf'),
          pdf(),
        ),
      ],
    })
    const source = { bytes: 'AAAA' }
    expect(encoded.body['messages']).toEqual([
      {
        role: 'user',
        content: [
          { image: { format: 'jpeg', source } },
          { image: { format: 'jpeg', source: { s3Location: { uri: 's3://b/a.jpg' } } } },
          { video: { format: 'three_gp', source } },
          { audio: { format: 'mp3', source } },
          { document: { format: 'pdf', name: 'Q3 report', source } },
          { document: { format: 'pdf', name: 'Q3 report 2', source } },
          { document: { format: 'pdf', name: 'Document 1', source } },
        ],
      },
    ])
    expect(encoded.unhonoured).toEqual(['imageUrl'])
  })

  test('says that a tool failed', () => {
    const encoded = body({
      messages: [
        user(text('a')),
        assistant({ type: 'toolCall', id: 'c', name: 'f', arguments: '{}' }),
        user({ type: 'toolResult', toolCallId: 'c', content: [text('no')], isError: true }),
      ],
      tools: [{ kind: 'function', name: 'f' }],
    })
    expect((encoded['messages'] as unknown[])[2]).toEqual({
      role: 'user',
      content: [{ toolResult: { toolUseId: 'c', content: [{ text: 'no' }], status: 'error' } }],
    })
  })

  const history: Message[] = [
    user(text('a')),
    assistant({ type: 'toolCall', id: 'c', name: 'f', arguments: '{}' }),
    user({ type: 'toolResult', toolCallId: 'c', content: [text('1')] }),
  ]
  const tools = ['f', 'g'].map((name) => ({ kind: 'function' as const, name }))

  test('leaves the tools out for `none`, unless the history needs them', () => {
    expect(body({ tools, toolChoice: { type: 'none' } })).not.toHaveProperty('toolConfig')
    const needed = body({ messages: history, tools, toolChoice: { type: 'none' } })
    expect(needed['toolConfig']).toMatchObject({ tools: [{ toolSpec: { name: 'f' } }, {}] })
    expect(bedrockAdapter.features.has('toolChoiceNone')).toBe(false)
  })

  test('declares the tools of a history that the caller no longer sends', () => {
    expect(body({ messages: history })['toolConfig']).toMatchObject({
      tools: [{ toolSpec: { name: 'f', inputSchema: { json: { type: 'object' } } } }],
    })
  })

  test.each([
    [{ type: 'auto' }, { auto: {} }],
    [{ type: 'required' }, { any: {} }],
    [{ type: 'tool', name: 'f' }, { tool: { name: 'f' } }],
    [{ type: 'allowed', mode: 'required', names: ['g'] }, { any: {} }],
  ] as const)('writes the choice %j', (toolChoice, expected) => {
    expect(body({ tools, toolChoice })['toolConfig']).toMatchObject({ toolChoice: expected })
  })

  test('tells each maker to think in its own words', () => {
    const fields = (model: string, more: Partial<CanonicalRequest> = {}) =>
      body({ reasoning: { effort: 'high', enabled: true }, ...more }, model)[
        'additionalModelRequestFields'
      ]
    expect(fields('anthropic.claude-opus-4-6-v1')).toEqual({
      thinking: { type: 'adaptive' },
      output_config: { effort: 'high' },
    })
    expect(fields(nova)).toEqual({
      reasoningConfig: { type: 'enabled', maxReasoningEffort: 'high' },
    })
    expect(fields(nova, { maxOutputTokens: 100 })).toEqual({
      reasoningConfig: { type: 'enabled', maxReasoningEffort: 'medium' },
    })
    expect(fields('openai.gpt-oss-120b-1:0')).toEqual({ reasoning_effort: 'high' })
    expect(fields('qwen.qwen3-32b-v1:0')).toEqual({ reasoning_config: 'high' })
    expect(
      call({ reasoning: { effort: 'high' } }, 'meta.llama3-2-1b-instruct-v1:0').unhonoured,
    ).toEqual(['reasoning'])
  })

  test('says one of temperature and top_p to a Claude that takes one', () => {
    const claude = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0'
    const encoded = call({ sampling: { temperature: 1, topP: 0.9 } }, claude)
    expect(encoded.body['inferenceConfig']).toEqual({ topP: 0.9 })
    expect(encoded.unhonoured).toBeUndefined()
  })

  test('writes limit, sampling, stop sequences, tier and metadata', () => {
    const encoded = call(
      {
        maxOutputTokens: 10,
        sampling: { temperature: 1.5, topP: 0.9, topK: 3 },
        stop: ['|'],
        serviceTier: 'flex',
        metadata: { team: 'a' },
      },
      'us.amazon.nova-pro-v1:0',
    )
    expect(encoded.body).toMatchObject({
      inferenceConfig: { maxTokens: 10, temperature: 1, topP: 0.9, stopSequences: ['|'] },
      additionalModelRequestFields: { inferenceConfig: { topK: 3 } },
      serviceTier: { type: 'flex' },
      requestMetadata: { team: 'a' },
    })
    expect(encoded.changed).toEqual([{ field: 'temperature', sentAs: '1' }])
  })

  test('passes guardrails on and joins the caller’s model fields with ours', () => {
    const guardrailConfig = { guardrailIdentifier: 'g', guardrailVersion: 'DRAFT' }
    const extensions = {
      [wire]: { guardrailConfig, messages: [], additionalModelRequestFields: { custom: 1 } },
    }
    expect(body({ extensions, sampling: { topK: 4 } })).toMatchObject({
      guardrailConfig,
      messages: [{ role: 'user' }],
      additionalModelRequestFields: { custom: 1, top_k: 4 },
    })
  })

  test('takes thinking that a client of Anthropic’s wire sends back, for a Claude only', () => {
    const messages = [
      user(text('a')),
      assistant(
        { type: 'reasoning', text: 't', signature: 'S', wire: 'anthropic-messages' },
        { type: 'reasoning', text: '', redacted: 'EuYBCkgIEBABGAIq', wire: 'anthropic-messages' },
        text('b'),
      ),
    ]
    expect((body({ messages })['messages'] as { content: unknown[] }[])[1]?.content).toEqual([
      { reasoningContent: { reasoningText: { text: 't', signature: 'S' } } },
      { reasoningContent: { redactedContent: btoa('EuYBCkgIEBABGAIq') } },
      { text: 'b' },
    ])
    expect((body({ messages }, nova)['messages'] as { content: unknown[] }[])[1]?.content).toEqual([
      { text: 'b' },
    ])
  })
})

describe('encodeCountTokens()', () => {
  test('wraps the prompt as Converse and reads the count', () => {
    const encoded = bedrockAdapter.encodeCountTokens?.(requestOf({ maxOutputTokens: 5 }), {
      upstreamModel: 'anthropic.claude-x',
      options: {},
    })
    expect(encoded).toMatchObject({
      path: '/model/anthropic.claude-x/count-tokens',
      body: { input: { converse: { messages: [{ role: 'user', content: [{ text: 'Hello' }] }] } } },
    })
    expect(bedrockAdapter.decodeCountTokens?.({ inputTokens: 9 })).toBe(9)
    expect(bedrockAdapter.decodeCountTokens?.({})).toBeNull()
  })
})
