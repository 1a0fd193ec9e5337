import { createHmac, timingSafeEqual } from 'node:crypto'
import { sha256 } from '@noble/hashes/sha2.js'
import { ConfigurationError } from './config.ts'

/**
 * Keys: `sk-sy-{tenant}-{keyId}-{secret}{check}`. 43 base-62 digits of secret
 * hold 256 random bits; 6 digits of CRC-32 over what stands before them refuse
 * junk without any look-up. An admin key's tenant part is `admin`, which no
 * tenant may be called. Stored is only HMAC-SHA-256 under the pepper, hex; the
 * digest itself is never accepted as a key because it has not the form.
 */
const keyForm =
  /^sk-sy-([a-z0-9][a-z0-9._-]{0,63})-([A-Za-z0-9]{8})-([A-Za-z0-9]{43})([A-Za-z0-9]{6})$/

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** One key as it is stored: whose it is, and the digest that proves it. */
export interface StoredKey {
  readonly tenant: string
  readonly id: string
  /** HMAC-SHA-256 of the key under the pepper, lower-case hex. */
  readonly digest: string
}

/** The parts of a well-formed key; null for junk. */
export function parseKey(key: string): { readonly tenant: string; readonly id: string } | null {
  const match = keyForm.exec(key)
  if (match === null) return null
  const [, tenant = '', id = '', , check = ''] = match
  return base62(crc32(key.slice(0, -6)), 6) === check ? { tenant, id } : null
}

/** Writes a key from 40 random bytes: 8 for the id, 32 for the secret. */
export function formatKey(tenant: string, random: Uint8Array): string {
  if (random.length !== 40)
    throw new RangeError(`a key is made of 40 random bytes, not ${random.length}`)
  const id = [...random.subarray(0, 8)].map((byte) => alphabet[byte % 62]).join('')
  const secret = base62(bigEndian(random.subarray(8)), 43)
  const body = `sk-sy-${tenant}-${id}-${secret}`
  return body + base62(crc32(body), 6)
}

export function digestKey(key: string, pepper: string): string {
  return createHmac('sha256', pepper).update(key).digest('hex')
}

/** Compares two hex digests without telling by time where they differ. */
export function sameDigest(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
}

/**
 * The keys a deployment knows, by key id: the id finds, the digest proves.
 *
 * A key that was proven is remembered by the SHA-256 of its secret, which is one
 * block where the whole key is two, and by whose it is; never as text. In plain
 * JavaScript, because a digest of `node:crypto` costs some 20 us more of a request
 * on workerd (medians of 450 us and 432, within the spread of single rounds;
 * bench json-openai-c16, 2026-11-20). Only
 * proven keys are remembered, so there are never more than stored ones; found by
 * the first bytes of the digest, proven by all of them.
 */
export class KeyRing {
  readonly #keys: ReadonlyMap<string, StoredKey>
  readonly #proven = new Map<number, Proven>()
  readonly #peppers: readonly string[]

  constructor(keys: readonly StoredKey[], ...peppers: readonly [string, ...string[]]) {
    this.#keys = new Map(keys.map((key) => [`${key.tenant}-${key.id}`, key]))
    this.#peppers = peppers
  }

  /** The stored key that `key` is, or null. Junk is refused by its form alone. */
  find(key: string): StoredKey | null {
    const fingerprint = digestOf(key)
    if (fingerprint === null) return null
    const head = headOf(fingerprint)
    const proven = this.#proven.get(head)
    if (proven !== undefined && isKey(key, proven, fingerprint)) return proven.stored
    const stored = this.#prove(key)
    if (stored !== null) {
      // Not cut out of the key, which would keep all of its text.
      const beginning = `sk-sy-${stored.tenant}-${stored.id}-`
      this.#proven.set(head, { beginning, fingerprint, stored })
    }
    return stored
  }

  #prove(key: string): StoredKey | null {
    const parts = parseKey(key)
    if (parts === null) return null
    const stored = this.#keys.get(`${parts.tenant}-${parts.id}`)
    // An unknown id costs the same digest, so that time does not tell ids apart.
    const isProven = this.#peppers
      .map((pepper) => sameDigest(digestKey(key, pepper), stored?.digest ?? noDigest))
      .includes(true)
    return isProven && stored !== undefined ? stored : null
  }
}

/** Of no key, as long as one. */
const noDigest = '-'.repeat(64)

interface Proven {
  /** Of the key, up to its secret. */
  readonly beginning: string
  /** The SHA-256 of its secret. */
  readonly fingerprint: Uint8Array
  readonly stored: StoredKey
}

function isKey(key: string, { beginning, fingerprint }: Proven, presented: Uint8Array): boolean {
  const isWhole = key.length === beginning.length + secretLength
  return isWhole && key.startsWith(beginning) && sameBytes(fingerprint, presented)
}

/** 43 digits and their check, with which a key ends. */
const secretLength = 49
/** No key is as long. */
const longestKey = 160
const secret = new Uint8Array(secretLength)
/** One hasher for all: its buffers cost more than the hash of a key. */
const fresh = sha256.create()
const hash = sha256.create()

/** The SHA-256 of a key's secret; null for what is too long, too short or not ASCII, and so no key. */
function digestOf(key: string): Uint8Array | null {
  const { length } = key
  if (length > longestKey || length < secretLength) return null
  const start = length - secretLength
  for (let index = 0; index < secretLength; index++) {
    const code = key.charCodeAt(start + index)
    if (code > 127) return null
    secret[index] = code
  }
  fresh._cloneInto(hash)
  return hash.update(secret).digest()
}

/** Whose key it is, and the SHA-256 of its secret as 32 characters, one a byte: what a map goes by. */
export function fingerprintOf(key: string): string | null {
  const digest = digestOf(key)
  if (digest === null) return null
  // Joined: what is cut out of a text keeps all of it.
  return [key.slice(0, -secretLength), String.fromCharCode(...digest)].join('')
}

/** The first six bytes as a number. */
function headOf(bytes: Uint8Array): number {
  let head = 0
  for (let index = 0; index < 6; index++) head = head * 256 + (bytes[index] ?? 0)
  return head
}

/** Takes as long wherever they differ. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length
  for (let index = 0; index < a.length; index++) difference |= (a[index] ?? 0) ^ (b[index] ?? 0)
  return difference === 0
}

/** Reads a `SWITCHYARD_KEYS` secret: a JSON list of stored keys. Throws with the rule that is broken. */
export function parseStoredKeys(text: string, secretName: string): StoredKey[] {
  const raw = safeJson(text)
  if (!Array.isArray(raw))
    throw new ConfigurationError(`${secretName} must be a JSON list of {tenant, id, digest}`)
  return raw.map((entry: unknown, index) => {
    const { tenant, id, digest } = (entry ?? {}) as Record<string, unknown>
    if (
      typeof tenant !== 'string' ||
      typeof id !== 'string' ||
      typeof digest !== 'string' ||
      !/^[0-9a-f]{64}$/.test(digest)
    ) {
      throw new ConfigurationError(
        `${secretName}[${index}] must have "tenant", "id" and a "digest" of 64 hex digits`,
      )
    }
    return { tenant, id, digest }
  })
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function bigEndian(bytes: Uint8Array): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

function base62(value: number | bigint, length: number): string {
  let rest = BigInt(value)
  let text = ''
  for (let index = 0; index < length; index++) {
    text = (alphabet[Number(rest % 62n)] ?? '') + text
    rest /= 62n
  }
  return text
}

function crc32(text: string): number {
  let crc = 0xffffffff
  for (let index = 0; index < text.length; index++) {
    crc ^= text.charCodeAt(index)
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}
