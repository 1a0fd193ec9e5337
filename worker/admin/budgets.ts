import { isKeyBudget } from '../../durable-objects/tenant-ledger/access/key-budgets.ts'
import type { LimitStanding } from '../../durable-objects/tenant-ledger/protocol.ts'
import type { BudgetStanding, LedgerStanding } from '../../durable-objects/tenant-ledger/rpc.ts'
import type { BudgetRow, LimitRow, Threshold } from '../../durable-objects/tenant-ledger/rows.ts'
import { invalidRequest } from '../canonical/errors.ts'
import { readBudgets, readLimits, windowOfLimit } from './budgets-body.ts'
import { jsonOf, problemsError } from './problem.ts'
import {
  answered,
  refused,
  type Outcome,
  type TenantCall,
  type TenantRoute,
} from './tenant-door.ts'
import { timeOf, timeOrNull, usdOf } from './usd.ts'

export const budgetRoutes: readonly TenantRoute[] = [
  { method: 'put', path: '/budgets', action: 'budgets_put', handle: putBudgets },
  { method: 'get', path: '/budgets', action: null, handle: listBudgets },
  { method: 'put', path: '/limits', action: 'limits_put', handle: putLimits },
  { method: 'get', path: '/limits', action: null, handle: listLimits },
]

/**
 * The ledger takes budgets and limits in one call, which replaces both. What the other call left there is read first
 * and said again; of two of these at the same moment, the later wins.
 */
async function putBudgets(call: TenantCall): Promise<Outcome> {
  const body = await jsonOf(call.request)
  if ('refused' in body) return refused(body.refused)
  const read = readBudgets(body.value)
  if (read.kind === 'invalid') return refused(problemsError(read.problems))
  const standing = await call.ask((ledger) => ledger.budgets())
  const count = `${read.rows.length} budgets`
  return configure(call, read.rows, standing.limits.map(limitRowOf), budgetList, count)
}

async function putLimits(call: TenantCall): Promise<Outcome> {
  const body = await jsonOf(call.request)
  if ('refused' in body) return refused(body.refused)
  const read = readLimits(body.value)
  if (read.kind === 'invalid') return refused(problemsError(read.problems))
  const standing = await call.ask((ledger) => ledger.budgets())
  // Those of keys are no part of what is put: they stand beside it.
  const budgets = standing.budgets.flatMap(({ row }) => (isKeyBudget(row) ? [] : row))
  return configure(call, budgets, read.rows, limitList, `${read.rows.length} limits`)
}

async function configure(
  { ask, actor }: TenantCall,
  budgets: readonly BudgetRow[],
  limits: readonly LimitRow[],
  listOf: (standing: LedgerStanding) => object,
  subject: string,
): Promise<Outcome> {
  const reply = await ask((ledger) => ledger.configure({ budgets, limits, actor }))
  if (reply.refused !== null)
    return refused(invalidRequest(`the ledger refuses this: ${reply.refused}`), subject)
  return answered(listOf(await ask((ledger) => ledger.budgets())), subject)
}

async function listBudgets({ ask }: TenantCall): Promise<Outcome> {
  return answered(budgetList(await ask((ledger) => ledger.budgets())))
}

async function listLimits({ ask }: TenantCall): Promise<Outcome> {
  return answered(limitList(await ask((ledger) => ledger.budgets())))
}

function budgetList({ budgets, journal }: LedgerStanding): object {
  return { object: 'list', data: budgets.map(budgetView), journal: journalView(journal) }
}

/** How far the copy of the ledger is behind; null: it has none. */
function journalView(lag: LedgerStanding['journal']): object | null {
  if (lag === undefined) return null
  const { pendingChanges, behindMs, isForked = false } = lag
  return { pendingChanges, behindMs, forked: isForked }
}

function limitList({ limits }: LedgerStanding): object {
  return { object: 'list', data: limits.map(limitView) }
}

/** One budget in its period that runs now. */
export function budgetView(standing: BudgetStanding) {
  const { budgetId, scope, period, zone, mode, row } = standing
  return {
    id: budgetId,
    scope,
    period,
    zone,
    limitUsd: usdOf(standing.capNanoUsd),
    mode,
    thresholds: thresholdsOf(row.thresholds),
    ...(row.failOpenNanoUsd > 0 && { failOpenUsd: usdOf(row.failOpenNanoUsd) }),
    /** It came with a key, and goes with it. */
    ofKey: isKeyBudget(row),
    spentUsd: usdOf(standing.spentNanoUsd),
    heldUsd: usdOf(standing.heldNanoUsd),
    lostUsd: usdOf(standing.lostNanoUsd),
    overrunUsd: usdOf(standing.overrunNanoUsd),
    remainingUsd: usdOf(standing.remainingNanoUsd),
    crossed: thresholdsOf(standing.thresholds),
    uncertain: standing.isUncertain,
    startsAt: period === 'total' ? null : timeOf(standing.startsAtMs),
    resetsAt: timeOrNull(standing.resetsAtMs),
  }
}

/** As they are put: the actions of a percent together. */
function thresholdsOf(thresholds: readonly Threshold[]) {
  const byPoints = Map.groupBy(thresholds, ({ basisPoints }) => basisPoints)
  return [...byPoints].map(([basisPoints, all]) => ({
    percent: basisPoints / 100,
    actions: all.map(({ action }) => action),
  }))
}

export function limitView(standing: LimitStanding) {
  const { limitId, scope, kind, limit, remaining, resetMs } = standing
  return { id: limitId, scope, kind, limit, windowMs: windowOfLimit(limitId), remaining, resetMs }
}

function limitRowOf({ limitId, scope, kind, limit }: LimitStanding): LimitRow {
  return { id: limitId, scope, kind, limit, windowMs: windowOfLimit(limitId) ?? 0 }
}
