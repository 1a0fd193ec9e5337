import { describe, expect, it } from 'vitest'
import {
  nanoUsdOfText,
  readKeyRequest,
} from '../../../durable-objects/tenant-ledger/access/key-request.ts'
import { isTagName, isTenantId } from '../../../durable-objects/tenant-ledger/access/names.ts'
import { describe as sentence } from '../../../durable-objects/tenant-ledger/access/problems.ts'
import {
  grantOfTenant,
  plainTenant,
  putTenant,
  readTenant,
  requiredTagsOf,
} from '../../../durable-objects/tenant-ledger/access/tenant.ts'
import { everything } from '../../../durable-objects/tenant-ledger/access/grant.ts'
import { acme, startMs } from './support.ts'

function problem(body: unknown, id = 'acme'): string {
  const read = readTenant(id, body, startMs)
  return read.kind === 'invalid' ? sentence(read.problems) : ''
}

describe('readTenant()', () => {
  it('reads a tenant, and replaces what is left out by its default', () => {
    expect(readTenant('acme', {}, startMs)).toEqual({
      kind: 'read',
      tenant: { ...plainTenant('acme'), changedAtMs: startMs },
    })
    const body = {
      residency: 'eu',
      strict: true,
      routes: ['chat'],
      tier: 'gold',
      tags: { customer: 'x' },
      storesAnswers: false,
    }
    expect(readTenant('acme', body, startMs)).toMatchObject({
      tenant: {
        residency: 'eu',
        isStrict: true,
        routes: ['chat'],
        tier: 'gold',
        tags: { customer: 'x' },
        storesAnswers: false,
      },
    })
    expect(readTenant('acme', { routes: ['*'] }, startMs)).toMatchObject({
      tenant: { routes: null },
    })
  })

  it('names the field and the rule that it breaks', () => {
    expect(problem({ residency: 'EU!' })).toBe('residency: a region in lower case, such as "eu"')
    expect(problem({ routes: [] })).toBe('routes: names at least one; leave it out for all')
    expect(problem({ strct: true })).toBe('strct: is no field that is known here')
    expect(problem({ tags: { Feature: 'x' } })).toContain('tags.Feature: a lower-case letter')
    expect(problem({ tags: { feature: 'a b' } })).toContain('tags.feature: letters, digits')
    expect(problem([])).toContain('the body: ')
    expect(problem({}, 'admin')).toContain('id: lower-case letters')
    expect(problem({ strict: 'yes', tier: 7 })).toMatch(/^strict: .*; tier: /)
  })

  it('does not repeat what was sent', () => {
    expect(problem({ residency: 'SECRET' })).not.toContain('SECRET')
  })
})

describe('putTenant()', () => {
  it('writes the row and says who did it', () => {
    expect(putTenant(null, acme, 'admin:1')).toMatchObject({
      changes: [{ table: 'tenant', id: 'tenant', row: acme }],
      effects: [{ action: 'tenant_changed', actor: 'admin:1', subject: 'acme' }],
    })
  })

  it('does not give a ledger to another tenant', () => {
    expect(putTenant(acme, plainTenant('other'), 'admin:1')).toMatchObject({ kind: 'refused' })
  })
})

describe('grantOfTenant()', () => {
  it('pins a tenant with a residency to it', () => {
    expect(grantOfTenant(acme)).toEqual(everything)
    expect(grantOfTenant({ ...acme, residency: 'eu' }).regions).toEqual(['eu'])
  })
})

describe('requiredTagsOf()', () => {
  it('are the names of tags that budgets are kept by, once each', () => {
    const scopes = ['tenant', 'tag:feature=a', 'tag:feature=b=c', 'tag:team=x', 'key:a'] as const
    expect(requiredTagsOf(scopes.map((scope) => ({ scope })))).toEqual(['feature', 'team'])
  })
})

describe('readKeyRequest()', () => {
  it('reads what is asked for, and leaves out what is left out', () => {
    expect(readKeyRequest({ name: 'ci' }, startMs)).toEqual({ kind: 'read', name: 'ci', asked: {} })
    const body = {
      name: 'ci',
      routes: ['chat'],
      models: ['*'],
      tags: { feature: 'a' },
      team: 'red',
      expiresAt: '2027-01-15T14:00:00+01:00',
      budgets: [{ period: 'day', limitUsd: '12.50' }],
    }
    expect(readKeyRequest(body, startMs)).toEqual({
      kind: 'read',
      name: 'ci',
      asked: {
        routes: ['chat'],
        models: null,
        tags: { feature: 'a' },
        team: 'red',
        expiresAtMs: startMs + 3_600_000,
        budgets: [{ period: 'day', capNanoUsd: 12_500_000_000, mode: 'hard' }],
      },
    })
  })

  it.each([
    [{}, 'name: '],
    [{ name: 'x', expiresAt: '2027-01-15' }, 'expiresAt: a time of ISO 8601 with its zone'],
    [{ name: 'x', expiresAt: '2027-01-15T12:00:00Z' }, 'expiresAt: lies in the past'],
    [{ name: 'x', team: 'Red' }, 'team: lower-case letters'],
    [{ name: 'x', budgets: [{ period: 'day', limitUsd: 12 }] }, 'budgets[0].limitUsd: '],
    [{ name: 'x', budgets: [{ period: 'day', limitUsd: '1e3' }] }, 'budgets[0].limitUsd: USD as a'],
    [
      {
        name: 'x',
        budgets: [
          { period: 'day', limitUsd: '1' },
          { period: 'day', limitUsd: '2' },
        ],
      },
      'budgets: one budget for each period',
    ],
    [{ name: 'x', role: 'admin' }, 'role: is no field that is known here'],
  ])('refuses %j', (body, why) => {
    const read = readKeyRequest(body, startMs)
    expect(read.kind === 'invalid' ? sentence(read.problems) : '').toContain(why)
  })
})

describe('nanoUsdOfText()', () => {
  it('moves digits and multiplies nothing', () => {
    expect(nanoUsdOfText('0.1')).toBe(100_000_000)
    expect(nanoUsdOfText('12.50')).toBe(12_500_000_000)
    expect(nanoUsdOfText('0.000000001')).toBe(1)
    expect(nanoUsdOfText('999999.999999999')).toBe(999_999_999_999_999)
    for (const text of ['', '-1', '1e3', '.5', '1.', '1.0000000001', '1000000', ' 1'])
      expect(nanoUsdOfText(text)).toBeNull()
  })
})

describe('names', () => {
  it('hold no space and no @, which scopes and accounts are cut at', () => {
    for (const text of ['a b', 'a@b', 'a\n', '', 'A'])
      expect([isTenantId(text), isTagName(text)]).toEqual([false, false])
    expect(isTenantId('administrator')).toBe(true)
    expect(isTenantId('admin-1')).toBe(false)
  })
})
