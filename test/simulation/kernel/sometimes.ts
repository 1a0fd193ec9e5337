/**
 * Counts of rare branches: a simulation that never reaches one proves nothing about it, however green it is
 * (Antithesis' "sometimes" assertions; `reliability.md` 4).
 */
export class Sometimes<Name extends string> {
  readonly #counts = new Map<Name, number>()

  constructor(names: readonly Name[]) {
    for (const name of names) this.#counts.set(name, 0)
  }

  reached(name: Name): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  add(other: Sometimes<Name>): void {
    for (const [name, count] of other.#counts)
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + count)
  }

  get counts(): ReadonlyMap<Name, number> {
    return this.#counts
  }

  get never(): readonly Name[] {
    return [...this.#counts].flatMap(([name, count]) => (count === 0 ? [name] : []))
  }
}
