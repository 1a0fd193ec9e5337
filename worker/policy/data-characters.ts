/** What a character is to the detectors; all from `digit` on are parts of words and numbers. */
export const other = 0
/** May stand inside a number or a phrase: a blank, a hyphen, a mark without width. */
export const holding = 1
export const digit = 2
export const letter = 3
export const underscore = 4

/**
 * Of every UTF-16 code unit. Punctuation (Latin-1 and U+2000 to U+206F) stands between words. So does all from U+2E80
 * on, Chinese, Japanese and Korean most of all: these scripts write no blank before a number, and no term that is
 * looked for is in them.
 */
export const kinds: Readonly<Uint8Array> = kindsOfAll()

function kindsOfAll(): Uint8Array {
  const made = new Uint8Array(0x1_0000)
  made.fill(letter, 65, 91).fill(letter, 97, 123).fill(digit, 48, 58).fill(letter, 0xc0, 0x2e80)
  made[95] = underscore
  for (const code of [0xaa, 0xb5, 0xba]) made[code] = letter
  made.fill(other, 0x2000, 0x2070)
  // Tab, LF, CR, blank, hyphen; no-break blank, soft hyphen.
  for (const code of [9, 10, 13, 32, 45, 0xa0, 0xad]) made[code] = holding
  // Blanks of all widths and none, hyphens and dashes; then narrow and medium blanks, word joiner, minus, wide blank, BOM.
  made.fill(holding, 0x2000, 0x200e).fill(holding, 0x2010, 0x2016)
  for (const code of [0x202f, 0x205f, 0x2060, 0x2212, 0x3000, 0xfeff]) made[code] = holding
  return made
}

/** So many holding characters may stand between two parts: two blanks, a line's end of CR and LF. */
export const longestGap = 2

export function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

export function isHyphen(code: number): boolean {
  return code === 45 || (code >= 0x2010 && code <= 0x2015) || code === 0x2212
}

export function isAlphanumeric(code: number): boolean {
  return isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
}

/** No ASCII letter, and a letter all the same: of `münchen`. */
export function isForeignLetter(code: number): boolean {
  return code >= 128 && kinds[code] === letter
}
