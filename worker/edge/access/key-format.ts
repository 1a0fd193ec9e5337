import { isKeyId, isTenantId } from '../../../durable-objects/tenant-ledger/access/names.ts'

/**
 * `sk-sy-{tenant}-{keyId}-{secret}{check}`: 8 base-62 digits of id, 43 of secret (256 random bits), 6 of CRC-32 over
 * all that stands before them. Lengths from the right are fixed, so a tenant may have hyphens in its name and every
 * text has at most one reading. `sk-sy-admin-...` is an admin key; no tenant is called so (`names.ts`).
 *
 * Reading touches each character a fixed number of times and needs no I/O: junk costs a microsecond.
 */

const prefix = 'sk-sy-'
const idLength = 8
const secretLength = 43
const checkLength = 6
const tailLength = 1 + idLength + 1 + secretLength + checkLength
const shortest = prefix.length + 1 + tailLength
const longest = prefix.length + 64 + tailLength

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const digits = /^[0-9A-Za-z]+$/

export interface ParsedKey {
  readonly tenantId: string
  readonly keyId: string
  readonly secret: string
}

export type ParsedAdminKey = Omit<ParsedKey, 'tenantId'>

/** A key of a tenant from an id and 32 random bytes. Throws a `RangeError` for a name or length that no key has. */
export function mintKey(tenantId: string, keyId: string, random: Uint8Array): string {
  if (!isTenantId(tenantId)) throw new RangeError(`no tenant can be called ${tenantId}`)
  return mint(tenantId, keyId, random)
}

export function mintAdminKey(keyId: string, random: Uint8Array): string {
  return mint('admin', keyId, random)
}

/** A key id from 8 random bytes. It is no secret: that the first digits come up a little more often tells nothing. */
export function keyIdFrom(random: Uint8Array): string {
  if (random.length !== idLength)
    throw new RangeError(`a key id is made of ${idLength} random bytes, not ${random.length}`)
  return [...random].map((byte) => alphabet[byte % 62]).join('')
}

/** The parts of a tenant's key; null for junk and for admin keys. */
export function parseKey(text: string): ParsedKey | null {
  const parts = read(text)
  return parts !== null && isTenantId(parts.tenantId) ? parts : null
}

/** The parts of an admin key; null for junk and for keys of tenants. */
export function parseAdminKey(text: string): ParsedAdminKey | null {
  const parts = read(text)
  if (parts === null || parts.tenantId !== 'admin') return null
  return { keyId: parts.keyId, secret: parts.secret }
}

function mint(name: string, keyId: string, random: Uint8Array): string {
  if (!isKeyId(keyId)) throw new RangeError(`a key id is ${idLength} letters and digits`)
  if (random.length !== 32)
    throw new RangeError(`a secret is made of 32 random bytes, not ${random.length}`)
  const body = `${prefix}${name}-${keyId}-${secretOf(random)}`
  return body + checkOf(body)
}

function read(text: string): ParsedKey | null {
  if (text.length < shortest || text.length > longest || !text.startsWith(prefix)) return null
  const tail = text.length - tailLength
  const idAt = tail + 1
  const secretAt = idAt + idLength + 1
  const checkAt = secretAt + secretLength
  if (text[tail] !== '-' || text[secretAt - 1] !== '-') return null
  const keyId = text.slice(idAt, idAt + idLength)
  const secret = text.slice(secretAt, checkAt)
  if (!isKeyId(keyId) || !digits.test(secret)) return null
  if (checkOf(text.slice(0, checkAt)) !== text.slice(checkAt)) return null
  return { tenantId: text.slice(prefix.length, tail), keyId, secret }
}

function secretOf(random: Uint8Array): string {
  let rest = random.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
  let text = ''
  for (let index = 0; index < secretLength; index++) {
    text = (alphabet[Number(rest % 62n)] ?? '') + text
    rest /= 62n
  }
  return text
}

function checkOf(body: string): string {
  let rest = crc32(body)
  let text = ''
  for (let index = 0; index < checkLength; index++) {
    text = (alphabet[rest % 62] ?? '') + text
    rest = Math.floor(rest / 62)
  }
  return text
}

/** Of ISO-HDLC. It notices every change of up to 32 bits in a row, so every one of a single character. */
function crc32(text: string): number {
  let crc = 0xffffffff
  for (let index = 0; index < text.length; index++) {
    crc ^= text.charCodeAt(index)
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}
