import type { ReasoningBlock } from '../../canonical/blocks.ts'
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
}

export interface ReasoningDetails {
  /** Text and summaries, joined: usually the same as `reasoning` beside it. */
  readonly text: string
  /** Signatures of the text so far. */
  readonly signature?: string
  /** Encrypted details, each sealed (`sealDetail`). */
  readonly redacted: readonly string[]
}

export function decodeReasoningDetails(value: unknown): ReasoningDetails {
  let text = ''
  let signature: string | undefined
  const redacted: string[] = []
  for (const item of listOf(value)) {
    const detail = objectOf<WireDetail>(item)
    if (detail === null) continue
    text += textOf(detail.text) ?? textOf(detail.summary) ?? ''
    signature = textOf(detail.signature) ?? signature
    if (textOf(detail.data) !== undefined) redacted.push(sealDetail(detail))
  }
  return { text, ...(signature === undefined ? {} : { signature }), redacted }
}

/**
 * An encrypted detail only works with its `id` and `format` (Gemini's id is
 * that of the tool call it belongs to), so the whole entry travels as the
 * block's `redacted` string, through any dialect, and comes back as it was.
 */
function sealDetail(detail: WireDetail): string {
  return JSON.stringify(detail)
}

/** The entry that `sealDetail` wrote; null for anybody else's `redacted`. */
function unsealDetail(redacted: string): object | null {
  if (!redacted.startsWith('{')) return null
  try {
    const detail = objectOf<WireDetail>(JSON.parse(redacted))
    return textOf(detail?.data) === undefined ? null : detail
  } catch {
    return null
  }
}

/**
 * Thinking as `reasoning_details` for the request that follows. A signature is
 * sent on only when it was made behind this wire; one of Anthropic's own also
 * when `takesAnthropic` (the model is Anthropic's, whoever sells it).
 */
export function encodeReasoningDetails(
  blocks: readonly ReasoningBlock[],
  takesAnthropic: boolean,
): object[] {
  return blocks.flatMap((block) => {
    const isOurs =
      block.wire === 'openai-chat' || (takesAnthropic && block.wire === 'anthropic-messages')
    const details: object[] = []
    if (block.text !== '') {
      const proof = isOurs && block.signature !== undefined ? { signature: block.signature } : {}
      details.push({ type: 'reasoning.text', text: block.text, ...proof })
    }
    if (block.redacted !== undefined) {
      const sealed = unsealDetail(block.redacted)
      if (sealed !== null) details.push(sealed)
      else if (isOurs) details.push({ type: 'reasoning.encrypted', data: block.redacted })
    }
    return details
  })
}
