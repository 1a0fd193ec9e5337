import type { Block, ToolCallBlock } from '../../canonical/blocks.ts'
import type { Message } from '../../canonical/request.ts'
import { compact } from '../shared/compact.ts'
import type { BodyNotes } from '../shared/body-notes.ts'
import { cacheOf, nameMark, nameToolParts, readParts } from './parse-parts.ts'
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
export function readMessages(messages: readonly ChatMessage[], notes: BodyNotes): Message[] {
  let lastCallId = ''
  return messages.map((message, index) => {
    const known = message.role === 'assistant' ? assistantFields : plainFields
    notes.note(message, known, 'messages', index)
    nameMark(message, ['messages', index], notes)
    // A tool's name only repeats that of the call, and `function` messages of 2023 must have it.
    if (message.role !== 'tool' && message.role !== 'function' && message.name)
      notes.name('participantNames', 'messages', index, 'name')
    switch (message.role) {
      case 'assistant': {
        if (message.function_call) lastCallId = legacyCallId(index)
        return assistantMessage(message, index, notes)
      }
      case 'tool':
        return toolMessage(message, index, notes)
      case 'function':
        notes.name('tools', 'messages', index)
        return toolResultMessage(lastCallId, message.name, [
          { type: 'text', text: message.content ?? '' },
        ])
      default:
        return compact<Message>({
          role: message.role,
          content: withMark(readParts(message.content, index, notes), message, index, notes),
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
  notes: BodyNotes,
): Message {
  const parts = readParts(message.content, index, notes)
  nameToolParts(message.content, index, notes)
  notes.name('tools', 'messages', index)
  const result = toolResultMessage(message.tool_call_id, message.name ?? undefined, parts)
  return { ...result, content: withMark(result.content, message, index, notes) }
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

function assistantMessage(message: AssistantMessage, index: number, notes: BodyNotes): Message {
  const content: Block[] = reasoningBlocks(message)
  const thoughts = ['reasoning_details', 'reasoning_content', 'reasoning'] as const
  const told = thoughts.find((field) => (message[field] ?? '').length > 0)
  if (told !== undefined) notes.name('thoughts', 'messages', index, told)
  // Answers with tool calls come back with an empty text that nobody wrote.
  if (message.content) content.push(...readParts(message.content, index, notes))
  if (message.refusal) content.push({ type: 'refusal', text: message.refusal })
  if (message.audio) {
    notes.name('audioHistory', 'messages', index, 'audio')
    content.push({ type: 'media', kind: 'audio', id: message.audio.id })
  }
  for (const [position, call] of (message.tool_calls ?? []).entries()) {
    const path = ['messages', index, 'tool_calls', position] as const
    notes.note(call, callFields, ...path)
    nameMark(call, path, notes)
    notes.name(call.type === 'custom' ? 'customTools' : 'tools', ...path)
    if (call.extra_content?.google?.thought_signature)
      notes.name('thoughts', ...path, 'extra_content')
    content.push(toolCallBlock(call))
  }
  const legacy = message.function_call
  if (legacy) {
    notes.name('tools', 'messages', index, 'function_call')
    content.push({
      type: 'toolCall',
      id: legacyCallId(index),
      name: legacy.name,
      arguments: legacy.arguments,
    })
  }
  return compact<Message>({
    role: 'assistant',
    content: withMark(content, message, index, notes),
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

/** A mark on a message marks its last block that can have one. */
function withMark(
  content: readonly Block[],
  { cache_control: mark }: Pick<ChatMessage, 'cache_control'>,
  index: number,
  notes: BodyNotes,
): readonly Block[] {
  const cache = cacheOf({ cache_control: mark as never })
  if (cache === undefined) return content
  const last = content.findLastIndex(({ type }) => type !== 'reasoning' && type !== 'media')
  if (last === -1) notes.add('messages', index, 'cache_control')
  return content.map((block, position) =>
    position === last ? ({ ...block, cache } as Block) : block,
  )
}
