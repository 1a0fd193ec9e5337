import { holding, isDigit, kinds, longestGap } from './data-characters.ts'
import type { Characters } from './glob.ts'

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

/** Lower case is that of identifiers, too: behind the country such an account has no more letters than the name of a bank. */
const mostSmallLetters = 4

/**
 * An account number that begins at `start`, in one piece or in groups of four
 * with one or two holding characters between, whose checksum holds (ISO 13616).
 */
export function isIban(text: Characters, start: number): boolean {
  const country = String.fromCharCode(text.charCodeAt(start), text.charCodeAt(start + 1))
  const length = ibanLengths.get(country.toUpperCase())
  if (length === undefined) return false
  let [rest, taken, gap, letters] = [0, 0, 0, 0]
  let hasSmall = isSmall(text.charCodeAt(start)) || isSmall(text.charCodeAt(start + 1))
  let at = start
  for (; taken < length; at++) {
    const code = text.charCodeAt(at)
    if (kinds[code] === holding && taken > 0 && taken % 4 === 0 && gap < longestGap) {
      gap += 1
      continue
    }
    const value = valueOf(code)
    if (value === -1) return false
    if (taken >= 4) {
      rest = onto(rest, value)
      if (value > 9) letters += 1
      hasSmall ||= isSmall(code)
    }
    gap = 0
    taken += 1
  }
  if (valueOf(text.charCodeAt(at)) !== -1 || (hasSmall && letters > mostSmallLetters)) return false
  // The first four characters are put behind the others: the letters of the country make two digits each.
  return (rest * 1_000_000 + headValue(text, start)) % 97 === 1
}

function headValue(text: Characters, start: number): number {
  const [first, second, third, fourth] = [0, 1, 2, 3].map((at) =>
    valueOf(text.charCodeAt(start + at)),
  )
  return (first ?? 0) * 10_000 + (second ?? 0) * 100 + (third ?? 0) * 10 + (fourth ?? 0)
}

/** A digit counts as itself, `A` and `a` as 10; -1 for what has no place in an account number. */
function valueOf(code: number): number {
  if (isDigit(code)) return code - 48
  if (isSmall(code)) return code - 87
  return code >= 65 && code <= 90 ? code - 55 : -1
}

function isSmall(code: number): boolean {
  return code >= 97 && code <= 122
}

function onto(sum: number, value: number): number {
  return (sum * (value > 9 ? 100 : 10) + value) % 97
}
