import { readAnthropic } from '../oracles/anthropic.ts'
import { parseJson, readSse } from '../oracles/read-sse.ts'
import { at, isObject, list } from '../oracles/wire-value.ts'
import type { ReadAnswer } from './openai-chat.ts'

/** Reads a rendered stream. Rules: "Streaming Messages", event flow, docs.claude.com, 2026-11-20. */
export function readAnthropicStream(stream: string): ReadAnswer {
  const bytes = new TextEncoder().encode(stream)
  return { answer: readAnthropic(bytes, true), faults: streamFaults(bytes) }
}

export function readAnthropicJson(body: unknown): ReadAnswer {
  const faults = messageFaults(body)
  if (typeof at(body, 'stop_reason') !== 'string') faults.push('no stop_reason')
  const bytes = new TextEncoder().encode(JSON.stringify(body))
  return { answer: readAnthropic(bytes, false), faults }
}

function messageFaults(message: unknown): string[] {
  const faults: string[] = []
  if (at(message, 'type') !== 'message') faults.push('type is not message')
  if (at(message, 'role') !== 'assistant') faults.push('role is not assistant')
  if (typeof at(message, 'id') !== 'string') faults.push('no id')
  if (typeof at(message, 'model') !== 'string') faults.push('no model')
  if (!Array.isArray(at(message, 'content'))) faults.push('no content')
  for (const field of ['input_tokens', 'output_tokens']) {
    if (!Number.isInteger(at(message, 'usage', field))) faults.push(`no usage.${field}`)
  }
  return faults
}

const deltaOf: Readonly<Record<string, readonly string[]>> = {
  text: ['text_delta', 'citations_delta'],
  thinking: ['thinking_delta', 'signature_delta'],
  redacted_thinking: [],
  tool_use: ['input_json_delta'],
  server_tool_use: ['input_json_delta'],
  mcp_tool_use: ['input_json_delta'],
}

class FlowChecker {
  readonly faults = new Set<string>()
  #started = false
  #delta = false
  #ended = false
  #open: { index: unknown; type: string } | undefined
  #next = 0

  read(event: string, body: unknown): void {
    const type = at(body, 'type')
    if (this.#ended) this.faults.add('something follows the end')
    if (event !== type) this.faults.add('the event name is not the type')
    if (type !== 'message_start' && type !== 'error' && type !== 'ping' && !this.#started) {
      this.faults.add('no message_start first')
    }
    switch (type) {
      case 'message_start':
        if (this.#started) this.faults.add('a second message_start')
        this.#started = true
        for (const fault of messageFaults(at(body, 'message'))) this.faults.add(fault)
        if (list(at(body, 'message', 'content')).length > 0)
          this.faults.add('content in message_start')
        return
      case 'content_block_start':
        this.#begin(body)
        return
      case 'content_block_delta':
        this.#addDelta(body)
        return
      case 'content_block_stop':
        if (this.#open?.index !== at(body, 'index'))
          this.faults.add('a stop of a block that is not open')
        this.#open = undefined
        return
      case 'message_delta':
        if (this.#open !== undefined) this.faults.add('message_delta while a block is open')
        this.#delta = true
        return
      case 'message_stop':
        if (!this.#delta) this.faults.add('message_stop without message_delta')
        this.#ended = true
        return
      case 'error':
        this.#ended = true
        return
      case 'ping':
        return
      default:
        this.faults.add(`unknown event ${String(type)}`)
    }
  }

  #begin(body: unknown): void {
    if (this.#open !== undefined) this.faults.add('a block begins while another is open')
    if (at(body, 'index') !== this.#next) this.faults.add('block indexes are not 0, 1, 2, ...')
    this.#next += 1
    const block = at(body, 'content_block')
    if (!isObject(block)) this.faults.add('content_block_start without content_block')
    this.#open = { index: at(body, 'index'), type: String(at(block, 'type')) }
  }

  #addDelta(body: unknown): void {
    if (this.#open === undefined || this.#open.index !== at(body, 'index')) {
      this.faults.add('a delta for a block that is not open')
      return
    }
    const allowed = deltaOf[this.#open.type]
    const type = String(at(body, 'delta', 'type'))
    if (allowed !== undefined && !allowed.includes(type))
      this.faults.add(`${type} in a ${this.#open.type} block`)
  }
}

function streamFaults(bytes: Uint8Array): string[] {
  const checker = new FlowChecker()
  for (const { event, data } of readSse(bytes)) checker.read(event, parseJson(data))
  return [...checker.faults]
}
