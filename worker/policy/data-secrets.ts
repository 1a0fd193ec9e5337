import { isDigit } from './data-numbers.ts'
import type { Characters } from './glob.ts'

/** How the keys of a service begin, and the fewest characters of a whole one. */
interface SecretForm {
  readonly prefix: string
  readonly least: number
}

/**
 * Published forms of keys that a machine can know for sure (docs.github.com "secret scanning patterns" and the pages
 * of the vendors, read 2026-11-26). Public keys (`pk_live_`) are none.
 */
const forms: readonly SecretForm[] = [
  { prefix: 'sk-', least: 24 },
  { prefix: 'sk_live_', least: 24 },
  { prefix: 'sk_test_', least: 24 },
  { prefix: 'rk_live_', least: 24 },
  { prefix: 'ghp_', least: 40 },
  { prefix: 'gho_', least: 40 },
  { prefix: 'ghu_', least: 40 },
  { prefix: 'ghs_', least: 40 },
  { prefix: 'ghr_', least: 40 },
  { prefix: 'github_pat_', least: 33 },
  { prefix: 'glpat-', least: 26 },
  { prefix: 'xoxb-', least: 24 },
  { prefix: 'xoxp-', least: 24 },
  { prefix: 'xoxa-', least: 24 },
  { prefix: 'AKIA', least: 20 },
  { prefix: 'ASIA', least: 20 },
  { prefix: 'AIza', least: 39 },
  { prefix: 'hf_', least: 30 },
  { prefix: 'npm_', least: 40 },
  { prefix: 'gsk_', least: 40 },
  { prefix: 'xai-', least: 40 },
  { prefix: 'dop_v1_', least: 64 },
  { prefix: 'shpat_', least: 38 },
  { prefix: 'pypi-', least: 60 },
  { prefix: 'whsec_', least: 30 },
]

/** A run of letters, digits, `_` and `-` that is shorter holds no key. */
export const shortestSecret = 20
/** So much of a key is looked at to tell it from a placeholder, characters. */
const looked = 48
/** A key is made of chance: `xxxx-xxxx` is none. */
const leastDistinct = 10

/** The run of letters, digits, `_` and `-` from `start` to `end` is a key of a known form. */
export function isSecret(text: Characters, start: number, end: number): boolean {
  const length = end - start
  if (length < shortestSecret) return false
  if (startsWith('eyJ', text, start)) return startsWith('.eyJ', text, end)
  const form = forms.find(({ prefix, least }) => least <= length && startsWith(prefix, text, start))
  if (form === undefined) return false
  const from = start + form.prefix.length
  return isRandom(text, from, Math.min(end, from + looked))
}

/** Letters and digits, many different ones, and not the `EXAMPLE` that documents put in. */
function isRandom(text: Characters, start: number, end: number): boolean {
  const seen = new Set<number>()
  let digits = 0
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at)
    seen.add(code)
    if (isDigit(code)) digits += 1
    if (code === 69 && startsWith('EXAMPLE', text, at)) return false
  }
  return digits > 0 && seen.size >= leastDistinct
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

/** Lengths that RFC 5321 allows on both sides of an `@`, octets. */
const longestLocal = 64
const longestDomain = 255

/** Names that stand for nobody: RFC 2606, senders without a reader, the user of every git remote. */
const nobodyDomains = ['example.com', 'example.org', 'example.net']
const nobodyEnds = ['.example', '.test', '.invalid', '.localhost']
const nobodyNames = ['git', 'noreply', 'no-reply', 'donotreply']
/** `logo@2x.png` is a file. */
const fileEnds = ['.png', '.jpg', '.jpeg', '.gif', '.svg', '.webp', '.css', '.js', '.ts', '.json']

/** An address of somebody stands around the `@` at `at`. */
export function isEmail(text: Characters, at: number): boolean {
  const local = localPart(text, at)
  if (local === '' || nobodyNames.includes(local)) return false
  const domain = domainPart(text, at + 1)
  const end = domain.slice(domain.lastIndexOf('.'))
  if (!/^\.[a-z]{2,24}$/.test(end) || domain.startsWith('.')) return false
  if (nobodyDomains.some((one) => domain === one || domain.endsWith(`.${one}`))) return false
  return !nobodyEnds.includes(end) && !fileEnds.includes(end)
}

function localPart(text: Characters, at: number): string {
  let start = at
  while (start > 0 && at - start < longestLocal && isLocal(text.charCodeAt(start - 1))) start -= 1
  return written(text, start, at)
}

function domainPart(text: Characters, start: number): string {
  let end = start
  const most = Math.min(text.length, start + longestDomain)
  while (end < most && isDomain(text.charCodeAt(end))) end += 1
  while (end > start && !isAlphanumeric(text.charCodeAt(end - 1))) end -= 1
  return written(text, start, end)
}

function written(text: Characters, start: number, end: number): string {
  let copy = ''
  for (let at = start; at < end; at++) copy += String.fromCharCode(text.charCodeAt(at))
  return copy.toLowerCase()
}

function isAlphanumeric(code: number): boolean {
  return isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
}

/** Letters, digits and . _ % + - */
function isLocal(code: number): boolean {
  return isAlphanumeric(code) || [46, 95, 37, 43, 45].includes(code)
}

function isDomain(code: number): boolean {
  return isAlphanumeric(code) || code === 46 || code === 45
}
