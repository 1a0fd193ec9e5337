import type { JsonObject } from '../../canonical/request.ts'
import { toolInput } from '../tool-calls.ts'

/**
 * Puts a block that only this wire understands (server tool calls and results,
 * compaction, container uploads) together again from its start and its deltas.
 */
export class OpaqueBuilder {
  readonly #block: Record<string, unknown>
  #input = ''

  constructor(start: JsonObject) {
    this.#block = { ...start }
  }

  /** `input_json_delta` writes `input`; any other delta adds its fields to the block's own: text and lists grow, the rest is replaced. */
  add(delta: JsonObject): void {
    if (delta['type'] === 'input_json_delta') {
      this.#input += typeof delta['partial_json'] === 'string' ? delta['partial_json'] : ''
      return
    }
    for (const [key, value] of Object.entries(delta)) {
      if (key === 'type') continue
      const before = this.#block[key]
      if (typeof before === 'string' && typeof value === 'string') this.#block[key] = before + value
      else if (Array.isArray(before) && Array.isArray(value))
        this.#block[key] = [...before, ...value]
      else this.#block[key] = value
    }
  }

  build(): JsonObject {
    return this.#input === '' ? this.#block : { ...this.#block, input: toolInput(this.#input) }
  }
}
