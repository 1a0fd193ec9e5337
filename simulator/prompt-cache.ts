import type { Ask } from './ask.ts'
import { imageTokens, partTokens } from './plan-answer.ts'

/** Prefixes that are remembered over all providers; the oldest are forgotten first. */
const maxPrefixes = 5000
/** Without a cache mark a prefix counts from this size on, in steps of 128, as OpenAI bills it. */
const minImplicitTokens = 1024
const implicitStep = 128

/** Remembers which beginnings of prompts a model has read, so that cached tokens can be told. */
export class PromptCache {
  readonly #prefixes = new Set<string>()

  /**
   * Cached tokens of `ask`, which is remembered. With a cache mark: everything
   * before the last mark, read if it was seen, written if not, whatever its
   * size. Without one: the longest beginning that was seen, from 1024 tokens on.
   */
  look(provider: string, ask: Ask): { cacheRead: number; cacheWrite: number } {
    const keys = prefixKeys(provider, ask)
    const seen = keys.findLastIndex((key) => this.#prefixes.has(key)) + 1
    for (const key of keys) this.#remember(key)
    if (ask.markedParts > 0) {
      const read = Math.min(seen, ask.markedParts)
      const marked = tokensOf(ask, ask.markedParts)
      const cacheRead = tokensOf(ask, read)
      return { cacheRead, cacheWrite: marked - cacheRead }
    }
    const tokens = tokensOf(ask, seen)
    const counted = tokens < minImplicitTokens ? 0 : tokens - (tokens % implicitStep)
    return { cacheRead: counted, cacheWrite: 0 }
  }

  clear(): void {
    this.#prefixes.clear()
  }

  #remember(key: string): void {
    this.#prefixes.delete(key)
    this.#prefixes.add(key)
    const [oldest] = this.#prefixes
    if (this.#prefixes.size > maxPrefixes && oldest !== undefined) this.#prefixes.delete(oldest)
  }
}

function tokensOf(ask: Ask, parts: number): number {
  const text = ask.promptParts.slice(0, parts).reduce((sum, part) => sum + partTokens(part), 0)
  return parts >= ask.promptParts.length && parts > 0 ? text + ask.images * imageTokens : text
}

/** One key per beginning: provider, model, and a running hash over the parts. */
function prefixKeys(provider: string, ask: Ask): string[] {
  let hash = 0x811c9dc5
  let length = 0
  return ask.promptParts.map((part) => {
    hash = fnv1a(part, hash)
    length += part.length
    return `${provider} ${ask.model} ${hash} ${length}`
  })
}

function fnv1a(text: string, start: number): number {
  let hash = start
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0
  }
  return Math.imul(hash ^ 0xff, 0x01000193) >>> 0
}
