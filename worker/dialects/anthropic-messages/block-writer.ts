import type { JsonObject } from '../../canonical/request.ts'
import { json, quote } from '../shared/sse.ts'

export type BlockKind = 'text' | 'thinking' | 'tool_use'

/** One SSE event of this wire format: the name is said twice. */
export function eventText(type: string, body: string): string {
  return `event: ${type}\ndata: {"type":"${type}",${body}}\n\n`
}

const deltaForms: Readonly<Record<BlockKind, readonly [type: string, field: string]>> = {
  text: ['text_delta', 'text'],
  thinking: ['thinking_delta', 'thinking'],
  tool_use: ['input_json_delta', 'partial_json'],
}

/** Writes content blocks one after the other, with the index that belongs to each. */
export class BlockWriter {
  #nextIndex = 0
  #kind: BlockKind | undefined
  #block: number | undefined
  /** Everything before and after a delta's text: most events are these two and the text between. */
  #deltaHead = ''
  static readonly #deltaTail = '}}\n\n'

  /** True when text of `kind` and `block` goes on with the block that is open. */
  isOpen(kind: BlockKind, block: number | undefined): boolean {
    return this.#kind === kind && this.#block === block
  }

  /** Ends the open block and begins another. */
  begin(kind: BlockKind, block: number | undefined, content: JsonObject): string {
    const ending = this.end()
    this.#kind = kind
    this.#block = block
    const [type, field] = deltaForms[kind]
    this.#deltaHead = `event: content_block_delta\ndata: {"type":"content_block_delta","index":${this.#nextIndex},"delta":{"type":"${type}","${field}":`
    return ending + this.#start(content)
  }

  /** More of the open block's own text. */
  delta(text: string): string {
    return this.#deltaHead + quote(text) + BlockWriter.#deltaTail
  }

  /** A delta of another form in the open block. */
  extra(delta: JsonObject): string {
    return eventText('content_block_delta', `"index":${this.#nextIndex},"delta":${json(delta)}`)
  }

  end(): string {
    if (this.#kind === undefined) return ''
    this.#kind = undefined
    return this.#stop()
  }

  /** A block that is whole at once; `deltas` come between its start and its end. */
  whole(content: JsonObject, deltas: readonly JsonObject[] = []): string {
    const ending = this.end()
    const start = this.#start(content)
    return ending + start + deltas.map((delta) => this.extra(delta)).join('') + this.#stop()
  }

  #start(content: JsonObject): string {
    return eventText(
      'content_block_start',
      `"index":${this.#nextIndex},"content_block":${json(content)}`,
    )
  }

  #stop(): string {
    return eventText('content_block_stop', `"index":${this.#nextIndex++}`)
  }
}
