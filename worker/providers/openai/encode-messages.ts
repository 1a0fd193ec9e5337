import type {
  Block,
  ReasoningBlock,
  ToolCallBlock,
  ToolResultBlock,
} from '../../canonical/blocks.ts'
import type { JsonObject, Message } from '../../canonical/request.ts'
import { noteProofs } from '../foreign-proof.ts'
import { shortToolCallId } from '../tool-calls.ts'
import { contentOf, type PartOptions } from './encode-parts.ts'
import type { OpenAiQuirks } from './quirks.ts'
import { encodeReasoningDetails } from './reasoning-details.ts'
import { objectOf } from './wire.ts'

/** What a message encoder knows of the vendor and the model. */
export interface MessageContext extends PartOptions {
  readonly quirks: OpenAiQuirks
  /** Characters of a tool call's id that this model takes; absent: as many as there are. */
  readonly maxToolCallIdLength?: number | undefined
}

export function encodeMessages(
  messages: readonly Message[],
  context: MessageContext,
): JsonObject[] {
  return messages.flatMap((message) =>
    message.role === 'assistant'
      ? [encodeAssistant(message, context)]
      : encodeOther(message, context),
  )
}

/**
 * System, developer and user turns. Tool results come first and alone: OpenAI
 * wants the `tool` messages directly after the calls they answer.
 */
function encodeOther(message: Message, context: MessageContext): JsonObject[] {
  const role =
    message.role === 'developer' && context.quirks.developerRole !== true ? 'system' : message.role
  const { name } = nameField(message, context)
  const results = message.content.filter((block) => block.type === 'toolResult')
  if (results.length === 0) return [turnOf(role, contentOf(message.content, context), name)]
  const rest = message.content.filter((block) => block.type !== 'toolResult')
  const encoded = encodeResults(results, context)
  if (rest.length > 0) encoded.push(turnOf(role, contentOf(rest, context), name))
  return encoded
}

/** Without a spread, which would cost every message a call into the engine's runtime. */
function turnOf(role: string, content: unknown, name: string | undefined): JsonObject {
  return name === undefined ? { role, content } : { role, content, name }
}

/**
 * `tool` messages take text only, so what else a tool gave follows all of them
 * in a `user` message that says which call it belongs to. OpenAI has no mark
 * for a result that is an error: its text has to say so.
 */
function encodeResults(results: readonly ToolResultBlock[], context: MessageContext): JsonObject[] {
  const messages: JsonObject[] = []
  const attachments: Block[] = []
  for (const result of results) {
    const media = result.content.filter((block) => isMedia(block))
    const inline = media.length === 0 ? result.content : result.content.filter((b) => !isMedia(b))
    const id = shortToolCallId(result.toolCallId, context.maxToolCallIdLength)
    messages.push({
      role: 'tool',
      tool_call_id: id,
      content: contentOf(markLast(inline, result, context), context),
    })
    if (media.length > 0)
      attachments.push({ type: 'text', text: `Result of tool call ${id}:` }, ...media)
  }
  if (attachments.length > 0)
    messages.push({ role: 'user', content: contentOf(attachments, context) })
  return messages
}

function isMedia(block: Block): boolean {
  return (
    block.type === 'image' ||
    block.type === 'audio' ||
    block.type === 'video' ||
    block.type === 'file'
  )
}

/** A mark on the result is a mark on its last text: only parts can carry one. */
function markLast(
  blocks: readonly Block[],
  result: ToolResultBlock,
  context: MessageContext,
): readonly Block[] {
  const last = blocks.at(-1)
  if (result.cache === undefined) return blocks
  if (last?.type !== 'text' || last.cache !== undefined) {
    context.departures.leave('cacheMarks')
    return blocks
  }
  return [...blocks.slice(0, -1), { ...last, cache: result.cache }]
}

function encodeAssistant(message: Message, context: MessageContext): JsonObject {
  const spoken = message.content.filter((block) => isSpoken(block))
  const calls = message.content.filter((block) => block.type === 'toolCall')
  const refusals = spoken.filter((block) => block.type === 'refusal')
  const onlyRefused = refusals.length > 0 && refusals.length === spoken.length
  return {
    ...messageFields(message.content),
    role: 'assistant',
    content: spoken.length === 0 || onlyRefused ? null : contentOf(spoken, context),
    ...(onlyRefused ? { refusal: refusals.map((block) => block.text).join('') } : {}),
    ...nameField(message, context),
    ...thinkingFields(message.content, context),
    ...audioField(message.content, context),
    ...imagesField(message.content, context),
    ...(calls.length === 0 ? {} : { tool_calls: calls.map((call) => encodeCall(call, context)) }),
  }
}

function nameField({ name }: Message, { quirks }: MessageContext): { readonly name?: string } {
  return name === undefined || !quirks.features.has('participantNames') ? {} : { name }
}

function isSpoken(block: Block): boolean {
  return block.type === 'text' || block.type === 'refusal' || opaquePart(block) !== null
}

/** An opaque block of our wire is a content part when it has a `type`, else fields of the message. */
function opaquePart(block: Block): object | null {
  if (block.type !== 'opaque' || block.raw.wire !== 'openai-chat') return null
  const part = objectOf<{ type?: unknown }>(block.raw.value)
  return typeof part?.type === 'string' ? part : null
}

function messageFields(blocks: readonly Block[]): JsonObject {
  const fields: Record<string, unknown> = {}
  for (const block of blocks) {
    if (block.type !== 'opaque' || block.raw.wire !== 'openai-chat' || opaquePart(block) !== null)
      continue
    Object.assign(fields, objectOf(block.raw.value))
  }
  return fields
}

/** Arguments are JSON text on this wire; a call without any still needs an object. */
function encodeCall(
  call: ToolCallBlock,
  { departures, maxToolCallIdLength }: MessageContext,
): JsonObject {
  const { name } = call
  const id = shortToolCallId(call.id, maxToolCallIdLength)
  // Marks belong on content, and the proof of a thought behind a call is Gemini's.
  if (call.cache !== undefined) departures.leave('cacheMarks')
  if (call.signature !== undefined) departures.leave('thoughts')
  return call.custom === true
    ? { id, type: 'custom', custom: { name, input: call.arguments } }
    : {
        id,
        type: 'function',
        function: { name, arguments: call.arguments === '' ? '{}' : call.arguments },
      }
}

function thinkingFields(blocks: readonly Block[], context: MessageContext): JsonObject {
  const { reasoningEcho } = context.quirks
  const thoughts = blocks.filter((block): block is ReasoningBlock => block.type === 'reasoning')
  if (reasoningEcho === undefined || thoughts.length === 0) return {}
  if (reasoningEcho === 'reasoning_details') {
    const details = encodeReasoningDetails(thoughts)
    return details.length === 0 ? {} : { reasoning_details: details }
  }
  noteProofs(thoughts, context.departures)
  const text = thoughts.map((thought) => thought.text).join('')
  return text === '' ? {} : { [reasoningEcho]: text }
}

/** OpenAI takes its own audio back by id only. */
function audioField(blocks: readonly Block[], { quirks }: MessageContext): JsonObject {
  if (!quirks.features.has('audioHistory')) return {}
  const audio = blocks.find((block) => block.type === 'media' && block.kind === 'audio')
  return audio?.type === 'media' && audio.id !== undefined ? { audio: { id: audio.id } } : {}
}

/** Images the model made go back where the vendor gives them: as `images` of the message. */
function imagesField(blocks: readonly Block[], context: MessageContext): JsonObject {
  if (!context.quirks.features.has('imageOutput')) return {}
  const images = blocks.flatMap((block) => {
    if (block.type !== 'media' || block.kind !== 'image') return []
    const url = block.url ?? `data:${block.mediaType ?? 'image/png'};base64,${block.data ?? ''}`
    return [{ type: 'image_url', image_url: { url } }]
  })
  return images.length === 0 ? {} : { images }
}
