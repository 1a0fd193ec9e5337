import { beforeEach, describe, expect, it } from 'vitest'
import { rpcVersion } from '../../durable-objects/tenant-ledger/rpc.ts'
import { KeyLedger, keyIds, profileOf, proof } from './tenant-ledger-access-world.ts'
import { actor, budget, granted, line, n } from './tenant-ledger-object.ts'
import { beginningMs, dayMs, ledgerWorld } from './tenant-ledger-world.ts'

beforeEach(() => ledgerWorld.reset())

const [a, b, c, d] = keyIds
const perDay = (limitUsd: string) => ({ budgets: [{ period: 'day', limitUsd, mode: 'hard' }] })

const advance = {
  holder: 'i1',
  askId: 'i1-1',
  wantNanoUsd: 5,
  softNanoUsd: 5,
  tokens: 1,
  tags: {},
}

describe('the tenant', () => {
  it('is nobody before it is put, and what was put last afterwards', async () => {
    const ledger = new KeyLedger()
    expect(await ledger.stub.tenant()).toBeNull()
    const first = await ledger.put({
      residency: 'eu',
      strict: true,
      routes: ['chat'],
      tier: 'gold',
    })
    expect(first).toEqual({
      refused: null,
      problems: [],
      tenant: {
        id: 'tenant',
        tenantId: ledger.place.tenantId,
        residency: 'eu',
        isStrict: true,
        routes: ['chat'],
        tier: 'gold',
        tags: {},
        storesAnswers: true,
        changedAtMs: beginningMs,
      },
    })
    expect(await ledger.stub.tenant()).toEqual(first.tenant)
    await ledger.evict()
    expect(await ledger.stub.tenant()).toEqual(first.tenant)
    ledgerWorld.pass(1)
    const { tenant } = await ledger.put({ storesAnswers: false })
    expect(tenant).toMatchObject({ residency: null, routes: null, storesAnswers: false })
    expect(tenant).toMatchObject({ changedAtMs: beginningMs + 1 })
    await ledger.abort()
    expect(await ledger.stub.tenant()).toEqual(tenant)
    expect(ledgerWorld.log).toMatchObject([
      { event: 'ledger_audit', action: 'tenant_changed', actor, subject: ledger.place.tenantId },
      { event: 'ledger_audit', action: 'tenant_changed', actor },
    ])
  })

  it.each([
    [{ residency: 'Europe' }, 'residency', 'a region in lower case, such as "eu"'],
    [{ routes: [] }, 'routes', 'names at least one; leave it out for all'],
    [{ colour: 'red' }, 'colour', 'is no field that is known here'],
    [{ tags: { 'A b': 'x' } }, 'tags.A b', expect.stringMatching(/^a lower-case letter/)],
    ['acme', 'the body', expect.anything()],
  ])('is not %j, and stays what it was', async (body, field, rule) => {
    const ledger = new KeyLedger()
    const { tenant: before } = await ledger.put({ tier: 'gold' })
    const reply = await ledger.put(body as object)
    expect(reply).toMatchObject({ problems: [{ field, rule }], tenant: null })
    expect(reply.refused).toContain(`${field}: `)
    expect(await ledger.stub.tenant()).toEqual(before)
  })
})

describe('a key', () => {
  it('is listed with all but what proves it, and outlives the object', async () => {
    const ledger = new KeyLedger()
    const asked = { routes: ['chat'], team: 'discovery', tags: { feature: 'search' } }
    const made = await ledger.made(a, { ...asked, expiresAt: '2041-01-01T00:00:00Z' })
    expect(made).toMatchObject({
      id: a,
      name: 'search in production',
      grant: { ...asked, models: null, expiresAtMs: Date.UTC(2041, 0, 1), budgets: [] },
      madeBy: null,
      status: 'good',
      pepperVersion: '1',
      oldSecretUntilMs: null,
    })
    expect(await ledger.stub.keys()).toEqual([made])
    await ledger.evict()
    expect(await ledger.stub.keys()).toEqual([made])
    expect(JSON.stringify(await ledger.stub.keys())).not.toContain(proof(a).digest)
    expect(ledgerWorld.log).toEqual([
      { event: 'ledger_audit', action: 'key_created', actor, subject: `key:${a}` },
    ])
  })

  it('that is asked for again with the same proof is the same, and with another is refused', async () => {
    const ledger = new KeyLedger()
    const made = await ledger.made(a)
    ledgerWorld.pass(1000)
    expect((await ledger.create(a)).key).toEqual(made)
    const other = await ledger.create(a, {}, { proof: proof('other') })
    expect(other).toEqual({
      refused: { code: 'invalid_request', field: 'id', message: 'draw another key id' },
      problems: [],
      key: null,
    })
    expect(await ledger.open(a)).toMatchObject({ kind: 'verified' })
    expect(ledgerWorld.log).toHaveLength(1)
  })

  it.each([
    [{ name: '' }, 'name'],
    [{ budgets: [{ period: 'day', limitUsd: 12.5 }] }, 'budgets[0].limitUsd'],
    [{ expiresAt: 'tomorrow' }, 'expiresAt'],
    [{ expiresAt: '2040-01-01T00:00:00Z' }, 'expiresAt'],
    [{ secret: 'x' }, 'secret'],
  ])('of %j is refused, with the field', async (asked, field) => {
    const ledger = new KeyLedger()
    const { refused, problems, key } = await ledger.create(a, asked)
    expect(refused).toMatchObject({ code: 'invalid_request', field })
    expect(problems).toMatchObject([{ field }])
    expect(key).toBeNull()
    expect(await ledger.stub.keys()).toEqual([])
  })

  it('never has more than whoever made it', async () => {
    const ledger = new KeyLedger()
    await ledger.put({ routes: ['chat', 'code'], residency: 'eu', tags: { company: 'acme' } })
    const wider = { refused: { code: 'route_forbidden' }, key: null }
    expect(await ledger.create(a, { routes: ['cheap'] })).toMatchObject({
      ...wider,
      refused: { field: 'routes', message: expect.stringContaining('"cheap"') },
    })
    expect(await ledger.create(a, { tags: { company: 'other' } })).toMatchObject({
      ...wider,
      refused: { field: 'tags' },
    })
    await ledger.made(a, { routes: ['chat'], ...perDay('1') })
    const maker = { kind: 'key', keyId: a } as const
    const by = (keyId: string, asked: object) => ledger.create(keyId, asked, { maker })
    expect(await by(b, { routes: ['code'] })).toMatchObject(wider)
    expect(await by(b, { regions: ['us'] })).toMatchObject(wider)
    expect(await by(b, perDay('1.000000001'))).toMatchObject({
      ...wider,
      refused: { field: 'budgets' },
    })
    const child = await ledger.made(b, {}, a)
    expect(child).toMatchObject({ madeBy: a, grant: { routes: ['chat'], regions: ['eu'] } })
    await ledger.made(c, {}, b)
    expect(await by(d, {})).toMatchObject({ refused: null })
    const { refused } = await ledger.create('Key0000e', {}, { maker: { kind: 'key', keyId: c } })
    expect(refused?.message).toBe('keys make keys at most 3 deep')
    expect(ledgerWorld.log.at(-1)).toMatchObject({ action: 'key_created', actor: `key:${a}` })
  })

  it('is made by no key that is revoked, has expired, or is unknown', async () => {
    const ledger = new KeyLedger()
    await ledger.made(a, { expiresAt: '2040-06-16T00:00:00Z' })
    await ledger.made(b)
    await ledger.revoke(b)
    ledgerWorld.pass(dayMs)
    for (const keyId of [a, b, c])
      expect(await ledger.create(d, {}, { maker: { kind: 'key', keyId } })).toMatchObject({
        refused: { code: 'route_forbidden', field: null },
      })
  })

  it('loses with its tenant', async () => {
    const ledger = new KeyLedger()
    await ledger.made(a, { routes: ['chat', 'code'], tags: { team: 'a' } })
    await ledger.put({ routes: ['code', 'cheap'], residency: 'eu', tags: { team: 'b' } })
    const { grant, residency } = profileOf(await ledger.open(a))
    expect(grant).toMatchObject({ routes: ['code'], regions: ['eu'], tags: { team: 'b' } })
    expect(residency).toBe('eu')
  })
})

describe('opening a key', () => {
  it('tells all that an isolate has to know for half a minute', async () => {
    const ledger = new KeyLedger()
    const limit = {
      id: 'rpm',
      scope: 'tenant',
      kind: 'requests',
      limit: 5,
      windowMs: 60_000,
    } as const
    await ledger.configure([budget('b', { capNanoUsd: n(700) })], [limit])
    await ledger.put({ strict: true, tier: 'gold', storesAnswers: false })
    await ledger.made(a, { routes: ['chat'] })
    await ledger.made(b, { team: 'red', ...perDay('0.0000005') }, a)
    await ledger.hold(600)
    const { epoch, killVersion } = await ledger.exchange()
    expect(await ledger.open(a)).toEqual({
      kind: 'verified',
      profile: {
        tenantId: ledger.place.tenantId,
        keyId: a,
        keyPath: [a],
        grant: expect.objectContaining({ routes: ['chat'], team: null }),
        residency: null,
        isStrict: true,
        tier: 'gold',
        storesAnswers: false,
        requiredTags: [],
        validForMs: 30_000,
      },
      epoch,
      killVersion,
      remainingNanoUsd: 100,
      limits: [expect.objectContaining({ limitId: 'rpm', limit: 5, remaining: 4 })],
    })
    expect(profileOf(await ledger.open(b))).toMatchObject({ keyPath: [b, a] })
    await ledger.hold1(90, [`key:${b}`])
    expect(await ledger.open(b)).toMatchObject({ remainingNanoUsd: 100 })
    await ledger.hold1(350, [`key:${b}`])
    expect(await ledger.open(b)).toMatchObject({ remainingNanoUsd: 60 })
  })

  it('of a tenant that nobody knows leaves no database behind', async () => {
    const ledger = new KeyLedger()
    const tables = () =>
      ledger.inside((_object, { storage }) =>
        storage.sql
          .exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")
          .toArray(),
      )
    expect(await ledger.open(a)).toEqual({ kind: 'rejected', reason: 'unknown' })
    await ledger.evict()
    expect(await ledger.open(b)).toEqual({ kind: 'rejected', reason: 'unknown' })
    expect(await tables()).toEqual([])
    expect(await ledger.alarmAtMs()).toBeNull()
    await ledger.made(a)
    expect(await ledger.open(a)).toMatchObject({ kind: 'verified' })
    expect(await tables()).not.toEqual([])
  })

  it('says no to who has not the secret, and why to who has', async () => {
    const ledger = new KeyLedger()
    await ledger.made(a, { expiresAt: '2040-06-15T12:00:10Z' })
    expect(await ledger.open(b)).toEqual({ kind: 'rejected', reason: 'unknown' })
    expect(await ledger.open(a, 'guess')).toEqual({ kind: 'rejected', reason: 'wrong_secret' })
    expect(profileOf(await ledger.open(a)).validForMs).toBe(10_000)
    ledgerWorld.pass(10_000)
    expect(await ledger.open(a)).toEqual({ kind: 'rejected', reason: 'expired' })
    await ledger.revoke(a)
    expect(await ledger.open(a)).toEqual({ kind: 'rejected', reason: 'revoked' })
    expect(await ledger.open(a, 'guess')).toEqual({ kind: 'rejected', reason: 'wrong_secret' })
  })

  it.each(['evict', 'abort'] as const)(
    'writes a key down under the current pepper, and an %s does not bring the old one back',
    async (end) => {
      const ledger = new KeyLedger()
      await ledger.made(a)
      const both = [proof(a, '2'), proof(a, '1')] as const
      expect(await ledger.stub.open({ key: { keyId: a, proofs: both } })).toMatchObject({
        kind: 'verified',
      })
      await ledger[end]()
      expect(await ledger.open(a)).toEqual({ kind: 'rejected', reason: 'wrong_secret' })
      const renewed = await ledger.stub.open({ key: { keyId: a, proofs: [proof(a, '2')] } })
      expect(renewed).toMatchObject({ kind: 'verified' })
      expect(await ledger.stub.keys()).toMatchObject([{ pepperVersion: '2' }])
    },
  )

  it('that the deployment has proven itself has all that its tenant has', async () => {
    const ledger = await new KeyLedger().configure([budget('b', { scope: 'tag:feature=search' })])
    expect(await ledger.openProven(a)).toEqual({
      kind: 'verified',
      profile: {
        tenantId: ledger.place.tenantId,
        keyId: a,
        keyPath: [a],
        grant: expect.objectContaining({
          routes: null,
          regions: null,
          tags: {},
          expiresAtMs: null,
        }),
        residency: null,
        isStrict: false,
        tier: null,
        storesAnswers: true,
        requiredTags: ['feature'],
        validForMs: 30_000,
      },
      epoch: 1,
      killVersion: 2,
      remainingNanoUsd: null,
      limits: [],
    })
    await ledger.put({ routes: ['chat'], residency: 'us', tags: { feature: 'search' } })
    const opened = await ledger.openProven(a)
    expect(opened).toMatchObject({ remainingNanoUsd: 1000 })
    expect(profileOf(opened).grant).toMatchObject({
      routes: ['chat'],
      regions: ['us'],
      tags: { feature: 'search' },
    })
    await ledger.stub.freeze({ scope: `key:${a}`, reason: 'revoked', actor })
    expect(await ledger.openProven(a)).toEqual({ kind: 'rejected', reason: 'revoked' })
  })

  it('names the tags that budgets and limits are kept by, as they are now', async () => {
    const ledger = new KeyLedger()
    await ledger.made(a)
    const required = async () => profileOf(await ledger.open(a)).requiredTags
    expect(await required()).toEqual([])
    await ledger.configure(
      [budget('b', { scope: 'tag:feature=search' }), budget('c', { scope: 'tag:feature=chat' })],
      [{ id: 'l', scope: 'tag:customer=7', kind: 'requests', limit: 5, windowMs: 1000 }],
    )
    expect(await required()).toEqual(['customer', 'feature'])
    await ledger.evict()
    expect(await required()).toEqual(['customer', 'feature'])
    await ledger.configure([])
    expect(await required()).toEqual([])
  })
})

describe('rotating a key', () => {
  it('keeps the old secret for the overlap, through evictions, and not a moment longer', async () => {
    const ledger = new KeyLedger()
    await ledger.made(a)
    const { key } = await ledger.rotate(a, 'new', 60_000)
    expect(key).toMatchObject({ status: 'good', oldSecretUntilMs: beginningMs + 60_000 })
    await ledger.evict()
    expect(profileOf(await ledger.open(a, 'new')).validForMs).toBe(30_000)
    expect(profileOf(await ledger.open(a)).validForMs).toBe(30_000)
    ledgerWorld.pass(59_999)
    expect(profileOf(await ledger.open(a)).validForMs).toBe(1)
    ledgerWorld.pass(1)
    expect(await ledger.open(a)).toEqual({ kind: 'rejected', reason: 'expired' })
    expect(await ledger.open(a, 'new')).toMatchObject({ kind: 'verified' })
    expect((await ledger.stub.keys())[0]).toMatchObject({ oldSecretUntilMs: null })
  })

  it('that is told twice leaves the overlap as it was', async () => {
    const ledger = new KeyLedger()
    await ledger.made(a)
    const first = await ledger.rotate(a, 'new', 60_000)
    await ledger.abort()
    expect(await ledger.rotate(a, 'new', 60_000)).toEqual(first)
    expect(await ledger.open(a)).toMatchObject({ kind: 'verified' })
  })

  it('is for 24 hours unless said, and within limits', async () => {
    const ledger = new KeyLedger()
    await ledger.made(a)
    expect((await ledger.rotate(a, 'new')).key?.oldSecretUntilMs).toBe(beginningMs + dayMs)
    for (const overlapMs of [-1, 0.5, 31 * dayMs])
      expect(await ledger.rotate(a, 'newer', overlapMs)).toMatchObject({
        refused: { code: 'invalid_request', field: 'overlapMs' },
      })
    expect(await ledger.rotate(b, 'newer', 0)).toMatchObject({ refused: { code: 'not_found' } })
    await ledger.rotate(a, 'newest', 0)
    expect(await ledger.open(a, 'new')).toEqual({ kind: 'rejected', reason: 'wrong_secret' })
  })
})

describe('revoking a key', () => {
  it('reaches leases at once: nothing more is granted, and what was spent is still taken in', async () => {
    const ledger = await new KeyLedger().configure([budget('b')])
    await ledger.made(a)
    await ledger.made(b, {}, a)
    const lease = granted(await ledger.hold1(10, ['tenant', `key:${b}`, `key:${a}`]))
    const { killVersion } = await ledger.exchange()
    expect(await ledger.revoke(a)).toMatchObject({
      refused: null,
      key: { id: a, status: 'revoked', revokedAtMs: beginningMs },
    })
    const spent = line(7, { worstNanoUsd: n(10), keyId: b })
    const reply = await ledger.exchange(
      [{ kind: 'post', leaseId: lease.leaseId, line: spent }],
      [
        { ...ledger.holdAsk(1), scopes: ['tenant', `key:${a}`] },
        { ...ledger.holdAsk(1), scopes: ['tenant', `key:${b}`, `key:${a}`] },
        { ...ledger.holdAsk(1), scopes: ['tenant', `key:${c}`] },
      ],
    )
    expect(reply.killVersion).toBeGreaterThan(killVersion)
    expect(reply.answers).toMatchObject([
      { kind: 'denied', reason: 'revoked', by: `key:${a}` },
      { kind: 'denied', reason: 'revoked', by: `key:${a}` },
      { kind: 'granted' },
    ])
    expect(await ledger.budget()).toMatchObject({ spentNanoUsd: 7, heldNanoUsd: 1 })
    for (const keyId of [a, b])
      expect(await ledger.open(keyId)).toEqual({ kind: 'rejected', reason: 'revoked' })
    expect(await ledger.stub.keys()).toMatchObject([{ status: 'revoked' }, { status: 'revoked' }])
  })

  it.each(['evict', 'abort'] as const)('is once and for good, also after an %s', async (end) => {
    const ledger = new KeyLedger()
    await ledger.made(a)
    const first = await ledger.revoke(a)
    const { killVersion } = await ledger.exchange()
    await ledger[end]()
    ledgerWorld.pass(1000)
    expect(await ledger.revoke(a)).toEqual(first)
    expect((await ledger.exchange()).killVersion).toBe(killVersion)
    expect(await ledger.open(a)).toEqual({ kind: 'rejected', reason: 'revoked' })
    expect(await ledger.hold1(1, [`key:${a}`])).toMatchObject({ reason: 'revoked' })
    expect(await ledger.rotate(a, 'new')).toMatchObject({ refused: { code: 'invalid_request' } })
    expect(await ledger.stub.thaw({ scope: `key:${a}`, actor })).toEqual({
      refused: 'a revoked key stays revoked',
    })
    expect(await ledger.revoke(b)).toMatchObject({ refused: { code: 'not_found' }, key: null })
  })

  it('by its scope alone revokes it in the list too', async () => {
    const ledger = new KeyLedger()
    await ledger.made(a, perDay('1'))
    await ledger.stub.freeze({ scope: `key:${a}`, reason: 'frozen', actor })
    expect(await ledger.open(a)).toMatchObject({ kind: 'verified' })
    await ledger.stub.freeze({ scope: `key:${a}`, reason: 'revoked', actor })
    expect(await ledger.stub.keys()).toMatchObject([
      { status: 'revoked', revokedAtMs: beginningMs },
    ])
    expect((await ledger.stub.budgets()).budgets).toEqual([])
    expect(await ledger.open(a)).toEqual({ kind: 'rejected', reason: 'revoked' })
  })

  it('comes back with the journal of a restore', async () => {
    const ledger = new KeyLedger()
    await ledger.made(a)
    const row = { id: `key:${a}`, reason: 'revoked', atMs: beginningMs - 5 } as const
    const journal = [[{ table: 'kills', id: row.id, row } as const]]
    await ledger.stub.restore({ journal, isComplete: true, actor })
    await ledger.evict()
    expect(await ledger.stub.keys()).toMatchObject([{ revokedAtMs: beginningMs - 5 }])
  })
})

describe('budgets that come with keys', () => {
  const ids = async (ledger: KeyLedger) =>
    (await ledger.stub.budgets()).budgets.map(({ budgetId }) => budgetId)

  it('bind what the key and those it makes spend, and stand beside those of an admin', async () => {
    const ledger = await new KeyLedger().configure([budget('b')])
    await ledger.made(a, perDay('0.0000001'))
    await ledger.made(b, {}, a)
    expect(await ids(ledger)).toEqual(['b', `key/${a}/day`, `key/${b}/day`])
    await ledger.hold1(60, ['tenant', `key:${b}`, `key:${a}`])
    expect(await ledger.hold1(60, ['tenant', `key:${a}`])).toMatchObject({
      kind: 'denied',
      reason: 'budget_reserved',
      by: `key/${a}/day`,
    })
    await ledger.evict()
    await ledger.configure([
      budget(`key:${a}/day`, { scope: `key:${a}`, period: 'day', capNanoUsd: n(70) }),
    ])
    expect(await ids(ledger)).toEqual([`key/${a}/day`, `key/${b}/day`, `key:${a}/day`])
    expect(await ledger.budget(`key/${a}/day`)).toMatchObject({ heldNanoUsd: 60 })
    await ledger.hold1(10, [`key:${b}`, `key:${a}`])
    expect(await ledger.open(a)).toMatchObject({ remainingNanoUsd: 30 })
  })

  it('are sealed into leases that are out, and go with their key', async () => {
    const ledger = await new KeyLedger().configure([budget('b')])
    const { killVersion } = await ledger.exchange()
    await ledger.made(b)
    expect((await ledger.exchange()).killVersion).toBe(killVersion)
    await ledger.made(a, perDay('1'))
    expect((await ledger.exchange()).killVersion).toBeGreaterThan(killVersion)
    await ledger.rotate(a, 'new')
    expect(ledgerWorld.log.map((entry) => 'action' in entry && entry.action)).toEqual([
      'configure',
      'key_created',
      'configure',
      'key_created',
      'key_rotated',
    ])
    await ledger.revoke(a)
    expect(await ids(ledger)).toEqual(['b'])
    await ledger.configure([budget('c')])
    expect(await ids(ledger)).toEqual(['c'])
  })

  it('are called as no other budget is', async () => {
    const ledger = await new KeyLedger().configure([budget('b')])
    const taken = budget(`key/${a}/day`, { scope: `key:${a}` })
    expect(await ledger.stub.configure({ budgets: [taken], limits: [], actor })).toEqual({
      refused: `ids of this form are of budgets that come with keys: key/${a}/day`,
    })
    expect(await ids(ledger)).toEqual(['b'])
  })
})

describe('keys that have been dead for long', () => {
  beforeEach(() => {
    const { access } = ledgerWorld.settings
    ledgerWorld.settings = { ...ledgerWorld.settings, access: { ...access, sweepSlice: 2 } }
  })

  it('are forgotten by the alarm, and after them what they made, with their budgets', async () => {
    const ledger = new KeyLedger()
    await ledger.made(a)
    await ledger.made(b, {}, a)
    await ledger.made(c, perDay('1'), b)
    await ledger.made(d, { expiresAt: '2040-06-16T12:00:00Z', ...perDay('1') })
    await ledger.revoke(b)
    await ledger.evict()
    await ledger.exchange()
    expect(await ledger.alarmAtMs()).toBe(beginningMs + 40 * dayMs)
    const listed = async () => (await ledger.stub.keys()).map(({ id }) => id)
    await ledger.pass(40 * dayMs - 1)
    expect(await listed()).toEqual([a, b, c, d])
    await ledger.pass(1)
    expect(await listed()).toEqual([a, c, d])
    expect(await ledger.open(c)).toEqual({ kind: 'rejected', reason: 'revoked' })
    await ledger.pass(1000)
    expect(await listed()).toEqual([a, d])
    expect(await ledger.open(c)).toEqual({ kind: 'rejected', reason: 'unknown' })
    await ledger.pass(dayMs - 1001)
    expect((await ledger.stub.budgets()).budgets).toMatchObject([{ scope: `key:${d}` }])
    await ledger.pass(1)
    expect((await ledger.stub.budgets()).budgets).toEqual([])
    expect(await ledger.count('keys')).toBe(1)
    expect(ledgerWorld.log.some(({ event }) => event === 'ledger_fault')).toBe(false)
  })

  it('are forgotten a slice at a time', async () => {
    const ledger = new KeyLedger()
    for (const id of keyIds) {
      await ledger.made(id)
      await ledger.revoke(id)
    }
    expect(await ledger.alarmAtMs()).toBe(beginningMs + 40 * dayMs)
    await ledger.pass(40 * dayMs)
    expect(await ledger.count('keys')).toBe(2)
    await ledger.pass(1000)
    expect(await ledger.count('keys')).toBe(0)
  })
})

describe('the border of keys', () => {
  const create = {
    keyId: a,
    asked: { name: 'n' },
    proof: proof(a),
    maker: { kind: 'admin' },
    actor,
  }
  const rotate = { keyId: a, proof: proof(a), actor }
  const digest = 'x'.repeat(64)

  it.each([
    ['putTenant', 'putTenant must be an object, got null', null],
    ['putTenant', 'putTenant.actor must be a text', { tenant: {} }],
    ['createKey', 'createKey.maker must be an object', { ...create, maker: undefined }],
    ['createKey', 'createKey.maker.kind must be one of admin, key', { ...create, maker: {} }],
    ['createKey', 'createKey.maker.keyId must be a text', { ...create, maker: { kind: 'key' } }],
    ['createKey', 'createKey.keyId must be a text', { ...create, keyId: 7 }],
    ['createKey', 'createKey.proof must be an object', { ...create, proof: 'sk-sy-acme' }],
    [
      'createKey',
      'createKey.proof.digest must be 64',
      { ...create, proof: { ...proof(a), digest } },
    ],
    [
      'createKey',
      'createKey.proof.pepperVersion must be 1 to 16',
      { ...create, proof: { ...proof(a), pepperVersion: '' } },
    ],
    ['createKey', 'createKey.actor must be a text', { ...create, actor: '' }],
    ['rotateKey', 'rotateKey.overlapMs must be a number', { ...rotate, overlapMs: '1' }],
    ['rotateKey', 'rotateKey.proof must be an object', { ...rotate, proof: null }],
    ['revokeKey', 'revokeKey.actor must be a text', { keyId: a }],
    ['open', 'open.key must be an object', {}],
    ['open', 'open.key.keyId must be the id of a key', { key: { keyId: 'a b', isProven: true } }],
    ['open', 'open.key.isProven must be true or false', { key: { keyId: a } }],
    ['open', 'open.key.isProven must be true, got false', { key: { keyId: a, isProven: false } }],
    [
      'open',
      'open.advance.wantNanoUsd must be a safe integer of 0 or more, got 0.5',
      { key: { keyId: a, isProven: true }, advance: { ...advance, wantNanoUsd: 0.5 } },
    ],
    [
      'open',
      'open.advance.askId must be a text of 1 to 512 characters, got ""',
      { key: { keyId: a, isProven: true }, advance: { ...advance, askId: '' } },
    ],
    [
      'open',
      'open.advance.tags must be tags, got "string"',
      { key: { keyId: a, isProven: true }, advance: { ...advance, tags: { 'A b': 'x' } } },
    ],
    ['open', 'open.key.proofs must be a list of at least one', { key: { keyId: a, proofs: [] } }],
    [
      'open',
      'open.key.proofs must be a list of at most 4, got 5',
      { key: { keyId: a, proofs: Array.from({ length: 5 }, () => proof(a)) } },
    ],
    [
      'open',
      'open.key.proofs[0].digest must be 64 hexadecimal digits, got "string"',
      { key: { keyId: a, proofs: [{ ...proof(a), digest }] } },
    ],
  ])('refuses %s: %s', async (method, message, call) => {
    const ledger = new KeyLedger()
    const raw = ledger.raw as unknown as Record<
      string,
      (version: number, call: unknown) => Promise<unknown>
    >
    await expect((async () => raw[method]?.(rpcVersion, call))()).rejects.toThrow(message)
    expect(await ledger.count('keys')).toBe(0)
  })
})
