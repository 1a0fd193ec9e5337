import {
  isCard,
  isIban,
  isInternationalPhone,
  isNorthAmericanPhone,
  type Digits,
} from './data-numbers.ts'
import { isEmail, isPrivateKey, isSecret } from './data-secrets.ts'
import { hashOn, WordWatch } from './data-words.ts'
import type { Characters } from './glob.ts'

/** What the detectors know. */
export const findings = ['apiKey', 'card', 'account', 'email', 'phone', 'health', 'legal'] as const
export type Finding = (typeof findings)[number]

const other = 0
const digit = 1
const letter = 2
const underscore = 3
const hyphen = 4

/** What an ASCII character counts as; everything above it is a letter. */
const kinds = Uint8Array.from({ length: 128 }, (_, code) => {
  if (code >= 48 && code <= 57) return digit
  if ((code >= 65 && code <= 90) || (code >= 97 && code <= 122)) return letter
  if (code === 95) return underscore
  return code === 45 ? hyphen : other
})

/** Runs of digits that belong together: as many as a card has groups. */
const mostGroups = 4

/**
 * Looks through the texts of one request for what must be handled with care. One
 * pass from left to right; around an `@`, a `+`, the end of a number or of a key
 * a bounded piece is read again. So the work grows with the length of the text
 * and with nothing else, whatever the text is.
 */
export class DataScan {
  readonly #found = new Set<Finding>()
  readonly #words = new WordWatch()
  #groups: Digits[] = []
  /** Characters since the last word or number. */
  #gap = 0

  /** In the order of `findings`. */
  get found(): readonly Finding[] {
    return findings.filter((finding) => this.#found.has(finding))
  }

  read(text: Characters): void {
    let tokenStart = -1
    let keyStart = -1
    let [hash, letters, digits] = [0, 0, 0]
    this.#separate()
    for (let at = 0; at <= text.length; at++) {
      // Behind the end stands a space, so that the last word ends as any other.
      const code = at === text.length ? 32 : text.charCodeAt(at)
      const kind = code < 128 ? (kinds[code] ?? other) : letter
      if (kind === digit || kind === letter || kind === underscore) {
        if (tokenStart === -1) {
          tokenStart = at
          hash = letters = digits = 0
          if (keyStart === -1) keyStart = at
        }
        if (kind === letter) {
          letters += 1
          hash = hashOn(hash, code)
        } else if (kind === digit) digits += 1
        continue
      }
      if (tokenStart !== -1) {
        this.#token(text, tokenStart, at, hash, letters, digits)
        tokenStart = -1
      }
      if (kind !== hyphen && keyStart !== -1) {
        if (isSecret(text, keyStart, at)) this.#found.add('apiKey')
        keyStart = -1
      }
      this.#mark(text, at, code)
    }
    if (this.#words.isAbout('health')) this.#found.add('health')
    if (this.#words.isAbout('legal')) this.#found.add('legal')
  }

  /** A run of letters, digits and `_`. */
  #token(
    text: Characters,
    start: number,
    end: number,
    hash: number,
    letters: number,
    digits: number,
  ): void {
    const length = end - start
    this.#gap = 0
    if (digits === length) this.#number(text, start, length)
    else this.#groups = []
    if (letters === length) this.#words.word(text, start, end, hash)
    else this.#words.cut()
    if (length === 7 && isPrivateKey(text, start)) this.#found.add('apiKey')
    if (digits >= 2 && letters >= 2 && isIban(text, start)) this.#found.add('account')
  }

  #number(text: Characters, start: number, length: number): void {
    const before = this.#groups
    this.#groups = [...(before.length === mostGroups ? before.slice(1) : before), { start, length }]
    if (isCard(text, this.#groups)) this.#found.add('card')
    if (isNorthAmericanPhone(text, this.#groups)) this.#found.add('phone')
  }

  /** A character between words: one space, hyphen or line's end holds words and numbers together. */
  #mark(text: Characters, at: number, code: number): void {
    this.#gap += 1
    const holds = code === 32 || code === 45 || code === 10
    if (!holds || this.#gap > 1) this.#separate()
    if (code === 64 && isEmail(text, at)) this.#found.add('email')
    if (code === 43 && !isInsideWord(text, at) && isInternationalPhone(text, at))
      this.#found.add('phone')
  }

  #separate(): void {
    if (this.#groups.length > 0) this.#groups = []
    this.#words.cut()
  }
}

/** Directly behind a letter or a digit a `+` adds something. */
function isInsideWord(text: Characters, at: number): boolean {
  if (at === 0) return false
  const code = text.charCodeAt(at - 1)
  return code >= 128 || kinds[code] !== other
}
