import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { prefixKeyOf, sessionKeyOf, tenantKeyOf } from '../../../worker/policy/affinity-key.ts'
import { byRendezvous, likelyCachedTokens } from '../../../worker/policy/affinity.ts'
import { stableUnit, stableUnitsBehind } from '../../../worker/policy/stable-hash.ts'
import { unmeasured } from '../../../worker/policy/measured.ts'
import { candidateOf } from '../../support/policy-world.ts'

const targets = (count: number) =>
  Array.from({ length: count }, (_, index) => candidateOf(`m@p${index}`))
const keys = (count: number) => Array.from({ length: count }, (_, index) => `key-${index}`)
const home = (key: string, of: ReturnType<typeof targets>) => byRendezvous(of, key)[0]?.target

describe('byRendezvous()', () => {
  it('gives the same key the same order, whatever order the targets come in', () => {
    const all = targets(5)
    for (const key of keys(50))
      expect(byRendezvous(all.toReversed(), key)).toEqual(byRendezvous(all, key))
  })

  it('moves only the keys of a target that leaves, and of those no more than its share', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 12 }), fc.nat(), (count, pick) => {
        const before = targets(count)
        const gone = `m@p${pick % count}`
        const after = before.filter(({ target }) => target !== gone)
        const many = keys(2000)
        const moved = many.filter((key) => home(key, before) !== home(key, after))
        expect(moved.every((key) => home(key, before) === gone)).toBe(true)
        // 1/n of the keys, and four standard deviations of chance.
        const share = 1 / count
        const chance = 4 * Math.sqrt((share * (1 - share)) / many.length)
        expect(moved.length / many.length).toBeLessThan(share + chance)
      }),
      { seed: 61, verbose: 1, numRuns: 30 },
    )
  })

  it('moves keys to a new target and to no other', () => {
    const before = targets(4)
    const after = targets(5)
    for (const key of keys(500)) {
      const now = home(key, after)
      if (now !== home(key, before)) expect(now).toBe('m@p4')
    }
  })

  it('hashes key and target as one text, so that a key stays where it was in every version', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (head, rest) => {
        expect(stableUnitsBehind(head)(rest)).toBe(stableUnit(`${head}${rest}`))
      }),
      { seed: 62, verbose: 1 },
    )
  })

  it('shares keys out by weight, and gives none to weight 0', () => {
    const all = [
      candidateOf('m@heavy', { weight: 3 }),
      candidateOf('m@light', { weight: 1 }),
      candidateOf('m@none', { weight: 0 }),
    ]
    const homes = keys(4000).map((key) => home(key, all))
    const share = homes.filter((target) => target === 'm@heavy').length / homes.length
    expect(share).toBeGreaterThan(0.72)
    expect(share).toBeLessThan(0.78)
    expect(homes).not.toContain('m@none')
  })
})

describe('keys of affinity', () => {
  const message = (role: 'system' | 'user' | 'assistant', text: string) => ({
    role,
    content: [{ type: 'text' as const, text }],
  })

  it('takes the tag before prompt_cache_key before the end user', () => {
    const request = { promptCacheKey: 'cache', userId: 'user' }
    const tagged = sessionKeyOf(request, { session: 's1' }, 'acme')
    expect(sessionKeyOf({}, { session: 's1' }, 'acme')).toBe(tagged)
    expect(sessionKeyOf(request, {}, 'acme')).toBe(sessionKeyOf({ userId: 'cache' }, {}, 'acme'))
    expect(sessionKeyOf({ userId: 'user' }, {}, 'acme')).not.toBe(tagged)
    expect(sessionKeyOf({}, {}, 'acme')).toBeNull()
    expect(sessionKeyOf({ userId: '' }, {}, 'acme')).toBeNull()
  })

  it('shows neither the session nor the tenant, and is another for another tenant', () => {
    const key = sessionKeyOf({}, { session: 'anna@example.com' }, 'acme')
    expect(key).toMatch(/^[0-9a-f]{14}$/)
    expect(sessionKeyOf({}, { session: 'anna@example.com' }, 'other')).not.toBe(key)
    expect(tenantKeyOf('acme')).toMatch(/^[0-9a-f]{14}$/)
  })

  it('stays the same from turn to turn, and changes with tools, system and the first message', () => {
    const first = [message('system', 'You are a clerk.'), message('user', 'Hello')]
    const later = [...first, message('assistant', 'Yes?'), message('user', 'A form, please')]
    const key = prefixKeyOf({ messages: first }, 'acme')
    expect(prefixKeyOf({ messages: later }, 'acme')).toBe(key)
    expect(prefixKeyOf({ messages: first }, 'other')).not.toBe(key)
    const others = [
      { messages: [message('system', 'You are a lawyer.'), message('user', 'Hello')] },
      { messages: [message('system', 'You are a clerk.'), message('user', 'Help')] },
      { messages: first, tools: [{ kind: 'function' as const, name: 'file' }] },
    ]
    for (const other of others) expect(prefixKeyOf(other, 'acme')).not.toBe(key)
  })

  it('reads no more than the front of a prompt', () => {
    const long = 'x'.repeat(20_000)
    const key = prefixKeyOf({ messages: [message('user', `${long}a`)] }, 'acme')
    expect(prefixKeyOf({ messages: [message('user', `${long}b`)] }, 'acme')).toBe(key)
  })
})

describe('likelyCachedTokens()', () => {
  const warm = { target: 'm@p', agoMs: 60_000 }
  const cached = (more: object, warmth = warm) =>
    likelyCachedTokens(candidateOf('m@p', { cacheLifetimeMs: 300_000, ...more }), warmth, 10_000)

  it('is most of the prompt where the session was a moment ago, or the share that was measured', () => {
    expect(cached({})).toBe(8000)
    expect(cached({ measured: { ...unmeasured, cachedShare: 0.25 } })).toBe(2500)
  })

  it('is nothing after the lifetime of the provider’s cache, elsewhere, and where the lifetime is unknown', () => {
    expect(cached({}, { ...warm, agoMs: 300_001 })).toBe(0)
    expect(cached({}, { ...warm, target: 'm@q' })).toBe(0)
    expect(cached({ cacheLifetimeMs: null })).toBe(0)
    expect(likelyCachedTokens(candidateOf('m@p', { cacheLifetimeMs: 1000 }), null, 10)).toBe(0)
  })
})
