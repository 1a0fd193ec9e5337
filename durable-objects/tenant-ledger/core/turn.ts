import type { AlertCode, LedgerEffect } from '../events.ts'
import { type NanoUsd, zeroNanoUsd } from '../money.ts'
import type { LeaseId } from '../protocol.ts'
import type { LineRow, MetaRow, RowChange, TableName, Tables } from '../rows.ts'
import { type LedgerState, metaOf, setRow } from '../state.ts'

interface Touched {
  readonly table: TableName
  readonly id: string
  readonly before: Tables[TableName] | null
}

/** One step while it is taken: all of it happens, or none. */
export interface Turn {
  readonly state: LedgerState
  readonly nowMs: number
  readonly effects: LedgerEffect[]
  readonly lines: LineRow[]
  /** Rows that changed, in the order of their last change, with what they were before the step. */
  readonly touched: Map<string, Touched>
}

export function newTurn(state: LedgerState, nowMs: number): Turn {
  return { state, nowMs, effects: [], lines: [], touched: new Map() }
}

export function put<Name extends TableName>(turn: Turn, table: Name, row: Tables[Name]): void {
  write(turn, table, row.id, row)
}

export function remove(turn: Turn, table: TableName, id: string): void {
  write(turn, table, id, null)
}

function write<Name extends TableName>(
  turn: Turn,
  table: Name,
  id: string,
  row: Tables[Name] | null,
): void {
  const key = `${table} ${id}`
  const before = turn.state.tables[table].get(id) ?? null
  const first = turn.touched.get(key) ?? { table, id, before }
  turn.touched.delete(key)
  turn.touched.set(key, first)
  setRow(turn.state, table, id, row)
}

export function putMeta(turn: Turn, change: Partial<MetaRow>): void {
  put(turn, 'meta', { ...metaOf(turn.state), ...change })
}

export function alert(
  turn: Turn,
  code: AlertCode,
  leaseId: LeaseId | null,
  amountNanoUsd: NanoUsd = zeroNanoUsd,
  detail = '',
): void {
  turn.effects.push({ kind: 'alert', code, leaseId, amountNanoUsd, detail })
}

/** Puts everything back as it was before the step. */
export function undo(turn: Turn): void {
  for (const { table, id, before } of turn.touched.values()) setRow(turn.state, table, id, before)
}

/** What a step changed, for one transaction. */
export function changesOf({ state, touched, lines }: Turn): readonly RowChange[] {
  const changes: RowChange[] = []
  for (const { table, id } of touched.values()) {
    const row = state.tables[table].get(id) ?? null
    changes.push({ table, id, row } as RowChange)
  }
  for (const line of lines) changes.push({ table: 'lines', id: line.id, row: line })
  return changes
}
