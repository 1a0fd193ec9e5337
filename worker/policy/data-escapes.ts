import { isAlphanumeric } from './data-characters.ts'

const backslash = 92

/** What a letter behind a backslash stands for: JSON (RFC 8259, 7) and nearly all languages of programs. */
const escapes: ReadonlyMap<number, string> = new Map([
  [98, ' '],
  [102, ' '],
  [110, '\n'],
  [114, '\r'],
  [116, '\t'],
  [34, '"'],
  [47, '/'],
])

const letterU = 117

/**
 * A text with the characters that its escapes stand for, however often it was put into JSON: of several backslashes in
 * a row the last one counts. Without one it is the same text. Time in proportion to the length.
 */
export function unescaped(text: string): string {
  let at = text.indexOf('\\')
  if (at === -1) return text
  let made = ''
  let from = 0
  while (at !== -1) {
    let end = at + 1
    while (text.charCodeAt(end) === backslash) end += 1
    const code = text.charCodeAt(end)
    const meant = code === letterU ? unitOf(text, end + 1) : escapes.get(code)
    if (meant !== undefined) {
      made += text.slice(from, at) + meant
      from = end + (code === letterU ? 5 : 1)
    }
    at = text.indexOf('\\', Math.max(from, end))
  }
  return from === 0 ? text : made + text.slice(from)
}

/** Of the four hexadecimal digits at `start`; undefined: they are none. */
function unitOf(text: string, start: number): string | undefined {
  const digits = text.slice(start, start + 4)
  return /^[0-9a-f]{4}$/i.test(digits)
    ? String.fromCharCode(Number.parseInt(digits, 16))
    : undefined
}

/** Longest piece behind a backslash that is read as it is written, characters: no key is longer. */
const longestPiece = 256

/**
 * What stands behind backslashes that need not begin an escape: words whose first letter `unescaped` takes away, with
 * what follows them. Each piece once.
 */
export function behindBackslashes(text: string): string {
  let pieces = ''
  let at = text.indexOf('\\')
  while (at !== -1) {
    let end = at + 1
    const code = text.charCodeAt(end)
    if ((code === letterU || escapes.has(code)) && isAlphanumeric(text.charCodeAt(end + 1))) {
      const piece = text.slice(at + 1, at + 1 + longestPiece)
      // Not with the half of a word.
      const blank = piece.length < longestPiece ? -1 : piece.lastIndexOf(' ')
      end += blank === -1 ? piece.length : blank
      pieces += `\n\n${text.slice(at + 1, end)}`
    }
    at = text.indexOf('\\', end)
  }
  return pieces
}

/** By its first character: a wrong guess costs an escape that is none. */
export function looksLikeJson(text: string): boolean {
  const code = text.charCodeAt(0)
  return code === 123 || code === 91 || code === 34
}
