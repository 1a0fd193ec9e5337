import { describe, expect, it } from 'vitest'
import { resolve, type NameSpace } from '../../../worker/policy/resolve.ts'

const tier = (...targets: string[]) => targets.map((target) => ({ target, weight: 1 }))

const space: NameSpace = {
  routes: new Map([
    ['chat', [tier('a@x'), tier('b@y')]],
    ['secret', [tier('c@z')]],
  ]),
  targets: new Set(['a@x', 'b@y', 'c@z', 'a@y']),
  models: new Map([['a', ['a@x', 'a@y']]]),
  allowedRoutes: ['chat'],
  directTargets: true,
}

describe('resolve()', () => {
  it('reads a route, a target, and a bare model id', () => {
    expect(resolve(['chat'], space)).toEqual({
      kind: 'tiers',
      route: 'chat',
      tiers: [tier('a@x'), tier('b@y')],
    })
    expect(resolve(['b@y'], space)).toEqual({ kind: 'tiers', route: null, tiers: [tier('b@y')] })
    expect(resolve(['a'], space)).toEqual({
      kind: 'tiers',
      route: null,
      tiers: [tier('a@x', 'a@y')],
    })
  })

  it('puts further names behind, each target once', () => {
    expect(resolve(['a@x', 'chat'], space)).toMatchObject({ tiers: [tier('a@x'), tier('b@y')] })
  })

  it('refuses an unknown name and a forbidden route instead of skipping them', () => {
    expect(resolve(['nope'], space)).toEqual({ kind: 'unknown', name: 'nope' })
    expect(resolve(['chat', 'secret'], space)).toEqual({ kind: 'forbidden', name: 'secret' })
    expect(resolve(['a@x'], { ...space, directTargets: false })).toEqual({
      kind: 'forbidden',
      name: 'a@x',
    })
    expect(resolve(['secret'], { ...space, allowedRoutes: ['*'] }).kind).toBe('tiers')
  })
})
