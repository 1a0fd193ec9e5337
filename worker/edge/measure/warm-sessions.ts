import type { Warmth } from '../../policy/affinity.ts'

/** Keys that are remembered at most: some 100 bytes each. */
const maxSessions = 4096

/** Where the last answer of each session came from, of those that this isolate has seen. The oldest are forgotten. */
export class WarmSessions {
  readonly #last = new Map<string, { readonly target: string; readonly atMs: number }>()

  answered(key: string, target: string, nowMs: number): void {
    this.#last.delete(key)
    this.#last.set(key, { target, atMs: nowMs })
    if (this.#last.size <= maxSessions) return
    const [oldest] = this.#last.keys()
    if (oldest !== undefined) this.#last.delete(oldest)
  }

  warmth(key: string, nowMs: number): Warmth | null {
    const last = this.#last.get(key)
    return last === undefined
      ? null
      : { target: last.target, agoMs: Math.max(0, nowMs - last.atMs) }
  }
}
