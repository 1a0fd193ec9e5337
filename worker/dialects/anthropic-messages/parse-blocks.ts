import type {
  Block,
  CacheMark,
  Citation,
  FileBlock,
  ImageBlock,
  MediaSource,
  ReasoningBlock,
  TextBlock,
  ToolCallBlock,
  ToolResultBlock,
} from '../../canonical/blocks.ts'
import { compact } from '../shared/compact.ts'
import { sourceOfUrl } from '../shared/data-url.ts'
import type { BodyNotes } from '../shared/body-notes.ts'
import type { BlockField, ContentBlockField } from './schema-blocks.ts'
import { readProof } from './signatures.ts'

type Path = readonly (string | number)[]

const knownFields: Readonly<Record<string, ReadonlySet<string>>> = {
  text: new Set(['type', 'text', 'cache_control', 'citations']),
  image: new Set(['type', 'source', 'cache_control']),
  document: new Set(['type', 'source', 'cache_control', 'citations', 'context', 'title']),
  tool_use: new Set(['type', 'id', 'name', 'input', 'cache_control', 'caller', 'signature']),
  tool_result: new Set(['type', 'tool_use_id', 'content', 'is_error', 'cache_control']),
  thinking: new Set(['type', 'thinking', 'signature']),
  redacted_thinking: new Set(['type', 'data']),
}

/** `content` as blocks; `path` is its place in the body. */
export function readContent(
  content: string | readonly ContentBlockField[],
  path: Path,
  notes: BodyNotes,
): Block[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  return content.map((field, index) => readBlock(field, [...path, index], notes))
}

function readBlock(field: ContentBlockField, path: Path, notes: BodyNotes): Block {
  if (isOwnForm(field)) return opaque(field)
  const known = knownFields[field.type]
  if (known !== undefined) notes.note(field, known, ...path)
  nameWishes(field, path, notes)
  switch (field.type) {
    case 'text':
      return textBlock(field)
    case 'image':
      return compact<ImageBlock>({
        type: 'image',
        source: sourceOf(field.source),
        cache: cacheOf(field),
      })
    case 'document':
      return documentBlock(field)
    case 'tool_use':
      return toolCallBlock(field)
    case 'tool_result':
      return toolResultBlock(field, path, notes)
    case 'thinking':
      return thinkingBlock(field)
    case 'redacted_thinking': {
      const { proof, wire } = readProof(field.data)
      return { type: 'reasoning', text: '', redacted: proof, wire }
    }
    default:
      return opaque(field)
  }
}

/** What not every target takes of a block, by the caller's own path. */
function nameWishes(field: ContentBlockField, path: Path, notes: BodyNotes): void {
  if ('cache_control' in field && field.cache_control)
    notes.name('cacheMarks', ...path, 'cache_control')
  if (field.type === 'tool_result' && field.is_error === true)
    notes.name('toolErrors', ...path, 'is_error')
  if (field.type !== 'document') return
  if (field.title) notes.name('documentTitles', ...path, 'title')
  if (field.context) notes.name('documentContext', ...path, 'context')
  if (field.citations?.enabled === true) notes.name('citations', ...path, 'citations')
}

/** Blocks of a canonical kind that say more than it can hold: calls made by code or by a toolset, documents made of blocks. */
function isOwnForm(field: ContentBlockField): boolean {
  switch (field.type) {
    case 'tool_use':
      return Boolean(field.toolset_name) || (field.caller?.type ?? 'direct') !== 'direct'
    case 'tool_result':
      return Boolean(field.toolset_name)
    case 'document':
      return field.source.type === 'content'
    default:
      return false
  }
}

function opaque(value: ContentBlockField): Block {
  return { type: 'opaque', raw: { wire: 'anthropic-messages', value } }
}

export function textBlock(field: BlockField<'text'>): TextBlock {
  const citations = (field.citations ?? []).map(citationOf)
  return compact<TextBlock>({
    type: 'text',
    text: field.text,
    cache: cacheOf(field),
    citations: citations.length === 0 ? undefined : citations,
  })
}

function citationOf(raw: Readonly<Record<string, unknown>>): Citation {
  return compact<Citation>({
    url: stringOf(raw['url']),
    title: stringOf(raw['title']) ?? stringOf(raw['document_title']),
    citedText: stringOf(raw['cited_text']),
    raw: { wire: 'anthropic-messages', value: raw },
  })
}

function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

type SourceField = BlockField<'image'>['source'] | BlockField<'document'>['source']

function sourceOf(source: SourceField): MediaSource {
  switch (source.type) {
    case 'base64':
      return { kind: 'base64', mediaType: source.media_type, data: source.data }
    case 'url':
      return sourceOfUrl(source.url)
    case 'file':
      return { kind: 'id', id: source.file_id, wire: 'anthropic-messages' }
    case 'text':
      return { kind: 'text', mediaType: source.media_type, text: source.data }
    case 'content':
      // `isOwnForm` keeps documents made of blocks as they are.
      throw new TypeError('a document made of blocks has no media source')
  }
}

function documentBlock(field: BlockField<'document'>): FileBlock {
  return compact<FileBlock>({
    type: 'file',
    source: sourceOf(field.source),
    name: field.title,
    context: field.context,
    citations: field.citations?.enabled,
    cache: cacheOf(field),
  })
}

function toolCallBlock(field: BlockField<'tool_use'>): ToolCallBlock {
  return compact<ToolCallBlock>({
    type: 'toolCall',
    id: field.id,
    name: field.name,
    arguments: JSON.stringify(field.input),
    cache: cacheOf(field),
    signature: field.signature,
  })
}

function toolResultBlock(
  field: BlockField<'tool_result'>,
  path: Path,
  notes: BodyNotes,
): ToolResultBlock {
  return compact<ToolResultBlock>({
    type: 'toolResult',
    toolCallId: field.tool_use_id,
    content: readContent(field.content ?? [], [...path, 'content'], notes),
    isError: field.is_error,
    cache: cacheOf(field),
  })
}

function thinkingBlock(field: BlockField<'thinking'>): ReasoningBlock {
  // Thinking that nobody signed is rendered with an empty signature, and comes back so.
  if (!field.signature) return { type: 'reasoning', text: field.thinking }
  const { proof, wire } = readProof(field.signature)
  return { type: 'reasoning', text: field.thinking, signature: proof, wire }
}

type CacheField = { readonly ttl?: '5m' | '1h' | null | undefined } | null | undefined

export function cacheOf(holder: { readonly cache_control?: CacheField }): CacheMark | undefined {
  const control = holder.cache_control
  if (control === undefined || control === null) return undefined
  return control.ttl ? { ttl: control.ttl } : {}
}
