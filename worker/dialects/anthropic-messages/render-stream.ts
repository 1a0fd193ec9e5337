import { errorOfFailure } from '../../canonical/errors.ts'
import type { CanonicalEvent, ChoiceFinish } from '../../canonical/events.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { mergeUsage, type Usage } from '../../canonical/usage.ts'
import type { RenderContext, StreamRenderer } from '../dialect.ts'
import { isObject } from '../shared/path.ts'
import { costComment, json } from '../shared/sse.ts'
import { BlockWriter, eventText } from './block-writer.ts'
import { renderStreamError } from './errors.ts'
import { renderFinish } from './finish.ts'
import { markProof } from './signatures.ts'
import { type QueuedCall, ToolCallQueue } from './tool-call-queue.ts'
import { renderDeltaUsage, renderUsage } from './usage.ts'
import {
  customInput,
  mediaText,
  opaqueValue,
  renderCitation,
  renderRedacted,
  renderToolUse,
} from './wire-blocks.ts'

type EventOf<Type extends CanonicalEvent['type']> = Extract<CanonicalEvent, { type: Type }>
type ContentEvent = Exclude<CanonicalEvent, { type: 'start' | 'usage' | 'finish' | 'failure' }>
type BlockEvent = Exclude<ContentEvent, { type: 'toolCallStart' | 'toolCallArguments' }>

const emptyText = { type: 'text', text: '', citations: null }
const emptyThinking = { type: 'thinking', thinking: '', signature: '' }

/** Server tools whose input Anthropic streams; readers take it from the deltas, not from the start. */
const streamedInputs = new Set(['server_tool_use', 'mcp_tool_use'])

/**
 * Writes the events of a streamed message (platform.claude.com, streaming
 * messages, 2026-11-20). `message_start` waits for the first content, so that
 * it carries the input count of providers that give one early; where none is
 * known it says 0, and `message_delta` brings the true one. Of several choices
 * the first is told: the wire format has no more.
 */
export class MessageStreamRenderer implements StreamRenderer {
  readonly #context: RenderContext
  readonly #blocks = new BlockWriter()
  readonly #calls = new ToolCallQueue()
  readonly #held: BlockEvent[] = []
  #start: EventOf<'start'> | undefined
  #usage: Usage | undefined
  #begun = false

  constructor(context: RenderContext) {
    this.#context = context
  }

  render(event: CanonicalEvent): string {
    switch (event.type) {
      case 'text':
        // The path of nearly every event: more of the text that is open.
        if (event.choice === 0 && this.#blocks.isOpen('text', event.block))
          return this.#blocks.delta(event.text)
        return event.choice === 0 ? this.#begin() + this.#content(event) : ''
      case 'start':
        this.#start ??= event
        return ''
      case 'usage':
        this.#usage = mergeUsage(this.#usage, event.usage)
        return ''
      case 'finish':
        return this.#begin() + this.#finish(event.choices)
      case 'failure':
        return renderStreamError(errorOfFailure(event.failure), this.#context.requestId)
      default:
        return event.choice === 0 ? this.#begin() + this.#content(event) : ''
    }
  }

  #begin(): string {
    if (this.#begun) return ''
    this.#begun = true
    const message = {
      id: this.#start?.id ?? this.#context.requestId,
      type: 'message',
      role: 'assistant',
      model: this.#start?.model ?? this.#context.model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      stop_details: null,
      container: null,
      diagnostics: null,
      usage: renderUsage(this.#usage),
    }
    return eventText('message_start', `"message":${json(message)}`)
  }

  /** Content that comes between the arguments of a call waits for their end: its block cannot be left and entered again. */
  #content(event: ContentEvent): string {
    switch (event.type) {
      case 'toolCallStart':
        return this.#callStart(event)
      case 'toolCallArguments':
        return this.#callArguments(event) + this.#release()
      default:
        if (this.#held.length === 0 && this.#calls.isSettled()) return this.#block(event)
        this.#held.push(event)
        return ''
    }
  }

  #release(): string {
    return this.#held.length > 0 && this.#calls.isSettled() ? this.#writeHeld() : ''
  }

  #writeHeld(): string {
    return this.#held
      .splice(0)
      .map((event) => this.#block(event))
      .join('')
  }

  #block(event: BlockEvent): string {
    switch (event.type) {
      case 'text':
        return this.#text(event.text, event.block)
      case 'refusal':
        return this.#text(event.text, undefined)
      case 'citation':
        return (
          this.#open('text', event.block) +
          this.#blocks.extra({ type: 'citations_delta', citation: renderCitation(event.citation) })
        )
      case 'reasoning':
        return this.#reasoning(event)
      case 'media': {
        const text = mediaText(event)
        return text === '' ? '' : this.#text(text, undefined)
      }
      case 'opaque': {
        const value = opaqueValue(event.raw)
        return value === null ? '' : this.#flushCalls() + this.#opaque(value)
      }
    }
  }

  #text(text: string, block: number | undefined): string {
    return this.#open('text', block) + this.#blocks.delta(text)
  }

  #open(kind: 'text' | 'thinking', block: number | undefined): string {
    if (this.#blocks.isOpen(kind, block)) return ''
    const calls = this.#flushCalls()
    return calls + this.#blocks.begin(kind, block, kind === 'text' ? emptyText : emptyThinking)
  }

  #reasoning(event: EventOf<'reasoning'>): string {
    const { text, block, signature, redacted, wire } = event
    let out = ''
    if (text !== '') out += this.#open('thinking', block) + this.#blocks.delta(text)
    if (signature !== undefined) {
      const proof = { type: 'signature_delta', signature: markProof(signature, wire) }
      out += this.#open('thinking', block) + this.#blocks.extra(proof)
    }
    if (redacted !== undefined)
      out += this.#flushCalls() + this.#blocks.whole(renderRedacted(redacted, wire))
    return out
  }

  #opaque(value: JsonObject): string {
    const { type, input } = value
    const isStreamed = typeof type === 'string' && streamedInputs.has(type)
    if (!isStreamed || !isObject(input)) return this.#blocks.whole(value)
    const delta = { type: 'input_json_delta', partial_json: JSON.stringify(input) }
    return this.#blocks.whole({ ...value, input: {} }, [delta])
  }

  #callStart(event: EventOf<'toolCallStart'>): string {
    if (!this.#calls.start(event)) return ''
    return this.#blocks.begin('tool_use', event.index, renderToolUse(event))
  }

  #callArguments({ index, text }: EventOf<'toolCallArguments'>): string {
    const isOpen = this.#calls.addArguments(index, text)
    // Free text becomes an object when it is whole.
    return isOpen && this.#calls.open?.start.custom !== true ? this.#blocks.delta(text) : ''
  }

  /** Ends the call that is being written and writes the ones that wait. */
  #flushCalls(): string {
    let out = ''
    for (let call = this.#calls.open; call !== undefined; call = this.#calls.next()) {
      const { start } = call
      const isWritten = this.#blocks.isOpen('tool_use', start.index)
      if (!isWritten) out += this.#blocks.begin('tool_use', start.index, renderToolUse(start))
      out += this.#rest(call, isWritten)
    }
    return out
  }

  #rest({ start, arguments: text }: QueuedCall, isWritten: boolean): string {
    if (start.custom === true) return this.#blocks.delta(json(customInput(text)))
    return isWritten || text === '' ? '' : this.#blocks.delta(text)
  }

  #finish(finishes: readonly ChoiceFinish[]): string {
    const usage = this.#usage
    const cost = usage === undefined ? null : this.#context.costUsd(usage)
    const counts = renderDeltaUsage(usage)
    const told = this.#context.includeCost && cost !== null ? { ...counts, cost } : counts
    const finish = renderFinish(finishes.find((one) => one.choice === 0))
    const delta = { ...finish, container: null }
    return (
      this.#flushCalls() +
      this.#writeHeld() +
      this.#blocks.end() +
      eventText('message_delta', `"delta":${json(delta)},"usage":${json(told)}`) +
      'event: message_stop\ndata: {"type":"message_stop"}\n\n' +
      costComment(cost)
    )
  }
}
