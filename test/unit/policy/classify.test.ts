import { describe, expect, it } from 'vitest'
import type { Block } from '../../../worker/canonical/blocks.ts'
import type { CanonicalRequest } from '../../../worker/canonical/request.ts'
import { anthropicMessages } from '../../../worker/dialects/anthropic-messages/index.ts'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import type { Parsed } from '../../../worker/dialects/dialect.ts'
import { classify } from '../../../worker/policy/classify.ts'

const request: CanonicalRequest = {
  model: 'chat',
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }],
  sampling: {},
  stream: false,
  includeUsage: true,
  includeCost: false,
}

const wishes = (more: Partial<CanonicalRequest>) => classify({ ...request, ...more }).wishes

function said(content: readonly Block[]): Partial<CanonicalRequest> {
  return { messages: [{ role: 'user', content }] }
}

function valueOf(parsed: Parsed<CanonicalRequest>): CanonicalRequest {
  if (!parsed.ok) throw new Error(parsed.error.message)
  return parsed.value
}

describe('classify() wishes', () => {
  it('are registered once each, and an empty one is none', () => {
    const all = { userId: 'ann', metadata: { team: 'a' }, promptCacheKey: 'key' }
    expect(wishes(all).map(({ feature }) => feature)).toEqual([
      'userId',
      'metadata',
      'promptCacheKey',
    ])
    expect(wishes({ metadata: {} })).toEqual([])
    expect(wishes({ sampling: { logitBias: {}, frequencyPenalty: 0 } })).toEqual([])
  })

  it('name the first place of several that ask for the same', () => {
    const thought: Block = { type: 'reasoning', text: 'Hm', signature: 's', wire: 'gemini' }
    const messages = [
      ...request.messages,
      { role: 'assistant' as const, content: [thought, thought] },
      ...request.messages,
      { role: 'assistant' as const, content: [thought, { type: 'text' as const, text: 'Hi' }] },
      ...request.messages,
    ]
    expect(wishes({ messages })).toEqual([{ feature: 'thoughts', param: 'messages[1].content[0]' }])
  })

  it('are none where a value is the default of every wire', () => {
    const url = 'https://a.example/a.png'
    const picture = (detail: string): Block => ({
      type: 'image',
      source: { kind: 'url', url },
      detail,
    })
    expect(wishes(said([picture('auto')]))).toEqual([])
    expect(wishes(said([picture('low')]))).toMatchObject([{ feature: 'imageDetail' }])
    const result = (isError: boolean): Block => ({
      type: 'toolResult',
      toolCallId: 'a',
      content: [],
      isError,
    })
    expect(wishes(said([result(false)]))).toEqual([])
    expect(wishes(said([result(true)]))).toMatchObject([{ feature: 'toolErrors' }])
  })
})

describe('classify() needs', () => {
  it('binds an uploaded file to the format it came in', () => {
    const file: Block = { type: 'file', source: { kind: 'id', id: 'f', wire: 'openai-chat' } }
    const image: Block = {
      type: 'image',
      source: { kind: 'id', id: 'f', wire: 'anthropic-messages' },
    }
    expect(classify({ ...request, ...said([file]) })).toMatchObject({
      needs: [{ feature: 'fileId', param: 'messages[0].content[0]' }],
      wires: [{ wire: 'openai-chat', param: 'messages[0].content[0]', hard: true }],
    })
    const inside: Block = { type: 'toolResult', toolCallId: 'a', content: [image] }
    expect(classify({ ...request, ...said([inside]) }).wires).toEqual([
      { wire: 'anthropic-messages', param: 'messages[0].content[0].content[0]', hard: true },
    ])
  })

  it('asks for the kind of a picture that a tool gives, as for any other', () => {
    const image: Block = { type: 'image', source: { kind: 'url', url: 'https://a.example/a' } }
    const inside: Block = { type: 'toolResult', toolCallId: 'a', content: [image] }
    const { needs } = classify({ ...request, ...said([inside]) })
    expect(needs.map(({ feature }) => feature)).toEqual(['tools', 'toolResultImages', 'imageUrl'])
  })
})

describe('classify() names', () => {
  it("Anthropic's fields as its clients write them", () => {
    const parsed = anthropicMessages.parse({
      model: 'm',
      max_tokens: 5,
      system: 'Be kind.',
      messages: [
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: 'Well' },
      ],
      stop_sequences: ['END'],
      metadata: { user_id: 'ann' },
      output_config: { effort: 'low', format: { type: 'json_schema', schema: {} } },
      tools: [{ name: 'f', input_schema: {}, strict: true, input_examples: [{}] }],
      tool_choice: { type: 'auto', disable_parallel_tool_use: true },
    })
    const { needs, wishes, preferred, wires } = classify(valueOf(parsed))
    expect([...needs, ...wishes, ...preferred].map(({ param }) => param)).toEqual([
      // `system` is no message of theirs.
      'messages[1]',
      'tools',
      'output_config.format',
      'stop_sequences',
      'tools[0].strict',
      'output_config.effort',
      'metadata.user_id',
      'tool_choice.disable_parallel_tool_use',
    ])
    expect(wires).toEqual([
      { wire: 'anthropic-messages', param: 'tools[0].input_examples', hard: false },
    ])
  })

  it('thinking by the field that asked for it', () => {
    const named = (more: object) =>
      classify(
        valueOf(
          openAiChat.parse({ model: 'm', messages: [{ role: 'user', content: 'x' }], ...more }),
        ),
      ).wishes.map(({ param }) => param)
    expect(named({ reasoning_effort: 'low' })).toEqual(['reasoning_effort'])
    expect(named({ reasoning: { effort: 'low', exclude: true } })).toEqual([
      'reasoning',
      'reasoning.exclude',
    ])
    expect(named({ thinking: { type: 'enabled' } })).toEqual(['thinking'])
    expect(named({ enable_thinking: true })).toEqual(['enable_thinking'])
  })
})
