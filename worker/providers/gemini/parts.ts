import type { Block, MediaSource, ToolCallBlock, ToolResultBlock } from '../../canonical/blocks.ts'
import type { JsonObject } from '../../canonical/request.ts'
import type { Departures } from '../departures.ts'
import { noteProofs } from '../foreign-proof.ts'
import { parseJson } from '../failures.ts'
import { objectOf } from '../json-values.ts'
import { toolInput } from '../tool-calls.ts'

/** What a URL's ending says its content is; Google wants a type with every `fileUri` (Vertex refuses one without). */
const typeByEnding: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  heic: 'image/heic',
  pdf: 'application/pdf',
  txt: 'text/plain',
  csv: 'text/csv',
  html: 'text/html',
  md: 'text/markdown',
  json: 'application/json',
  mp3: 'audio/mpeg',
  wav: 'audio/wav',
  flac: 'audio/flac',
  ogg: 'audio/ogg',
  mp4: 'video/mp4',
  mov: 'video/quicktime',
  webm: 'video/webm',
}

/** OpenAI's container names as media types. */
const typeByAudioFormat: Readonly<Record<string, string>> = { mp3: 'audio/mpeg', wav: 'audio/wav' }

/** The part for bytes, an address or an uploaded file; `fallback` is the type when nothing names one. */
export function mediaPart(source: MediaSource, fallback: string): JsonObject {
  switch (source.kind) {
    case 'base64':
      return { inlineData: { mimeType: source.mediaType || fallback, data: source.data } }
    case 'url':
      return { fileData: { mimeType: typeOfUrl(source.url) ?? fallback, fileUri: source.url } }
    case 'id':
      return { fileData: { fileUri: source.id } }
    case 'text':
      return { text: source.text }
  }
}

function typeOfUrl(url: string): string | undefined {
  const ending = /\.([A-Za-z0-9]{2,5})(?:[?#]|$)/.exec(url)?.[1]
  return ending === undefined ? undefined : typeByEnding[ending.toLowerCase()]
}

/** How a block of a message is written; empty for what Google has no place for. */
export function partsOf(
  block: Block,
  toolNames: ReadonlyMap<string, string>,
  departures: Departures,
): JsonObject[] {
  switch (block.type) {
    case 'text':
    case 'refusal':
      // Google refuses an empty part.
      return block.text === '' ? [] : [{ text: block.text }]
    case 'image':
      return [mediaPart(block.source, 'image/jpeg')]
    case 'audio':
      return [mediaPart(block.source, audioType(block.format))]
    case 'video':
      return [mediaPart(block.source, 'video/mp4')]
    case 'file':
      return [mediaPart(block.source, 'application/pdf')]
    case 'reasoning':
      return reasoningParts(block, departures)
    case 'toolCall':
      return [callPart(block)]
    case 'toolResult':
      return [resultPart(block, toolNames, [])]
    case 'media':
      return block.data === undefined
        ? []
        : [{ inlineData: { mimeType: block.mediaType ?? `${block.kind}/*`, data: block.data } }]
    case 'opaque': {
      const part = block.raw.wire === 'gemini' ? objectOf(block.raw.value) : undefined
      return part === undefined ? [] : [part]
    }
  }
}

function audioType(format: string | undefined): string {
  return format === undefined ? 'audio/wav' : (typeByAudioFormat[format] ?? `audio/${format}`)
}

/** Thoughts go back with Google's own proof; a proof by anyone else would be refused. */
function reasoningParts(
  block: Extract<Block, { type: 'reasoning' }>,
  departures: Departures,
): JsonObject[] {
  if (block.wire === 'gemini' && block.redacted === undefined) departures.sent('thoughts', true)
  else noteProofs([block], departures)
  const signature = block.wire === 'gemini' ? block.signature : undefined
  if (signature === undefined) return block.text === '' ? [] : [{ text: block.text, thought: true }]
  return block.text === ''
    ? [{ text: '', thoughtSignature: signature }]
    : [{ text: block.text, thought: true, thoughtSignature: signature }]
}

function callPart(block: ToolCallBlock): JsonObject {
  return {
    functionCall: {
      id: block.id,
      name: block.name,
      args: toolInput(block.arguments),
    },
    ...(block.signature === undefined ? {} : { thoughtSignature: block.signature }),
  }
}

/**
 * A tool's answer. `response` must be an object: JSON objects go as they are,
 * other text under `output`, or `error` (https://ai.google.dev/api/caching#FunctionResponse,
 * 2026-11-20). `media` are parts that stand inside the answer, from Gemini 3 on.
 */
export function resultPart(
  block: ToolResultBlock,
  toolNames: ReadonlyMap<string, string>,
  media: readonly JsonObject[],
): JsonObject {
  const text = block.content
    .flatMap((one) => (one.type === 'text' || one.type === 'refusal' ? [one.text] : []))
    .join('\n')
  return {
    functionResponse: {
      id: block.toolCallId,
      name: block.name ?? toolNames.get(block.toolCallId) ?? block.toolCallId,
      response: responseOf(text, block.isError === true),
      ...(media.length === 0 ? {} : { parts: media }),
    },
  }
}

function responseOf(text: string, isError: boolean): JsonObject {
  if (isError) return { error: text }
  // A `$ref` in a response points at one of its media parts: someone else's JSON schema must not.
  const whole = text.trimStart().startsWith('{') && !text.includes('"$ref"')
  return (whole ? objectOf(parseJson(text)) : undefined) ?? { output: text }
}
