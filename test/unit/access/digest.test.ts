import { createHmac as nodeHmac } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  idempotencyId,
  joined,
  proofsOf,
  readPeppers,
  requestDigest,
} from '../../../worker/edge/access/digest.ts'
import { createHmac } from '../../../worker/edge/access/web-hmac.ts'
import { digestKey } from '../../../worker/edge/keys.ts'

const one = 'p'.repeat(32)
const two = 'q'.repeat(32)
const name = 'SWITCHYARD_PEPPER'

describe('readPeppers()', () => {
  it('reads a pepper alone as version 1, and a set with its current version', () => {
    expect(readPeppers(one, name)).toEqual({ current: '1', peppers: { 1: one } })
    const set = { current: '2', peppers: { 1: one, 2: two } }
    expect(readPeppers(JSON.stringify(set), name)).toEqual(set)
  })

  it.each([
    ['{', 'must be a pepper, or JSON'],
    ['{"current":"1","peppers":{"1":7}}', 'must be a pepper, or JSON'],
    [JSON.stringify({ current: '3', peppers: { 1: one } }), 'no pepper of its current version'],
    [JSON.stringify({ current: 'constructor', peppers: { 1: one } }), 'no pepper of its current'],
    [JSON.stringify({ current: '1', peppers: { 1: 'short' } }), 'at least 32 characters'],
    ['short', 'at least 32 characters'],
    [JSON.stringify({ current: '', peppers: { '': one } }), 'a version is 1 to 16'],
    [
      JSON.stringify({ current: '1', peppers: { 1: one, 2: one, 3: one, 4: one, 5: one } }),
      'more than 4 peppers',
    ],
  ])('refuses %s, without repeating it', (text, rule) => {
    expect(() => readPeppers(text, name)).toThrow(rule)
    expect(() => readPeppers(text, name)).not.toThrow('ppp')
  })
})

describe('proofsOf()', () => {
  it('proves a key under every pepper, the current one first', async () => {
    const set = { current: '2', peppers: { 1: one, 2: two } }
    const hmac = (secret: string, text: string) => Promise.resolve(`${secret[0]}:${text}`)
    expect(await proofsOf('key', set, hmac)).toEqual([
      { pepperVersion: '2', digest: 'q:key' },
      { pepperVersion: '1', digest: 'p:key' },
    ])
  })
})

describe('createHmac()', () => {
  it('is HMAC-SHA-256 in hex, the same that keys of the configuration are stored as', async () => {
    const hmac = createHmac()
    const expected = nodeHmac('sha256', one).update('schlüssel').digest('hex')
    expect(await hmac(one, 'schlüssel')).toBe(expected)
    expect(await hmac(one, 'schlüssel')).toBe(digestKey('schlüssel', one))
    expect(await hmac(two, 'schlüssel')).not.toBe(expected)
  })
})

describe('digests of requests', () => {
  const hmac = createHmac()

  it('are others for another tenant, key, idempotency key, path or body', async () => {
    const digests = await Promise.all([
      idempotencyId({ tenantId: 'a', keyId: 'k1' }, 'x', one, hmac),
      idempotencyId({ tenantId: 'b', keyId: 'k1' }, 'x', one, hmac),
      idempotencyId({ tenantId: 'a', keyId: 'k2' }, 'x', one, hmac),
      idempotencyId({ tenantId: 'a', keyId: 'k1' }, 'y', one, hmac),
      requestDigest('/v1/messages', '{}', one, hmac),
      requestDigest('/v1/responses', '{}', one, hmac),
      requestDigest('/v1/messages', '{ }', one, hmac),
    ])
    expect(new Set(digests).size).toBe(digests.length)
  })

  it('are of parts that cannot run into one another', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (some, others) => {
        fc.pre(JSON.stringify(some) !== JSON.stringify(others))
        expect(joined(some)).not.toBe(joined(others))
      }),
    )
    expect(joined(['ab', 'c'])).not.toBe(joined(['a', 'bc']))
    expect(joined(['a:b', 'c'])).not.toBe(joined(['a', 'b:c']))
    expect(joined(['a1:b'])).not.toBe(joined(['a', 'b']))
  })
})
