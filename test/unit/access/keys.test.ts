import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { everything, type Asked } from '../../../durable-objects/tenant-ledger/access/grant.ts'
import {
  budgetsOfKeys,
  movesBudgets,
} from '../../../durable-objects/tenant-ledger/access/key-budgets.ts'
import {
  adminMaker,
  createKey,
  keyMaker,
  listKeys,
  type Maker,
  revokeKey,
  rotateKey,
  sweepKeys,
} from '../../../durable-objects/tenant-ledger/access/keys.ts'
import type { TenantRow } from '../../../durable-objects/tenant-ledger/access/rows.ts'
import { applyAccess, keysDueMs } from '../../../durable-objects/tenant-ledger/access/state.ts'
import { sameDigest } from '../../../durable-objects/tenant-ledger/access/same-digest.ts'
import { verifyKey } from '../../../durable-objects/tenant-ledger/access/verify.ts'
import { nanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import { acme, proof, settings, startMs, Store } from './support.ts'

const admin = adminMaker('admin:1', acme)

class World extends Store {
  nowMs = startMs
  tenant: TenantRow = acme

  create(id: string, asked: Asked = {}, maker: Maker = admin) {
    const created = createKey(
      this.keys,
      { id, name: 'n', asked, proof: proof(id) },
      maker,
      settings,
      this.nowMs,
    )
    if (created.kind === 'done') this.apply(created.changes)
    return created
  }

  maker(id: string): Maker {
    const maker = keyMaker(this.keys, id, this.tenant, this.nowMs)
    if (maker === null) throw new Error(`${id} makes no keys`)
    return maker
  }

  rotate(keyId: string, secret: string, overlapMs: number) {
    const rotated = rotateKey(
      this.keys,
      { keyId, proof: proof(secret), overlapMs },
      'admin:1',
      settings,
      this.nowMs,
    )
    if (rotated.kind === 'done') this.apply(rotated.changes)
    return rotated
  }

  revoke(keyId: string) {
    const revoked = revokeKey(this.keys, keyId, 'admin:1', this.nowMs)
    if (revoked.kind === 'done') this.apply(revoked.changes)
    return revoked
  }

  verify(keyId: string, ...secrets: readonly (readonly [secret: string, version?: string])[]) {
    const [first = proof('x'), ...rest] = secrets.map(([text, version]) => proof(text, version))
    const verdict = verifyKey(
      this.keys,
      this.tenant,
      ['feature'],
      { keyId, proofs: [first, ...rest] },
      settings,
      this.nowMs,
    )
    if (verdict.kind === 'verified') this.apply(verdict.changes)
    return verdict.kind === 'verified' ? verdict.profile : verdict.reason
  }
}

const [a, b, c, d] = ['Key0000A', 'Key0000B', 'Key0000C', 'Key0000D'] as const

describe('createKey()', () => {
  it('that is told twice is told once', () => {
    const world = new World()
    const first = world.create(a)
    world.nowMs += 1000
    expect(world.create(a)).toMatchObject({ kind: 'done', value: world.keys.get(a), changes: [] })
    expect(first).toMatchObject({ effects: [{ action: 'key_created' }] })
  })

  it('makes a key that verifies with its secret, and tells what it may', () => {
    const world = new World()
    world.tenant = {
      ...acme,
      residency: 'eu',
      routes: ['chat', 'code'],
      tier: 'gold',
      isStrict: true,
    }
    const maker = adminMaker('admin:1', world.tenant)
    expect(world.create(a, { routes: ['chat'], team: 'red' }, maker)).toMatchObject({
      kind: 'done',
      effects: [{ kind: 'audit', action: 'key_created', actor: 'admin:1', subject: `key:${a}` }],
    })
    expect(world.verify(a, [a])).toEqual({
      tenantId: 'acme',
      keyId: a,
      keyPath: [a],
      grant: { ...everything, routes: ['chat'], regions: ['eu'], team: 'red' },
      residency: 'eu',
      isStrict: true,
      tier: 'gold',
      storesAnswers: true,
      requiredTags: ['feature'],
      validForMs: 30_000,
    })
  })

  it('refuses more than the tenant has, and an id that is taken', () => {
    const world = new World()
    const maker = adminMaker('admin:1', { ...acme, routes: ['chat'] })
    expect(world.create(a, { routes: ['code'] }, maker)).toEqual({
      kind: 'refused',
      code: 'route_forbidden',
      field: 'routes',
      message: 'a key cannot have more: the maker has not "code"',
    })
    world.create(a)
    world.rotate(a, 'new', 0)
    for (const id of [a, 'Key 000a', 'Key0000aa'])
      expect(world.create(id)).toMatchObject({ kind: 'refused', field: 'id' })
  })

  it('lets keys make narrower keys, three deep', () => {
    const world = new World()
    world.create(a, { routes: ['chat'] })
    world.create(b, {}, world.maker(a))
    world.create(c, {}, world.maker(b))
    expect(world.verify(c, [c])).toMatchObject({ keyPath: [c, b, a], grant: { routes: ['chat'] } })
    expect(world.create(d, { routes: null }, world.maker(b))).toMatchObject({ field: 'routes' })
    expect(world.create(d, {}, world.maker(c))).toMatchObject({ code: 'route_forbidden' })
  })

  it('keeps no more keys than the limit', () => {
    const few = { ...settings, maxKeys: 1 }
    const world = new World()
    world.create(a)
    const second = { id: b, name: 'n', asked: {}, proof: proof(b) }
    expect(createKey(world.keys, second, admin, few, startMs)).toMatchObject({ kind: 'refused' })
  })
})

describe('verifyKey()', () => {
  it('tells that a key is revoked or has expired only to whoever has its secret', () => {
    const world = new World()
    world.create(a)
    world.create(b, { expiresAtMs: startMs + 1000 })
    world.revoke(a)
    expect(world.verify('Key0000X', ['x'])).toBe('unknown')
    expect(world.verify(a, ['guess'])).toBe('wrong_secret')
    expect(world.verify(a, [a])).toBe('revoked')
    expect(world.verify(b, [b])).toMatchObject({ validForMs: 1000 })
    world.nowMs += 1000
    expect(world.verify(b, [b])).toBe('expired')
    expect(world.verify(b, ['guess'])).toBe('wrong_secret')
  })

  it('gives a key no more than its tenant has now', () => {
    const world = new World()
    world.create(a, { routes: ['chat', 'code'] })
    world.tenant = { ...acme, routes: ['chat'], residency: 'eu', tags: { customer: 'x' } }
    expect(world.verify(a, [a])).toMatchObject({
      grant: { routes: ['chat'], regions: ['eu'], tags: { customer: 'x' } },
    })
  })

  it('takes a proof under the pepper it is stored under, and writes it down under the current one', () => {
    const world = new World()
    world.create(a)
    expect(world.verify(a, [a, '2'])).toBe('wrong_secret')
    expect(world.verify(a, [a, '2'], [a, '1'])).toMatchObject({ keyId: a })
    expect(listKeys(world.keys, startMs)).toMatchObject([{ pepperVersion: '2' }])
    // The old pepper can go now.
    expect(world.verify(a, [a, '2'])).toMatchObject({ keyId: a })
    expect(world.verify(a, [a, '1'])).toBe('wrong_secret')
  })

  it('does not take a digest for one under another pepper', () => {
    const world = new World()
    world.create(a)
    const { digest } = proof(a)
    const ask = { keyId: a, proofs: [{ pepperVersion: '2', digest }] as const }
    expect(verifyKey(world.keys, acme, [], ask, settings, startMs)).toEqual({
      kind: 'rejected',
      reason: 'wrong_secret',
    })
  })
})

describe('rotateKey()', () => {
  it('keeps the old secret until the overlap ends, and no longer in any cache', () => {
    const world = new World()
    world.create(a)
    world.rotate(a, 'new', 60_000)
    expect(world.verify(a, ['new'])).toMatchObject({ keyId: a, validForMs: 30_000 })
    world.nowMs += 50_000
    expect(world.verify(a, [a])).toMatchObject({ keyId: a, validForMs: 10_000 })
    world.nowMs += 10_000
    expect(world.verify(a, [a])).toBe('expired')
    expect(world.verify(a, ['new'])).toMatchObject({ keyId: a })
  })

  it('ends the secret before the last at once, and the last too without an overlap', () => {
    const world = new World()
    world.create(a)
    world.rotate(a, 'second', 60_000)
    world.rotate(a, 'third', 60_000)
    expect(world.verify(a, [a])).toBe('wrong_secret')
    expect(world.verify(a, ['second'])).toMatchObject({ keyId: a })
    world.rotate(a, 'fourth', 0)
    expect(world.verify(a, ['third'])).toBe('wrong_secret')
    expect(world.verify(a, ['fourth'])).toMatchObject({ keyId: a })
    expect(world.keys.get(a)?.secrets).toHaveLength(1)
  })

  it('that is told twice is told once: the old secret keeps its overlap', () => {
    const world = new World()
    world.create(a)
    const first = world.rotate(a, 'new', 60_000)
    world.nowMs += 1000
    expect(world.rotate(a, 'new', 60_000)).toMatchObject({ kind: 'done', changes: [] })
    expect(first).toMatchObject({ value: world.keys.get(a) })
    expect(world.verify(a, [a])).toMatchObject({ keyId: a })
  })

  it('does not bring a dead key back, and keeps to its limits', () => {
    const world = new World()
    world.create(a)
    for (const overlapMs of [-1, 0.5, settings.overlapMostMs + 1, Number.NaN])
      expect(world.rotate(a, 'new', overlapMs)).toMatchObject({ field: 'overlapMs' })
    world.revoke(a)
    expect(world.rotate(a, 'new', 0)).toMatchObject({ kind: 'refused' })
    expect(world.rotate('Key0000X', 'new', 0)).toMatchObject({ code: 'not_found' })
    expect(world.verify(a, [a])).toBe('revoked')
  })
})

describe('revokeKey()', () => {
  it('tells the ledger, once, and is for good', () => {
    const world = new World()
    world.create(a)
    expect(world.revoke(a)).toMatchObject({
      effects: [
        { kind: 'kill', scope: `key:${a}`, reason: 'revoked' },
        { kind: 'audit', action: 'key_revoked' },
      ],
    })
    expect(world.revoke(a)).toMatchObject({ kind: 'done', changes: [], effects: [] })
    expect(world.revoke('Key0000X')).toMatchObject({ code: 'not_found' })
  })

  it('takes the keys that it made with it, also when it is no longer listed', () => {
    const world = new World()
    world.create(a)
    world.create(b, {}, world.maker(a))
    world.create(c, {}, world.maker(b))
    world.revoke(a)
    expect(world.verify(c, [c])).toBe('revoked')
    expect(keyMaker(world.keys, b, acme, startMs)).toBeNull()
    expect(sweepKeys(world.keys, settings, startMs)).toEqual([])
    world.nowMs += settings.keepDeadKeysMs
    world.apply(sweepKeys(world.keys, settings, world.nowMs))
    expect([...world.keys.keys()]).toEqual([b, c])
    expect(world.verify(c, [c])).toBe('revoked')
    world.apply(sweepKeys(world.keys, settings, world.nowMs))
    world.apply(sweepKeys(world.keys, settings, world.nowMs))
    expect([...world.keys.keys()]).toEqual([])
  })

  it('sweeps a slice at a time', () => {
    const world = new World()
    for (const id of [a, b, c]) {
      world.create(id)
      world.revoke(id)
    }
    const slices = { ...settings, sweepSlice: 2, keepDeadKeysMs: 0 }
    expect(sweepKeys(world.keys, slices, startMs)).toHaveLength(2)
  })
})

describe('listKeys()', () => {
  it('tells everything but what proves a key', () => {
    const world = new World()
    world.create(a)
    world.rotate(a, 'new', 60_000)
    const [listed] = listKeys(world.keys, startMs)
    expect(listed).toMatchObject({
      id: a,
      status: 'good',
      pepperVersion: '1',
      oldSecretUntilMs: startMs + 60_000,
    })
    expect(JSON.stringify(listed)).not.toContain(proof('new').digest)
    expect(JSON.stringify(listed)).not.toContain(proof(a).digest)
  })
})

describe('budgetsOfKeys()', () => {
  it('are budgets of the scopes of keys that are not revoked', () => {
    const world = new World()
    const budgets = [{ period: 'day', capNanoUsd: nanoUsd(10), mode: 'hard' }] as const
    world.create(a, { budgets })
    world.create(b, { budgets })
    world.revoke(b)
    expect(budgetsOfKeys(world.keys.values())).toMatchObject([
      { id: `key/${a}/day`, scope: `key:${a}`, period: 'day', capNanoUsd: 10, mode: 'hard' },
    ])
  })
})

describe('movesBudgets()', () => {
  it('is true when a key with budgets comes, is revoked or goes, and for nothing else', () => {
    const world = new World()
    const budgets = [{ period: 'day', capNanoUsd: nanoUsd(10), mode: 'hard' }] as const
    const moves = (act: () => ReturnType<World['create']>): boolean => {
      const before = new Map(world.keys)
      const done = act()
      return done.kind === 'done' && movesBudgets(before, done.changes)
    }
    expect(moves(() => world.create(a, { budgets }))).toBe(true)
    expect(moves(() => world.create(b))).toBe(false)
    expect(moves(() => world.rotate(a, 'new', 1000))).toBe(false)
    expect(moves(() => world.revoke(b))).toBe(false)
    expect(movesBudgets(world.keys, [{ table: 'keys', id: a, row: null }])).toBe(true)
    expect(moves(() => world.revoke(a))).toBe(true)
    expect(movesBudgets(world.keys, [{ table: 'keys', id: a, row: null }])).toBe(false)
  })
})

describe('keysDueMs()', () => {
  it('is when the first dead key is to be forgotten, and at once for what a forgotten one made', () => {
    const world = new World()
    const due = () => keysDueMs({ keys: world.keys, tenant: null }, settings)
    world.create(a)
    world.create(b, {}, world.maker(a))
    expect(due()).toBe(Infinity)
    world.create(c, { expiresAtMs: startMs + 5000 })
    expect(due()).toBe(startMs + 5000 + settings.keepDeadKeysMs)
    world.revoke(a)
    expect(due()).toBe(startMs + settings.keepDeadKeysMs)
    world.keys.delete(a)
    expect(due()).toBe(-Infinity)
  })
})

describe('applyAccess()', () => {
  it('keeps keys in the order in which they were last written', () => {
    const world = new World()
    for (const id of [a, b, c]) world.create(id)
    const state = { keys: new Map(world.keys), tenant: null }
    const row = world.keys.get(a) ?? null
    applyAccess(state, [{ table: 'keys', id: a, row }])
    applyAccess(state, [{ table: 'keys', id: b, row: null }])
    expect([...state.keys.keys()]).toEqual([c, a])
  })
})

describe('a life of keys', () => {
  it('never verifies what was revoked, and always what is good', () => {
    type Act = readonly ['rotate' | 'revoke' | 'wait' | 'make', number, number]
    const acts = fc.array(
      fc.tuple(
        fc.constantFrom('rotate' as const, 'revoke' as const, 'wait' as const, 'make' as const),
        fc.nat(3),
        fc.constantFrom(0, 1000, 60_000),
      ),
      { maxLength: 30 },
    )
    fc.assert(
      fc.property(acts, (history: readonly Act[]) => {
        const world = new World()
        const ids = [a, b, c, d]
        const current = new Map<string, string>()
        const parents = new Map<string, string | null>()
        const dead = new Set<string>()
        let count = 0
        const isDead = (id: string): boolean => {
          const parent = parents.get(id) ?? null
          return dead.has(id) || (parent !== null && isDead(parent))
        }
        for (const [act, which, ms] of history) {
          const id = ids[which] ?? a
          if (act === 'wait') world.nowMs += ms
          if (act === 'revoke' && world.revoke(id).kind === 'done') dead.add(id)
          if (act === 'make') {
            const parent = ids.find((one) => world.keys.has(one) && !isDead(one)) ?? null
            const maker = parent === null || ms > 0 ? admin : world.maker(parent)
            const made = world.create(id, {}, maker)
            if (made.kind === 'done' && made.changes.length > 0) {
              current.set(id, id)
              parents.set(id, maker.keyId)
            }
          }
          if (act === 'rotate') {
            count += 1
            if (world.rotate(id, `s${count}`, ms).kind === 'done') current.set(id, `s${count}`)
          }
          for (const [keyId, secret] of current)
            if (isDead(keyId)) expect(world.verify(keyId, [secret])).toBe('revoked')
            else expect(world.verify(keyId, [secret])).toMatchObject({ keyId })
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('sameDigest()', () => {
  it('is equality', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        expect(sameDigest(one, one)).toBe(true)
        expect(sameDigest(one, other)).toBe(one === other)
      }),
    )
    expect(sameDigest('ab', 'ac')).toBe(false)
    expect(sameDigest('ab', 'bb')).toBe(false)
  })
})
