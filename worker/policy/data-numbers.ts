import type { Characters } from './glob.ts'

/** Runs of digits that belong together: as many as a card has groups. */
const mostGroups = 4

/** The last few runs of digits of a text that belong together; the one before them is forgotten. */
export class DigitGroups {
  readonly #starts = new Int32Array(mostGroups)
  readonly #lengths = new Int32Array(mostGroups)
  #count = 0
  #last = 0

  add(start: number, length: number): void {
    this.#last = (this.#last + 1) % mostGroups
    this.#starts[this.#last] = start
    this.#lengths[this.#last] = length
    if (this.#count < mostGroups) this.#count += 1
  }

  clear(): void {
    this.#count = 0
  }

  /** Where the group begins that stands so many behind the last one. */
  start(before: number): number {
    return this.#starts[this.#placeOf(before)] ?? 0
  }

  /** 0: there is none. */
  length(before: number): number {
    return before < this.#count ? (this.#lengths[this.#placeOf(before)] ?? 0) : 0
  }

  #placeOf(before: number): number {
    return (this.#last + mostGroups - before) % mostGroups
  }
}

/** The check digit of cards (ISO/IEC 7812-1, annex B), over digits with separators between them. */
function passesLuhn(text: Characters, start: number, end: number): boolean {
  let sum = 0
  let doubles = false
  for (let at = end - 1; at >= start; at--) {
    const digit = text.charCodeAt(at) - 48
    if (digit < 0 || digit > 9) continue
    const value = doubles ? digit * 2 : digit
    sum += value > 9 ? value - 9 : value
    doubles = !doubles
  }
  return sum % 10 === 0
}

/** How the large schemes group their digits: 4 4 4 4, American Express 4 6 5, Diners 4 6 4. */
const groupings: readonly (readonly number[])[] = [
  [4, 4, 4, 4],
  [4, 6, 5],
  [4, 6, 4],
]

/** No card and no North American number ends with fewer digits in its last group. */
export const shortestEnd = 4

/**
 * A card number that ends with the last of `groups` (runs of digits with one
 * or two blanks or hyphens between): in one run, or as cards print it. First digits and
 * lengths as the schemes publish them (ISO/IEC 7812 registration, read 2026-11-26).
 */
export function isCard(text: Characters, groups: DigitGroups): boolean {
  const length = groups.length(0)
  const start = groups.start(0)
  if (length >= 14 && length <= 19)
    return isIssued(text, start, length) && passesLuhn(text, start, start + length)
  return groupings.some((lengths) => {
    const first = lengths.length - 1
    if (!lengths.every((one, index) => groups.length(first - index) === one)) return false
    const digits = lengths.reduce((sum, one) => sum + one, 0)
    const from = groups.start(first)
    return isIssued(text, from, digits) && passesLuhn(text, from, start + length)
  })
}

/** The first digits are those of a scheme whose numbers are so long. */
function isIssued(text: Characters, start: number, length: number): boolean {
  const [first, second, third, fourth] = [0, 1, 2, 3].map((at) => text.charCodeAt(start + at) - 48)
  const two = (first ?? 0) * 10 + (second ?? 0)
  const four = two * 100 + (third ?? 0) * 10 + (fourth ?? 0)
  if (length === 15) return two === 34 || two === 37
  if (length === 14) return isDiners(two, third ?? 0)
  if (two === 62) return length >= 16
  if (length !== 16) return false
  const isMastercard = (two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)
  const isDiscover = four === 6011 || two === 65 || (two === 64 && (third ?? 0) >= 4)
  return first === 4 || isMastercard || isDiscover || two === 35
}

/** 300 to 305, 309, 36, 38 and 39. */
function isDiners(two: number, third: number): boolean {
  if (two === 30) return third <= 5 || third === 9
  return two === 36 || two === 38 || two === 39
}
