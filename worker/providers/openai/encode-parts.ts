import type {
  AudioBlock,
  Block,
  CacheMark,
  FileBlock,
  ImageBlock,
  MediaSource,
} from '../../canonical/blocks.ts'
import type { JsonObject } from '../../canonical/request.ts'
import type { Departures } from '../departures.ts'
import type { CacheMarkStyle } from './quirks.ts'
import { objectOf } from './wire.ts'

/** How cache marks are written; absent where they are not. */
export interface PartOptions {
  readonly cacheMarks?: CacheMarkStyle
  readonly departures: Departures
}

/**
 * The content of a message: a plain string where one text is all there is
 * (every vendor takes that), else a list of parts.
 */
export function contentOf(blocks: readonly Block[], options: PartOptions): string | JsonObject[] {
  const [first] = blocks
  // Most messages: nothing to make a list of.
  if (blocks.length === 1 && first?.type === 'text' && first.cache === undefined) return first.text
  const parts = blocks.flatMap((block) => partOf(block, options))
  const [only] = parts
  if (only === undefined) return ''
  if (parts.length === 1 && only.type === 'text' && Object.keys(only).length === 2)
    return String(only.text)
  return parts
}

/** A block as a content part. Tool calls, results and thinking are no parts: the message carries them. */
function partOf(block: Block, options: PartOptions): JsonObject[] {
  switch (block.type) {
    case 'text':
      return [{ type: 'text', text: block.text, ...cacheMark(block.cache, options) }]
    case 'image':
      return [{ ...imagePart(block), ...cacheMark(block.cache, options) }]
    case 'audio':
      return [{ ...audioPart(block), ...cacheMark(block.cache, options) }]
    case 'video':
      return [
        {
          type: 'video_url',
          video_url: { url: urlOf(block.source, 'video/mp4') },
          ...cacheMark(block.cache, options),
        },
      ]
    case 'file':
      return [{ ...filePart(block, options), ...cacheMark(block.cache, options) }]
    case 'opaque': {
      const part = objectOf<JsonObject & { type?: unknown }>(block.raw.value)
      const isPart = block.raw.wire === 'openai-chat' && typeof part?.type === 'string'
      return part !== null && isPart ? [part] : []
    }
    case 'refusal':
      return [{ type: 'refusal', refusal: block.text, ...cacheMark(block.cache, options) }]
    case 'reasoning':
    case 'toolCall':
    case 'toolResult':
    case 'media':
      return []
  }
}

/** OpenAI's breakpoints have no lifetime of their own: the request has one for all. */
export function cacheMark(mark: CacheMark | undefined, options: PartOptions): JsonObject {
  if (mark === undefined) return {}
  if (options.cacheMarks === undefined) {
    options.departures.leave('cacheMarks')
    return {}
  }
  options.departures.sent('cacheMarks', true)
  if (options.cacheMarks === 'prompt_cache_breakpoint') {
    if (mark.ttl !== undefined) options.departures.change('cacheMarks', 'marks without a lifetime')
    return { prompt_cache_breakpoint: { mode: 'explicit' } }
  }
  const ttl = mark.ttl === undefined ? {} : { ttl: mark.ttl }
  return { cache_control: { type: 'ephemeral', ...ttl } }
}

function imagePart(block: ImageBlock): JsonObject {
  if (block.source.kind === 'id') return { type: 'file', file: { file_id: block.source.id } }
  const detail = block.detail === undefined ? {} : { detail: block.detail }
  return { type: 'image_url', image_url: { url: urlOf(block.source, 'image/png'), ...detail } }
}

/** OpenAI takes audio only inline; by address it is vLLM's `audio_url` (docs.vllm.ai, multimodal inputs, 2026-11-20). */
function audioPart(block: AudioBlock): JsonObject {
  const { source } = block
  if (source.kind === 'id') return { type: 'file', file: { file_id: source.id } }
  if (source.kind !== 'base64')
    return { type: 'audio_url', audio_url: { url: urlOf(source, 'audio/wav') } }
  const format = block.format ?? audioFormatOf(source.mediaType)
  return { type: 'input_audio', input_audio: { data: source.data, format } }
}

/** OpenAI says `wav` and `mp3`, not `audio/x-wav` and `audio/mpeg`. */
function audioFormatOf(mediaType: string): string {
  const name = mediaType.replace(/^audio\/(?:x-)?/, '').replace(/;.*$/, '')
  return name === 'mpeg' ? 'mp3' : name === 'wave' ? 'wav' : name
}

/**
 * A document. OpenAI wants a name beside inline data; a document of plain text
 * has no form of its own and goes as text under its name.
 */
function filePart(block: FileBlock, { departures }: PartOptions): JsonObject {
  const { source } = block
  if (block.name !== undefined) departures.sent('documentTitles', source.kind !== 'id')
  if (block.context !== undefined) departures.sent('documentContext', source.kind === 'text')
  const name = block.name === undefined ? {} : { filename: block.name }
  switch (source.kind) {
    case 'id':
      return { type: 'file', file: { file_id: source.id } }
    case 'text': {
      const heading = [block.name, block.context].filter((line) => line !== undefined)
      return { type: 'text', text: [...heading, source.text].join('\n\n') }
    }
    case 'url':
      return { type: 'file', file: { ...name, file_data: source.url } }
    case 'base64': {
      const filename = block.name ?? `document.${source.mediaType.split('/')[1] ?? 'bin'}`
      return {
        type: 'file',
        file: { filename, file_data: urlOf(source, 'application/octet-stream') },
      }
    }
  }
}

/** An address, or the data as one. */
function urlOf(source: MediaSource, defaultMediaType: string): string {
  switch (source.kind) {
    case 'url':
      return source.url
    case 'base64':
      return `data:${source.mediaType === '' ? defaultMediaType : source.mediaType};base64,${source.data}`
    case 'id':
      return source.id
    case 'text':
      return `data:${source.mediaType};charset=utf-8,${encodeURIComponent(source.text)}`
  }
}
