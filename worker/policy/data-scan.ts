import { isIban } from './data-accounts.ts'
import * as characters from './data-characters.ts'
import { isEmail } from './data-emails.ts'
import { behindBackslashes, looksLikeJson, unescaped } from './data-escapes.ts'
import { DigitGroups, isCard, shortestEnd } from './data-numbers.ts'
import { isBracketedPhone, isInternationalPhone, isNorthAmericanPhone } from './data-phones.ts'
import { isPrivateKey, isSecret } from './data-secrets.ts'
import { hashOn, WordWatch } from './data-words.ts'
import type { Characters } from './glob.ts'

/** What the detectors know; `unread`: a part of the request was too deep or too large to be looked through. */
export const findings = [
  'apiKey',
  'card',
  'account',
  'email',
  'phone',
  'health',
  'legal',
  'unread',
] as const
export type Finding = (typeof findings)[number]

// Of this module's own: an imported one is looked up anew for every character, a seventh of the whole time.
const { kinds, holding, digit, letter, underscore, longestGap } = characters

const blank = 32
const hyphen = 45
const lineFeed = 10
const carriageReturn = 13

/**
 * Looks through the texts of one request for what must be handled with care. One
 * pass from left to right; around an `@`, a `+`, a bracket, the end of a number or
 * of a key a bounded piece is read again. So the work grows with the length of the text
 * and with nothing else, whatever the text is.
 */
export class DataScan {
  readonly #found = new Set<Finding>()
  readonly #words = new WordWatch()
  readonly #groups = new DigitGroups()
  /** Characters since the last word or number. */
  #gap = 0

  /** In the order of `findings`. */
  get found(): readonly Finding[] {
    return findings.filter((finding) => this.#found.has(finding))
  }

  /** Part of the request was not looked through. */
  leftUnread(): void {
    this.#found.add('unread')
  }

  /**
   * One text, with the characters that its escapes stand for. Where it is not JSON a backslash may be one: what stands
   * behind it is read as it is written, too.
   */
  readText(text: string): void {
    const meant = unescaped(text)
    this.read(meant)
    if (meant !== text && !looksLikeJson(text)) this.read(behindBackslashes(text))
  }

  /** One text as it is written. */
  read(text: Characters): void {
    const { length } = text
    /** Where the run of letters, digits, `_` and `-` begins that may be a key; -1: none does. */
    let keyStart = -1
    this.#gap = 0
    this.#separate()
    for (let at = 0; at < length; at++) {
      const code = text.charCodeAt(at)
      const kind = kinds[code]
      if (kind !== undefined && kind > holding) {
        if (keyStart === -1) keyStart = at
        at = this.#token(text, at, length) - 1
        continue
      }
      if (code !== hyphen && keyStart !== -1) {
        this.#key(text, keyStart, at)
        keyStart = -1
      }
      // Nearly all marks are the one blank between two words.
      if (code === blank && this.#gap === 0) this.#gap = 1
      else this.#mark(text, at, code, kind)
    }
    if (keyStart !== -1) this.#key(text, keyStart, length)
    if (this.#words.isAbout('health')) this.#found.add('health')
    if (this.#words.isAbout('legal')) this.#found.add('legal')
  }

  /** A run of letters, digits and `_` that begins at `start`. Returns where it is over. */
  #token(text: Characters, start: number, length: number): number {
    let [hash, digits, underscores] = [0, 0, 0]
    let end = start
    for (; end < length; end++) {
      const code = text.charCodeAt(end)
      const kind = kinds[code]
      if (kind === letter) hash = hashOn(hash, code)
      else if (kind === digit) digits += 1
      else if (kind === underscore) underscores += 1
      else break
    }
    const letters = end - start - digits - underscores
    this.#gap = 0
    if (digits === end - start) this.#number(text, start, digits)
    else this.#groups.clear()
    if (letters === end - start) this.#words.word(text, start, end, hash)
    else this.#words.cut()
    if (end - start === 7 && isPrivateKey(text, start)) this.#found.add('apiKey')
    if (digits >= 2 && letters >= 2 && isIban(text, start)) this.#found.add('account')
    return end
  }

  #number(text: Characters, start: number, length: number): void {
    this.#groups.add(start, length)
    if (length < shortestEnd) return
    if (isCard(text, this.#groups)) this.#found.add('card')
    if (isNorthAmericanPhone(text, this.#groups)) this.#found.add('phone')
  }

  #key(text: Characters, start: number, end: number): void {
    if (isSecret(text, start, end)) this.#found.add('apiKey')
  }

  /** A character between words: one or two that hold keep words and numbers together; not over an empty line. */
  #mark(text: Characters, at: number, code: number, kind: number | undefined): void {
    this.#gap += 1
    if (kind !== holding || this.#gap > longestGap) this.#separate()
    else if (this.#gap > 1 && code === lineFeed && text.charCodeAt(at - 1) !== carriageReturn)
      this.#separate()
    if (code === 64 && isEmail(text, at)) this.#found.add('email')
    if (code === 43 && !isInsideWord(text, at) && isInternationalPhone(text, at))
      this.#found.add('phone')
    if (code === 40 && isBracketedPhone(text, at)) this.#found.add('phone')
  }

  #separate(): void {
    this.#groups.clear()
    this.#words.cut()
  }
}

/** Directly behind a letter or a digit a `+` adds something. */
function isInsideWord(text: Characters, at: number): boolean {
  if (at === 0) return false
  const code = text.charCodeAt(at - 1)
  return code === hyphen || (kinds[code] ?? 0) > holding
}
