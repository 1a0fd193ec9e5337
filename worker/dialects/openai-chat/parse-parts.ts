import type {
  AudioBlock,
  Block,
  CacheMark,
  FileBlock,
  ImageBlock,
  VideoBlock,
} from '../../canonical/blocks.ts'
import type { Feature } from '../../canonical/features.ts'
import { compact } from '../shared/compact.ts'
import { sourceOfUrl, splitDataUrl } from '../shared/data-url.ts'
import type { BodyNotes } from '../shared/body-notes.ts'
import type { ContentPart } from './schema-messages.ts'

const knownFields: Readonly<Record<ContentPart['type'], ReadonlySet<string>>> = {
  text: fieldsOf('text'),
  refusal: fieldsOf('refusal'),
  image_url: fieldsOf('image_url'),
  video_url: fieldsOf('video_url'),
  input_audio: fieldsOf('input_audio'),
  file: fieldsOf('file'),
}

function fieldsOf(field: string): ReadonlySet<string> {
  return new Set(['type', field, 'cache_control', 'prompt_cache_breakpoint'])
}

/** `content` of the message at `messageIndex` as blocks. */
export function readParts(
  content: string | readonly ContentPart[],
  messageIndex: number,
  notes: BodyNotes,
): Block[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  return content.map((part, index) => {
    const path = ['messages', messageIndex, 'content', index] as const
    notes.note(part, knownFields[part.type], ...path)
    nameWishes(part, path, notes)
    return readPart(part)
  })
}

/** What not every target takes of a part, by the caller's own path. */
function nameWishes(part: ContentPart, path: readonly (string | number)[], notes: BodyNotes): void {
  nameMark(part, path, notes)
  if (part.type === 'image_url' && typeof part.image_url === 'object' && part.image_url.detail)
    notes.name('imageDetail', ...path, 'image_url', 'detail')
  if (part.type === 'file' && part.file.filename)
    notes.name('documentTitles', ...path, 'file', 'filename')
}

/** The cache mark of a part, a message, a tool or a call. */
export function nameMark(
  holder: object,
  path: readonly (string | number)[],
  notes: BodyNotes,
): void {
  for (const mark of ['cache_control', 'prompt_cache_breakpoint']) {
    if ((holder as Readonly<Record<string, unknown>>)[mark]) notes.name('cacheMarks', ...path, mark)
  }
}

/** Parts of a tool's answer, which is a block of its own: what they ask for is named by the path they came in. */
export function nameToolParts(
  content: string | readonly ContentPart[],
  messageIndex: number,
  notes: BodyNotes,
): void {
  if (typeof content === 'string') return
  for (const [index, part] of content.entries()) {
    for (const feature of featuresOf[part.type])
      notes.name(feature, 'messages', messageIndex, 'content', index)
  }
}

const featuresOf: Readonly<Record<ContentPart['type'], readonly Feature[]>> = {
  text: [],
  refusal: [],
  image_url: ['toolResultImages', 'imageUrl', 'imageBase64'],
  file: ['toolResultImages', 'fileId', 'fileUrl', 'fileBase64'],
  input_audio: ['audioInput'],
  video_url: ['videoInput'],
}

function readPart(part: ContentPart): Block {
  const cache =
    'cache_control' in part || 'prompt_cache_breakpoint' in part ? cacheOf(part) : undefined
  switch (part.type) {
    case 'text':
      return cache === undefined
        ? { type: 'text', text: part.text }
        : { type: 'text', text: part.text, cache }
    case 'refusal':
      return { type: 'refusal', text: part.refusal }
    case 'image_url': {
      const { image_url: image } = part
      const { url, detail } = typeof image === 'string' ? { url: image, detail: undefined } : image
      return compact<ImageBlock>({ type: 'image', source: sourceOfUrl(url), detail, cache })
    }
    case 'video_url':
      return compact<VideoBlock>({
        type: 'video',
        source: sourceOfUrl(part.video_url.url),
        cache,
      })
    case 'input_audio':
      return compact<AudioBlock>({ ...audioBlock(part.input_audio), cache })
    case 'file':
      return compact<FileBlock>({
        type: 'file',
        source: fileSource(part.file),
        name: part.file.filename,
        cache,
      })
  }
}

function audioBlock({ data, format }: { data: string; format: string }): AudioBlock {
  return { type: 'audio', source: { kind: 'base64', mediaType: `audio/${format}`, data }, format }
}

type FileField = Extract<ContentPart, { type: 'file' }>['file']

/** `file_data` is a data URL at OpenAI, a plain URL at OpenRouter, and bare base64 from clients that read neither page. */
function fileSource({ file_data: data, file_id: id, filename }: FileField): FileBlock['source'] {
  if (id) return { kind: 'id', id, wire: 'openai-chat' }
  const bytes = data ?? ''
  if (/^https?:\/\//i.test(bytes)) return sourceOfUrl(bytes)
  const inline = /^data:/i.test(bytes) ? splitDataUrl(bytes) : null
  if (inline !== null) return { kind: 'base64', ...inline }
  return { kind: 'base64', mediaType: mediaTypeOf(filename ?? ''), data: bytes }
}

function mediaTypeOf(filename: string): string {
  return /\.pdf$/i.test(filename) ? 'application/pdf' : 'application/octet-stream'
}

/** A cache mark in either spelling: Anthropic's `cache_control` or OpenAI's `prompt_cache_breakpoint`. */
export function cacheOf(holder: object): CacheMark | undefined {
  const { cache_control: control, prompt_cache_breakpoint: breakpoint } = holder as {
    readonly cache_control?: { readonly ttl?: '5m' | '1h' | null | undefined } | null | undefined
    readonly prompt_cache_breakpoint?: object | null | undefined
  }
  if (control) return control.ttl ? { ttl: control.ttl } : {}
  return breakpoint ? {} : undefined
}
