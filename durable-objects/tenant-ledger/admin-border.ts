import {
  flag,
  leaseId,
  list,
  maxBudgets,
  maxJournalRows,
  maxLimits,
  maxPageLines,
  maxThresholds,
  name,
  object,
  oneOf,
  refuse,
  scope,
  wholeNumber,
} from './border.ts'
import { nanoUsd } from './money.ts'
import type { BudgetRow, LimitRow, RowChange, Threshold } from './rows.ts'
import type {
  BilledPeriod,
  ConfigureCall,
  FreezeCall,
  LinesCall,
  ReconcileCall,
  ReleaseCall,
  RequestLinesCall,
  RestoreCall,
  RewindCall,
  ThawCall,
  TotalsBy,
  TotalsCall,
} from './rpc.ts'
import { selections } from './schema.ts'

/** Calls of an operator, read field by field: what comes in becomes rows, and rows hold what is named here only. */

export function readConfigure(value: unknown): ConfigureCall {
  const call = object(value, 'configure')
  const budgets = list(call['budgets'], 'configure.budgets', maxBudgets).map((one, index) =>
    readBudget(one, `configure.budgets[${index}]`),
  )
  const limits = list(call['limits'], 'configure.limits', maxLimits).map((one, index) =>
    readLimit(one, `configure.limits[${index}]`),
  )
  refuseTwice(budgets, 'configure.budgets')
  refuseTwice(limits, 'configure.limits')
  return { budgets, limits, actor: actorOf(call['actor'], 'configure') }
}

function refuseTwice(rows: readonly { readonly id: string }[], path: string): void {
  const seen = new Set<string>()
  for (const { id } of rows) {
    if (seen.has(id)) refuse(path, 'rows with an id each', id)
    seen.add(id)
  }
}

function readBudget(value: unknown, path: string): BudgetRow {
  const row = object(value, path)
  return {
    id: name(row['id'], `${path}.id`),
    scope: scope(row['scope'], `${path}.scope`),
    period: oneOf(row['period'], `${path}.period`, ['hour', 'day', 'week', 'month', 'total']),
    zone: name(row['zone'], `${path}.zone`),
    capNanoUsd: nanoUsd(wholeNumber(row['capNanoUsd'], `${path}.capNanoUsd`)),
    mode: oneOf(row['mode'], `${path}.mode`, ['hard', 'soft']),
    thresholds: list(row['thresholds'], `${path}.thresholds`, maxThresholds).map((one, index) =>
      readThreshold(one, `${path}.thresholds[${index}]`),
    ),
    failOpenNanoUsd: nanoUsd(wholeNumber(row['failOpenNanoUsd'], `${path}.failOpenNanoUsd`)),
  }
}

function readThreshold(value: unknown, path: string): Threshold {
  const { basisPoints, action } = object(value, path)
  const points = wholeNumber(basisPoints, `${path}.basisPoints`)
  if (points < 1 || points > 10_000) refuse(`${path}.basisPoints`, '1 to 10000', points)
  return {
    basisPoints: points,
    action: oneOf(action, `${path}.action`, ['warn', 'degrade', 'clamp', 'block']),
  }
}

function readLimit(value: unknown, path: string): LimitRow {
  const row = object(value, path)
  return {
    id: name(row['id'], `${path}.id`),
    scope: scope(row['scope'], `${path}.scope`),
    kind: oneOf(row['kind'], `${path}.kind`, ['requests', 'tokens', 'concurrency']),
    limit: wholeNumber(row['limit'], `${path}.limit`),
    windowMs: wholeNumber(row['windowMs'], `${path}.windowMs`),
  }
}

function actorOf(value: unknown, path: string): string {
  return name(value, `${path}.actor`)
}

export function readFreeze(value: unknown): FreezeCall {
  const call = object(value, 'freeze')
  return {
    scope: scope(call['scope'], 'freeze.scope'),
    reason: oneOf(call['reason'], 'freeze.reason', ['revoked', 'frozen']),
    actor: actorOf(call['actor'], 'freeze'),
  }
}

export function readThaw(value: unknown): ThawCall {
  const call = object(value, 'thaw')
  return { scope: scope(call['scope'], 'thaw.scope'), actor: actorOf(call['actor'], 'thaw') }
}

export function readReconcile(value: unknown): ReconcileCall {
  const call = object(value, 'reconcile')
  return {
    leaseId: leaseId(call['leaseId'], 'reconcile.leaseId'),
    finalNanoUsd: nanoUsd(wholeNumber(call['finalNanoUsd'], 'reconcile.finalNanoUsd')),
    actor: actorOf(call['actor'], 'reconcile'),
  }
}

export function readRelease(value: unknown): ReleaseCall {
  const call = object(value, 'release')
  const billed = list(call['billed'] ?? [], 'release.billed', maxBudgets)
  return {
    actor: actorOf(call['actor'], 'release'),
    billed: billed.map((one, index) => readBilled(one, `release.billed[${index}]`)),
  }
}

function readBilled(value: unknown, path: string): BilledPeriod {
  const period = object(value, path)
  return {
    budgetId: name(period['budgetId'], `${path}.budgetId`),
    startsAtMs: wholeNumber(period['startsAtMs'], `${path}.startsAtMs`),
    amountNanoUsd: nanoUsd(wholeNumber(period['amountNanoUsd'], `${path}.amountNanoUsd`)),
  }
}

export function readRewind(value: unknown): RewindCall {
  const call = object(value, 'rewind')
  return { atMs: wholeNumber(call['atMs'], 'rewind.atMs'), actor: actorOf(call['actor'], 'rewind') }
}

/** Fields of a row are checked by the tables, which are STRICT. */
export function readRestore(value: unknown): RestoreCall {
  const call = object(value, 'restore')
  const journal = list(call['journal'], 'restore.journal', maxJournalRows)
  let rows = 0
  for (const [index, transaction] of journal.entries()) {
    const path = `restore.journal[${index}]`
    const changes = list(transaction, path, maxJournalRows)
    rows += changes.length
    if (rows > maxJournalRows) refuse('restore.journal', `of at most ${maxJournalRows} rows`, rows)
    for (const [place, change] of changes.entries()) checkChange(change, `${path}[${place}]`)
  }
  return {
    journal: journal as readonly (readonly RowChange[])[],
    isComplete: flag(call['isComplete'], 'restore.isComplete'),
    actor: actorOf(call['actor'], 'restore'),
  }
}

const tables: ReadonlySet<unknown> = new Set([...selections.map(({ table }) => table), 'lines'])

function checkChange(value: unknown, path: string): void {
  const { table, id, row } = object(value, path)
  if (!tables.has(table)) refuse(`${path}.table`, 'a table of the ledger', table)
  name(id, `${path}.id`)
  if (row === null && table !== 'lines') return
  if (object(row, `${path}.row`)['id'] !== id) refuse(`${path}.row.id`, 'the id of the change', id)
}

export function readLinesCall(value: unknown): LinesCall {
  const call = object(value, 'lines')
  const limit = wholeNumber(call['limit'], 'lines.limit')
  if (limit < 1 || limit > maxPageLines) refuse('lines.limit', `1 to ${maxPageLines}`, limit)
  return { ...readSpan(call, 'lines'), limit }
}

export function readTotalsCall(value: unknown): TotalsCall {
  const call = object(value, 'lineTotals')
  return { ...readSpan(call, 'lineTotals'), by: readBy(call['by']) }
}

/** A name of a tag goes into a path of JSON, inside quotes. */
const byForm = /^(target|route|key|tag:[^"\\]{1,256})$/

function readBy(value: unknown): TotalsBy {
  if (typeof value !== 'string' || !byForm.test(value))
    refuse('lineTotals.by', 'target, route, key or tag:name', value)
  return value as TotalsBy
}

function readSpan(call: Readonly<Record<string, unknown>>, path: string) {
  const fromMs = wholeNumber(call['fromMs'], `${path}.fromMs`)
  const toMs = wholeNumber(call['toMs'], `${path}.toMs`)
  if (toMs < fromMs) refuse(`${path}.toMs`, `${fromMs} or later`, toMs)
  const { cursor } = call
  return { fromMs, toMs, cursor: cursor === null ? null : name(cursor, `${path}.cursor`) }
}

export function readRequestLines(value: unknown): RequestLinesCall {
  return { requestId: name(object(value, 'requestLines')['requestId'], 'requestLines.requestId') }
}
