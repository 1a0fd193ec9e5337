import type { Block, FileBlock, MediaSource, ToolResultBlock } from '../../canonical/blocks.ts'
import type { JsonObject, Message } from '../../canonical/request.ts'
import type { Departures } from '../departures.ts'
import { present } from '../json-values.ts'
import { mistralToolCallId } from './tool-call-id.ts'

/** Stands between a tool's result and the caller's next turn, where Mistral wants a turn of the model. */
const bridge: JsonObject = { role: 'assistant', content: 'OK.' }

/** `messages`; a last turn of the model is marked as the beginning of the answer (`prefix`). */
export function messagesOf(messages: readonly Message[], departures: Departures): JsonObject[] {
  const out: JsonObject[] = []
  for (const message of messages)
    for (const written of message.role === 'assistant'
      ? [assistantMessage(message, departures)]
      : inputMessages(message, departures)) {
      // "Unexpected role 'user' after role 'tool'", code 3230 (zed-industries/zed#37021, read 2026-11-20).
      if (out.at(-1)?.['role'] === 'tool' && written['role'] === 'user') out.push(bridge)
      out.push(written)
    }
  const last = out.at(-1)
  if (last?.['role'] === 'assistant' && last['tool_calls'] === undefined)
    out[out.length - 1] = { ...last, prefix: true }
  return out
}

/** Tool results become messages of their own, before what else the caller said. */
function inputMessages(message: Message, departures: Departures): JsonObject[] {
  const results = message.content.filter((block) => block.type === 'toolResult')
  const rest = message.content.filter((block) => block.type !== 'toolResult')
  const role = message.role === 'user' ? 'user' : 'system'
  const said = rest.length === 0 ? [] : [{ role, content: contentOf(rest, departures) }]
  return [...results.map((result) => toolMessage(result, departures)), ...said]
}

function toolMessage(result: ToolResultBlock, departures: Departures): JsonObject {
  return present({
    role: 'tool',
    tool_call_id: mistralToolCallId(result.toolCallId),
    name: result.name,
    content: contentOf(result.content, departures),
  })
}

function assistantMessage(message: Message, departures: Departures): JsonObject {
  const calls = message.content.flatMap((block) =>
    block.type === 'toolCall'
      ? {
          id: mistralToolCallId(block.id),
          type: 'function',
          function: { name: block.name, arguments: block.arguments || '{}' },
        }
      : [],
  )
  return present({
    role: 'assistant',
    content: contentOf(
      message.content.filter((block) => block.type !== 'toolCall'),
      departures,
    ),
    tool_calls: calls.length === 0 ? undefined : calls,
  })
}

/** One text is a string, anything else a list of chunks. */
function contentOf(blocks: readonly Block[], departures: Departures): string | JsonObject[] {
  const chunks = blocks
    .map((block) => chunkOf(block, departures))
    .filter((chunk) => chunk !== undefined)
  const [only] = chunks
  if (only === undefined) return ''
  return chunks.length === 1 && typeof only['text'] === 'string' ? only['text'] : chunks
}

function chunkOf(block: Block, departures: Departures): JsonObject | undefined {
  switch (block.type) {
    case 'text':
    case 'refusal':
      return { type: 'text', text: block.text }
    case 'image':
      return {
        type: 'image_url',
        image_url: present({ url: urlOf(block.source), detail: block.detail }),
      }
    case 'audio':
      // Plain base64 or an address, without OpenAI's object around it (docs.mistral.ai/capabilities/audio, 2026-11-20).
      return {
        type: 'input_audio',
        input_audio: block.source.kind === 'base64' ? block.source.data : urlOf(block.source),
      }
    case 'file':
      return fileChunk(block, departures)
    case 'reasoning':
      return block.text === ''
        ? undefined
        : { type: 'thinking', thinking: [{ type: 'text', text: block.text }], closed: true }
    case 'opaque':
      return block.raw.wire === 'mistral' ? (block.raw.value as JsonObject) : undefined
    case 'video':
    case 'toolCall':
    case 'toolResult':
    case 'media':
      return undefined
  }
}

/** Only a document by address or in line has a name beside it. */
function fileChunk({ source, name, context }: FileBlock, departures: Departures): JsonObject {
  const isNamed = source.kind === 'url' || source.kind === 'base64'
  if (name !== undefined) departures.sent('documentTitles', isNamed)
  if (context !== undefined) departures.leave('documentContext')
  switch (source.kind) {
    case 'id':
      return { type: 'file', file_id: source.id }
    case 'text':
      return { type: 'text', text: source.text }
    case 'url':
    case 'base64':
      return present({ type: 'document_url', document_url: urlOf(source), document_name: name })
  }
}

function urlOf(source: MediaSource): string {
  switch (source.kind) {
    case 'url':
      return source.url
    case 'base64':
      return `data:${source.mediaType};base64,${source.data}`
    case 'id':
      return source.id
    case 'text':
      return source.text
  }
}
