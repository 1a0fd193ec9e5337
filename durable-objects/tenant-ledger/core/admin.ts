import type { LedgerEvent } from '../events.ts'
import { isNanoUsd } from '../money.ts'
import type { BudgetRow, LimitRow, RowChange } from '../rows.ts'
import { closed } from '../rules/lease.ts'
import { isZone } from '../rules/zone.ts'
import { metaOf, type LedgerState } from '../state.ts'
import { moveLease } from './move.ts'
import { put, putMeta, remove, type Turn } from './turn.ts'

type Of<Kind extends LedgerEvent['kind']> = Extract<LedgerEvent, { readonly kind: Kind }>

function audit(
  turn: Turn,
  action: 'reconcile' | 'kill' | 'revive' | 'restored' | 'configure',
  actor: string,
  subject: string,
): void {
  turn.effects.push({ kind: 'audit', action, actor, subject })
}

/** Why these budgets and limits cannot be; null when they can. */
function flawOf(state: LedgerState, { budgets, limits }: Of<'configure'>): string | null {
  for (const budget of budgets) {
    const { id, capNanoUsd, failOpenNanoUsd, zone, mode } = budget
    if (!isNanoUsd(capNanoUsd) || !isNanoUsd(failOpenNanoUsd)) return `money of ${id}`
    if (!isZone(zone)) return `zone of ${id}`
    if (mode === 'hard' && failOpenNanoUsd > 0) return `a hard budget does not fail open: ${id}`
    if (isAnother(state.tables.budgets.get(id), budget)) return `another budget has the id ${id}`
    if (id.includes('@')) return `an id holds no @: ${id}`
  }
  for (const { id, limit, kind, windowMs } of limits) {
    if (!isNanoUsd(limit) || !isNanoUsd(windowMs)) return `numbers of ${id}`
    if ((windowMs === 0) !== (kind === 'concurrency')) return `window of ${id}`
  }
  return null
}

/** An account belongs to a budget and the start of a period: what a period is cannot change under it. */
function isAnother(before: BudgetRow | undefined, now: BudgetRow): boolean {
  return (
    before !== undefined &&
    (before.scope !== now.scope || before.period !== now.period || before.zone !== now.zone)
  )
}

/** Replaces budgets and limits. A lower cap takes nothing back: it stops grants until as much is free. */
export function configure(turn: Turn, event: Of<'configure'>): string | null {
  const flaw = flawOf(turn.state, event)
  if (flaw !== null) return flaw
  const { tables, index } = turn.state
  const shape = shapeOf(tables.budgets.values(), tables.limits.values())
  replace(turn, 'budgets', tables.budgets, event.budgets)
  replace(turn, 'limits', tables.limits, event.limits)
  index.current.clear()
  // Leases that are out know nothing of a budget that is new: they are sealed, and asked for again.
  if (shapeOf(event.budgets, event.limits) !== shape) bumpKillVersion(turn)
  audit(turn, 'configure', '', `${event.budgets.length} budgets, ${event.limits.length} limits`)
  return null
}

function replace<Row extends { readonly id: string }>(
  turn: Turn,
  table: 'budgets' | 'limits',
  before: ReadonlyMap<string, Row>,
  rows: readonly Row[],
): void {
  const ids = new Set(rows.map(({ id }) => id))
  for (const id of before.keys()) if (!ids.has(id)) remove(turn, table, id)
  for (const row of rows)
    if (JSON.stringify(before.get(row.id)) !== JSON.stringify(row))
      put(turn, table, row as unknown as BudgetRow & LimitRow)
}

function shapeOf(budgets: Iterable<BudgetRow>, limits: Iterable<LimitRow>): string {
  const names = [...budgets].map(({ id, mode }) => `${id} ${mode}`)
  const limited = [...limits].map(({ id, scope, kind }) => `${id} ${scope} ${kind}`)
  return [...names, ...limited].sort().join('\n')
}

function bumpKillVersion(turn: Turn): void {
  putMeta(turn, { killVersion: metaOf(turn.state).killVersion + 1 })
}

export function kill(turn: Turn, { scope, reason }: Of<'kill'>): void {
  const before = turn.state.tables.kills.get(scope)
  if (before?.reason === 'revoked' || before?.reason === reason) return
  put(turn, 'kills', { id: scope, reason, atMs: turn.nowMs })
  bumpKillVersion(turn)
  audit(turn, 'kill', '', scope)
}

export function revive(turn: Turn, { scope }: Of<'revive'>): string | null {
  const before = turn.state.tables.kills.get(scope)
  if (before === undefined) return null
  if (before.reason === 'revoked') return 'a revoked key stays revoked'
  remove(turn, 'kills', scope)
  audit(turn, 'revive', '', scope)
  return null
}

/** A lost lease is closed for what somebody can prove. */
export function reconcile(turn: Turn, event: Of<'reconcile'>): string | null {
  const lease = turn.state.tables.leases.get(event.leaseId)
  if (lease === undefined) return 'unknown lease'
  if (lease.state !== 'lost') return `the lease is ${lease.state}, not lost`
  if (!isNanoUsd(event.finalNanoUsd) || event.finalNanoUsd > lease.limitNanoUsd)
    return 'more than it is charged'
  moveLease(turn, lease, closed(lease, event.finalNanoUsd, turn.nowMs))
  audit(turn, 'reconcile', event.actor, event.leaseId)
  return null
}

/**
 * After a restore: what the journal knows is written again. When more may have been granted, nobody can say how much
 * (a cap may have been raised and lowered since): nothing is granted while it can still be spent, and nothing from the
 * accounts of that time until their holders' words are in and somebody has accounted for the rest.
 */
export function restored(turn: Turn, event: Of<'restored'>): string | null {
  const { state, nowMs } = turn
  const { epoch } = metaOf(state)
  if (!Number.isSafeInteger(event.epoch) || event.epoch <= epoch)
    return `an epoch is never used twice: ${event.epoch} after ${epoch}`
  for (const change of event.journal.flat()) replay(turn, change)
  const before = metaOf(state)
  put(turn, 'epochs', { id: String(before.epoch), lastNumber: before.lastNumber })
  const { leaseTtlMs, longestStreamMs } = state.settings
  putMeta(turn, {
    epoch: event.epoch,
    lastNumber: 0,
    killVersion: before.killVersion + 1,
    frozenUntilMs: event.isComplete ? before.frozenUntilMs : nowMs + leaseTtlMs + longestStreamMs,
    restoredAtMs: event.isComplete ? before.restoredAtMs : nowMs,
  })
  if (!event.isComplete) markUncertain(turn)
  audit(turn, 'restored', '', `epoch ${event.epoch}`)
  return null
}

function replay(turn: Turn, change: RowChange): void {
  if (change.table === 'lines') turn.lines.push(change.row)
  else if (change.row === null) remove(turn, change.table, change.id)
  else put(turn, change.table, change.row)
}

function markUncertain(turn: Turn): void {
  const { budgets, accounts } = turn.state.tables
  for (const account of accounts.values()) {
    const budget = budgets.get(account.budgetId)
    if (budget?.mode !== 'hard') continue
    put(turn, 'accounts', { ...account, isUncertain: true })
  }
}
