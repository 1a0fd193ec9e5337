import { describe, expect, test } from 'vitest'
import type { Block } from '../../../../worker/canonical/blocks.ts'
import type { CanonicalRequest, Message } from '../../../../worker/canonical/request.ts'
import { mistralAdapter } from '../../../../worker/providers/mistral/adapter.ts'
import { requestOf } from '../../../support/recorded-exchange.ts'

const body = (request: Partial<CanonicalRequest>, upstreamModel = 'mistral-small-latest') =>
  mistralAdapter.encodeRequest(requestOf(request), { upstreamModel, options: {} }).body
const messages = (...turns: Message[]) => body({ messages: turns })['messages']
const user = (...content: Block[]): Message => ({ role: 'user', content })
const assistant = (...content: Block[]): Message => ({ role: 'assistant', content })
const text = (value: string): Block => ({ type: 'text', text: value })
const toolCall = (id: string): Block => ({ type: 'toolCall', id, name: 'f', arguments: '' })
const result = (toolCallId: string): Block => ({
  type: 'toolResult',
  toolCallId,
  content: [text('r')],
})

describe('encodeRequest()', () => {
  test('spells settings Mistral’s way', () => {
    expect(
      body({
        sampling: { temperature: 0.1, topP: 0.2, seed: 42, presencePenalty: 1, n: 2 },
        stop: ['x'],
        maxOutputTokens: 9,
        responseFormat: { type: 'json' },
        metadata: { a: 'b' },
        stream: true,
        extensions: { mistral: { safe_prompt: true, max_tokens: 1e9, n: 99, model: 'x' } },
      }),
    ).toEqual({
      model: 'mistral-small-latest',
      messages: [{ role: 'user', content: 'Hello' }],
      temperature: 0.1,
      top_p: 0.2,
      random_seed: 42,
      presence_penalty: 1,
      n: 2,
      stop: ['x'],
      max_tokens: 9,
      response_format: { type: 'json_object' },
      metadata: { a: 'b' },
      safe_prompt: true,
      stream: true,
    })
  })

  test('gives foreign tool call ids nine characters, the same for call and result', () => {
    const written = messages(
      user(text('q')),
      assistant(toolCall('toolu_01JA8S35SNy1ruX8gAXgb3Y6'), toolCall('abcDEF123')),
      user(result('toolu_01JA8S35SNy1ruX8gAXgb3Y6'), result('abcDEF123')),
    ) as { tool_calls?: { id: string }[]; tool_call_id?: string }[]
    const ids = written[1]?.tool_calls?.map(({ id }) => id)
    expect(ids).toEqual([expect.stringMatching(/^[A-Za-z0-9]{9}$/), 'abcDEF123'])
    expect(written.slice(2).map((one) => one.tool_call_id)).toEqual(ids)
  })

  test('does not make one id of two', () => {
    const many = Array.from({ length: 5000 }, (_, index) => `call_${index}`)
    const written = messages(assistant(...many.map(toolCall))) as { tool_calls: { id: string }[] }[]
    expect(new Set(written[0]?.tool_calls.map(({ id }) => id)).size).toBe(5000)
  })

  test('puts a turn of the model between a tool’s result and the user', () => {
    expect(
      messages(assistant(toolCall('abcDEF123')), user(result('abcDEF123'), text('and?'))),
    ).toEqual([
      {
        role: 'assistant',
        content: '',
        tool_calls: [
          { id: 'abcDEF123', type: 'function', function: { name: 'f', arguments: '{}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'abcDEF123', content: 'r' },
      { role: 'assistant', content: 'OK.' },
      { role: 'user', content: 'and?' },
    ])
  })

  test('marks a last turn of the model as the beginning of the answer', () => {
    expect(messages(user(text('q')), assistant(text('{')))).toEqual([
      { role: 'user', content: 'q' },
      { role: 'assistant', content: '{', prefix: true },
    ])
  })

  test('writes chunks for images, audio, documents and thinking', () => {
    expect(
      messages(
        user(
          { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA' } },
          { type: 'audio', source: { kind: 'base64', mediaType: 'audio/wav', data: 'BB' } },
          { type: 'file', name: 'd.pdf', source: { kind: 'url', url: 'https://a.example/d.pdf' } },
          { type: 'file', source: { kind: 'id', id: 'file-1' } },
        ),
        assistant({ type: 'reasoning', text: 'hm', signature: 's', wire: 'gemini' }, text('a')),
        user(text('b')),
      ),
    ).toEqual([
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } },
          { type: 'input_audio', input_audio: 'BB' },
          {
            type: 'document_url',
            document_url: 'https://a.example/d.pdf',
            document_name: 'd.pdf',
          },
          { type: 'file', file_id: 'file-1' },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }], closed: true },
          { type: 'text', text: 'a' },
        ],
      },
      { role: 'user', content: 'b' },
    ])
  })

  test('chooses tools Mistral’s way', () => {
    const tools: CanonicalRequest['tools'] = ['f', 'g'].map((name) => ({ kind: 'function', name }))
    const choose = (toolChoice: CanonicalRequest['toolChoice'] & object) => {
      const written = body({ tools, toolChoice, parallelToolCalls: false })
      return [written['tool_choice'], (written['tools'] as object[]).length]
    }
    expect(choose({ type: 'required' })).toEqual(['any', 2])
    expect(choose({ type: 'none' })).toEqual(['none', 2])
    expect(choose({ type: 'tool', name: 'g' })).toEqual([
      { type: 'function', function: { name: 'g' } },
      2,
    ])
    expect(choose({ type: 'allowed', mode: 'required', names: ['f'] })).toEqual(['any', 1])
    expect(body({ toolChoice: { type: 'auto' } })).not.toHaveProperty('tool_choice')
  })

  test.each([
    ['mistral-small-latest', { effort: 'low' }, 'high'],
    ['mistral-small-latest', { enabled: false }, 'none'],
    ['mistral-large-4', { effort: 'medium' }, 'medium'],
    ['mistral-large-4', { effort: 'none' }, 'low'],
    ['zai-glm-5-3', { effort: 'medium' }, 'high'],
  ])('asks %s to think as %j', (model, reasoning, effort) => {
    expect(body({ reasoning }, model)['reasoning_effort']).toBe(effort)
  })
})
