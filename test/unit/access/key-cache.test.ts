import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KeyCache } from '../../../worker/edge/access/key-cache.ts'
import { profile } from './support.ts'

const small = { longestMs: 30_000, refusalMs: 5000, maxProfiles: 3, maxRefusals: 2 }

describe('KeyCache', () => {
  it('believes what it was told for 30 s from the question, and no longer', () => {
    const cache = new KeyCache()
    cache.remember('d', profile({ validForMs: 90_000 }), 1000)
    expect(cache.find('d', 30_999)).toMatchObject({ kind: 'verified' })
    expect(cache.find('d', 31_000)).toBeNull()
    expect(cache.size).toBe(0)
  })

  it('believes it no longer than the key is good', () => {
    const cache = new KeyCache()
    cache.remember('d', profile({ validForMs: 10 }), 1000)
    expect(cache.find('d', 1009)).toMatchObject({ kind: 'verified' })
    expect(cache.find('d', 1010)).toBeNull()
  })

  it('asks again when its clock has gone back', () => {
    const cache = new KeyCache()
    cache.remember('d', profile(), 1000)
    expect(cache.find('d', 999)).toBeNull()
  })

  it('is asked with the whole digest', () => {
    const cache = new KeyCache()
    cache.remember('abc', profile(), 0)
    expect(cache.find('ab', 0)).toBeNull()
    expect(cache.find('abcd', 0)).toBeNull()
  })

  it('believes a refusal for a while', () => {
    const cache = new KeyCache()
    cache.refuse('d', 'unknown', 0)
    expect(cache.find('d', 4999)).toEqual({ kind: 'rejected', reason: 'unknown' })
    expect(cache.find('d', 5000)).toBeNull()
  })

  it('keeps the last word on a key', () => {
    const cache = new KeyCache()
    cache.remember('d', profile(), 0)
    cache.refuse('d', 'revoked', 1)
    expect(cache.find('d', 2)).toEqual({ kind: 'rejected', reason: 'revoked' })
    cache.remember('d', profile(), 3)
    expect(cache.find('d', 4)).toMatchObject({ kind: 'verified' })
  })

  it('lets made-up keys push out one another and never a good one', () => {
    const cache = new KeyCache(small)
    cache.remember('good', profile(), 0)
    for (let index = 0; index < 1000; index++) cache.refuse(`junk${index}`, 'unknown', 0)
    expect(cache.size).toBe(3)
    expect(cache.find('good', 1)).toMatchObject({ kind: 'verified' })
  })

  it('lets the key go that was not used for longest', () => {
    const cache = new KeyCache(small)
    for (const digest of ['a', 'b', 'c']) cache.remember(digest, profile(), 0)
    cache.find('a', 1)
    cache.remember('d', profile(), 1)
    expect(cache.find('a', 2)).not.toBeNull()
    expect(cache.find('b', 2)).toBeNull()
  })

  it('forgets the keys of a tenant whose ledger says that somebody was revoked', () => {
    const cache = new KeyCache()
    cache.remember('a', profile({ tenantId: 'acme' }), 0)
    cache.remember('b', profile({ tenantId: 'other' }), 0)
    cache.forgetTenant('acme')
    expect(cache.find('a', 1)).toBeNull()
    expect(cache.find('b', 1)).not.toBeNull()
  })

  it('never says more than the last word, nor longer than 30 s, whatever happens', () => {
    const act = fc.tuple(
      fc.constantFrom('remember', 'refuse', 'find'),
      fc.constantFrom('a', 'b', 'c', 'd'),
      fc.nat(20_000),
    )
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const cache = new KeyCache(small)
        const words = new Map<string, { readonly kind: string; readonly atMs: number }>()
        let nowMs = 0
        for (const [what, digest, passedMs] of acts) {
          nowMs += passedMs
          if (what === 'remember') cache.remember(digest, profile(), nowMs)
          if (what === 'refuse') cache.refuse(digest, 'unknown', nowMs)
          if (what !== 'find')
            words.set(digest, { kind: what === 'refuse' ? 'rejected' : 'verified', atMs: nowMs })
          const found = cache.find(digest, nowMs)
          const word = words.get(digest)
          if (found === null) continue
          expect(found.kind).toBe(word?.kind)
          expect(nowMs - (word?.atMs ?? -Infinity)).toBeLessThan(30_000)
        }
        expect(cache.size).toBeLessThanOrEqual(5)
      }),
    )
  })
})
