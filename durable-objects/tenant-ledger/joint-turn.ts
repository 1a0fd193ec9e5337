import { budgetsOfKeys, isKeyBudget, movesBudgets } from './access/key-budgets.ts'
import type { Keys } from './access/keys.ts'
import type { AccessChange, AccessEffect, KeyRow } from './access/rows.ts'
import { type LedgerEffect, type LedgerEvent, type LedgerState, step } from './ledger.ts'
import type { BudgetRow, LimitRow, RowChange } from './rows.ts'

/** What one call does to keys, the tenant and idempotency. */
export interface AccessNews {
  readonly changes: readonly AccessChange[]
  readonly effects: readonly AccessEffect[]
}

/** All that one call changes, for one transaction. */
export interface JointTurn {
  readonly effects: readonly LedgerEffect[]
  readonly changes: readonly RowChange[]
  readonly access: readonly AccessChange[]
}

/**
 * What follows for the ledger from what happens to keys, and the other way: a key that is revoked seals leases, what
 * is revoked by its scope is a revoked key, and budgets come and go with keys. The ledger's state is changed in place.
 */
export function jointTurn(
  ledger: LedgerState,
  keys: Keys,
  events: readonly LedgerEvent[],
  news: AccessNews,
  nowMs: number,
): JointTurn {
  const kills = news.effects.filter((effect) => effect.kind === 'kill')
  const effects = [...events, ...kills].flatMap((event) => step(ledger, event, nowMs).effects)
  const changes = changesOf(effects)
  const access = [...news.changes, ...revokedByScope(keys, news.changes, changes)]
  if (!movesBudgets(keys, access)) return { effects, changes, access }
  const limits = [...ledger.tables.limits.values()]
  const event = configureEvent(ownBudgets(ledger), withChanges(keys, access), limits)
  effects.push(...settled(step(ledger, event, nowMs).effects))
  return { effects, changes: changesOf(effects), access }
}

/** Budgets that an admin sets, with those that come with keys. */
export function configureEvent(
  own: readonly BudgetRow[],
  keys: Keys,
  limits: readonly LimitRow[],
): LedgerEvent {
  return { kind: 'configure', budgets: [...own, ...budgetsOfKeys(keys.values())], limits }
}

function ownBudgets({ tables }: LedgerState): readonly BudgetRow[] {
  return [...tables.budgets.values()].filter((budget) => !isKeyBudget(budget))
}

function changesOf(effects: readonly LedgerEffect[]): readonly RowChange[] {
  return effects.flatMap((effect) => (effect.kind === 'write' ? effect.changes : []))
}

/** Keys whose scope was revoked past them: by `freeze`, or by the journal of a restore. */
function revokedByScope(
  keys: Keys,
  known: readonly AccessChange[],
  changes: readonly RowChange[],
): readonly AccessChange[] {
  return changes.flatMap(({ table, id, row }): readonly AccessChange[] => {
    if (table !== 'kills' || row === null || row.reason !== 'revoked') return []
    const key = keys.get(id.slice('key:'.length))
    if (key === undefined || id !== `key:${key.id}` || key.revokedAtMs !== null) return []
    if (known.some((change) => change.table === 'keys' && change.id === key.id)) return []
    return [{ table: 'keys', id: key.id, row: { ...key, revokedAtMs: row.atMs } }]
  })
}

function withChanges(keys: Keys, changes: readonly AccessChange[]): Keys {
  const after = new Map<string, KeyRow>(keys)
  for (const { table, id, row } of changes)
    if (table === 'keys')
      if (row === null) after.delete(id)
      else after.set(id, row)
  return after
}

/** Budgets of keys were checked when the keys were made. */
function settled(effects: readonly LedgerEffect[]): readonly LedgerEffect[] {
  const refused = effects.find((effect) => effect.kind === 'refused')
  if (refused?.kind === 'refused') throw new Error(`budgets of keys: ${refused.reason}`)
  return effects
}
