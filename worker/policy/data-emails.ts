import { isAlphanumeric, isForeignLetter } from './data-characters.ts'
import type { Characters } from './glob.ts'

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
  if (!/^\.(?:\p{L}{2,24}|xn--[a-z0-9-]{2,59})$/u.test(end) || domain.startsWith('.')) return false
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
  while (end > start && !isNamed(text.charCodeAt(end - 1))) end -= 1
  return written(text, start, end)
}

function written(text: Characters, start: number, end: number): string {
  let copy = ''
  for (let at = start; at < end; at++) copy += String.fromCharCode(text.charCodeAt(at))
  return copy.toLowerCase()
}

/** A letter of any alphabet or a digit. */
function isNamed(code: number): boolean {
  return isAlphanumeric(code) || isForeignLetter(code)
}

/** Letters, digits and . _ % + - */
function isLocal(code: number): boolean {
  return isNamed(code) || [46, 95, 37, 43, 45].includes(code)
}

function isDomain(code: number): boolean {
  return isNamed(code) || code === 46 || code === 45
}
