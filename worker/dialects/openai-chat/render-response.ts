import { keepSpecimen } from '../../canonical/specimens.ts'
import type { Block, Citation } from '../../canonical/blocks.ts'
import type { CanonicalResponse, ChoiceResponse } from '../../canonical/response.ts'
import type { JsonObject } from '../../canonical/request.ts'
import type { RenderContext } from '../dialect.ts'
import { compact } from '../shared/compact.ts'
import { renderCitations } from './choice-state.ts'
import { finishReason } from './finish.ts'
import { detailOf } from './reasoning-details.ts'
import { renderUsage } from './usage.ts'
import { renderAudio, renderImage, renderLogprobs } from './wire-parts.ts'

/** A whole answer as `CreateChatCompletionResponse`, with `cost` in USD beside it when there is a price. */
export function renderResponse(response: CanonicalResponse, context: RenderContext): JsonObject {
  const { usage } = response
  const cost = usage === undefined ? null : context.costUsd(usage)
  const counts = renderUsage(usage)
  return compact<JsonObject>({
    id: response.id ?? context.requestId,
    object: 'chat.completion',
    created: response.createdS ?? context.nowS,
    model: response.model ?? context.model,
    choices: response.choices.map((choice) => renderChoice(choice, context)),
    usage:
      counts !== undefined && context.includeCost && cost !== null ? { ...counts, cost } : counts,
    cost,
  })
}

function renderChoice(choice: ChoiceResponse, context: RenderContext): JsonObject {
  const { content, refusal } = { content: choice.logprobs, refusal: choice.refusalLogprobs }
  const hasLogprobs = content !== undefined || refusal !== undefined
  const hasRefusal = choice.content.some((block) => block.type === 'refusal')
  const legacy = context.legacyFunctions === true
  return {
    index: choice.index,
    message: renderMessage(choice.content, legacy),
    logprobs: hasLogprobs
      ? {
          content: content === undefined ? null : renderLogprobs(content),
          refusal: refusal === undefined ? null : renderLogprobs(refusal),
        }
      : null,
    finish_reason: finishReason(choice.finish.reason, hasRefusal, legacy),
  }
}

/** The fields of a message while its blocks are laid into them. */
class MessageFields {
  text = ''
  hasText = false
  refusal = ''
  reasoning = ''
  isProven = false
  readonly details: JsonObject[] = []
  readonly toolCalls: JsonObject[] = []
  readonly annotations: unknown[] = []
  readonly citations: unknown[] = []
  readonly images: JsonObject[] = []
  audio: JsonObject | undefined
  /** Parts of this wire format that have no canonical kind. */
  readonly parts: unknown[] = []

  /** There is nothing in it but text, or a refusal. */
  get isText(): boolean {
    return (
      this.reasoning === '' &&
      !this.isProven &&
      this.audio === undefined &&
      this.toolCalls.length === 0 &&
      this.annotations.length === 0 &&
      this.citations.length === 0 &&
      this.images.length === 0 &&
      this.parts.length === 0
    )
  }

  add(block: Block): void {
    switch (block.type) {
      case 'text':
        return this.#addText(block.text, block.citations ?? [])
      case 'refusal':
        this.refusal += block.text
        return
      case 'reasoning':
        this.reasoning += block.text
        this.isProven ||= block.signature !== undefined || block.redacted !== undefined
        this.details.push(detailOf(block, this.details.length))
        return
      case 'toolCall':
        this.toolCalls.push(renderToolCall(block))
        return
      case 'media':
        if (block.kind === 'audio') this.audio = renderAudio(block)
        else this.images.push(renderImage(block, this.images.length))
        return
      case 'opaque':
        if (block.raw.wire === 'openai-chat') this.parts.push(block.raw.value)
        return
      case 'image':
      case 'audio':
      case 'video':
      case 'file':
      case 'toolResult':
        // Blocks of requests; no decoder puts them into an answer.
        return
    }
  }

  #addText(text: string, citations: readonly Citation[]): void {
    const start = this.text.length
    this.text += text
    this.hasText = true
    if (citations.length === 0) return
    const told = renderCitations(citations, { start, end: this.text.length })
    this.annotations.push(...listOf(told['annotations']))
    this.citations.push(...listOf(told['citations']))
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function renderMessage(blocks: readonly Block[], legacyFunctions: boolean): JsonObject {
  const fields = new MessageFields()
  for (const block of blocks) fields.add(block)
  const { toolCalls, reasoning } = fields
  const content = fields.hasText ? fields.text : null
  const refusal = fields.refusal === '' ? null : fields.refusal
  // The usual case is a literal of its own: behind a spread each field is a call into the engine's runtime.
  if (fields.isText) return { role: 'assistant', content, refusal }
  const calls =
    toolCalls.length === 0
      ? {}
      : legacyFunctions
        ? { function_call: toolCalls[0]?.['function'] }
        : { tool_calls: toolCalls }
  return {
    role: 'assistant',
    content,
    refusal,
    ...(reasoning === '' ? {} : { reasoning_content: reasoning, reasoning }),
    ...(fields.isProven ? { reasoning_details: fields.details } : {}),
    ...calls,
    ...(fields.annotations.length === 0 ? {} : { annotations: fields.annotations }),
    ...(fields.citations.length === 0 ? {} : { citations: fields.citations }),
    ...(fields.audio === undefined ? {} : { audio: fields.audio }),
    ...(fields.images.length === 0 ? {} : { images: fields.images }),
    ...(fields.parts.length === 0 ? {} : { content_parts: fields.parts }),
  }
}

function renderToolCall(block: Extract<Block, { type: 'toolCall' }>): JsonObject {
  const { id, name, signature } = block
  const signed =
    signature === undefined ? {} : { extra_content: { google: { thought_signature: signature } } }
  return block.custom === true
    ? { id, type: 'custom', custom: { name, input: block.arguments }, ...signed }
    : { id, type: 'function', function: { name, arguments: block.arguments }, ...signed }
}

keepSpecimen(new MessageFields())
