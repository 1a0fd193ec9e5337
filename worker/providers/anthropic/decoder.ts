import { keepSpecimen } from '../../canonical/specimens.ts'
import type { CanonicalEvent, ChoiceFinish } from '../../canonical/events.ts'
import { failure } from '../../canonical/failure.ts'
import type { JsonObject } from '../../canonical/request.ts'
import type { EventDecoder } from '../../streams/event-decoder.ts'
import type { WireMessage } from '../../streams/framer.ts'
import { parseJson } from '../failures.ts'
import { textOf, objectOf, objectsOf, stringOf } from '../json-values.ts'
import { citationFromWire } from './citation.ts'
import { failureOfError } from './failure.ts'
import { finishFromWire } from './finish.ts'
import { OpaqueBuilder } from './opaque-builder.ts'
import { overlayUsage, usageFromWire } from './usage.ts'

/** A content block that has begun and not ended. Text and thinking need no memory: their events say everything. */
type OpenBlock =
  | { readonly kind: 'plain' }
  | {
      readonly kind: 'toolCall'
      readonly index: number
      readonly input: JsonObject
      wrote: boolean
    }
  | { readonly kind: 'opaque'; readonly builder: OpaqueBuilder }

/** Reads one streamed answer of the Messages API (platform.claude.com, streaming, 2026-11-20). */
export class AnthropicDecoder implements EventDecoder {
  readonly #open = new Map<number, OpenBlock>()
  #usage: JsonObject = {}
  /** A report of usage has been read. */
  #isCounted = false
  #finish: ChoiceFinish = { choice: 0, reason: 'other' }
  hasFinish = false
  #toolCalls = 0
  #started = false
  /** Added to the wire's block index: a proxy that splices two answers begins to count again. */
  #blockOffset = 0
  #nextBlock = 0
  #ended = false

  decode(message: WireMessage, out: CanonicalEvent[]): void {
    if (this.#ended) return
    // Gateways of this wire close with OpenAI's mark (corpus stream-truncated-gateway-message-delta-metadata).
    if (message.data === '[DONE]') return
    const data = objectOf(parseJson(message.data))
    if (data !== undefined) this.take(data, out)
    else this.#fail(out, 'an event of the stream is not JSON')
  }

  end(out: CanonicalEvent[]): void {
    if (this.#ended) return
    this.#ended = true
    out.push({
      type: 'failure',
      failure: failure('truncated', 'the stream ended before its end mark'),
    })
  }

  /** Reads one parsed event. Types it does not know are ignored, as the API's versioning policy asks. */
  take(data: JsonObject, out: CanonicalEvent[]): void {
    switch (data['type']) {
      case 'message_start':
        return this.#messageStart(objectOf(data['message']) ?? {}, out)
      case 'content_block_start':
        return this.#blockStart(this.#blockOf(data), objectOf(data['content_block']) ?? {}, out)
      case 'content_block_delta':
        return this.#blockDelta(this.#blockOf(data), objectOf(data['delta']) ?? {}, out)
      case 'content_block_stop':
        return this.#blockStop(this.#blockOf(data), out)
      case 'message_delta':
        this.hasFinish = true
        this.#finish = finishFromWire(objectOf(data['delta']) ?? {}) ?? this.#finish
        return this.#reportUsage(objectOf(data['usage']), out)
      case 'message_stop':
        return this.#messageStop(out)
      case 'error':
        this.#ended = true
        out.push({ type: 'failure', failure: failureOfError(objectOf(data['error']) ?? {}) })
    }
  }

  /** Reads a whole message as the stream it would have been, without writing the events of that stream. */
  takeWhole(message: JsonObject, content: readonly JsonObject[], out: CanonicalEvent[]): void {
    this.#start(message, out)
    let index = 0
    for (const block of content) {
      this.#blockStart(index, block, out)
      this.#blockStop(index, out)
      index += 1
    }
    this.hasFinish = true
    this.#finish = finishFromWire(message) ?? this.#finish
    this.#reportUsage(objectOf(message['usage']), out)
    this.#messageStop(out)
  }

  #fail(out: CanonicalEvent[], message: string): void {
    this.#ended = true
    out.push({ type: 'failure', failure: failure('malformed', message) })
  }

  #blockOf(data: JsonObject): number {
    const index = data['index']
    const block = this.#blockOffset + (typeof index === 'number' ? index : 0)
    this.#nextBlock = Math.max(this.#nextBlock, block + 1)
    return block
  }

  #messageStart(message: JsonObject, out: CanonicalEvent[]): void {
    this.#closeAll(out)
    this.#blockOffset = this.#nextBlock
    if (!this.#started) this.#start(message, out)
    this.#reportUsage(objectOf(message['usage']), out)
  }

  #start(message: JsonObject, out: CanonicalEvent[]): void {
    this.#started = true
    const [id, model] = [textOf(message['id']), textOf(message['model'])]
    // The usual case is a literal of its own: behind a spread each field is a call into the engine's runtime.
    if (id !== undefined && model !== undefined) out.push({ type: 'start', id, model })
    else
      out.push({
        type: 'start',
        ...(id === undefined ? {} : { id }),
        ...(model === undefined ? {} : { model }),
      })
  }

  /** A block may begin with all it has: redacted thinking and server results do, and so does every block of a whole answer. */
  #blockStart(block: number, content: JsonObject, out: CanonicalEvent[]): void {
    switch (content['type']) {
      case 'text':
        this.#open.set(block, { kind: 'plain' })
        this.#text(block, content['text'], out)
        for (const citation of objectsOf(content['citations'])) this.#cite(block, citation, out)
        return
      case 'thinking':
        this.#open.set(block, { kind: 'plain' })
        return this.#think(block, content['thinking'], content['signature'], out)
      case 'redacted_thinking':
        out.push({
          type: 'reasoning',
          choice: 0,
          text: '',
          block,
          redacted: stringOf(content['data']) ?? '',
          wire: 'anthropic-messages',
        })
        return
      case 'tool_use': {
        const index = this.#toolCalls++
        this.#open.set(block, {
          kind: 'toolCall',
          index,
          input: objectOf(content['input']) ?? {},
          wrote: false,
        })
        const [id, name] = [stringOf(content['id']) ?? '', stringOf(content['name']) ?? '']
        out.push({ type: 'toolCallStart', choice: 0, index, id, name })
        return
      }
      default:
        this.#open.set(block, { kind: 'opaque', builder: new OpaqueBuilder(content) })
    }
  }

  #blockDelta(block: number, delta: JsonObject, out: CanonicalEvent[]): void {
    const open = this.#open.get(block)
    if (open?.kind === 'opaque') return open.builder.add(delta)
    switch (delta['type']) {
      case 'text_delta':
        return this.#text(block, delta['text'], out)
      case 'thinking_delta':
        return this.#think(block, delta['thinking'], undefined, out)
      case 'signature_delta':
        return this.#think(block, undefined, delta['signature'], out)
      case 'citations_delta':
        return this.#cite(block, objectOf(delta['citation']) ?? {}, out)
      case 'input_json_delta': {
        const text = textOf(delta['partial_json'])
        if (open?.kind !== 'toolCall' || text === undefined) return
        open.wrote = true
        out.push({ type: 'toolCallArguments', choice: 0, index: open.index, text })
      }
    }
  }

  #blockStop(block: number, out: CanonicalEvent[]): void {
    const open = this.#open.get(block)
    this.#open.delete(block)
    if (open?.kind === 'opaque')
      out.push({
        type: 'opaque',
        choice: 0,
        raw: { wire: 'anthropic-messages', value: open.builder.build() },
      })
    // A call without arguments sends no delta: its input is the one it began with, `{}`.
    if (open?.kind === 'toolCall' && !open.wrote)
      out.push({
        type: 'toolCallArguments',
        choice: 0,
        index: open.index,
        text: JSON.stringify(open.input),
      })
  }

  #closeAll(out: CanonicalEvent[]): void {
    for (const block of this.#open.keys()) this.#blockStop(block, out)
  }

  #messageStop(out: CanonicalEvent[]): void {
    this.#closeAll(out)
    this.#ended = true
    out.push({ type: 'finish', choices: [this.#finish] })
  }

  #reportUsage(usage: JsonObject | undefined, out: CanonicalEvent[]): void {
    if (usage === undefined) return
    this.#usage = this.#isCounted ? overlayUsage(this.#usage, usage) : usage
    this.#isCounted = true
    out.push({ type: 'usage', usage: usageFromWire(this.#usage) })
  }

  #text(block: number, value: unknown, out: CanonicalEvent[]): void {
    const text = textOf(value)
    if (text !== undefined) out.push({ type: 'text', choice: 0, text, block })
  }

  #think(block: number, thinking: unknown, signed: unknown, out: CanonicalEvent[]): void {
    const [text, signature] = [textOf(thinking), textOf(signed)]
    if (text === undefined && signature === undefined) return
    out.push({
      type: 'reasoning',
      choice: 0,
      text: text ?? '',
      block,
      ...(signature === undefined ? {} : { signature, wire: 'anthropic-messages' }),
    })
  }

  #cite(block: number, citation: JsonObject, out: CanonicalEvent[]): void {
    out.push({ type: 'citation', choice: 0, block, citation: citationFromWire(citation) })
  }
}

keepSpecimen(new AnthropicDecoder())
