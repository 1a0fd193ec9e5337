const longestKey = 255

export type IdempotencyKeyRead =
  | { readonly kind: 'none' }
  | { readonly kind: 'read'; readonly key: string }
  | { readonly kind: 'invalid'; readonly message: string }

/** Reads `idempotency-key`: 1 to 255 visible ASCII characters, as they stand (quotes are part of it). */
export function readIdempotencyKey(header: string | null): IdempotencyKeyRead {
  if (header === null) return { kind: 'none' }
  const key = header.trim()
  if (key.length === 0 || key.length > longestKey || !/^[\x21-\x7e]+$/.test(key))
    return {
      kind: 'invalid',
      message: `idempotency-key: 1 to ${longestKey} visible ASCII characters without spaces`,
    }
  return { kind: 'read', key }
}

/** Collects what is sent, as long as it may still be kept. */
export class AnswerRecorder {
  readonly #most: number
  #chunks: Uint8Array[] | null = []
  #bytes = 0

  constructor(mostBytes: number) {
    this.#most = mostBytes
  }

  push(chunk: Uint8Array): void {
    if (this.#chunks === null) return
    this.#bytes += chunk.length
    if (this.#bytes > this.#most) this.#chunks = null
    else this.#chunks.push(chunk.slice())
  }

  /** All of it; null when it was too large, and nothing of it is held. */
  body(): Uint8Array | null {
    if (this.#chunks === null) return null
    const body = new Uint8Array(this.#bytes)
    let at = 0
    for (const chunk of this.#chunks) {
      body.set(chunk, at)
      at += chunk.length
    }
    return body
  }
}
