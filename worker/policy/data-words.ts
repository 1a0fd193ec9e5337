import { healthTerms, legalTerms, type Terms } from './data-terms.ts'
import type { Characters } from './glob.ts'

/** A text is about something when the weights of different terms reach this. */
const enough = 3
/** Words of the longest phrase that is known. */
const longestPhrase = 4

export type Subject = 'health' | 'legal'

interface Term {
  readonly text: string
  readonly subject: Subject
  readonly weight: number
}

/** Terms by the hash of their words; a hit is compared letter by letter, so that no other word counts as one. Made when the first text is read. */
let byHash: ReadonlyMap<number, readonly Term[]> | null = null

function allTerms(): ReadonlyMap<number, readonly Term[]> {
  byHash ??= tableOf([...listOf('health', healthTerms), ...listOf('legal', legalTerms)])
  return byHash
}

function listOf(subject: Subject, { strong, weak }: Terms): Term[] {
  return [
    ...strong.map((text) => ({ text, subject, weight: enough })),
    ...weak.map((text) => ({ text, subject, weight: 1 })),
  ]
}

function tableOf(terms: readonly Term[]): ReadonlyMap<number, readonly Term[]> {
  const table = new Map<number, Term[]>()
  for (const term of terms) {
    const hash = term.text.split(' ').reduce((sum, word) => joined(sum, hashOf(word)), 0)
    const same = table.get(hash)
    if (same === undefined) table.set(hash, [term])
    else same.push(term)
  }
  return table
}

function hashOf(word: string): number {
  let hash = 0
  for (let index = 0; index < word.length; index++) hash = hashOn(hash, word.charCodeAt(index))
  return hash
}

/** The hash of a word with one more letter, upper case counted as lower. */
export function hashOn(hash: number, code: number): number {
  return (Math.imul(hash, 31) + lower(code)) | 0
}

function joined(phrase: number, word: number): number {
  return phrase === 0 ? word : (Math.imul(phrase, 1_000_003) ^ word) | 0
}

/** Of ASCII and Latin-1; other scripts have no terms here. */
function lower(code: number): number {
  if (code >= 65 && code <= 90) return code + 32
  return code >= 0xc0 && code <= 0xde && code !== 0xd7 ? code + 32 : code
}

/** Adds up the terms of all texts of one request. Each word is looked up once for each length of a phrase. */
export class WordWatch {
  readonly #weights: Record<Subject, number> = { health: 0, legal: 0 }
  readonly #seen = new Set<string>()
  readonly #terms = allTerms()
  /** Hashes of the phrases that end with the last word, by their number of words; and where they begin. */
  #hashes: number[] = []
  #starts: number[] = []

  isAbout(subject: Subject): boolean {
    return this.#weights[subject] >= enough
  }

  /** No phrase goes on over what stood here. */
  cut(): void {
    if (this.#hashes.length === 0) return
    this.#hashes = []
    this.#starts = []
  }

  /** The word in `text` from `start` to `end`, with its hash. */
  word(text: Characters, start: number, end: number, hash: number): void {
    const hashes = this.#hashes
    const starts = this.#starts
    const last = Math.min(hashes.length, longestPhrase - 1)
    for (let words = last; words > 0; words--) {
      hashes[words] = joined(hashes[words - 1] ?? 0, hash)
      starts[words] = starts[words - 1] ?? start
    }
    hashes[0] = hash
    starts[0] = start
    for (let words = 0; words <= last; words++) {
      const found = this.#terms.get(hashes[words] ?? 0)
      if (found !== undefined) this.#take(found, text, starts[words] ?? start, end)
    }
  }

  #take(terms: readonly Term[], text: Characters, start: number, end: number): void {
    for (const { text: term, subject, weight } of terms) {
      if (this.#seen.has(term) || !isWritten(term, text, start, end)) continue
      this.#seen.add(term)
      this.#weights[subject] += weight
    }
  }
}

/** Between the words of a phrase any one character may stand: a space, a hyphen, a line's end. */
function isWritten(term: string, text: Characters, start: number, end: number): boolean {
  if (end - start !== term.length) return false
  for (let index = 0; index < term.length; index++) {
    const code = term.charCodeAt(index)
    if (code !== 32 && code !== lower(text.charCodeAt(start + index))) return false
  }
  return true
}
