import type { Block, MediaSource, ToolResultBlock } from '../../canonical/blocks.ts'
import type { JsonObject, Message } from '../../canonical/request.ts'
import type { Leave } from '../departures.ts'
import { present } from '../json-values.ts'

/** `messages`, in order; documents are not here (`documentsOf`). */
export function messagesOf(messages: readonly Message[]): JsonObject[] {
  return messages.flatMap((message) =>
    message.role === 'assistant' ? [assistantMessage(message)] : inputMessages(message),
  )
}

/**
 * Text files become `documents`, which the model cites
 * (https://docs.cohere.com/v2/docs/retrieval-augmented-generation-rag, 2026-11-20).
 */
export function documentsOf(messages: readonly Message[], leave: Leave): JsonObject[] | undefined {
  const files = messages
    .flatMap((message) => message.content)
    .flatMap((block) => (block.type === 'file' && block.source.kind === 'text' ? [block] : []))
  if (files.some(({ context }) => context !== undefined)) leave('documentContext')
  const documents = files.map(({ source, name }, position) => ({
    id: `doc:${position}`,
    data: present({ title: name, text: source.kind === 'text' ? source.text : undefined }),
  }))
  return documents.length === 0 ? undefined : documents
}

function inputMessages(message: Message): JsonObject[] {
  const results = message.content.filter((block) => block.type === 'toolResult')
  const rest = message.content.filter((block) => block.type !== 'toolResult')
  const role = message.role === 'user' ? 'user' : 'system'
  const content = contentOf(rest)
  const said = content.length === 0 ? [] : [{ role, content }]
  return [...results.map(toolMessage), ...said]
}

function toolMessage(result: ToolResultBlock): JsonObject {
  return { role: 'tool', tool_call_id: result.toolCallId, content: contentOf(result.content) }
}

/**
 * What the model thought before it called tools is its `tool_plan`, which every
 * model takes back; thinking elsewhere is content.
 */
function assistantMessage(message: Message): JsonObject {
  const calls = message.content.flatMap((block) =>
    block.type === 'toolCall'
      ? {
          id: block.id,
          type: 'function',
          function: { name: block.name, arguments: block.arguments || '{}' },
        }
      : [],
  )
  const thoughts = message.content.flatMap((block) =>
    block.type === 'reasoning' && block.text !== '' ? [block.text] : [],
  )
  const hasCalls = calls.length > 0
  const content = contentOf(
    message.content.filter((block) => !(hasCalls && block.type === 'reasoning')),
  )
  return present({
    role: 'assistant',
    content: content.length === 0 && hasCalls ? undefined : content,
    tool_plan: hasCalls && thoughts.length > 0 ? thoughts.join('\n') : undefined,
    tool_calls: hasCalls ? calls : undefined,
  })
}

/** One text is a string, anything else a list of parts. */
function contentOf(blocks: readonly Block[]): string | JsonObject[] {
  const parts = blocks.map(partOf).filter((part) => part !== undefined)
  const [only] = parts
  if (only === undefined) return ''
  return parts.length === 1 && typeof only['text'] === 'string' ? only['text'] : parts
}

function partOf(block: Block): JsonObject | undefined {
  switch (block.type) {
    case 'text':
    case 'refusal':
      return block.text === '' ? undefined : { type: 'text', text: block.text }
    case 'reasoning':
      return block.text === '' ? undefined : { type: 'thinking', thinking: block.text }
    case 'image':
      return {
        type: 'image_url',
        image_url: present({ url: urlOf(block.source), detail: block.detail }),
      }
    case 'file':
    case 'audio':
    case 'video':
    case 'media':
    case 'opaque':
    case 'toolCall':
    case 'toolResult':
      return undefined
  }
}

function urlOf(source: MediaSource): string | undefined {
  if (source.kind === 'url') return source.url
  return source.kind === 'base64' ? `data:${source.mediaType};base64,${source.data}` : undefined
}
