import type { CanonicalEvent } from '../../canonical/events.ts'
import { failure } from '../../canonical/failure.ts'
import type { JsonObject } from '../../canonical/request.ts'
import type { EventDecoder } from '../../streams/event-decoder.ts'
import type { WireMessage } from '../../streams/framer.ts'
import { cleanMessage, parseJson } from '../failures.ts'
import { numberOf, objectOf, objectsOf, stringOf, textOf } from '../json-values.ts'
import { citationsOf } from './citations.ts'
import { terminalEvent } from './finish.ts'
import { readUsage } from './usage.ts'

/**
 * Reads the events of a v2 stream; `message-end` is the end mark. `[DONE]`
 * follows it and says nothing more.
 *
 * A tool plan is the model thinking aloud before it calls tools: it becomes
 * reasoning. As text it would be shown to users, and as nothing it would be lost.
 */
export class CohereDecoder implements EventDecoder {
  #ended = false
  #calls = 0
  /** Our index of the tool call under each wire index, and whether it has arguments. */
  readonly #callAt = new Map<number, { readonly index: number; hasArguments: boolean }>()
  /** Block of the last content; a plan comes after it. */
  #block = 0
  #textBlock = 0
  #planBlock: number | undefined

  decode(message: WireMessage, out: CanonicalEvent[]): void {
    if (this.#ended || message.data.trim() === '[DONE]') return
    const event = objectOf(parseJson(message.data))
    if (event === undefined) this.#fail('malformed', 'an event of the answer is not JSON', out)
    else this.#read(event, out)
  }

  end(out: CanonicalEvent[]): void {
    if (!this.#ended) this.#fail('truncated', 'the answer ended before it was finished', out)
  }

  /** Reads a whole answer. */
  readWhole(answer: JsonObject, out: CanonicalEvent[]): void {
    const message = objectOf(answer['message'])
    if (message === undefined) {
      this.#fail('malformed', 'the answer has no message', out)
      return
    }
    this.#start(answer, out)
    for (const [index, content] of objectsOf(message['content']).entries())
      this.#content(content, index, out)
    for (const citation of objectsOf(message['citations'])) this.#citation(citation, out)
    this.#plan(message['tool_plan'], out)
    for (const [index, call] of objectsOf(message['tool_calls']).entries())
      this.#wholeCall(call, index, out)
    this.#finish(answer, out)
  }

  #read(event: JsonObject, out: CanonicalEvent[]): void {
    const delta = objectOf(event['delta'])
    const message = objectOf(delta?.['message'])
    const index = numberOf(event['index']) ?? 0
    switch (event['type']) {
      case 'message-start':
        this.#start(event, out)
        return
      case 'content-start':
      case 'content-delta':
        this.#content(objectOf(message?.['content']) ?? {}, index, out)
        return
      case 'tool-plan-delta':
        this.#plan(message?.['tool_plan'], out)
        return
      case 'tool-call-start':
        this.#startCall(objectOf(message?.['tool_calls']) ?? {}, index, out)
        return
      case 'tool-call-delta':
        this.#arguments(objectOf(message?.['tool_calls']) ?? {}, index, out)
        return
      case 'tool-call-end':
        this.#endCall(index, out)
        return
      case 'citation-start':
        this.#citation(objectOf(message?.['citations']) ?? {}, out)
        return
      case 'message-end':
        this.#finish(delta ?? {}, out)
        return
      default:
        this.#other(event, out)
    }
  }

  /** Ends of blocks say nothing; an object without a type that has a message is an error body. */
  #other(event: JsonObject, out: CanonicalEvent[]): void {
    const said = textOf(event['message'])
    if (event['type'] === undefined && said !== undefined)
      this.#fail('server_error', cleanMessage(said), out)
  }

  #start(from: JsonObject, out: CanonicalEvent[]): void {
    const id = textOf(from['id'])
    out.push({ type: 'start', ...(id === undefined ? {} : { id }) })
  }

  #content(content: JsonObject, index: number, out: CanonicalEvent[]): void {
    this.#block = Math.max(this.#block, index)
    const text = textOf(content['text'])
    const thinking = textOf(content['thinking'])
    if (content['type'] === 'text' || text !== undefined) this.#textBlock = index
    if (text !== undefined) out.push({ type: 'text', choice: 0, text, block: index })
    if (thinking !== undefined)
      out.push({ type: 'reasoning', choice: 0, text: thinking, block: index })
  }

  #plan(value: unknown, out: CanonicalEvent[]): void {
    const text = textOf(value)
    if (text === undefined) return
    this.#planBlock ??= this.#block + 1
    out.push({ type: 'reasoning', choice: 0, text, block: this.#planBlock })
  }

  #citation(wire: JsonObject, out: CanonicalEvent[]): void {
    const block = numberOf(wire['content_index']) ?? this.#textBlock
    for (const citation of citationsOf(wire))
      out.push({ type: 'citation', choice: 0, block, citation })
  }

  #startCall(call: JsonObject, wireIndex: number, out: CanonicalEvent[]): void {
    const index = this.#calls++
    this.#callAt.set(wireIndex, { index, hasArguments: false })
    const called = objectOf(call['function'])
    out.push({
      type: 'toolCallStart',
      choice: 0,
      index,
      id: textOf(call['id']) ?? `call_${index}`,
      name: stringOf(called?.['name']) ?? '',
    })
    this.#arguments(call, wireIndex, out)
  }

  #arguments(call: JsonObject, wireIndex: number, out: CanonicalEvent[]): void {
    const text = textOf(objectOf(call['function'])?.['arguments'])
    const open = this.#callAt.get(wireIndex)
    if (text === undefined || open === undefined) return
    open.hasArguments = true
    out.push({ type: 'toolCallArguments', choice: 0, index: open.index, text })
  }

  /** A tool without parameters is called with no text at all; clients parse the arguments as JSON. */
  #endCall(wireIndex: number, out: CanonicalEvent[]): void {
    const open = this.#callAt.get(wireIndex)
    if (open === undefined || open.hasArguments) return
    out.push({ type: 'toolCallArguments', choice: 0, index: open.index, text: '{}' })
  }

  #wholeCall(call: JsonObject, wireIndex: number, out: CanonicalEvent[]): void {
    this.#startCall(call, wireIndex, out)
    this.#endCall(wireIndex, out)
  }

  #finish(ending: JsonObject, out: CanonicalEvent[]): void {
    this.#ended = true
    const usage = readUsage(ending['usage'])
    if (usage !== undefined) out.push({ type: 'usage', usage })
    out.push(terminalEvent(ending))
  }

  #fail(
    failureClass: 'malformed' | 'truncated' | 'server_error',
    message: string,
    out: CanonicalEvent[],
  ): void {
    this.#ended = true
    out.push({ type: 'failure', failure: failure(failureClass, message) })
  }
}
