import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  allowsTarget,
  authorize,
  denialOf,
  type RequestFacts,
} from '../../../worker/edge/access/authorize.ts'
import { mergeTags, readTags } from '../../../worker/edge/access/tags.ts'
import { scopesOf } from '../../../worker/edge/ledger/scopes.ts'
import { profile } from './support.ts'

const facts: RequestFacts = {
  route: 'chat',
  model: null,
  operation: 'chat',
  region: null,
  environment: 'production',
  tags: {},
}

describe('authorize()', () => {
  it('lets a key without limits do anything', () => {
    expect(authorize(profile(), facts)).toEqual({ kind: 'ok', tags: {} })
  })

  it.each([
    ['route "chat"', { routes: ['code'] }, {}],
    ['operation "chat"', { operations: ['images'] }, {}],
    ['model "m"', { models: ['m@a'] }, { route: null, model: 'm' }],
    ['model "n@a"', { models: ['m'] }, { route: null, model: 'n@a' }],
    ['region "us"', { regions: ['eu'] }, { region: 'us' }],
    ['environment "production"', { environments: ['staging'] }, {}],
    ['environment "unnamed"', { environments: ['staging'] }, { environment: null }],
  ] as const)('names the scope that is missing: %s', (scope, grant, more) => {
    expect(authorize(profile({}, grant), { ...facts, ...more })).toEqual({
      kind: 'denied',
      code: 'route_forbidden',
      status: 403,
      message: `this key may not use the ${scope}: its scopes do not name it`,
    })
  })

  it('does not let a key with routes go past them by naming a model', () => {
    const direct = { ...facts, route: null, model: 'm@a' }
    const limited = { routes: ['chat'] }
    expect(authorize(profile({}, limited), direct)).toMatchObject({
      code: 'route_forbidden',
      message: 'this key may not use the model "m@a": it may name its routes only',
    })
    expect(authorize(profile({}, { ...limited, models: ['m'] }), direct).kind).toBe('ok')
    expect(authorize(profile({}, limited), { ...facts, route: null }).kind).toBe('ok')
  })

  it('asks for a tag that a budget is kept by', () => {
    const needs = profile({ requiredTags: ['customer', 'feature'] })
    expect(authorize(needs, { ...facts, tags: { customer: 'x' } })).toEqual({
      kind: 'denied',
      code: 'invalid_request',
      status: 400,
      message: 'a budget is kept by the tag "feature": send x-switchyard-tags: feature=...',
    })
    expect(authorize(needs, { ...facts, tags: { customer: 'x', feature: 'y' } }).kind).toBe('ok')
    const fixed = { ...needs, grant: { ...needs.grant, tags: { feature: 'y' } } }
    expect(authorize(fixed, { ...facts, tags: { customer: 'x' } })).toEqual({
      kind: 'ok',
      tags: { customer: 'x', feature: 'y' },
    })
    expect(authorize(profile({ requiredTags: ['constructor'] }), facts).kind).toBe('denied')
  })

  it('lets the tags of the key win over those of the caller', () => {
    const fixed = profile({}, { tags: { feature: 'search' } })
    expect(authorize(fixed, { ...facts, tags: { feature: 'mail', step: '1' } })).toEqual({
      kind: 'ok',
      tags: { feature: 'search', step: '1' },
    })
  })
})

describe('allowsTarget()', () => {
  const target = { model: 'm', provider: 'a', regions: ['eu'] }

  it('keeps a key to its models and regions, at every attempt', () => {
    expect(allowsTarget(profile(), target)).toBe(true)
    expect(allowsTarget(profile({}, { models: ['m'] }), target)).toBe(true)
    expect(allowsTarget(profile({}, { models: ['m@b'] }), target)).toBe(false)
    expect(allowsTarget(profile({}, { regions: ['eu'] }), target)).toBe(true)
    expect(allowsTarget(profile({}, { regions: ['us'] }), target)).toBe(false)
  })

  it('does not trust a provider that may process elsewhere, or does not say where', () => {
    const pinned = profile({}, { regions: ['eu'] })
    expect(allowsTarget(pinned, { ...target, regions: ['eu', 'us'] })).toBe(false)
    expect(allowsTarget(pinned, { ...target, regions: [] })).toBe(false)
  })
})

describe('denialOf()', () => {
  it('tells nobody whether a key exists who has not its secret', () => {
    const unknown = denialOf('unknown')
    expect(unknown).toMatchObject({ code: 'unauthorized', status: 401 })
    expect(denialOf('wrong_secret')).toEqual(unknown)
    expect(denialOf('malformed')).toEqual(unknown)
    expect(denialOf('revoked')).toMatchObject({ code: 'key_revoked', status: 401 })
    expect(denialOf('expired')).toMatchObject({ code: 'unauthorized', status: 401 })
  })
})

describe('readTags()', () => {
  it('reads what the header says', () => {
    expect(readTags(null)).toEqual({ kind: 'read', tags: {} })
    expect(readTags(' ')).toEqual({ kind: 'read', tags: {} })
    expect(readTags('feature=search, customer=a/b:c+1')).toEqual({
      kind: 'read',
      tags: { feature: 'search', customer: 'a/b:c+1' },
    })
  })

  it.each([
    ['feature', 'tag 1 is not name=value'],
    ['a=b,', 'tag 2 is not name=value'],
    ['Feature=x', 'tag 1: a name is'],
    ['=x', 'tag 1: a name is'],
    ['__proto__=x', 'tag 1: a name is'],
    ['feature=', 'the value of "feature" is not'],
    ['feature=a b', 'the value of "feature" is not'],
    ['feature=a@b', 'the value of "feature" is not'],
    [`feature=${'x'.repeat(129)}`, 'the value of "feature" is not'],
    ['a=1,a=1', '"a" is there twice'],
    [Array.from({ length: 17 }, (_, index) => `a${index}=1`).join(','), 'more than 16 tags'],
    [`a=${'x'.repeat(5000)}`, 'longer than 4096'],
  ])('refuses %s and says why', (header, why) => {
    const read = readTags(header)
    expect(read.kind === 'invalid' ? read.message : '').toContain(`x-switchyard-tags: `)
    expect(read.kind === 'invalid' ? read.message : '').toContain(why)
  })

  it('has an answer for any text, and what it reads makes scopes of one word', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', '=', ',', ' ', '@', 'B', '\0') }),
        (text) => {
          const read = readTags(text)
          if (read.kind === 'invalid') return
          const requiredTags = Object.keys(read.tags)
          for (const scope of scopesOf(profile({ requiredTags }), null, read.tags))
            expect(scope).toMatch(/^[^\s@]+$/)
        },
      ),
    )
  })

  it('lets fixed tags win', () => {
    expect(mergeTags({ a: '1' }, { a: '2', b: '3' })).toEqual({ a: '1', b: '3' })
  })
})

describe('scopesOf()', () => {
  it('names everything a request counts in', () => {
    const key = profile(
      { keyPath: ['Key00001', 'Key00002'], requiredTags: ['feature'] },
      { team: 'red' },
    )
    expect(scopesOf(key, 'chat', { feature: 'search', session: 'x' })).toEqual([
      'tenant',
      'team:red',
      'key:Key00001',
      'key:Key00002',
      'route:chat',
      'tag:feature=search',
    ])
    expect(scopesOf(profile(), null, { session: 'x' })).toEqual(['tenant', 'key:Key00001'])
  })
})
