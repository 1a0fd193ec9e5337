import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  keyIdFrom,
  mintAdminKey,
  mintKey,
  parseAdminKey,
  parseKey,
} from '../../../worker/edge/access/key-format.ts'
import { formatKey, parseKey as parseOldKey } from '../../../worker/edge/keys.ts'

const tenant = fc
  .stringMatching(/^[a-z0-9][a-z0-9._-]{0,63}$/)
  .filter((name) => name !== 'admin' && !name.startsWith('admin-'))
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const minted = fc
  .tuple(tenant, bytes(8).map(keyIdFrom), bytes(32))
  .map(([name, id, random]) => ({ name, id, key: mintKey(name, id, random) }))

const secret = new Uint8Array(32).map((_, index) => index)

describe('mintKey()', () => {
  it('writes a key that reads as what it was made of', () => {
    fc.assert(
      fc.property(minted, ({ name, id, key }) => {
        expect(parseKey(key)).toMatchObject({ tenantId: name, keyId: id })
        expect(parseKey(key)?.secret).toHaveLength(43)
        expect(parseAdminKey(key)).toBeNull()
      }),
    )
  })

  it('writes another secret for other random bytes', () => {
    const one = mintKey('acme', 'Key00001', secret)
    const other = mintKey('acme', 'Key00001', secret.with(31, 99))
    expect(parseKey(one)?.secret).not.toBe(parseKey(other)?.secret)
    expect(one).toMatch(/^sk-sy-acme-Key00001-[0-9A-Za-z]{49}$/)
  })

  it('refuses names that no tenant has, and lengths that no secret has', () => {
    for (const name of ['', 'admin', 'admin-x', 'Acme', 'a b', 'a'.repeat(65), '-a'])
      expect(() => mintKey(name, 'Key00001', secret)).toThrow(RangeError)
    expect(() => mintKey('acme', 'short', secret)).toThrow(RangeError)
    expect(() => mintKey('acme', 'Key00001', secret.slice(1))).toThrow(RangeError)
  })
})

describe('parseKey()', () => {
  it('refuses every change of a single character', () => {
    fc.assert(
      fc.property(
        minted,
        fc.nat(),
        fc.string({ minLength: 1, maxLength: 1 }),
        ({ key }, at, by) => {
          const place = at % key.length
          fc.pre(key[place] !== by)
          const changed = key.slice(0, place) + by + key.slice(place + 1)
          expect(parseKey(changed)).toBeNull()
          expect(parseAdminKey(changed)).toBeNull()
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('refuses a key that lost, gained or swapped a character', () => {
    fc.assert(
      fc.property(minted, fc.nat(), ({ key }, at) => {
        const place = at % key.length
        expect(parseKey(key.slice(0, place) + key.slice(place + 1))).toBeNull()
        expect(parseKey(`${key.slice(0, place)}x${key.slice(place)}`)).toBeNull()
        const [a = '', b = ''] = [key[place], key[place + 1]]
        fc.pre(a !== b && b !== '')
        expect(parseKey(key.slice(0, place) + b + a + key.slice(place + 2))).toBeNull()
      }),
    )
  })

  it('has an answer for any text, and none for junk', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), (text) => {
        expect(parseKey(text)).toBeNull()
        expect(parseKey(`sk-sy-${text}`)).toBeNull()
        expect(parseAdminKey(`sk-sy-admin-${text}`)).toBeNull()
      }),
    )
    const junk = ["' OR 1=1 --", 'sk-sy-\0', `sk-sy-${'a-'.repeat(500_000)}`]
    for (const text of junk) expect(parseKey(text)).toBeNull()
  })

  it('never takes an admin key for a tenant, nor a tenant for an admin', () => {
    const admin = mintAdminKey('Key00001', secret)
    expect(admin.startsWith('sk-sy-admin-')).toBe(true)
    expect(parseKey(admin)).toBeNull()
    expect(parseAdminKey(admin)).toMatchObject({ keyId: 'Key00001' })
    // Made by hand, with a good check.
    expect(parseKey(formatKey('admin-x', new Uint8Array(40)))).toBeNull()
    expect(parseAdminKey(formatKey('admin-x', new Uint8Array(40)))).toBeNull()
  })

  it('reads the keys that npm start and npm run setup make, and makes keys that they read', () => {
    const old = formatKey('demo', new Uint8Array(40).fill(7))
    expect(parseKey(old)).toMatchObject({ tenantId: 'demo', keyId: parseOldKey(old)?.id })
    expect(parseOldKey(mintKey('a-b-c', 'Key00001', secret))).toEqual({
      tenant: 'a-b-c',
      id: 'Key00001',
    })
  })
})
