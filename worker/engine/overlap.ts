/** The longest repetition that is looked for, characters. */
export const longestOverlap = 200
/** From here on a repetition is one wherever it begins, characters. */
const certainOverlap = 16

/**
 * Leaves out what the second part of an answer repeats of the end of the first (`reliability.md` 2: longest suffix and
 * prefix match, at most 200 characters). A short match counts only where it is whole words: "10" goes on with "0" to a
 * hundred, four spaces with four more to the next indentation, and neither is a repetition.
 *
 * White space at the end of the first part is none of these: a second target is not told of it (`turns` of
 * `continuation-rules.ts`), and writes it itself, so that it is left out as far as it is the same.
 *
 * Text is held back only as long as all of it may still be one.
 */
export class OverlapFilter {
  readonly #end: string
  #held: string | null = ''

  /** `told`: what the client has of the first part. */
  constructor(told: string) {
    this.#end = told.slice(-longestOverlap)
  }

  /** More of the second part: what of it is new, as far as that can be said. */
  push(text: string): string {
    if (this.#held === null) return text
    this.#held += text
    return mayRepeat(this.#end, this.#held) ? '' : this.flush()
  }

  /** Nothing more comes that could decide. */
  flush(): string {
    const held = this.#held ?? ''
    this.#held = null
    return held.slice(overlapOf(this.#end, held))
  }
}

/** All of `held` stands somewhere in `end` in such a way that more text could complete a repetition. */
function mayRepeat(end: string, held: string): boolean {
  for (let length = end.length; length > held.length; length--)
    if (end.startsWith(held, end.length - length)) return true
  return false
}

/** How many characters at the beginning of `next` repeat the end of `told`. */
export function overlapOf(told: string, next: string): number {
  const most = Math.min(told.length, next.length, longestOverlap)
  for (let length = most; length > 0; length--)
    if (told.endsWith(next.slice(0, length)) && isRepetition(told, next, length)) return length
  return commonLength(told.slice(told.trimEnd().length), next)
}

/** How far both begin alike. */
function commonLength(one: string, other: string): number {
  let length = 0
  while (length < one.length && one[length] === other[length]) length += 1
  return length
}

function isRepetition(told: string, next: string, length: number): boolean {
  if (length >= certainOverlap) return true
  const match = next.slice(0, length)
  if (!/\p{L}/u.test(match)) return false
  const before = told.at(-length - 1)
  return before === undefined || !isWord(before) || !isWord(match[0] ?? '')
}

function isWord(character: string): boolean {
  return /[\p{L}\p{N}_]/u.test(character)
}
