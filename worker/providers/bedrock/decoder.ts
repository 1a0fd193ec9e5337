import type { CanonicalEvent, ChoiceFinish } from '../../canonical/events.ts'
import { failure } from '../../canonical/failure.ts'
import type { JsonObject } from '../../canonical/request.ts'
import type { EventDecoder } from '../../streams/event-decoder.ts'
import type { WireMessage } from '../../streams/framer.ts'
import { parseJson } from '../failures.ts'
import { listOf, objectOf, stringOf, textOf } from '../json-values.ts'
import { toolInput } from '../tool-calls.ts'
import { citationFromWire } from './citation.ts'
import { failureOfException } from './failure.ts'
import { finishFromWire } from './finish.ts'
import { usageFromWire } from './usage.ts'

/** A content block that needs to be remembered until it ends. */
type OpenBlock =
  | { readonly kind: 'toolCall'; readonly index: number; wrote: boolean }
  /** A tool the provider runs itself, and its result: put together and handed over whole. */
  | { readonly kind: 'serverTool'; readonly start: JsonObject; input: string }
  | { readonly kind: 'serverResult'; readonly start: JsonObject; readonly content: unknown[] }

/** Reads one streamed answer of ConverseStream. The padding `p` of its payloads is ignored. */
export class BedrockDecoder implements EventDecoder {
  readonly #open = new Map<number, OpenBlock>()
  #toolCalls = 0
  #finish: ChoiceFinish | undefined
  #ended = false

  decode(message: WireMessage, out: CanonicalEvent[]): void {
    if (this.#ended) return
    const data = objectOf(parseJson(message.data))
    if (message.event.startsWith('exception:')) {
      this.#ended = true
      const name = message.event.slice('exception:'.length)
      out.push({ type: 'failure', failure: failureOfException(name, data ?? {}) })
    } else if (data === undefined) {
      this.#ended = true
      out.push({
        type: 'failure',
        failure: failure('malformed', 'an event of the stream is not JSON'),
      })
    } else this.take(message.event, data, out)
  }

  get hasFinish(): boolean {
    return this.#finish !== undefined
  }

  /** `messageStop` is the end mark; a stream without the `metadata` after it is whole, only its usage is unknown. */
  end(out: CanonicalEvent[]): void {
    if (this.#ended) return
    this.#ended = true
    if (this.#finish !== undefined) out.push({ type: 'finish', choices: [this.#finish] })
    else
      out.push({
        type: 'failure',
        failure: failure('truncated', 'the stream ended before its end mark'),
      })
  }

  /** Reads one parsed event; types it does not know are ignored. */
  take(event: string, data: JsonObject, out: CanonicalEvent[]): void {
    const block = typeof data['contentBlockIndex'] === 'number' ? data['contentBlockIndex'] : 0
    switch (event) {
      case 'messageStart':
        return void out.push({ type: 'start' })
      case 'contentBlockStart':
        return this.#blockStart(block, objectOf(data['start']) ?? {}, out)
      case 'contentBlockDelta':
        return this.#blockDelta(block, objectOf(data['delta']) ?? {}, out)
      case 'contentBlockStop':
        return this.#blockStop(block, out)
      case 'messageStop':
        for (const open of this.#open.keys()) this.#blockStop(open, out)
        this.#finish = finishFromWire(data)
        return
      case 'metadata':
        return this.#metadata(objectOf(data['usage']), out)
    }
  }

  #metadata(usage: JsonObject | undefined, out: CanonicalEvent[]): void {
    if (usage !== undefined) out.push({ type: 'usage', usage: usageFromWire(usage) })
    if (this.#finish === undefined) return
    this.#ended = true
    out.push({ type: 'finish', choices: [this.#finish] })
  }

  #blockStart(block: number, start: JsonObject, out: CanonicalEvent[]): void {
    const [toolUse, toolResult] = [objectOf(start['toolUse']), objectOf(start['toolResult'])]
    if (toolResult !== undefined)
      this.#open.set(block, { kind: 'serverResult', start: toolResult, content: [] })
    else if (toolUse?.['type'] === 'server_tool_use')
      this.#open.set(block, { kind: 'serverTool', start: toolUse, input: '' })
    else if (toolUse !== undefined) {
      const index = this.#toolCalls++
      this.#open.set(block, { kind: 'toolCall', index, wrote: false })
      const [id, name] = [stringOf(toolUse['toolUseId']) ?? '', stringOf(toolUse['name']) ?? '']
      out.push({ type: 'toolCallStart', choice: 0, index, id, name })
    }
  }

  #blockDelta(block: number, delta: JsonObject, out: CanonicalEvent[]): void {
    const text = textOf(delta['text'])
    if (text !== undefined) out.push({ type: 'text', choice: 0, text, block })
    const reasoning = objectOf(delta['reasoningContent'])
    if (reasoning !== undefined) pushReasoning(block, reasoning, out)
    const citation = objectOf(delta['citation'])
    if (citation !== undefined)
      out.push({ type: 'citation', choice: 0, block, citation: citationFromWire(citation) })
    const open = this.#open.get(block)
    if (open?.kind === 'serverResult') open.content.push(...listOf(delta['toolResult']))
    const input = textOf(objectOf(delta['toolUse'])?.['input'])
    if (input === undefined) return
    if (open?.kind === 'serverTool') open.input += input
    if (open?.kind !== 'toolCall') return
    open.wrote = true
    out.push({ type: 'toolCallArguments', choice: 0, index: open.index, text: input })
  }

  #blockStop(block: number, out: CanonicalEvent[]): void {
    const open = this.#open.get(block)
    this.#open.delete(block)
    switch (open?.kind) {
      case 'toolCall':
        // A call without arguments sends no delta (corpus stream-parallel-tool-calls-raw-stream-*).
        if (!open.wrote)
          out.push({ type: 'toolCallArguments', choice: 0, index: open.index, text: '{}' })
        return
      case 'serverTool':
        return pushOpaque({ toolUse: { ...open.start, input: toolInput(open.input) } }, out)
      case 'serverResult':
        return pushOpaque({ toolResult: { ...open.start, content: open.content } }, out)
      case undefined:
    }
  }
}

/** Text, signature or redacted content of thinking; a delta and the inside of a whole block have the same fields. */
export function pushReasoning(block: number, wire: JsonObject, out: CanonicalEvent[]): void {
  const text = textOf(wire['text'])
  const signature = textOf(wire['signature'])
  const redacted = textOf(wire['redactedContent'])
  if (text === undefined && signature === undefined && redacted === undefined) return
  out.push({
    type: 'reasoning',
    choice: 0,
    text: text ?? '',
    block,
    ...(signature === undefined ? {} : { signature }),
    ...(redacted === undefined ? {} : { redacted }),
    ...(signature === undefined && redacted === undefined ? {} : { wire: 'bedrock-converse' }),
  })
}

export function pushOpaque(value: JsonObject, out: CanonicalEvent[]): void {
  out.push({ type: 'opaque', choice: 0, raw: { wire: 'bedrock-converse', value } })
}
