import { expect, it } from 'vitest'
import type { Block } from '../../../../worker/canonical/blocks.ts'
import { openAiChat } from '../../../../worker/dialects/openai-chat/index.ts'

const context = {
  requestId: 'req_0',
  model: 'm',
  nowS: 1,
  includeUsage: true,
  includeCost: false,
  legacyFunctions: false,
  costUsd: () => null,
}

const messageOf = (block: Block) =>
  openAiChat.renderResponse(
    { choices: [{ index: 0, content: [block], finish: { choice: 0, reason: 'stop' } }] },
    context,
  )['choices']

it.each<[string, Block, object]>([
  [
    'a call of a tool',
    { type: 'toolCall', id: 'call_1', name: 'f', arguments: '{}' },
    { tool_calls: [{ id: 'call_1', function: { name: 'f', arguments: '{}' } }] },
  ],
  ['a thought', { type: 'reasoning', text: 'hm' }, { reasoning_content: 'hm' }],
  [
    'a proven thought without text',
    { type: 'reasoning', text: '', signature: 's', wire: 'anthropic-messages' },
    { reasoning_details: [{ signature: 's' }] },
  ],
  ['a sound', { type: 'media', kind: 'audio', id: 'a', data: 'AA==' }, { audio: { id: 'a' } }],
  [
    'a picture',
    { type: 'media', kind: 'image', url: 'https://images.example/a.png' },
    { images: [{ image_url: { url: 'https://images.example/a.png' } }] },
  ],
  [
    'a part of this wire format',
    { type: 'opaque', raw: { wire: 'openai-chat', value: { type: 'x' } } },
    { content_parts: [{ type: 'x' }] },
  ],
])('a message that is nothing but %s has it', (_name, block, fields) => {
  expect(messageOf(block)).toMatchObject([{ message: fields }])
})
