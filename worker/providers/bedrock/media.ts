import type {
  AudioBlock,
  FileBlock,
  ImageBlock,
  MediaSource,
  VideoBlock,
} from '../../canonical/blocks.ts'
import type { JsonObject } from '../../canonical/request.ts'
import type { Leave } from '../departures.ts'
import { present } from '../json-values.ts'

/** Format words by media type (Bedrock API reference: DocumentBlock, ImageBlock, VideoBlock, AudioBlock; 2026-11-20). Others use their subtype. */
const formats: Readonly<Record<string, string>> = {
  'application/pdf': 'pdf',
  'text/csv': 'csv',
  'application/msword': 'doc',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'docx',
  'application/vnd.ms-excel': 'xls',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'xlsx',
  'text/html': 'html',
  'text/plain': 'txt',
  'text/markdown': 'md',
  'image/jpg': 'jpeg',
  'video/x-matroska': 'mkv',
  'video/quicktime': 'mov',
  'video/x-flv': 'flv',
  'video/mpg': 'mpeg',
  'video/x-ms-wmv': 'wmv',
  'video/3gpp': 'three_gp',
  'audio/mpeg': 'mp3',
  'audio/x-wav': 'wav',
}

function formatOf(mediaType: string): string {
  const plain = (mediaType.split(';')[0] ?? '').trim().toLowerCase()
  return formats[plain] ?? plain.split('/')[1] ?? plain
}

/** The ending of a name or URL as a format word. */
function endingOf(name: string | undefined): string | undefined {
  const ending = /\.([a-z0-9]+)(?:[?#].*)?$/i.exec(name ?? '')?.[1]?.toLowerCase()
  return ending === 'jpg' ? 'jpeg' : ending
}

/** Where the bytes are, as Converse takes them: in the request or in S3. Undefined for what it cannot fetch. */
function sourceOf(source: MediaSource): JsonObject | undefined {
  if (source.kind === 'base64') return { bytes: source.data }
  if (source.kind === 'url' && source.url.startsWith('s3://'))
    return { s3Location: { uri: source.url } }
  return undefined
}

function mediaFormat(source: MediaSource, fallback: string): string {
  if (source.kind === 'base64') return formatOf(source.mediaType)
  return (source.kind === 'url' ? endingOf(source.url) : undefined) ?? fallback
}

export function encodeImage({ source }: ImageBlock, leave: Leave): readonly JsonObject[] {
  const where = sourceOf(source)
  if (where !== undefined) return [{ image: { format: mediaFormat(source, 'png'), source: where } }]
  leave(source.kind === 'id' ? 'fileId' : 'imageUrl')
  return []
}

export function encodeVideo({ source }: VideoBlock, leave: Leave): readonly JsonObject[] {
  const where = sourceOf(source)
  if (where !== undefined) return [{ video: { format: mediaFormat(source, 'mp4'), source: where } }]
  leave('videoInput')
  return []
}

export function encodeAudio({ source, format }: AudioBlock, leave: Leave): readonly JsonObject[] {
  const where = sourceOf(source)
  if (where !== undefined)
    return [{ audio: { format: format ?? mediaFormat(source, 'mp3'), source: where } }]
  leave('audioInput')
  return []
}

/** Writes documents; remembers their names, because Converse refuses two of one name in a request. */
export class DocumentEncoder {
  readonly #names = new Set<string>()

  encode(file: FileBlock, leave: Leave): readonly JsonObject[] {
    const { source } = file
    const where = source.kind === 'text' ? { text: source.text } : sourceOf(source)
    if (where === undefined) {
      leave(source.kind === 'id' ? 'fileId' : 'fileUrl')
      return []
    }
    const mediaType =
      source.kind === 'text' || source.kind === 'base64' ? source.mediaType : undefined
    const document = present({
      format:
        mediaType === undefined
          ? (endingOf(file.name) ?? mediaFormat(source, 'pdf'))
          : formatOf(mediaType),
      name: this.#nameOf(file.name),
      source: where,
      context: file.context,
      citations: file.citations === undefined ? undefined : { enabled: file.citations },
    })
    return [{ document }]
  }

  /** A name of letters, digits, single spaces, hyphens, parentheses and brackets (DocumentBlock `name`); underscores pass too (corpus json-citations-citations-v1-*). */
  #nameOf(name: string | undefined): string {
    const cleaned = (name ?? '')
      .replace(/\.[a-z0-9]{1,5}$/i, '')
      .replace(/[^a-zA-Z0-9\s\-()[\]_]/g, ' ')
      .replace(/\s+/g, ' ')
      .trim()
      .slice(0, 190)
    const base = cleaned === '' ? 'Document' : cleaned
    let unique = cleaned === '' ? 'Document 1' : base
    for (let count = 2; this.#names.has(unique); count++) unique = `${base} ${count}`
    this.#names.add(unique)
    return unique
  }
}
