import type {
  Citation,
  MediaBlock,
  OpaqueBlock,
  ReasoningBlock,
  ToolCallBlock,
} from '../../canonical/blocks.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { isObject } from '../shared/path.ts'
import { markProof } from './signatures.ts'

/** A citation as its provider wrote it, or the nearest of Anthropic's forms. */
export function renderCitation(citation: Citation): JsonObject {
  const { raw, url, title, citedText } = citation
  if (raw?.wire === 'anthropic-messages' && isObject(raw.value)) return raw.value
  if (url !== undefined)
    return {
      type: 'web_search_result_location',
      url,
      title: title ?? null,
      cited_text: citedText ?? '',
      // Only Anthropic can make this proof, and only Anthropic reads it.
      encrypted_index: '',
    }
  return {
    type: 'char_location',
    cited_text: citedText ?? '',
    document_index: 0,
    document_title: title ?? null,
    start_char_index: citation.startIndex ?? 0,
    end_char_index: citation.endIndex ?? 0,
    file_id: null,
  }
}

/** Thinking, or its encrypted form; the signature is empty where nobody signed. */
export function renderThinking(block: Omit<ReasoningBlock, 'type'>): readonly JsonObject[] {
  const { text, signature, redacted, wire } = block
  const blocks: JsonObject[] = []
  if (text !== '' || signature !== undefined)
    blocks.push({
      type: 'thinking',
      thinking: text,
      signature: signature === undefined ? '' : markProof(signature, wire),
    })
  if (redacted !== undefined) blocks.push(renderRedacted(redacted, wire))
  return blocks
}

export function renderRedacted(redacted: string, wire: ReasoningBlock['wire']): JsonObject {
  return { type: 'redacted_thinking', data: markProof(redacted, wire) }
}

/** `tool_use` without its input. `signature` is ours: Gemini wants the proof of the thought behind a call back with the call. */
export function renderToolUse(call: Pick<ToolCallBlock, 'id' | 'name' | 'signature'>): JsonObject {
  return {
    type: 'tool_use',
    id: call.id,
    name: call.name,
    input: {},
    caller: { type: 'direct' },
    ...(call.signature === undefined ? {} : { signature: call.signature }),
  }
}

/** The text that says what the model made where the wire has no block for it: the words of audio, an image as Markdown. */
export function mediaText(media: Omit<MediaBlock, 'type'>): string {
  if (media.kind === 'audio') return media.transcript ?? ''
  const inline = `data:${media.mediaType ?? 'image/png'};base64,${media.data ?? ''}`
  return `![image](${media.url ?? inline})`
}

/** A block that Anthropic made; a client of this format has no place for those of another. */
export function opaqueValue(raw: OpaqueBlock['raw']): JsonObject | null {
  return raw.wire === 'anthropic-messages' && isObject(raw.value) ? raw.value : null
}

/** The free text of a `custom` tool as an input, which is always an object here. */
export function customInput(text: string): JsonObject {
  return { input: text }
}
