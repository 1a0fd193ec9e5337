/** As much of a string as a matcher reads; a test hands over one that counts. */
export interface Characters {
  readonly length: number
  charCodeAt(index: number): number
}

export type Matcher = (text: Characters) => boolean

/** Longest pattern, characters. */
export const maxGlobLength = 128

/**
 * A pattern in which `*` stands for any characters, none included, and all else
 * for itself. The pieces between the stars are looked for from left to right by
 * Knuth, Morris and Pratt (1977): a text is read at most twice, whatever the
 * pattern and the text are made of.
 */
export function compileGlob(pattern: string): Matcher {
  const pieces = pattern.split('*')
  const [head = '', ...rest] = pieces
  if (rest.length === 0) return (text) => text.length === head.length && standsAt(head, text, 0)
  const tail = rest.pop() ?? ''
  const middle = rest.filter((piece) => piece !== '').map(compilePiece)
  const least = pattern.length - (pieces.length - 1)
  return (text) => {
    if (text.length < least || !standsAt(head, text, 0)) return false
    const end = text.length - tail.length
    if (!standsAt(tail, text, end)) return false
    let at = head.length
    for (const piece of middle) {
      at = endOf(piece, text, at, end)
      if (at === -1) return false
    }
    return true
  }
}

/** One of several patterns. */
export function compileGlobs(patterns: readonly string[]): Matcher {
  const matchers = patterns.map(compileGlob)
  const [only] = matchers
  if (only !== undefined && matchers.length === 1) return only
  return (text) => {
    for (const matches of matchers) if (matches(text)) return true
    return false
  }
}

function standsAt(piece: string, text: Characters, at: number): boolean {
  for (let index = 0; index < piece.length; index++)
    if (text.charCodeAt(at + index) !== piece.charCodeAt(index)) return false
  return true
}

interface Piece {
  readonly text: string
  /** For each length that has been matched: how much of it is matched still when the next character is another. */
  readonly borders: readonly number[]
}

function compilePiece(text: string): Piece {
  const borders = [0]
  let border = 0
  for (let index = 1; index < text.length; index++) {
    while (border > 0 && text.charCodeAt(index) !== text.charCodeAt(border))
      border = borders[border - 1] ?? 0
    if (text.charCodeAt(index) === text.charCodeAt(border)) border += 1
    borders.push(border)
  }
  return { text, borders }
}

/** Where the first occurrence between `from` and `end` is over; -1 when there is none. */
function endOf({ text: piece, borders }: Piece, text: Characters, from: number, end: number) {
  const first = piece.charCodeAt(0)
  let matched = 0
  for (let at = from; at < end; at++) {
    const code = text.charCodeAt(at)
    if (matched === 0 && code !== first) continue
    while (matched > 0 && code !== piece.charCodeAt(matched)) matched = borders[matched - 1] ?? 0
    if (code === piece.charCodeAt(matched)) matched += 1
    if (matched === piece.length) return at + 1
  }
  return -1
}
