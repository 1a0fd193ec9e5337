import type { Field, FieldNames } from '../../canonical/features.ts'
import { pathText } from './path.ts'

/** A header names these; nobody reads more. */
const maxIgnored = 20

type Path = readonly (string | number)[]

/** What is noted while a body is read: fields that are left out, and what the caller calls the others. */
export class BodyNotes {
  readonly #ignored: string[] = []
  readonly #names = new Map<Field, string>()

  /** Notes every field of `object` that is not `known`; an absent value says nothing and is not noted. */
  note(object: object, known: ReadonlySet<string>, ...path: Path): void {
    for (const [key, value] of Object.entries(object)) {
      if (known.has(key) || isEmpty(value)) continue
      this.add(...path, key)
    }
  }

  /** A field that canonical blocks and settings cannot hold. */
  add(...path: Path): void {
    if (this.#ignored.length < maxIgnored) this.#ignored.push(pathText(path))
  }

  /** Where the caller asked for `field`; the first place is the one they are told of. */
  name(field: Field, ...path: Path): void {
    if (!this.#names.has(field)) this.#names.set(field, pathText(path))
  }

  ignored(): readonly string[] | undefined {
    return this.#ignored.length === 0 ? undefined : this.#ignored
  }

  fields(): FieldNames | undefined {
    return this.#names.size === 0 ? undefined : Object.fromEntries(this.#names)
  }
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0)
}
