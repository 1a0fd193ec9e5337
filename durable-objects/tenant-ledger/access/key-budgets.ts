import { zeroNanoUsd } from '../money.ts'
import type { BudgetRow } from '../rows.ts'
import type { Keys } from './keys.ts'
import type { AccessChange, KeyRow } from './rows.ts'

/** So begin the ids of budgets that come with keys, and of no others: an admin's for the same key stand beside them. */
const prefix = 'key/'

export function isKeyBudget({ id }: { readonly id: string }): boolean {
  return id.startsWith(prefix)
}

/** The budgets that come with keys, as the ledger has them. */
export function budgetsOfKeys(keys: Iterable<KeyRow>): readonly BudgetRow[] {
  return [...keys].flatMap(budgetsOfKey)
}

function budgetsOfKey({ id, grant, revokedAtMs }: KeyRow): readonly BudgetRow[] {
  if (revokedAtMs !== null) return []
  return grant.budgets.map(({ period, capNanoUsd, mode }) => ({
    id: `${prefix}${id}/${period}`,
    scope: `key:${id}`,
    period,
    zone: 'UTC',
    capNanoUsd,
    mode,
    thresholds: [],
    failOpenNanoUsd: zeroNanoUsd,
  }))
}

/** Whether these changes of keys change what has a budget. */
export function movesBudgets(before: Keys, changes: readonly AccessChange[]): boolean {
  return changes.some(({ table, id, row }) => {
    if (table !== 'keys') return false
    const old = before.get(id)
    return textOf(old) !== textOf(row ?? undefined)
  })
}

function textOf(row: KeyRow | undefined): string {
  return JSON.stringify(row === undefined ? [] : budgetsOfKey(row))
}
