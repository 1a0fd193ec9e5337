import { pathText } from './path.ts'

/** A header names these; nobody reads more. */
const maxIgnored = 20

/** Collects the fields that canonical blocks and settings cannot hold (`CanonicalRequest.ignored`). */
export class Ignored {
  readonly #paths: string[] = []

  /** Notes every field of `object` that is not `known`; an absent value says nothing and is not noted. */
  note(object: object, known: ReadonlySet<string>, ...path: readonly (string | number)[]): void {
    for (const [key, value] of Object.entries(object)) {
      if (known.has(key) || isEmpty(value)) continue
      this.add(...path, key)
    }
  }

  add(...path: readonly (string | number)[]): void {
    if (this.#paths.length < maxIgnored) this.#paths.push(pathText(path))
  }

  list(): readonly string[] | undefined {
    return this.#paths.length === 0 ? undefined : this.#paths
  }
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0)
}
