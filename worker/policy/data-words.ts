import { holding, kinds } from './data-characters.ts'
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

/** Made when the first text is read. */
let known: KnownTerms | null = null

interface KnownTerms {
  /** By the hash of their words; a hit is compared letter by letter, so that no other word counts as one. */
  readonly byHash: ReadonlyMap<number, readonly Term[]>
  /** 1 where the last bits of a hash are those of a word of a term: nearly all words of a text are none, and are done with. */
  readonly words: Uint8Array
}

const lastBits = 0xfff

function allTerms(): KnownTerms {
  if (known !== null) return known
  const terms = [...listOf('health', healthTerms), ...listOf('legal', legalTerms)]
  const words = new Uint8Array(lastBits + 1)
  for (const { text } of terms)
    for (const word of text.split(' ')) words[hashOf(word) & lastBits] = 1
  known = { byHash: tableOf(terms), words }
  return known
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
  readonly #hashes: number[] = [0, 0, 0, 0]
  readonly #starts: number[] = [0, 0, 0, 0]
  /** So many of them go on: fewer than the longest phrase has words. */
  #open = 0

  isAbout(subject: Subject): boolean {
    return this.#weights[subject] >= enough
  }

  /** No phrase goes on over what stood here. */
  cut(): void {
    this.#open = 0
  }

  /** The word in `text` from `start` to `end`, with its hash. */
  word(text: Characters, start: number, end: number, hash: number): void {
    if (this.#terms.words[hash & lastBits] === 1) this.#known(text, start, end, hash)
    else this.cut()
  }

  #known(text: Characters, start: number, end: number, hash: number): void {
    const hashes = this.#hashes
    const starts = this.#starts
    const last = this.#open
    for (let words = last; words > 0; words--) {
      hashes[words] = joined(hashes[words - 1] ?? 0, hash)
      starts[words] = starts[words - 1] ?? start
    }
    hashes[0] = hash
    starts[0] = start
    this.#open = Math.min(last + 1, longestPhrase - 1)
    for (let words = 0; words <= last; words++) {
      const found = this.#terms.byHash.get(hashes[words] ?? 0)
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

/** Between the words of a phrase stand one or two characters that hold it together. */
function isWritten(term: string, text: Characters, start: number, end: number): boolean {
  let at = start
  for (let index = 0; index < term.length; index++) {
    const code = term.charCodeAt(index)
    if (code === 32) {
      while (at < end && (kinds[text.charCodeAt(at)] ?? 0) <= holding) at += 1
      continue
    }
    if (code !== lower(text.charCodeAt(at))) return false
    at += 1
  }
  return at === end
}
