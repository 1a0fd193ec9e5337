/** Reasons and names make more of them than this only where somebody tries to. */
const mostTemplates = 256

/** Headers that answers of an isolate have in common, ready to be copied. */
export class HeaderTemplates {
  readonly #templates = new Map<string, Headers>()

  get size(): number {
    return this.#templates.size
  }

  /** `make` is asked once for a key, as long as the template is kept. */
  of(key: string, make: () => Readonly<Record<string, string>>): Headers {
    const found = this.#templates.get(key)
    if (found !== undefined) return found
    if (this.#templates.size >= mostTemplates) this.#templates.clear()
    const made = new Headers(make())
    this.#templates.set(key, made)
    return made
  }
}
