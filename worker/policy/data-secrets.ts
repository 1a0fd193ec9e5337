import { isDigit } from './data-characters.ts'
import { secretForms, type SecretForm } from './data-secret-forms.ts'
import type { Characters } from './glob.ts'

/** A run of letters, digits, `_` and `-` that is shorter holds no key. */
export const shortestSecret = 20
/** So much of a key is looked at to tell it from a placeholder, characters. */
const looked = 48
/** A key is made of chance: `xxxx-xxxx` is none. */
const leastDistinct = 10

/** Forms by the first character of their prefix: most runs begin like none. */
const formsByFirst = byFirst(secretForms)

function byFirst(forms: readonly SecretForm[]): ReadonlyMap<number, readonly SecretForm[]> {
  const made = new Map<number, SecretForm[]>()
  for (const form of forms) {
    const code = form.prefix.charCodeAt(0)
    const same = made.get(code)
    if (same === undefined) made.set(code, [form])
    else same.push(form)
  }
  return made
}

/** The run of letters, digits, `_` and `-` from `start` to `end` is a key of a known form, or the middle of one. */
export function isSecret(text: Characters, start: number, end: number): boolean {
  const length = end - start
  if (length < shortestSecret) return false
  if (startsWith('eyJ', text, start)) return startsWith('.eyJ', text, end)
  if (length === sendGridMiddle) return isSendGrid(text, start, end)
  const form = formsByFirst
    .get(text.charCodeAt(start))
    ?.find(({ prefix, least }) => least <= length && startsWith(prefix, text, start))
  if (form === undefined) return false
  const from = start + form.prefix.length
  return isRandom(text, from, Math.min(end, from + looked), form.mayLackDigits === true)
}

/** `SG.`, 22 characters, a full stop and 43 more. */
const sendGridMiddle = 22

function isSendGrid(text: Characters, start: number, end: number): boolean {
  return (
    start >= 3 &&
    startsWith('SG.', text, start - 3) &&
    text.charCodeAt(end) === 46 &&
    isRandom(text, start, Math.min(text.length, end + 44), true)
  )
}

/**
 * Letters and digits, many different ones, and not the `EXAMPLE` that documents put in. Where a key may be of letters
 * alone, both cases stand for the digits.
 */
function isRandom(text: Characters, start: number, end: number, mayLackDigits: boolean): boolean {
  const seen = new Set<number>()
  let [digits, large, small] = [0, 0, 0]
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at)
    seen.add(code)
    if (isDigit(code)) digits += 1
    else if (code >= 97) small += 1
    else if (code >= 65 && code <= 90) large += 1
    if (code === 69 && startsWith('EXAMPLE', text, at)) return false
  }
  const isMixed = digits > 0 || (mayLackDigits && large > 1 && small > 1)
  return isMixed && seen.size >= leastDistinct
}

/** `PRIVATE KEY-----`, with which the head of every PEM file of one ends. */
export function isPrivateKey(text: Characters, start: number): boolean {
  return startsWith('PRIVATE KEY-----', text, start)
}

function startsWith(wanted: string, text: Characters, at: number): boolean {
  for (let index = 0; index < wanted.length; index++)
    if (text.charCodeAt(at + index) !== wanted.charCodeAt(index)) return false
  return true
}
