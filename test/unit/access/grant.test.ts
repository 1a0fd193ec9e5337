import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  allows,
  everything,
  type Grant,
  listDimensions,
  meet,
  narrow,
} from '../../../durable-objects/tenant-ledger/access/grant.ts'
import { nanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import { anyGrant, startMs } from './support.ts'

const names = {
  routes: ['chat', 'code', 'cheap', 'other'],
  models: ['m@a', 'm@b', 'm@c', 'n@a', 'o@a'],
  operations: ['chat', 'images', 'other'],
  regions: ['eu', 'us', 'other'],
  environments: ['production', 'staging', 'other'],
} as const

/** Nothing is possible with `grant` that is not with `maker`: by trying, not by the rules of `narrow`. */
function expectWithin(grant: Grant, maker: Grant): void {
  for (const dimension of listDimensions)
    for (const name of names[dimension])
      if (allows(dimension, grant[dimension], name))
        expect(allows(dimension, maker[dimension], name), `${dimension} ${name}`).toBe(true)
  expect(grant.tags).toMatchObject(maker.tags)
  if (maker.team !== null) expect(grant.team).toBe(maker.team)
  if (maker.expiresAtMs !== null)
    expect(grant.expiresAtMs ?? Infinity).toBeLessThanOrEqual(maker.expiresAtMs)
  for (const bound of maker.budgets) {
    const own = grant.budgets.find(({ period }) => period === bound.period)
    expect(own?.capNanoUsd).toBeLessThanOrEqual(bound.capNanoUsd)
    if (bound.mode === 'hard') expect(own?.mode).toBe('hard')
  }
}

const asked = fc
  .tuple(anyGrant, fc.subarray(Object.keys(everything) as (keyof Grant)[]))
  .map(([grant, fields]) => Object.fromEntries(fields.map((field) => [field, grant[field]])))

const seed = Number(process.env['SEED'] ?? 20_261_126)

describe('narrow()', () => {
  it('never gives more than the maker has', () => {
    let given = 0
    fc.assert(
      fc.property(anyGrant, asked, (maker, wish) => {
        const narrowed = narrow(maker, wish)
        if (narrowed.kind === 'wider') return
        given += 1
        expectWithin(narrowed.grant, maker)
      }),
      { numRuns: 3000, seed },
    )
    expect(given).toBeGreaterThan(100)
  })

  it('composes: a key of a key has no more than the first maker', () => {
    fc.assert(
      fc.property(anyGrant, asked, asked, (maker, first, second) => {
        const child = narrow(maker, first)
        if (child.kind === 'wider') return
        const grandchild = narrow(child.grant, second)
        if (grandchild.kind === 'narrowed') expectWithin(grandchild.grant, maker)
      }),
      { numRuns: 3000 },
    )
  })

  it('gives exactly what is asked for where that is less, and all there is where nothing is asked', () => {
    fc.assert(
      fc.property(anyGrant, (maker) => {
        expect(narrow(maker, {})).toEqual({ kind: 'narrowed', grant: maker })
        expect(narrow(everything, maker)).toEqual({ kind: 'narrowed', grant: maker })
      }),
    )
  })

  const maker: Grant = {
    routes: ['chat'],
    models: ['m', 'n@a'],
    operations: ['chat'],
    regions: ['eu'],
    environments: ['production'],
    tags: { feature: 'search' },
    team: 'red',
    expiresAtMs: startMs,
    budgets: [{ period: 'day', capNanoUsd: nanoUsd(10), mode: 'hard' }],
  }

  it.each([
    ['routes', { routes: ['chat', 'code'] }, 'the maker has not "code"'],
    ['routes', { routes: null }, 'the maker has not all routes'],
    ['models', { models: ['n'] }, 'the maker has not "n"'],
    ['models', { models: ['n@b'] }, 'the maker has not "n@b"'],
    ['operations', { operations: ['images'] }, 'the maker has not "images"'],
    ['regions', { regions: ['us'] }, 'the maker has not "us"'],
    ['environments', { environments: ['staging'] }, 'the maker has not "staging"'],
    ['tags', { tags: { feature: 'mail' } }, 'the maker fixes feature=search'],
    ['team', { team: 'blue' }, 'the maker belongs to the team red'],
    ['team', { team: null }, 'the maker belongs to the team red'],
    ['expiresAtMs', { expiresAtMs: startMs + 1 }, 'the maker expires earlier'],
    ['expiresAtMs', { expiresAtMs: null }, 'the maker expires earlier'],
    [
      'budgets',
      { budgets: [{ period: 'day', capNanoUsd: nanoUsd(11), mode: 'hard' }] },
      'the maker has less for each day',
    ],
    [
      'budgets',
      { budgets: [{ period: 'day', capNanoUsd: nanoUsd(10), mode: 'soft' }] },
      "the maker's budget for each day is hard",
    ],
  ] as const)('refuses more %s and says of what: %j', (field, wish, message) => {
    expect(narrow(maker, wish)).toEqual({ kind: 'wider', field, message })
  })

  it('lets a key have one provider of a model, further tags, and budgets of its own', () => {
    const narrowed = narrow(maker, {
      models: ['m@a'],
      tags: { customer: 'x' },
      budgets: [{ period: 'hour', capNanoUsd: nanoUsd(99), mode: 'soft' }],
    })
    expect(narrowed).toMatchObject({
      grant: {
        models: ['m@a'],
        tags: { feature: 'search', customer: 'x' },
        budgets: [{ period: 'hour' }, { period: 'day', capNanoUsd: 10 }],
      },
    })
  })
})

describe('meet()', () => {
  it('allows what both allow, and nothing else', () => {
    fc.assert(
      fc.property(anyGrant, anyGrant, (upper, lower) => {
        const both = meet(upper, lower)
        for (const dimension of listDimensions)
          for (const name of names[dimension])
            expect(allows(dimension, both[dimension], name), `${dimension} ${name}`).toBe(
              allows(dimension, upper[dimension], name) &&
                allows(dimension, lower[dimension], name),
            )
        expect(both.tags).toMatchObject(upper.tags)
        expect(both.expiresAtMs ?? Infinity).toBe(
          Math.min(upper.expiresAtMs ?? Infinity, lower.expiresAtMs ?? Infinity),
        )
      }),
      { numRuns: 1000 },
    )
  })
})
