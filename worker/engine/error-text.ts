import { errorPhrases } from './error-phrases.ts'

/** A longer text says more than that it is sorry, characters. */
const longest = 400

/** Characters by which phrases are filed. */
const filedBy = 2

/** Phrases by their first characters, filed at the first use: a text is compared with the few that begin as it does. */
let shelves: ReadonlyMap<string, readonly string[]> | null = null

function shelvesOf(): ReadonlyMap<string, readonly string[]> {
  const made = new Map<string, string[]>()
  for (const phrase of Object.values(errorPhrases).flat()) {
    const name = phrase.slice(0, filedBy)
    const shelf = made.get(name)
    if (shelf === undefined) made.set(name, [phrase])
    else shelf.push(phrase)
  }
  return made
}

/**
 * Whether a text is an apology or an error message in place of an answer: it is short and begins with a phrase of
 * `error-phrases.ts`, or is a page of HTML. Looks at the first 400 characters and no others.
 */
export function isErrorText(text: string): boolean {
  const start = text.trimStart().slice(0, longest + 1)
  const plain = start.normalize('NFC').toLowerCase().replaceAll('’', "'")
  const isPage = plain.startsWith('<!doctype html') || plain.startsWith('<html')
  if (start.trimEnd().length > longest) return isPage
  shelves ??= shelvesOf()
  return shelves.get(plain.slice(0, filedBy))?.some((phrase) => plain.startsWith(phrase)) === true
}
