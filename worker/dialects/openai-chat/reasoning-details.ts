import type { ReasoningBlock, Wire } from '../../canonical/blocks.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { compact } from '../shared/compact.ts'
import type { ReasoningDetail } from './schema-messages.ts'

/**
 * OpenRouter's `reasoning_details` (openrouter.ai/docs "Reasoning Tokens",
 * 2026-11-20) carry what `reasoning_content` cannot: the proof a provider wants
 * back with its own thinking. `format` says whose proof it is; wire formats
 * that OpenRouter has no word for go under our own.
 */
const formatOfWire: Readonly<Partial<Record<Wire, string>>> = {
  'anthropic-messages': 'anthropic-claude-v1',
  gemini: 'google-gemini-v1',
  'openai-chat': 'openai-responses-v1',
}

const ownFormat = /^switchyard-(mistral|cohere|bedrock-converse|workers-ai|ollama)$/

function wireOfFormat(format: string | null | undefined): Wire | undefined {
  if (format === null || format === undefined) return undefined
  for (const [wire, name] of Object.entries(formatOfWire)) {
    if (name === format) return wire as Wire
  }
  return ownFormat.exec(format)?.[1] as Wire | undefined
}

/** One thought as a client may send it back. */
export function detailOf(block: Omit<ReasoningBlock, 'type'>, index: number): JsonObject {
  const { text, signature, redacted, wire } = block
  const format = wire === undefined ? 'unknown' : (formatOfWire[wire] ?? `switchyard-${wire}`)
  if (redacted !== undefined) return { type: 'reasoning.encrypted', data: redacted, format, index }
  return {
    type: 'reasoning.text',
    text,
    ...(signature === undefined ? {} : { signature }),
    format,
    index,
  }
}

interface OpenThought {
  readonly kind: string
  readonly index: number | undefined
  text: string
  signature: string
  redacted: string
  wire: Wire | undefined
}

/**
 * Thoughts that a client sends back. Clients that collected a stream return its
 * pieces one by one, so pieces of one type and index are put together.
 */
export function blocksOfDetails(details: readonly ReasoningDetail[]): ReasoningBlock[] {
  const thoughts: OpenThought[] = []
  for (const detail of details) {
    const index = detail.index ?? undefined
    let open = thoughts.at(-1)
    if (
      open === undefined ||
      index === undefined ||
      open.kind !== detail.type ||
      open.index !== index
    ) {
      open = { kind: detail.type, index, text: '', signature: '', redacted: '', wire: undefined }
      thoughts.push(open)
    }
    open.text += detail.text ?? detail.summary ?? ''
    open.signature += detail.signature ?? ''
    open.redacted += sealed(detail) ?? detail.data ?? ''
    open.wire ??= sealed(detail) === undefined ? wireOfFormat(detail.format) : 'openai-chat'
  }
  return thoughts.flatMap(closeThought)
}

/**
 * An encrypted thought with an `id` only works with it, and only behind a
 * provider that speaks this wire: the whole entry travels as the block's
 * `redacted` string, which is how those providers hand it over and take it back.
 */
function sealed(detail: ReasoningDetail): string | undefined {
  const { data, id } = detail
  if (typeof data !== 'string' || data === '' || typeof id !== 'string') return undefined
  return JSON.stringify(detail)
}

function closeThought({ text, signature, redacted, wire }: OpenThought): ReasoningBlock[] {
  if (text === '' && signature === '' && redacted === '') return []
  return [
    compact<ReasoningBlock>({
      type: 'reasoning',
      text,
      signature: signature === '' ? undefined : signature,
      redacted: redacted === '' ? undefined : redacted,
      wire,
    }),
  ]
}
