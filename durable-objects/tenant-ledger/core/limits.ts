import type { LimitKind, LimitStanding, ScopeId, Units } from '../protocol.ts'
import type { LeaseRow, LimitRow, UsageRow } from '../rows.ts'
import { counted, partMsOf, viewWindow, waitForMs } from '../rules/window.ts'
import { put, type Turn } from './turn.ts'

export const noUnits: Units = { requests: 0, tokens: 0, slots: 0 }

export function limitsOf({ state }: Turn, scopes: readonly ScopeId[]): readonly LimitRow[] {
  return scopes.flatMap((scope) => state.index.limits.get(scope) ?? [])
}

function usageOf({ state }: Turn, limit: LimitRow): UsageRow {
  return state.tables.usage.get(limit.id) ?? { id: limit.id, inUse: 0, parts: [] }
}

export function unitsOf(kind: LimitKind, units: Units): number {
  switch (kind) {
    case 'requests':
      return units.requests
    case 'tokens':
      return units.tokens
    case 'concurrency':
      return units.slots
  }
}

export function standingOf(turn: Turn, limits: readonly LimitRow[]): readonly LimitStanding[] {
  return limits.map((limit) => ({
    limitId: limit.id,
    scope: limit.scope,
    kind: limit.kind,
    limit: limit.limit,
    ...viewWindow(limit, usageOf(turn, limit), turn.state.settings.windowParts, turn.nowMs),
  }))
}

/** The limit that lets these units wait the longest; null when all of them are there. */
export function tightest(
  turn: Turn,
  limits: readonly LimitRow[],
  units: Units,
): { readonly limit: LimitRow; readonly retryAfterMs: number | null } | null {
  const { settings } = turn.state
  let found: { limit: LimitRow; retryAfterMs: number | null } | null = null
  for (const limit of limits) {
    const count = unitsOf(limit.kind, units)
    const usage = usageOf(turn, limit)
    if (count <= viewWindow(limit, usage, settings.windowParts, turn.nowMs).remaining) continue
    const retryAfterMs = waitOf(turn, limit, usage, count)
    if (found === null || isLonger(retryAfterMs, found.retryAfterMs))
      found = { limit, retryAfterMs }
  }
  return found
}

function waitOf(turn: Turn, limit: LimitRow, usage: UsageRow, count: number): number | null {
  const { settings } = turn.state
  if (limit.kind === 'concurrency') return limit.limit === 0 ? null : settings.slotRetryMs
  return waitForMs(limit, usage, count, settings.windowParts, turn.nowMs)
}

function isLonger(waitMs: number | null, thanMs: number | null): boolean {
  return thanMs !== null && (waitMs === null || waitMs > thanMs)
}

/** The slice of one kind that a lease may have; null where nothing limits it. */
export function sliceOf(
  turn: Turn,
  limits: readonly LimitRow[],
  kind: LimitKind,
  want: number,
  least: number,
  holders: number,
): number | null {
  const { settings } = turn.state
  let slice: number | null = null
  for (const limit of limits) {
    if (limit.kind !== kind) continue
    const { remaining } = viewWindow(limit, usageOf(turn, limit), settings.windowParts, turn.nowMs)
    const share = Math.floor((remaining * settings.grantBasisPoints) / 10_000 / holders)
    const one = Math.min(remaining, Math.max(share, least), Math.max(want, least))
    slice = slice === null ? one : Math.min(slice, one)
  }
  return slice
}

/** Units of a window are good in the part in which they were counted: how long that still is, ms. */
export function unitsValidMs(turn: Turn, limits: readonly LimitRow[], fromMs: number): number {
  const { settings } = turn.state
  const lefts = limits
    .filter(({ kind }) => kind !== 'concurrency')
    .map((limit) => {
      const partMs = partMsOf(limit, settings.windowParts)
      return partMs - (fromMs % partMs)
    })
  return Math.min(Infinity, ...lefts)
}

export function takeUnits(turn: Turn, limits: readonly LimitRow[], units: Units): void {
  for (const limit of limits) count(turn, limit, unitsOf(limit.kind, units), turn.nowMs)
}

/** When a lease has ended: places are free, and what was not used goes back to where it was counted. */
export function giveBack(turn: Turn, lease: LeaseRow, used: Units): void {
  for (const id of lease.limits) {
    const limit = turn.state.tables.limits.get(id)
    if (limit === undefined) continue
    const taken = unitsOf(limit.kind, lease.units)
    const kept = limit.kind === 'concurrency' ? 0 : unitsOf(limit.kind, used)
    if (taken !== kept) count(turn, limit, kept - taken, lease.unitsAtMs)
  }
}

function count(turn: Turn, limit: LimitRow, by: number, atMs: number): void {
  if (by === 0) return
  const { windowParts } = turn.state.settings
  put(turn, 'usage', counted(limit, usageOf(turn, limit), by, windowParts, atMs, turn.nowMs))
}
