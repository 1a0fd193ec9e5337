import { describe, expect, it } from 'vitest'
import {
  digestKey,
  fingerprintOf,
  formatKey,
  KeyRing,
  parseKey,
  parseStoredKeys,
  sameDigest,
} from '../../../worker/edge/keys.ts'

const pepper = 'p'.repeat(32)
const bytes = (seed: number) =>
  Uint8Array.from({ length: 40 }, (_, index) => (seed * 31 + index * 7) % 256)
const key = formatKey('demo', bytes(1))
const stored = { tenant: 'demo', id: parseKey(key)?.id ?? '', digest: digestKey(key, pepper) }

describe('formatKey() and parseKey()', () => {
  it('write and read tenant and id', () => {
    expect(key).toMatch(/^sk-sy-demo-[A-Za-z0-9]{8}-[A-Za-z0-9]{49}$/)
    expect(parseKey(key)?.tenant).toBe('demo')
    expect(parseKey(formatKey('a-b.c', bytes(2)))?.tenant).toBe('a-b.c')
  })

  it('refuse a key with any character changed', () => {
    for (let index = 0; index < key.length; index++) {
      const other = key[index] === 'A' ? 'B' : 'A'
      expect(parseKey(key.slice(0, index) + other + key.slice(index + 1))).toBeNull()
    }
  })

  it('refuse junk, SQL, NULs and a digest', () => {
    for (const junk of [
      '',
      'sk-sy-',
      "' OR 1=1 --",
      '\0',
      key.slice(0, -1),
      `${key}A`,
      stored.digest,
      'x'.repeat(10_000),
    ]) {
      expect(parseKey(junk)).toBeNull()
    }
  })

  it('keep all 256 random bits of the secret', () => {
    const zero = formatKey('demo', new Uint8Array(40))
    const one = formatKey(
      'demo',
      Uint8Array.from({ length: 40 }, (_, index) => (index === 39 ? 1 : 0)),
    )
    const full = formatKey('demo', new Uint8Array(40).fill(255))
    expect(new Set([zero, one, full]).size).toBe(3)
    expect(() => formatKey('demo', new Uint8Array(39))).toThrow(RangeError)
  })
})

describe('KeyRing', () => {
  it('finds the key and only the key', () => {
    const ring = new KeyRing([stored], pepper)
    expect(ring.find(key)).toEqual(stored)
    expect(ring.find(formatKey('demo', bytes(3)))).toBeNull()
  })

  it('refuses a right id with another secret', () => {
    const sameId = bytes(1)
    sameId[20] = 99
    const forged = formatKey('demo', sameId)
    expect(parseKey(forged)?.id).toBe(stored.id)
    expect(new KeyRing([stored], pepper).find(forged)).toBeNull()
  })

  it('goes by the whole key, also for one whose secret it has proven', () => {
    const ring = new KeyRing([stored], pepper)
    expect(ring.find(key)).toEqual(stored)
    for (const other of [
      key.replace('sk-sy-demo-', 'sk-sy-other-'),
      key.replace('sk-sy-demo-', 'sk-sy-demx-'),
      key.replace(`-${stored.id}-`, `-${'0'.repeat(8)}-`),
      `x${key}`,
      key.slice(1),
      key.slice(-49),
      key.slice(-48),
    ])
      expect(ring.find(other), other.slice(0, -49)).toBeNull()
    expect(ring.find(key)).toEqual(stored)
  })

  it('refuses every key under another pepper', () => {
    expect(new KeyRing([stored], 'q'.repeat(32)).find(key)).toBeNull()
  })
})

describe('fingerprintOf()', () => {
  it('tells keys apart by whose they are and by their secret, and holds no secret', () => {
    const [own, tenant, secret] = [key, formatKey('other', bytes(1)), formatKey('demo', bytes(2))]
    const all = [own, tenant, secret].map(fingerprintOf)
    expect(new Set(all).size).toBe(3)
    expect(fingerprintOf(key.replace('demo', 'demx'))).not.toBe(fingerprintOf(key))
    expect(all[0]).not.toContain(key.slice(-49, -6))
    expect(fingerprintOf('short')).toBeNull()
  })
})

describe('parseStoredKeys()', () => {
  it('reads what setup writes and names what is wrong', () => {
    expect(parseStoredKeys(JSON.stringify([stored]), 'SWITCHYARD_KEYS')).toEqual([stored])
    expect(() => parseStoredKeys('{}', 'SWITCHYARD_KEYS')).toThrow(
      'SWITCHYARD_KEYS must be a JSON list',
    )
    expect(() =>
      parseStoredKeys('[{"tenant":"a","id":"b","digest":"zz"}]', 'SWITCHYARD_KEYS'),
    ).toThrow('SWITCHYARD_KEYS[0]')
  })
})

describe('sameDigest()', () => {
  it('tells equal from different, also in length', () => {
    expect(sameDigest('ab', 'ab')).toBe(true)
    expect(sameDigest('ab', 'ac')).toBe(false)
    expect(sameDigest('ab', 'abc')).toBe(false)
  })
})
