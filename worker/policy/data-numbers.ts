import type { Characters } from './glob.ts'

/** A run of digits in a text. */
export interface Digits {
  readonly start: number
  readonly length: number
}

export function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
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

/**
 * A card number that ends with the last of `groups` (runs of digits with one
 * space or hyphen between): in one run, or as cards print it. First digits and
 * lengths as the schemes publish them (ISO/IEC 7812 registration, read 2026-11-26).
 */
export function isCard(text: Characters, groups: readonly Digits[]): boolean {
  const last = groups.at(-1)
  if (last === undefined) return false
  const end = last.start + last.length
  if (last.length >= 14 && last.length <= 19)
    return isIssued(text, last.start, last.length) && passesLuhn(text, last.start, end)
  return groupings.some((lengths) => {
    const tail = groups.slice(-lengths.length)
    const start = tail[0]?.start ?? 0
    return (
      tail.length === lengths.length &&
      tail.every(({ length }, index) => length === lengths[index]) &&
      isIssued(
        text,
        start,
        lengths.reduce((sum, one) => sum + one, 0),
      ) &&
      passesLuhn(text, start, end)
    )
  })
}

/** The first digits are those of a scheme whose numbers are so long. */
function isIssued(text: Characters, start: number, length: number): boolean {
  const [first, second, third, fourth] = [0, 1, 2, 3].map((at) => text.charCodeAt(start + at) - 48)
  const two = (first ?? 0) * 10 + (second ?? 0)
  const four = two * 100 + (third ?? 0) * 10 + (fourth ?? 0)
  if (length === 15) return two === 34 || two === 37
  if (length === 14) return two === 36 || two === 38 || two === 39
  if (two === 62) return length >= 16
  if (length !== 16) return false
  const isMastercard = (two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)
  return first === 4 || isMastercard || four === 6011 || two === 65 || two === 35
}

/** Three, three and four digits with hyphens between, as North America writes its numbers; area and exchange begin with 2 to 9. */
export function isNorthAmericanPhone(text: Characters, groups: readonly Digits[]): boolean {
  const [area, exchange, line] = groups.slice(-3)
  if (area?.length !== 3 || exchange?.length !== 3 || line?.length !== 4) return false
  const goesOn = text.charCodeAt(line.start + 4) === hyphen
  const hyphens = [exchange, line].every(({ start }) => text.charCodeAt(start - 1) === hyphen)
  return hyphens && !goesOn && [area, exchange].every(({ start }) => text.charCodeAt(start) >= 50)
}

const hyphen = 45

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

/** Space ( ) - . / */
function isPhoneSeparator(code: number): boolean {
  return code === 32 || code === 40 || code === 41 || (code >= 45 && code <= 47)
}

/** Length of an account number in each country (SWIFT IBAN Registry, release 99, read 2026-11-26). */
const ibanLengths: ReadonlyMap<string, number> = new Map(
  [
    ...'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18'.split(
      ' ',
    ),
    ...'DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23'.split(
      ' ',
    ),
    ...'IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 MR27'.split(
      ' ',
    ),
    ...'MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27'.split(
      ' ',
    ),
    ...'ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20'.split(' '),
  ].map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
)

/** An account number that begins at `start`, in one piece or in groups of four with single spaces, whose checksum holds (ISO 13616). */
export function isIban(text: Characters, start: number): boolean {
  const country = String.fromCharCode(text.charCodeAt(start), text.charCodeAt(start + 1))
  const length = ibanLengths.get(country)
  if (length === undefined) return false
  let rest = 0
  let taken = 0
  let at = start
  while (taken < length) {
    const code = text.charCodeAt(at)
    if (code === 32 && taken > 0 && taken % 4 === 0 && text.charCodeAt(at - 1) !== 32) {
      at += 1
      continue
    }
    const value = valueOf(code)
    if (value === -1) return false
    if (taken >= 4) rest = onto(rest, value)
    taken += 1
    at += 1
  }
  // The first four characters are put behind the others: the letters of the country make two digits each.
  return (
    valueOf(text.charCodeAt(at)) === -1 && (rest * 1_000_000 + headValue(text, start)) % 97 === 1
  )
}

function headValue(text: Characters, start: number): number {
  const [first, second, third, fourth] = [0, 1, 2, 3].map((at) =>
    valueOf(text.charCodeAt(start + at)),
  )
  return (first ?? 0) * 10_000 + (second ?? 0) * 100 + (third ?? 0) * 10 + (fourth ?? 0)
}

/** A digit counts as itself, `A` as 10; -1 for what has no place in an account number. */
function valueOf(code: number): number {
  if (isDigit(code)) return code - 48
  return code >= 65 && code <= 90 ? code - 55 : -1
}

function onto(sum: number, value: number): number {
  return (sum * (value > 9 ? 100 : 10) + value) % 97
}
