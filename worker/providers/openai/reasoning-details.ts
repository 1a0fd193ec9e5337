import type { ReasoningBlock, Wire } from '../../canonical/blocks.ts'
import type { CanonicalEvent } from '../../canonical/events.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { listOf, objectOf, textOf } from './wire.ts'

/**
 * One entry of `reasoning_details`, the form in which OpenRouter (and Vercel,
 * Doubleword, Snowflake) carry thinking with its proof
 * (openrouter.ai/docs/use-cases/reasoning-tokens, 2026-11-20).
 */
interface WireDetail {
  readonly type?: unknown
  readonly text?: unknown
  readonly summary?: unknown
  readonly data?: unknown
  readonly signature?: unknown
  readonly format?: unknown
  readonly id?: unknown
}

/** OpenRouter's names for who signed a thought. */
const formats: Readonly<Partial<Record<Wire, string>>> = {
  'anthropic-messages': 'anthropic-claude-v1',
  gemini: 'google-gemini-v1',
  'openai-chat': 'openai-responses-v1',
}

function wireOf(format: unknown): Wire {
  const known = Object.entries(formats).find(([, name]) => name === format)
  return known === undefined ? 'openai-chat' : (known[0] as Wire)
}

export type ReasoningProof = Pick<
  Extract<CanonicalEvent, { type: 'reasoning' }>,
  'signature' | 'redacted' | 'wire'
>

export interface ReasoningDetails {
  /** Text and summaries, joined: usually the same as `reasoning` beside it. */
  readonly text: string
  /** The signature of the text so far. */
  readonly signed?: ReasoningProof | undefined
  /** Encrypted thoughts, each a block of its own. */
  readonly encrypted: readonly ReasoningProof[]
}

/** Of nearly every chunk. */
const noDetails: ReasoningDetails = { text: '', signed: undefined, encrypted: [] }

export function decodeReasoningDetails(value: unknown): ReasoningDetails {
  if (value === undefined || value === null) return noDetails
  let text = ''
  let signed: ReasoningProof | undefined
  const encrypted: ReasoningProof[] = []
  for (const item of listOf(value)) {
    const detail = objectOf<WireDetail>(item)
    if (detail === null) continue
    text += textOf(detail.text) ?? textOf(detail.summary) ?? ''
    const signature = textOf(detail.signature)
    if (signature !== undefined) signed = { signature, wire: wireOf(detail.format) }
    const data = textOf(detail.data)
    if (data !== undefined) encrypted.push(encryptedProof(detail, data))
  }
  return { text, signed, encrypted }
}

/**
 * An entry with an `id` only works with it (Gemini's is that of the tool call
 * it belongs to, OpenAI's that of the thought), and only behind this wire. So
 * the whole entry travels as the block's `redacted` string, through any
 * dialect, and `unsealed` finds it again.
 */
function encryptedProof(detail: WireDetail, data: string): ReasoningProof {
  return textOf(detail.id) === undefined
    ? { redacted: data, wire: wireOf(detail.format) }
    : { redacted: JSON.stringify(detail), wire: 'openai-chat' }
}

/** The entry inside a `redacted` string; null for plain data. */
function unsealed(redacted: string): JsonObject | null {
  if (!redacted.startsWith('{')) return null
  try {
    const detail = objectOf<JsonObject & WireDetail>(JSON.parse(redacted))
    return textOf(detail?.data) === undefined ? null : detail
  } catch {
    return null
  }
}

/** Thinking as `reasoning_details` of the request that follows; the vendor passes on what its upstream can use. */
export function encodeReasoningDetails(blocks: readonly ReasoningBlock[]): JsonObject[] {
  return blocks
    .flatMap((block) => {
      const format = (block.wire === undefined ? undefined : formats[block.wire]) ?? 'unknown'
      const details: JsonObject[] = []
      if (block.text !== '') {
        const proof = block.signature === undefined ? {} : { signature: block.signature }
        details.push({ type: 'reasoning.text', text: block.text, ...proof, format })
      }
      if (block.redacted !== undefined) {
        const plain = { type: 'reasoning.encrypted', data: block.redacted, format }
        details.push(unsealed(block.redacted) ?? plain)
      }
      return details
    })
    .map((detail, index) => ({ ...detail, index }))
}
