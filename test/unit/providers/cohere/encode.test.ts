import { describe, expect, test } from 'vitest'
import type { Block } from '../../../../worker/canonical/blocks.ts'
import type { CanonicalRequest, Message } from '../../../../worker/canonical/request.ts'
import { cohereAdapter } from '../../../../worker/providers/cohere/adapter.ts'
import { requestOf } from '../../../support/recorded-exchange.ts'

const body = (request: Partial<CanonicalRequest>) =>
  cohereAdapter.encodeRequest(requestOf(request), {
    upstreamModel: 'command-a-03-2025',
    options: {},
  }).body
const user = (...content: Block[]): Message => ({ role: 'user', content })
const assistant = (...content: Block[]): Message => ({ role: 'assistant', content })
const text = (value: string): Block => ({ type: 'text', text: value })

describe('encodeRequest()', () => {
  test('spells settings Cohere’s way', () => {
    expect(
      body({
        sampling: { temperature: 0.1, topP: 0.2, topK: 3, seed: 7 },
        stop: ['<END>'],
        maxOutputTokens: 9,
        responseFormat: { type: 'jsonSchema', name: 'n', schema: { type: 'object' } },
        reasoning: { budgetTokens: 100 },
        extensions: { cohere: { safety_mode: 'NONE', max_tokens: 1e9, messages: [] } },
      }),
    ).toEqual({
      model: 'command-a-03-2025',
      messages: [{ role: 'user', content: 'Hello' }],
      temperature: 0.1,
      p: 0.2,
      k: 3,
      seed: 7,
      stop_sequences: ['<END>'],
      max_tokens: 9,
      response_format: { type: 'json_object', json_schema: { type: 'object' } },
      thinking: { type: 'enabled', token_budget: 100 },
      safety_mode: 'NONE',
      stream: false,
    })
    expect(body({ reasoning: { effort: 'none' } })['thinking']).toEqual({ type: 'disabled' })
  })

  test('gives a plan back as a plan, and results as tool messages', () => {
    const turns = [
      user(text('q')),
      assistant(
        { type: 'reasoning', text: 'I will look.' },
        { type: 'toolCall', id: 'c1', name: 'f', arguments: '{"a":1}' },
      ),
      user({ type: 'toolResult', toolCallId: 'c1', content: [text('r')] }, text('go on')),
      assistant({ type: 'reasoning', text: 'Hm.' }, text('Done.')),
    ]
    expect(body({ messages: turns })['messages']).toEqual([
      { role: 'user', content: 'q' },
      {
        role: 'assistant',
        tool_plan: 'I will look.',
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'r' },
      { role: 'user', content: 'go on' },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Hm.' },
          { type: 'text', text: 'Done.' },
        ],
      },
    ])
  })

  test('writes text files as documents and images as parts', () => {
    const source = { kind: 'text', mediaType: 'text/plain', text: 'facts' } as const
    const written = body({
      messages: [
        user(
          { type: 'file', name: 'facts.txt', source },
          { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA' } },
          text('q'),
        ),
      ],
      extensions: { cohere: { documents: ['own'] } },
    })
    expect(written['documents']).toEqual([
      'own',
      { id: 'doc:0', data: { title: 'facts.txt', text: 'facts' } },
    ])
    expect(written['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } },
          { type: 'text', text: 'q' },
        ],
      },
    ])
  })

  test('says a choice of one tool by showing only it', () => {
    const tools: CanonicalRequest['tools'] = ['f', 'g'].map((name) => ({
      kind: 'function',
      name,
      strict: true,
    }))
    const choose = (toolChoice: CanonicalRequest['toolChoice'] & object) => {
      const written = body({ tools, toolChoice })
      const names = (written['tools'] as { function: { name: string } }[]).map(
        (tool) => tool.function.name,
      )
      return [written['tool_choice'], ...names]
    }
    expect(choose({ type: 'auto' })).toEqual([undefined, 'f', 'g'])
    expect(choose({ type: 'none' })).toEqual(['NONE', 'f', 'g'])
    expect(choose({ type: 'required' })).toEqual(['REQUIRED', 'f', 'g'])
    expect(choose({ type: 'tool', name: 'g' })).toEqual(['REQUIRED', 'g'])
    expect(choose({ type: 'allowed', mode: 'auto', names: ['f'] })).toEqual([undefined, 'f'])
    expect(body({ tools })['strict_tools']).toBe(true)
    expect(body({ tools: [{ kind: 'function', name: 'f' }] })).not.toHaveProperty('strict_tools')
  })
})
