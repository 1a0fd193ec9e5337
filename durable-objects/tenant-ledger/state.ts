import type { LedgerSettings } from './settings.ts'
import type { LeaseId, ScopeId } from './protocol.ts'
import type {
  BudgetRow,
  LeaseRow,
  LimitRow,
  MetaRow,
  RowChange,
  TableName,
  Tables,
} from './rows.ts'

type Kept = { readonly [Name in TableName]: Map<string, Tables[Name]> }

/** Made from the rows, never stored: what a step would otherwise have to search for. */
interface Index {
  /** Leases that are active or sealed. */
  readonly open: Map<LeaseId, LeaseRow>
  /** Closed and lost ones, by when they ended. */
  readonly ended: Map<LeaseId, LeaseRow>
  readonly budgets: Map<ScopeId, BudgetRow[]>
  readonly limits: Map<ScopeId, LimitRow[]>
  /** The account of each budget that was used last: nearly always the one of now. */
  readonly current: Map<string, string>
}

/** Rows and an index over them; nothing that an eviction could lose. Owned by the caller of `step`, changed in place. */
export interface LedgerState {
  readonly settings: LedgerSettings
  readonly tables: Kept
  readonly index: Index
  /** The wake-up that was asked for last. After an eviction the next step asks again. */
  wakeAtMs: number
  sweptAtMs: number
}

const firstMeta: MetaRow = {
  id: 'ledger',
  epoch: 1,
  lastNumber: 0,
  killVersion: 1,
  frozenUntilMs: 0,
  restoredAtMs: null,
}

export function emptyLedger(settings: LedgerSettings): LedgerState {
  return {
    settings,
    tables: {
      meta: new Map([[firstMeta.id, firstMeta]]),
      epochs: new Map(),
      budgets: new Map(),
      accounts: new Map(),
      leases: new Map(),
      asks: new Map(),
      kills: new Map(),
      limits: new Map(),
      usage: new Map(),
    },
    index: {
      open: new Map(),
      ended: new Map(),
      budgets: new Map(),
      limits: new Map(),
      current: new Map(),
    },
    wakeAtMs: Infinity,
    sweptAtMs: 0,
  }
}

/** The state that these rows are: what was stored, or what a copy says was stored since. */
export function loadLedger(settings: LedgerSettings, rows: Iterable<RowChange>): LedgerState {
  const state = emptyLedger(settings)
  for (const change of rows) applyChange(state, change)
  return state
}

/** Every row of the state, as changes that make it from nothing. */
export function* rowsOf(state: LedgerState): Generator<RowChange> {
  for (const [table, rows] of Object.entries(state.tables))
    for (const [id, row] of rows) yield { table, id, row } as RowChange
}

export function metaOf(state: LedgerState): MetaRow {
  return state.tables.meta.get('ledger') ?? firstMeta
}

export function applyChange(state: LedgerState, change: RowChange): void {
  if (change.table !== 'lines') setRow(state, change.table, change.id, change.row)
}

/** Writes a row, or deletes it, and keeps the index true. */
export function setRow<Name extends TableName>(
  state: LedgerState,
  table: Name,
  id: string,
  row: Tables[Name] | null,
): void {
  const rows = state.tables[table] as unknown as Map<string, Tables[Name]>
  if (row === null) rows.delete(id)
  else rows.set(id, row)
  if (table === 'leases') indexLease(state.index, id as LeaseId, row as LeaseRow | null)
  else if (table === 'budgets') rebuildIndex(state.index.budgets, state.tables.budgets.values())
  else if (table === 'limits') rebuildIndex(state.index.limits, state.tables.limits.values())
}

function indexLease({ open, ended }: Index, id: LeaseId, row: LeaseRow | null): void {
  open.delete(id)
  if (row !== null && row.endedAtMs === null) open.set(id, row)
  if (row === null || row.endedAtMs === null) ended.delete(id)
  else ended.set(id, row)
}

function rebuildIndex<Row extends { readonly scope: ScopeId }>(
  index: Map<ScopeId, Row[]>,
  rows: Iterable<Row>,
): void {
  index.clear()
  for (const row of rows) {
    const same = index.get(row.scope)
    if (same === undefined) index.set(row.scope, [row])
    else same.push(row)
  }
}
