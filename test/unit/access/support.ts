import * as fc from 'fast-check'
import {
  everything,
  type Grant,
  type KeyBudget,
} from '../../../durable-objects/tenant-ledger/access/grant.ts'
import type {
  AccessChange,
  AccessTables,
  KeyRow,
  Proof,
} from '../../../durable-objects/tenant-ledger/access/rows.ts'
import { defaultAccessSettings } from '../../../durable-objects/tenant-ledger/access/settings.ts'
import { plainTenant } from '../../../durable-objects/tenant-ledger/access/tenant.ts'
import type { KeyProfile } from '../../../durable-objects/tenant-ledger/access/verify.ts'
import { nanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'

export const startMs = Date.UTC(2027, 0, 15, 12)
export const settings = defaultAccessSettings
export const acme = plainTenant('acme')

export function proof(text: string, pepperVersion = '1'): Proof {
  return { pepperVersion, digest: `${pepperVersion}-${text}`.padEnd(64, '.') }
}

/** The rows as an object keeps them, changed only by what steps answer. */
export class Store {
  readonly keys = new Map<string, KeyRow>()
  readonly idempotency = new Map<string, AccessTables['idempotency']>()
  readonly chunks = new Map<string, AccessTables['chunks']>()

  apply(changes: readonly AccessChange[]): void {
    for (const { table, id, row } of changes) {
      if (table === 'tenant') continue
      const rows = this[table] as Map<string, unknown>
      if (row === null) rows.delete(id)
      else rows.set(id, row)
    }
  }
}

export function profile(more: Partial<KeyProfile> = {}, grant: Partial<Grant> = {}): KeyProfile {
  return {
    tenantId: 'acme',
    keyId: 'Key00001',
    keyPath: ['Key00001'],
    grant: { ...everything, ...grant },
    residency: null,
    isStrict: false,
    tier: null,
    storesAnswers: true,
    requiredTags: [],
    validForMs: 30_000,
    ...more,
  }
}

const list = (names: readonly string[]) =>
  fc.option(fc.subarray([...names], { minLength: 1 }), { nil: null })

const budgets: fc.Arbitrary<KeyBudget[]> = fc.uniqueArray(
  fc.record({
    period: fc.constantFrom('hour', 'day', 'month'),
    capNanoUsd: fc.nat(5).map(nanoUsd),
    mode: fc.constantFrom('hard', 'soft'),
  }),
  { selector: ({ period }) => period, maxLength: 3 },
)

export const anyGrant: fc.Arbitrary<Grant> = fc.record({
  routes: list(['chat', 'code', 'cheap']),
  models: list(['m', 'm@a', 'm@b', 'n']),
  operations: list(['chat', 'images']),
  regions: list(['eu', 'us']),
  environments: list(['production', 'staging']),
  tags: fc.dictionary(fc.constantFrom('feature', 'team'), fc.constantFrom('a', 'b')),
  team: fc.option(fc.constantFrom('red', 'blue'), { nil: null }),
  expiresAtMs: fc.option(
    fc.nat(3).map((days) => startMs + days * 1000),
    { nil: null },
  ),
  budgets,
})
