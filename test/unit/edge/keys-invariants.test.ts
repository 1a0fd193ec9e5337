import { describe, expect, it } from 'vitest'
import { digestKey, formatKey, KeyRing, sameDigest } from '../../../worker/edge/keys.ts'

const pepper = 'p'.repeat(32)
const key = formatKey(
  'demo',
  Uint8Array.from({ length: 40 }, (_, index) => (index * 37) % 256),
)
const digest = digestKey(key, pepper)

describe('sameDigest()', () => {
  it('compares every digit', () => {
    for (let at = 0; at < digest.length; at++) {
      const changed = digest[at] === '0' ? '1' : '0'
      expect(sameDigest(digest, digest.slice(0, at) + changed + digest.slice(at + 1))).toBe(false)
    }
  })
})

describe('KeyRing', () => {
  const ring = (stored: string) =>
    new KeyRing([{ tenant: 'demo', id: idOf(key), digest: stored }], pepper)

  it('never takes a digest, or a digest of a digest, for the key', () => {
    expect(ring(digest).find(key)?.tenant).toBe('demo')
    expect(ring(digest).find(digest)).toBeNull()
    expect(ring(key).find(key)).toBeNull()
    expect(ring(digestKey(digest, pepper)).find(key)).toBeNull()
  })

  it('answers the same for a key that it has seen before, right or wrong', () => {
    const known = ring(digest)
    const other = formatKey('demo', new Uint8Array(40).fill(9))
    for (let time = 0; time < 3; time++) {
      expect(known.find(key)?.id).toBe(idOf(key))
      expect(known.find(other)).toBeNull()
      expect(known.find(`${key} `)).toBeNull()
    }
  })

  it('keeps tenants apart that share a key id', () => {
    const moved = new KeyRing([{ tenant: 'other', id: idOf(key), digest }], pepper)
    expect(moved.find(key)).toBeNull()
  })
})

function idOf(whole: string): string {
  return whole.split('-')[3] ?? ''
}
