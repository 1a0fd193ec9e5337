import type {
  Block,
  CacheMark,
  ReasoningBlock,
  TextBlock,
  ToolResultBlock,
} from '../../canonical/blocks.ts'
import type { JsonObject, Message } from '../../canonical/request.ts'
import { bedrockRedacted } from '../anthropic/redacted-thinking.ts'
import type { Departures } from '../departures.ts'
import { objectOf, present } from '../json-values.ts'
import { portableToolCallId, toolInput } from '../tool-calls.ts'
import { DocumentEncoder, encodeAudio, encodeImage, encodeVideo } from './media.ts'
import type { BedrockModel } from './models.ts'

export interface EncodedMessages {
  readonly system: readonly JsonObject[]
  readonly messages: readonly { readonly role: string; readonly content: readonly JsonObject[] }[]
}

/** Writes the prompt of one request. */
export class MessageEncoder {
  readonly #documents = new DocumentEncoder()
  readonly #model: BedrockModel
  readonly #departures: Departures

  constructor(model: BedrockModel, departures: Departures) {
    this.#model = model
    this.#departures = departures
  }

  /**
   * Instructions in front become `system`. Later ones become the user's text,
   * marked: Converse documents a `system` role but its models refuse it
   * (stdapi.ai issue 49, read 2026-11-20). Turns must alternate, so
   * consecutive messages of one role are one turn.
   */
  encode(messages: readonly Message[]): EncodedMessages {
    const firstTurn = messages.findIndex(({ role }) => role === 'user' || role === 'assistant')
    const front = firstTurn === -1 ? messages : messages.slice(0, firstTurn)
    const turns: { role: string; content: JsonObject[] }[] = []
    for (const message of firstTurn === -1 ? [] : messages.slice(firstTurn)) {
      const marked = message.role === 'system' || message.role === 'developer'
      const role = message.role === 'assistant' ? 'assistant' : 'user'
      const content = message.content.flatMap((block) => this.#withCachePoint(block, marked))
      const last = turns.at(-1)
      if (last?.role === role) last.content.push(...content)
      else if (content.length > 0) turns.push({ role, content })
    }
    return { system: front.flatMap((message) => this.#instructions(message)), messages: turns }
  }

  /** `cachePoint`, where the model caches. */
  cachePoint(cache: CacheMark | undefined): readonly JsonObject[] {
    if (cache === undefined) return []
    this.#departures.sent('cacheMarks', this.#model.caches)
    return this.#model.caches ? [{ cachePoint: present({ type: 'default', ttl: cache.ttl }) }] : []
  }

  #instructions({ content }: Message): readonly JsonObject[] {
    return content.flatMap((block) =>
      block.type === 'text' && block.text.trim() !== ''
        ? [{ text: block.text }, ...this.cachePoint(block.cache)]
        : [],
    )
  }

  #withCachePoint(block: Block, marked: boolean): readonly JsonObject[] {
    const parts =
      marked && block.type === 'text'
        ? [{ text: `<system>\n${block.text}\n</system>` }]
        : this.#block(block)
    if (parts.length === 0 || !('cache' in block)) return parts
    return [...parts, ...this.cachePoint(block.cache)]
  }

  #block(block: Block): readonly JsonObject[] {
    switch (block.type) {
      case 'text':
        return encodeText(block)
      case 'image':
        return encodeImage(block, this.#departures.leave)
      case 'audio':
        return encodeAudio(block, this.#departures.leave)
      case 'video':
        return encodeVideo(block, this.#departures.leave)
      case 'file':
        return this.#documents.encode(block, this.#departures.leave)
      case 'reasoning':
        return this.#reasoning(block)
      case 'toolCall': {
        // The proof of a thought behind a call is Gemini's.
        if (block.signature !== undefined) this.#departures.leave('thoughts')
        const [toolUseId, input] = [portableToolCallId(block.id), toolInput(block.arguments)]
        return [{ toolUse: { toolUseId, name: block.name, input } }]
      }
      case 'toolResult':
        return [this.#toolResult(block)]
      case 'refusal':
        return encodeText({ type: 'text', text: block.text })
      case 'media':
        return encodeText({ type: 'text', text: block.transcript ?? '' })
      case 'opaque': {
        const value = block.raw.wire === 'bedrock-converse' ? objectOf(block.raw.value) : undefined
        return value === undefined ? [] : [value]
      }
    }
  }

  /**
   * Thinking goes back only with its proof. A client of Anthropic's wire cannot
   * say that Bedrock signed it, and the signatures are the same (extended
   * thinking, "Thinking block preservation"), so a Claude takes both.
   */
  #reasoning(block: ReasoningBlock): readonly JsonObject[] {
    const claudeSigned = block.wire === 'anthropic-messages' && this.#model.claude !== undefined
    const isOwn = block.wire === 'bedrock-converse' || claudeSigned
    if (!isOwn || (block.redacted === undefined && block.signature === undefined)) {
      this.#departures.leave('thoughts')
      return []
    }
    this.#departures.sent('thoughts', true)
    if (block.redacted !== undefined) {
      const redactedContent = claudeSigned ? bedrockRedacted(block.redacted) : block.redacted
      return [{ reasoningContent: { redactedContent } }]
    }
    const { text, signature } = block
    return [{ reasoningContent: { reasoningText: { text, signature } } }]
  }

  /** A tool's answer has no cache points inside: one behind it is all there can be. */
  #toolResult(block: ToolResultBlock): JsonObject {
    if (block.content.some((part) => 'cache' in part && part.cache !== undefined))
      this.#departures.leave('cacheMarks')
    return {
      toolResult: present({
        toolUseId: portableToolCallId(block.toolCallId),
        content: block.content.flatMap((part) => this.#block(part)),
        status: block.isError === undefined ? undefined : block.isError ? 'error' : 'success',
      }),
    }
  }
}

/** Blank text is refused ("the text field in the ContentBlock object is blank"), and says nothing. */
function encodeText({ text, citations = [] }: TextBlock): readonly JsonObject[] {
  if (text.trim() === '') return []
  const own = citations.flatMap(({ raw }) => (raw?.wire === 'bedrock-converse' ? [raw.value] : []))
  return own.length === 0
    ? [{ text }]
    : [{ citationsContent: { content: [{ text }], citations: own } }]
}
