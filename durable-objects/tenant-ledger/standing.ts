import { accountOf, roomOf, spentOf } from './core/accounts.ts'
import { standingOf } from './core/limits.ts'
import { newTurn, type Turn } from './core/turn.ts'
import { minus, shareUp } from './money.ts'
import type { BudgetRow } from './rows.ts'
import type { BudgetStanding, LedgerStanding } from './rpc.ts'
import { type LedgerState, metaOf } from './state.ts'

/** What there is of each budget and limit now. Changes nothing. */
export function standingNow(state: LedgerState, nowMs: number): LedgerStanding {
  const turn = newTurn(state, nowMs)
  const { budgets, limits, kills } = state.tables
  const { epoch, killVersion, frozenUntilMs } = metaOf(state)
  return {
    epoch,
    killVersion,
    frozenForMs: Math.max(0, frozenUntilMs - nowMs),
    openLeases: state.index.open.size,
    budgets: inOrder(budgets.values()).map((budget) => standingOfBudget(turn, budget)),
    limits: standingOf(turn, inOrder(limits.values())),
    kills: inOrder(kills.values()).map(({ id, reason }) => ({ scope: id, reason })),
  }
}

function inOrder<Row extends { readonly id: string }>(rows: Iterable<Row>): readonly Row[] {
  return [...rows].sort((a, b) => (a.id < b.id ? -1 : 1))
}

function standingOfBudget(turn: Turn, budget: BudgetRow): BudgetStanding {
  const account = accountOf(turn, budget)
  const { chargedNanoUsd, phantomNanoUsd } = account
  const spentNanoUsd = spentOf(account)
  return {
    budgetId: budget.id,
    scope: budget.scope,
    period: budget.period,
    zone: budget.zone,
    mode: budget.mode,
    capNanoUsd: budget.capNanoUsd,
    startsAtMs: account.startsAtMs,
    resetsAtMs: account.endsAtMs,
    spentNanoUsd,
    heldNanoUsd: minus(minus(chargedNanoUsd, spentNanoUsd), phantomNanoUsd),
    lostNanoUsd: phantomNanoUsd,
    overrunNanoUsd: account.overrunNanoUsd,
    remainingNanoUsd: roomOf(turn.state, { budget, account }),
    isUncertain: account.isUncertain,
    thresholds: budget.thresholds.filter(
      ({ basisPoints }) => spentNanoUsd >= shareUp(budget.capNanoUsd, basisPoints),
    ),
    row: budget,
  }
}
