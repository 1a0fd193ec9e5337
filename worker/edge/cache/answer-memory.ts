interface Kept {
  readonly tenant: string
  readonly text: string
  readonly expiresAtMs: number
}

export interface MemoryLimits {
  /** Of all tenants together, characters. */
  readonly mostCharacters: number
}

/** An isolate has 128 MB for everything; a character takes up to two bytes. */
export const defaultMemoryLimits: MemoryLimits = { mostCharacters: 8_000_000 }

/**
 * Answers that one isolate remembers, as texts under digests. When there is no room the tenant with most gives up its
 * oldest: nobody's answers are pushed out by another's as long as they are fewer.
 */
export class AnswerMemory {
  readonly #limits: MemoryLimits
  /** In the order in which they came. */
  readonly #kept = new Map<string, Kept>()
  readonly #sizes = new Map<string, number>()
  #size = 0

  constructor(limits: MemoryLimits = defaultMemoryLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#size
  }

  find(id: string, nowMs: number): string | null {
    const kept = this.#kept.get(id)
    if (kept === undefined) return null
    if (kept.expiresAtMs > nowMs) return kept.text
    this.#forget(id, kept)
    return null
  }

  keep(id: string, tenant: string, text: string, expiresAtMs: number): void {
    const before = this.#kept.get(id)
    if (before !== undefined) this.#forget(id, before)
    if (text.length > this.#limits.mostCharacters) return
    this.#kept.set(id, { tenant, text, expiresAtMs })
    this.#add(tenant, text.length)
    while (this.#size > this.#limits.mostCharacters) this.#makeRoom()
  }

  #makeRoom(): void {
    let largest = ''
    let most = -1
    for (const [tenant, size] of this.#sizes) if (size > most) [largest, most] = [tenant, size]
    for (const [id, kept] of this.#kept) {
      if (kept.tenant !== largest) continue
      this.#forget(id, kept)
      return
    }
  }

  #forget(id: string, { tenant, text }: Kept): void {
    this.#kept.delete(id)
    this.#add(tenant, -text.length)
  }

  #add(tenant: string, characters: number): void {
    this.#size += characters
    const size = (this.#sizes.get(tenant) ?? 0) + characters
    if (size === 0) this.#sizes.delete(tenant)
    else this.#sizes.set(tenant, size)
  }
}
