import { alertRetryMs, alertWindowMs } from '../provider-health/alert-book.ts'
import { type AlertSource, type LedgerAlert, type LedgerMessage, messageOf } from './alerts.ts'
import { plusOrMost } from './money.ts'

/**
 * Which alerts are to be sent. Pure. A row for each subject; it is stored in the transaction of what it tells of, so
 * an alert is neither lost with the object nor told of what never came to be.
 */
export interface AlertRow {
  /** The subject. */
  readonly id: string
  /** Of its messages. */
  readonly serial: number
  /** Sent, and not yet taken. */
  readonly message: LedgerMessage | null
  readonly tries: number
  /** When `message` is sent again. */
  readonly notBeforeMs: number
  /** What happened since, added up: the next message, once the last one is old enough. */
  readonly pending: LedgerAlert | null
  /** When the last message was first sent. */
  readonly toldAtMs: number | null
}

export type AlertRows = ReadonlyMap<string, AlertRow>

export interface AlertChange {
  readonly id: string
  readonly row: AlertRow | null
}

/** What is to be stored now, and what is to be sent once it is. */
export interface AlertTurn {
  readonly changes: readonly AlertChange[]
  readonly sending: readonly AlertRow[]
}

/** Takes alerts in, and finds what is due. */
export function tellAlerts(
  rows: AlertRows,
  alerts: readonly LedgerAlert[],
  source: AlertSource,
  nowMs: number,
): AlertTurn {
  const changed = new Map<string, AlertRow | null>()
  for (const alert of alerts) {
    const before = changed.get(alert.subject) ?? rows.get(alert.subject) ?? newRow(alert.subject)
    changed.set(alert.subject, { ...before, pending: added(before.pending, alert) })
  }
  const sending: AlertRow[] = []
  const all = new Map<string, AlertRow | null>([...rows, ...changed])
  for (const [id, row] of all) {
    if (row === null) continue
    if (isForgettable(row, nowMs)) changed.set(id, null)
    const next = tried(promoted(row, source, nowMs), nowMs)
    if (next === row) continue
    changed.set(id, next)
    if (next.tries > row.tries || next.serial > row.serial) sending.push(next)
  }
  return { changes: [...changed].map(([id, row]) => ({ id, row })), sending }
}

function newRow(id: string): AlertRow {
  return {
    id,
    serial: 0,
    message: null,
    tries: 0,
    notBeforeMs: 0,
    pending: null,
    toldAtMs: null,
  }
}

function added(before: LedgerAlert | null, alert: LedgerAlert): LedgerAlert {
  if (before === null) return alert
  const amountNanoUsd = plusOrMost(before.amountNanoUsd, alert.amountNanoUsd)
  return { ...before, count: before.count + alert.count, amountNanoUsd }
}

function readyAtMs({ toldAtMs }: AlertRow): number {
  return toldAtMs === null ? 0 : toldAtMs + alertWindowMs
}

function promoted(row: AlertRow, source: AlertSource, nowMs: number): AlertRow {
  const { message, pending, serial } = row
  if (message !== null || pending === null || nowMs < readyAtMs(row)) return row
  return {
    ...row,
    serial: serial + 1,
    message: messageOf(pending, serial + 1, source),
    tries: 0,
    notBeforeMs: nowMs,
    pending: null,
    toldAtMs: nowMs,
  }
}

/** Counted before it is made: a try that dies with the object is one. */
function tried(row: AlertRow, nowMs: number): AlertRow {
  if (row.message === null || nowMs < row.notBeforeMs) return row
  const waitMs = alertRetryMs[Math.min(row.tries, alertRetryMs.length - 1)] ?? alertWindowMs
  return { ...row, tries: row.tries + 1, notBeforeMs: nowMs + waitMs }
}

export function isLastTry({ tries }: AlertRow): boolean {
  return tries > alertRetryMs.length
}

/** It was taken, or it is given up. Null when the row has another message by now. */
export function settled(rows: AlertRows, { id, message }: AlertRow): AlertChange | null {
  const now = rows.get(id)
  if (now === undefined || now.message?.id !== message?.id) return null
  return { id, row: { ...now, message: null, tries: 0, notBeforeMs: 0 } }
}

function isForgettable(row: AlertRow, nowMs: number): boolean {
  return row.message === null && row.pending === null && nowMs >= readyAtMs(row)
}

/** When something is to be sent; Infinity for never. */
export function alertsDueMs(rows: AlertRows): number {
  let dueMs = Infinity
  for (const row of rows.values())
    if (row.message !== null) dueMs = Math.min(dueMs, row.notBeforeMs)
    else if (row.pending !== null) dueMs = Math.min(dueMs, readyAtMs(row))
  return dueMs
}
