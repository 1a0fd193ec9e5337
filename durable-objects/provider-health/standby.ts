import type { ProbeResult } from './composition.ts'
import type { DomainKey, DomainSnapshot, Outcome, OutcomeRow } from './protocol.ts'
import {
  affordableAtMs,
  charged,
  nothingSpent,
  priceOf,
  settled,
  type ProbeSpending,
} from './probe-spending.ts'

/**
 * Warm standby: a small call now and then to a target without traffic, so that it is known to work before it is
 * needed. Pure: the object asks what is due, sends it, and tells what came of it.
 */

export interface StandbySettings {
  readonly intervalMs: number
  /** What this one object may spend; the regions of a target share its cap. */
  readonly maxNanoUsdPerDay: number
}

export type StandbyStatus = 'unknown' | 'working' | 'failing'

/** Why a target is failing: what its last call came to, or that the provider no longer has the model. */
export type StandbyReason = Outcome | 'retired'

export interface StandbyRecord {
  readonly status: StandbyStatus
  readonly sinceMs: number
  readonly reason: StandbyReason | null
  readonly askedAtMs: number
  /** What the call that is out was charged; null when none is. */
  readonly outNanoUsd: number | null
  /** Failed calls in a row that may pass by themselves. */
  readonly struggles: number
  readonly spending: ProbeSpending
}

export interface StandbyBook {
  /** When an isolate last reported: a region without traffic needs no standby. */
  readonly heardAtMs: number
  readonly targets: Readonly<Record<string, StandbyRecord>>
}

export const emptyStandby: StandbyBook = { heardAtMs: 0, targets: {} }

/** The status of a target became another, and somebody should know. */
export interface StandbyChange {
  readonly target: string
  readonly status: 'working' | 'failing'
  readonly reason: StandbyReason | null
  readonly sinceMs: number
}

/** Without a report for so long nobody here stands to lose anything, ms. */
export const unheardAfterMs = 86_400_000

/** A call that nothing was heard of for so long went down with its object, ms. */
export const lostAfterMs = 120_000

/** A timeout or a 500 may pass by itself: at 3 % background errors three in a row are one false alarm in 25 days. */
export const strugglesToFail = 3

const unknown: StandbyRecord = {
  status: 'unknown',
  sinceMs: 0,
  reason: null,
  askedAtMs: Number.NEGATIVE_INFINITY,
  outNanoUsd: null,
  struggles: 0,
  spending: nothingSpent,
}

export function standbyOf({ targets }: StandbyBook, target: string): StandbyRecord {
  return Object.hasOwn(targets, target) ? (targets[target] ?? unknown) : unknown
}

export function heard(book: StandbyBook, nowMs: number): StandbyBook {
  return { ...book, heardAtMs: Math.max(book.heardAtMs, nowMs) }
}

/**
 * When a target is to be asked next; Infinity while nobody is there to profit. `shutForMs`: its circuit or gate
 * says so, and a call before then would only annoy.
 */
export function standbyDueMs(
  book: StandbyBook,
  target: string,
  { intervalMs, maxNanoUsdPerDay }: StandbySettings,
  shutForMs: number,
  nowMs: number,
): number {
  if (nowMs - book.heardAtMs >= unheardAfterMs) return Infinity
  const { askedAtMs, outNanoUsd, spending } = standbyOf(book, target)
  const backAtMs = outNanoUsd === null ? 0 : askedAtMs + lostAfterMs
  return Math.max(
    askedAtMs + intervalMs,
    backAtMs,
    nowMs + shutForMs,
    affordableAtMs(spending, maxNanoUsdPerDay, nowMs),
  )
}

/** Traffic that was answered well shows what a call of our own would; only for a target that fails somebody has to ask. */
export function provenByTraffic(
  book: StandbyBook,
  rows: readonly OutcomeRow[],
  configured: ReadonlyMap<string, unknown>,
  nowMs: number,
): StandbyBook {
  let next = book
  for (const row of rows) {
    // What came over the wire is what somebody wrote, whatever its type says.
    if (row?.outcome !== 'ok' || !configured.has(row.target)) continue
    const { target } = row
    const record = standbyOf(next, target)
    if (record.status === 'failing' || record.askedAtMs === nowMs) continue
    const sinceMs = record.status === 'working' ? record.sinceMs : nowMs
    const working: StandbyRecord = { ...record, status: 'working', sinceMs, askedAtMs: nowMs }
    next = withRecord(next, target, { ...working, struggles: 0 })
  }
  return next
}

/** A call is about to be sent. */
export function asked(book: StandbyBook, target: string, nowMs: number): StandbyBook {
  const before = standbyOf(book, target)
  const spending = charged(before.spending, nowMs)
  const outNanoUsd = priceOf(before.spending)
  return withRecord(book, target, { ...before, askedAtMs: nowMs, outNanoUsd, spending })
}

/** What came of it; null for a call that ended in no result. */
export function answered(
  book: StandbyBook,
  target: string,
  result: ProbeResult | null,
  nowMs: number,
): { readonly book: StandbyBook; readonly change: StandbyChange | null } {
  const before = standbyOf(book, target)
  const spending = settled(before.spending, before.outNanoUsd ?? 0, result?.costNanoUsd, nowMs)
  const back = { ...before, outNanoUsd: null, spending }
  const after = result === null ? back : judged(back, result, nowMs)
  const isNews =
    after.status !== before.status && !(before.status === 'unknown' && after.status === 'working')
  const { status, reason, sinceMs } = after
  return {
    book: withRecord(book, target, after),
    change: isNews && status !== 'unknown' ? { target, status, reason, sinceMs } : null,
  }
}

function judged(record: StandbyRecord, result: ProbeResult, nowMs: number): StandbyRecord {
  const become = (status: StandbyStatus, reason: StandbyReason | null): StandbyRecord => ({
    ...record,
    status,
    reason,
    struggles: status === 'failing' ? record.struggles : 0,
    sinceMs: status === record.status ? record.sinceMs : nowMs,
  })
  switch (meaningOf(result)) {
    case 'works':
      return become('working', null)
    case 'cannot':
      return become('failing', result.targetFault === true ? 'retired' : result.outcome)
    case 'struggles': {
      const struggles = record.struggles + 1
      if (struggles < strugglesToFail && record.status !== 'failing')
        return { ...record, struggles }
      return { ...become('failing', result.outcome), struggles }
    }
    case 'nothing':
      return record
  }
}

/** `cannot`: it will not answer before somebody does something about it, so one answer is enough. */
function meaningOf({ outcome, targetFault }: ProbeResult) {
  if (targetFault === true) return 'cannot'
  switch (outcome) {
    case 'ok':
      return 'works'
    case 'auth':
    case 'quota_exhausted':
      return 'cannot'
    case 'rate_limited':
    case 'cancelled':
    case 'priced':
      return 'nothing'
    case 'timeout':
    case 'connect':
    case 'overloaded':
    case 'server_error':
    case 'bad_request':
    case 'context_length':
    case 'content_policy':
    case 'malformed':
    case 'truncated':
    case 'broken_output':
      return 'struggles'
  }
}

/** One standby target, as admin calls tell it. */
export interface StandbySnapshot {
  readonly target: string
  readonly status: StandbyStatus
  readonly reason: StandbyReason | null
  readonly sinceMs: number | null
  /** How long ago it was last asked, ms. */
  readonly askedForMs: number | null
  readonly spentTodayNanoUsd: number
}

export function standbySnapshot(book: StandbyBook, target: string, nowMs: number): StandbySnapshot {
  const { status, reason, sinceMs, askedAtMs, spending } = standbyOf(book, target)
  const ago = (atMs: number) => Math.max(0, nowMs - atMs)
  return {
    target,
    status,
    reason,
    sinceMs: status === 'unknown' ? null : ago(sinceMs),
    askedForMs: Number.isFinite(askedAtMs) ? ago(askedAtMs) : null,
    spentTodayNanoUsd: spending.spentNanoUsd,
  }
}

/** For how long a call of a target would only annoy, ms: its circuit, its gate or one of the provider says so. */
export function shutForMs(domains: readonly DomainSnapshot[], target: string): number {
  const ownKeys: readonly DomainKey[] = ['edge', 'quota:*', `target:${target}`, `quota:${target}`]
  const waits = domains
    .filter(({ key }) => ownKeys.includes(key))
    .map(({ openForMs, notBeforeForMs }) => Math.max(openForMs, notBeforeForMs))
  return Math.max(0, ...waits)
}

/** Targets that left the configuration are forgotten. */
export function onlyConfigured(
  book: StandbyBook,
  configured: ReadonlyMap<string, unknown>,
): StandbyBook {
  const kept = Object.entries(book.targets).filter(([target]) => configured.has(target))
  return { ...book, targets: Object.fromEntries(kept) }
}

function withRecord(book: StandbyBook, target: string, record: StandbyRecord): StandbyBook {
  return { ...book, targets: { ...book.targets, [target]: record } }
}
