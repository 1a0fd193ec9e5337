import { describe, expect, it } from 'vitest'
import { everything } from '../../../../durable-objects/tenant-ledger/access/grant.ts'
import type { KeyProfile } from '../../../../durable-objects/tenant-ledger/access/verify.ts'
import { ScopeLists } from '../../../../worker/edge/ledger/scopes.ts'

const profile: KeyProfile = {
  tenantId: 'demo',
  keyId: 'k',
  keyPath: ['root', 'k'],
  grant: { ...everything, team: 'red' },
  residency: null,
  isStrict: false,
  tier: null,
  storesAnswers: true,
  requiredTags: ['feature'],
  validForMs: 30_000,
}

const caller = { tenant: 'demo', keyId: 'k', profile }

describe('ScopeLists', () => {
  it('names all that a request counts in: those that made its key, its team, route and required tags', () => {
    const lists = new ScopeLists()
    const tags = { feature: 'search', other: 'x' }
    expect(lists.of({ caller, route: 'chat', tags })).toEqual([
      'tenant',
      'team:red',
      'key:root',
      'key:k',
      'route:chat',
      'tag:feature=search',
    ])
    expect(lists.of({ caller: { ...caller, profile: null }, route: null, tags })).toEqual([
      'tenant',
      'key:k',
    ])
  })

  it('gives the same list to requests that count in the same, and another to others', () => {
    const lists = new ScopeLists()
    const of = (route: string | null, tags = {}) => lists.of({ caller, route, tags })
    expect(of('chat')).toBe(of('chat', { other: 'y' }))
    expect(of('chat', { feature: 'a' })).toBe(of('chat', { feature: 'a' }))
    for (const one of [of('chat'), of(null), of('chat', { feature: 'b' })])
      expect(one).not.toBe(of('chat', { feature: 'a' }))
    expect(of(null)).not.toContain('route:')
    const bare = { ...caller, profile: null }
    const plain = (keyId: string) => lists.of({ caller: { ...bare, keyId }, route: 'r', tags: {} })
    expect(plain('a')).toBe(plain('a'))
    expect(plain('a')).not.toBe(plain('b'))
  })

  it('is not filled by tags with a value for each request, nor by keys', () => {
    const lists = new ScopeLists()
    const of = (feature: string) => lists.of({ caller, route: 'chat', tags: { feature } })
    const first = of('0')
    for (let value = 1; value < 400; value += 1) of(String(value))
    expect(of('0')).not.toBe(first)
    expect(of('0')).toEqual(first)
    const plain = (keyId: string) =>
      lists.of({ caller: { ...caller, profile: null, keyId }, route: null, tags: {} })
    const one = plain('k0')
    for (let key = 1; key < 400; key += 1) plain(`k${key}`)
    expect(plain('k0')).not.toBe(one)
  })
})
