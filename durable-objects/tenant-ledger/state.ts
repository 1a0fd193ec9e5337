import type { LedgerSettings } from './settings.ts'
import type { LeaseId, ScopeId } from './protocol.ts'
import type {
  AskRow,
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
  /** In the order in which they last changed. */
  readonly closed: Map<LeaseId, LeaseRow>
  readonly lost: Map<LeaseId, LeaseRow>
  /** In the order in which they came. Bookings are remembered for longer than other asks. */
  readonly asked: Map<string, AskRow>
  readonly booked: Map<string, AskRow>
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
      habits: new Map(),
    },
    index: {
      open: new Map(),
      closed: new Map(),
      lost: new Map(),
      asked: new Map(),
      booked: new Map(),
      budgets: new Map(),
      limits: new Map(),
      current: new Map(),
    },
    wakeAtMs: Infinity,
    sweptAtMs: 0,
  }
}

/**
 * The state that these rows are: what was stored, or what a copy says was stored since. Asks and leases come in the
 * order in which they were last written, as they lie in memory: an eviction does not change what is forgotten first.
 */
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
  const { index } = state
  const rows = state.tables[table] as unknown as Map<string, Tables[Name]>
  const before = rows.get(id) ?? null
  if (row === null) rows.delete(id)
  else rows.set(id, row)
  if (table === 'leases') indexLease(index, id as LeaseId, row as LeaseRow | null)
  else if (table === 'asks') indexAsk(index, id, row as AskRow | null)
  else if (table === 'budgets')
    indexScope(index.budgets, before as BudgetRow | null, row as BudgetRow | null)
  else if (table === 'limits')
    indexScope(index.limits, before as LimitRow | null, row as LimitRow | null)
}

const bookedMark = 'booked '

/** Id of the row that remembers a booking. */
export function bookedId(askId: string): string {
  return `${bookedMark}${askId}`
}

function indexAsk({ asked, booked }: Index, id: string, row: AskRow | null): void {
  const rows = id.startsWith(bookedMark) ? booked : asked
  if (row === null) rows.delete(id)
  else rows.set(id, row)
}

function indexLease({ open, closed, lost }: Index, id: LeaseId, row: LeaseRow | null): void {
  for (const leases of [open, closed, lost]) leases.delete(id)
  if (row === null) return
  if (row.endedAtMs === null) open.set(id, row)
  else if (row.state === 'closed') closed.set(id, row)
  else lost.set(id, row)
}

/** In the order of ids, so that it does not matter in what order the rows came. */
function indexScope<Row extends { readonly id: string; readonly scope: ScopeId }>(
  index: Map<ScopeId, Row[]>,
  before: Row | null,
  after: Row | null,
): void {
  if (before !== null) {
    const rest = (index.get(before.scope) ?? []).filter(({ id }) => id !== before.id)
    if (rest.length === 0) index.delete(before.scope)
    else index.set(before.scope, rest)
  }
  if (after === null) return
  const same = [...(index.get(after.scope) ?? []), after]
  index.set(
    after.scope,
    same.sort((a, b) => (a.id < b.id ? -1 : 1)),
  )
}
