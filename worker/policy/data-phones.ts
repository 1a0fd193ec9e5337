import { holding, isDigit, isHyphen, kinds, longestGap } from './data-characters.ts'
import type { DigitGroups } from './data-numbers.ts'
import type { Characters } from './glob.ts'

/** Three, three and four digits with hyphens between, as North America writes its numbers; area and exchange begin with 2 to 9. */
export function isNorthAmericanPhone(text: Characters, groups: DigitGroups): boolean {
  if (groups.length(2) !== 3 || groups.length(1) !== 3 || groups.length(0) !== 4) return false
  const [area, exchange, line] = [groups.start(2), groups.start(1), groups.start(0)]
  const goesOn = isHyphen(text.charCodeAt(line + 4))
  const hyphens = [exchange, line].every((start) => isHyphen(text.charCodeAt(start - 1)))
  return hyphens && !goesOn && [area, exchange].every((start) => text.charCodeAt(start) >= 50)
}

/** Longest number with its separators, characters. */
const longestPhone = 24

/**
 * An international number behind the `+` at `at` (ITU-T E.164: 15 digits at
 * most): nine digits or more in at least two groups, or ten and more in one.
 */
export function isInternationalPhone(text: Characters, at: number): boolean {
  let digits = 0
  let groups = 0
  let wasDigit = false
  const end = Math.min(text.length, at + 1 + longestPhone)
  let next = at + 1
  for (; next < end; next++) {
    const code = text.charCodeAt(next)
    if (isDigit(code)) {
      if (digits === 0 && code === 48) return false
      digits += 1
      if (!wasDigit) groups += 1
      wasDigit = true
    } else if (isPhoneSeparator(code) && digits > 0) wasDigit = false
    else break
  }
  if (digits > 15) return false
  return groups > 1 ? digits >= 9 : digits >= 10
}

/** All that holds, apart from a line's end; ( ) . / */
function isPhoneSeparator(code: number): boolean {
  if (code === 10 || code === 13) return false
  return kinds[code] === holding || code === 40 || code === 41 || code === 46 || code === 47
}

/** `(415) 555-2671`, whose bracket opens at `at`: area and exchange begin with 2 to 9. */
export function isBracketedPhone(text: Characters, at: number): boolean {
  if (!isArea(text, at + 1) || text.charCodeAt(at + 4) !== 41) return false
  let start = at + 5
  while (start < at + 5 + longestGap && kinds[text.charCodeAt(start)] === holding) start += 1
  if (!isArea(text, start)) return false
  const between = text.charCodeAt(start + 3)
  if (kinds[between] !== holding && between !== 46) return false
  const line = start + 4
  for (let next = line; next < line + 4; next++) if (!isDigit(text.charCodeAt(next))) return false
  const behind = text.charCodeAt(line + 4)
  return (kinds[behind] ?? 0) <= holding && !isHyphen(behind)
}

/** Three digits of which the first is 2 to 9. */
function isArea(text: Characters, start: number): boolean {
  const first = text.charCodeAt(start)
  if (!isDigit(first) || first < 50) return false
  return isDigit(text.charCodeAt(start + 1)) && isDigit(text.charCodeAt(start + 2))
}
