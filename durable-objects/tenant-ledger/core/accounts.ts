import {
  leastOf,
  minusOrZero,
  mostOf,
  type NanoUsd,
  shareDown,
  shareUp,
  zeroNanoUsd,
} from '../money.ts'
import type { ScopeId, ThresholdAction } from '../protocol.ts'
import type { AccountRow, BudgetRow } from '../rows.ts'
import { periodAt } from '../rules/period.ts'
import { type LedgerState, metaOf } from '../state.ts'
import { put, type Turn } from './turn.ts'

/** A budget and its account of now. */
export interface Funds {
  readonly budget: BudgetRow
  readonly account: AccountRow
}

/** The accounts that requests with these scopes count in. */
export function fundsOf(turn: Turn, scopes: readonly ScopeId[]): readonly Funds[] {
  const { index } = turn.state
  return scopes.flatMap((scope) =>
    (index.budgets.get(scope) ?? []).map((budget) => ({
      budget,
      account: accountOf(turn, budget),
    })),
  )
}

/** The account of a budget's period of now; one that does not exist yet is not stored before it is charged. */
export function accountOf({ state, nowMs }: Turn, budget: BudgetRow): AccountRow {
  const { accounts } = state.tables
  const last = accounts.get(state.index.current.get(budget.id) ?? '')
  if (last !== undefined && isWithin(last, nowMs)) return last
  const { startsAtMs, endsAtMs } = periodAt(budget.period, budget.zone, nowMs)
  const id = accountIdOf(budget.id, startsAtMs)
  state.index.current.set(budget.id, id)
  return accounts.get(id) ?? newAccount(state, budget, startsAtMs, endsAtMs)
}

function isWithin({ startsAtMs, endsAtMs }: AccountRow, nowMs: number): boolean {
  return nowMs >= startsAtMs && (endsAtMs === null || nowMs < endsAtMs)
}

export function accountIdOf(budgetId: string, startsAtMs: number): string {
  return `${budgetId}@${startsAtMs}`
}

/** An account that may have been there before a restore, which lost it, is uncertain. */
export function newAccount(
  state: LedgerState,
  budget: BudgetRow,
  startsAtMs: number,
  endsAtMs: number | null,
): AccountRow {
  const { restoredAtMs } = metaOf(state)
  const mayHaveBeen = restoredAtMs !== null && startsAtMs <= restoredAtMs
  return {
    id: accountIdOf(budget.id, startsAtMs),
    budgetId: budget.id,
    startsAtMs,
    endsAtMs,
    chargedNanoUsd: zeroNanoUsd,
    postedNanoUsd: zeroNanoUsd,
    phantomNanoUsd: zeroNanoUsd,
    overrunNanoUsd: zeroNanoUsd,
    isUncertain: mayHaveBeen && budget.mode === 'hard',
    refundedNanoUsd: zeroNanoUsd,
    fired: [],
  }
}

/** Kept free after an attempt cost more than its worst case: the next bound may be as wrong. */
export function marginOf({ settings }: LedgerState, { budget, account }: Funds): NanoUsd {
  if (account.overrunNanoUsd === 0) return zeroNanoUsd
  const { capNanoUsd } = budget
  const share = shareUp(capNanoUsd, settings.marginBasisPoints)
  const most = shareUp(capNanoUsd, settings.marginMostBasisPoints)
  return leastOf(mostOf(share, settings.marginMinNanoUsd), most)
}

/** What may still be granted. */
export function roomOf(state: LedgerState, funds: Funds): NanoUsd {
  const { chargedNanoUsd, isUncertain } = funds.account
  if (isUncertain) return zeroNanoUsd
  const free = minusOrZero(funds.budget.capNanoUsd, chargedNanoUsd)
  return minusOrZero(free, marginOf(state, funds))
}

/** What attempts cost, as far as it is known. */
export function spentOf(account: AccountRow): NanoUsd {
  return account.postedNanoUsd
}

/** Thresholds that are crossed now, whatever was told before: a raised cap takes their actions back. */
export function actionsOf(funds: readonly Funds[]): ReadonlySet<ThresholdAction> {
  const actions = new Set<ThresholdAction>()
  for (const { budget, account } of funds)
    for (const { basisPoints, action } of budget.thresholds)
      if (spentOf(account) >= shareUp(budget.capNanoUsd, basisPoints)) actions.add(action)
  return actions
}

/** Tells each threshold that is crossed once in its period. */
export function tellThresholds(turn: Turn, account: AccountRow): AccountRow {
  const budget = turn.state.tables.budgets.get(account.budgetId)
  if (budget === undefined) return account
  let { fired } = account
  const spentNanoUsd = spentOf(account)
  for (const { basisPoints, action } of budget.thresholds) {
    const { capNanoUsd } = budget
    if (fired.includes(basisPoints) || spentNanoUsd < shareUp(capNanoUsd, basisPoints)) continue
    fired = [...fired, basisPoints]
    turn.effects.push({
      kind: 'threshold',
      budgetId: budget.id,
      accountId: account.id,
      basisPoints,
      action,
      spentNanoUsd,
      capNanoUsd,
    })
  }
  return fired === account.fired ? account : { ...account, fired }
}

/** The account of a lease, opened if it is not stored; null when its budget is gone. */
export function accountNamed(turn: Turn, id: string): AccountRow | null {
  const stored = turn.state.tables.accounts.get(id)
  if (stored !== undefined) return stored
  const cut = id.lastIndexOf('@')
  const budget = turn.state.tables.budgets.get(id.slice(0, cut))
  const startsAtMs = Number(id.slice(cut + 1))
  if (budget === undefined || !Number.isSafeInteger(startsAtMs)) return null
  const { endsAtMs } = periodAt(budget.period, budget.zone, startsAtMs)
  return newAccount(turn.state, budget, startsAtMs, endsAtMs)
}

export function putAccount(turn: Turn, account: AccountRow): void {
  put(turn, 'accounts', tellThresholds(turn, account))
}

/** What one grant may take of a room, so that the next who asks finds something too. */
export function fairShare(state: LedgerState, roomNanoUsd: NanoUsd): NanoUsd {
  return shareDown(roomNanoUsd, state.settings.grantBasisPoints)
}
