import type {
  Block,
  CacheMark,
  FileBlock,
  ImageBlock,
  ReasoningBlock,
  TextBlock,
  ToolResultBlock,
} from '../../canonical/blocks.ts'
import type { JsonObject } from '../../canonical/request.ts'
import type { Departures } from '../departures.ts'
import { toolInput, portableToolCallId } from '../tool-calls.ts'
import { objectOf, present } from '../json-values.ts'
import { anthropicRedacted } from './redacted-thinking.ts'

/** A cache mark as the wire spells it. */
export function cacheControl(cache: CacheMark | undefined): JsonObject | undefined {
  return cache === undefined ? undefined : present({ type: 'ephemeral', ttl: cache.ttl })
}

/** A block as zero or one content blocks; what the wire has no form for is left out and noted. */
export function encodeBlock(block: Block, departures: Departures): readonly JsonObject[] {
  switch (block.type) {
    case 'text':
      return encodeText(block)
    case 'image':
      return [encodeImage(block)]
    case 'file':
      return [encodeFile(block)]
    case 'reasoning':
      return encodeReasoning(block, departures)
    case 'toolCall':
      // The proof of a thought behind a call is Gemini's.
      if (block.signature !== undefined) departures.leave('thoughts')
      return [
        present({
          type: 'tool_use',
          id: portableToolCallId(block.id),
          name: block.name,
          input: toolInput(block.arguments),
          cache_control: cacheControl(block.cache),
        }),
      ]
    case 'toolResult':
      return [encodeToolResult(block, departures)]
    case 'refusal':
      return encodeText({ ...block, type: 'text' })
    case 'opaque': {
      const value = block.raw.wire === 'anthropic-messages' ? objectOf(block.raw.value) : undefined
      return value === undefined ? [] : [value]
    }
    case 'audio':
      departures.leave('audioInput')
      return []
    case 'video':
      departures.leave('videoInput')
      return []
    case 'media':
      return encodeText({ type: 'text', text: block.transcript ?? '' })
  }
}

/** The API refuses text blocks without text (corpus err400-handles-empty-string-content); they say nothing anyway. */
export function encodeText(block: TextBlock): readonly JsonObject[] {
  if (block.text === '') return []
  const citations = (block.citations ?? []).flatMap((citation) =>
    citation.raw?.wire === 'anthropic-messages' ? [citation.raw.value] : [],
  )
  return [
    present({
      type: 'text',
      text: block.text,
      citations: citations.length === 0 ? undefined : citations,
      cache_control: cacheControl(block.cache),
    }),
  ]
}

function encodeImage({ source, cache }: ImageBlock): JsonObject {
  const cacheMark = cacheControl(cache)
  switch (source.kind) {
    case 'url':
      return image({ type: 'url', url: source.url }, cacheMark)
    case 'base64':
      return image({ type: 'base64', media_type: source.mediaType, data: source.data }, cacheMark)
    case 'id':
      return image({ type: 'file', file_id: source.id }, cacheMark)
    case 'text':
      return present({ type: 'text', text: source.text, cache_control: cacheMark })
  }
}

function image(source: JsonObject, cacheMark: JsonObject | undefined): JsonObject {
  return present({ type: 'image', source, cache_control: cacheMark })
}

function encodeFile(file: FileBlock): JsonObject {
  return present({
    type: 'document',
    source: documentSource(file),
    title: file.name,
    context: file.context,
    citations: file.citations === undefined ? undefined : { enabled: file.citations },
    cache_control: cacheControl(file.cache),
  })
}

function documentSource({ source }: FileBlock): JsonObject {
  switch (source.kind) {
    case 'url':
      return { type: 'url', url: source.url }
    case 'base64':
      return source.mediaType === 'text/plain'
        ? { type: 'text', media_type: 'text/plain', data: decodeUtf8(source.data) }
        : { type: 'base64', media_type: source.mediaType, data: source.data }
    case 'id':
      return { type: 'file', file_id: source.id }
    // The only media type of a text source, whatever the text's own (SDK 1.11.0, PlainTextSource).
    case 'text':
      return { type: 'text', media_type: 'text/plain', data: source.text }
  }
}

/** Base64 sources are for PDF only; a plain-text file goes as the text it is. */
function decodeUtf8(base64: string): string {
  const binary = atob(base64)
  return new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0)))
}

/**
 * Thinking goes back only with its proof: the API refuses a thinking block
 * without a signature, and one that another vendor signed.
 */
function encodeReasoning(block: ReasoningBlock, departures: Departures): readonly JsonObject[] {
  const isOwn = block.wire === 'anthropic-messages'
  const isProven = (block.redacted ?? block.signature) !== undefined
  departures.sent('thoughts', isOwn && isProven)
  if (isOwn && block.redacted !== undefined)
    return [{ type: 'redacted_thinking', data: anthropicRedacted(block.redacted) }]
  if (isOwn && block.signature !== undefined)
    return [{ type: 'thinking', thinking: block.text, signature: block.signature }]
  return []
}

function encodeToolResult(block: ToolResultBlock, departures: Departures): JsonObject {
  const content = block.content.flatMap((part) => encodeBlock(part, departures))
  return present({
    type: 'tool_result',
    tool_use_id: portableToolCallId(block.toolCallId),
    content: content.length === 0 ? undefined : content,
    is_error: block.isError,
    cache_control: cacheControl(block.cache),
  })
}
