import type { Block, ToolCallBlock } from '../../canonical/blocks.ts'
import type { Message } from '../../canonical/request.ts'
import { compact } from '../shared/compact.ts'
import type { Ignored } from '../shared/ignored.ts'
import { cacheOf, readParts } from './parse-parts.ts'
import { blocksOfDetails } from './reasoning-details.ts'
import type { AssistantMessage, ChatMessage, ToolCallPart } from './schema-messages.ts'

const plainFields = new Set(['role', 'content', 'name', 'cache_control', 'tool_call_id'])
const assistantFields = new Set([
  'role',
  'content',
  'refusal',
  'name',
  'audio',
  'tool_calls',
  'function_call',
  'reasoning_content',
  'reasoning',
  'reasoning_details',
  'cache_control',
  // Sources of an earlier answer, sent back by clients that return messages whole; no provider reads them.
  'annotations',
])
const callFields = new Set([
  'id',
  'type',
  'function',
  'custom',
  'cache_control',
  'extra_content',
  // Left in by clients that return the pieces of a stream.
  'index',
])

/** `messages` in our words: one message each; a tool's answer becomes a user's message with one `toolResult`. */
export function readMessages(messages: readonly ChatMessage[], ignored: Ignored): Message[] {
  let lastCallId = ''
  return messages.map((message, index) => {
    const known = message.role === 'assistant' ? assistantFields : plainFields
    ignored.note(message, known, 'messages', index)
    switch (message.role) {
      case 'assistant': {
        if (message.function_call) lastCallId = legacyCallId(index)
        return assistantMessage(message, index, ignored)
      }
      case 'tool':
        return toolMessage(message, index, ignored)
      case 'function':
        return toolResultMessage(lastCallId, message.name, [
          { type: 'text', text: message.content ?? '' },
        ])
      default:
        return compact<Message>({
          role: message.role,
          content: withMark(readParts(message.content, index, ignored), message.cache_control),
          name: message.name,
        })
    }
  })
}

/** `functions` of 2023 had no ids; a call is known by the message that holds it. */
function legacyCallId(messageIndex: number): string {
  return `call_${messageIndex}`
}

function toolMessage(
  message: Extract<ChatMessage, { role: 'tool' }>,
  index: number,
  ignored: Ignored,
): Message {
  const parts = readParts(message.content, index, ignored)
  const result = toolResultMessage(message.tool_call_id, message.name ?? undefined, parts)
  return { ...result, content: withMark(result.content, message.cache_control) }
}

function toolResultMessage(
  toolCallId: string,
  name: string | undefined,
  content: readonly Block[],
): Message {
  return {
    role: 'user',
    content: [{ type: 'toolResult', toolCallId, ...(name === undefined ? {} : { name }), content }],
  }
}

function assistantMessage(message: AssistantMessage, index: number, ignored: Ignored): Message {
  const content: Block[] = reasoningBlocks(message)
  // Answers with tool calls come back with an empty text that nobody wrote.
  if (message.content) content.push(...readParts(message.content, index, ignored))
  if (message.refusal) content.push({ type: 'refusal', text: message.refusal })
  if (message.audio) content.push({ type: 'media', kind: 'audio', id: message.audio.id })
  for (const [position, call] of (message.tool_calls ?? []).entries()) {
    ignored.note(call, callFields, 'messages', index, 'tool_calls', position)
    content.push(toolCallBlock(call))
  }
  const legacy = message.function_call
  if (legacy)
    content.push({
      type: 'toolCall',
      id: legacyCallId(index),
      name: legacy.name,
      arguments: legacy.arguments,
    })
  return compact<Message>({
    role: 'assistant',
    content: withMark(content, message.cache_control),
    name: message.name,
  })
}

function reasoningBlocks(message: AssistantMessage): Block[] {
  const blocks: Block[] = blocksOfDetails(message.reasoning_details ?? [])
  const text = message.reasoning_content ?? message.reasoning ?? ''
  const isTold = blocks.some((block) => block.type === 'reasoning' && block.text !== '')
  return text === '' || isTold ? blocks : [{ type: 'reasoning', text }, ...blocks]
}

function toolCallBlock(call: ToolCallPart): ToolCallBlock {
  const common = {
    type: 'toolCall' as const,
    id: call.id,
    cache: cacheOf(call),
    signature: call.extra_content?.google?.thought_signature,
  }
  if (call.type === 'custom')
    return compact<ToolCallBlock>({
      ...common,
      name: call.custom.name,
      arguments: call.custom.input,
      custom: true,
    })
  return compact<ToolCallBlock>({
    ...common,
    name: call.function.name,
    arguments: call.function.arguments,
  })
}

/** A mark on a message marks its last block. */
function withMark(content: readonly Block[], mark: ChatMessage['cache_control']): readonly Block[] {
  const last = content.at(-1)
  const cache = cacheOf({ cache_control: mark as never })
  if (cache === undefined || last === undefined) return content
  return [...content.slice(0, -1), { ...last, cache } as Block]
}
