import {
  minus,
  type NanoUsd,
  plus,
  zeroNanoUsd,
} from '../../../durable-objects/tenant-ledger/money.ts'
import {
  type AttemptLine,
  type Denied,
  type Granted,
  type LeaseId,
  type LimitStanding,
  type ScopeId,
  scopeSetKey,
  type Statement,
  type Units,
} from '../../../durable-objects/tenant-ledger/protocol.ts'
import type { HolderSettings } from './holder-settings.ts'

export { fade, isSlow, spanMs } from './averages.ts'

/** What one attempt needs before it may be sent. */
export interface Want {
  /** All that the request counts in. */
  readonly scopes: readonly ScopeId[]
  readonly worstNanoUsd: NanoUsd
  /** With the shortest answer that is of use; the same as the worst case where nothing can be shortened. */
  readonly leastNanoUsd: NanoUsd
  /** Input and output at their largest. */
  readonly tokens: number
}

/** Leave to make one call that costs at most `worstNanoUsd`. It ends exactly once, in `settle`. */
export interface Ticket {
  readonly id: string
  readonly leaseId: LeaseId
  readonly setKey: string
  readonly worstNanoUsd: NanoUsd
  readonly tokens: number
  /** Some budget that it counts in is hard: what it costs at most has to be enforced. */
  readonly isHard: boolean
}

/** A lease, or a hold (a lease for one attempt), in this isolate. */
export interface HeldLease {
  readonly id: LeaseId
  readonly kind: 'lease' | 'hold'
  readonly setKey: string
  readonly scopes: readonly ScopeId[]
  readonly accounts: readonly string[]
  readonly epoch: number
  readonly killVersion: number
  readonly grantNanoUsd: NanoUsd
  /** Nothing is admitted from then on, on this isolate's clock, epoch ms. */
  readonly deadlineMs: number
  readonly validForMs: number
  readonly grantedUnits: Granted['units']
  readonly isHard: boolean
  spentNanoUsd: NanoUsd
  heldNanoUsd: NanoUsd
  readonly usedUnits: { -readonly [K in keyof Units]: Units[K] }
  isSealed: boolean
  /**
   * `slice`: for every request. `first-hold`: for the one that brought the key, near a cap. `route-guess`: for that one
   * too, if it turns out to be of this route. The last two are given back when the first request was admitted.
   */
  purpose: 'slice' | 'first-hold' | 'route-guess'
  /** With it nothing was left: a hold would get no more, so a shorter answer may be paid from it. */
  readonly isLast: boolean
  /** Tickets that have not ended, by id. */
  readonly tickets: Map<string, Ticket>
  /** Made and not acknowledged. */
  lines: AttemptLine[]
  lineCount: number
  sequence: number
  /** What the ledger said last. */
  knownState: 'active' | 'sealed' | 'closed' | 'lost' | 'unknown'
  hasNews: boolean
  /** Of the first attempt that ended since it was last told of, epoch ms; Infinity: none has. */
  newsAtMs: number
  toldAtMs: number
}

/** An ask that was sent and not answered. */
export interface PendingAsk {
  readonly askId: string
  readonly kind: 'grant' | 'hold' | 'advance'
  readonly setKey: string
  readonly want: Want
  readonly wantNanoUsd: NanoUsd
  readonly units: Units
  /** When it was sent first: its lease is valid from there. */
  readonly firstSentAtMs: number
  sentAtMs: number
  isResent: boolean
  /** The latest that was known when it was sent first. */
  readonly killVersion: number
}

/** Requests that count in the same budgets share leases. */
export interface ScopeSet {
  readonly key: string
  readonly scopes: readonly ScopeId[]
  /** Decayed averages, no money: settled cost (nano-USD), and requests. */
  burned: number
  requests: number
  averagedAtMs: number
  readonly bornAtMs: number
  usedAtMs: number
  /** Worst cases of the last requests, a ring. */
  readonly worsts: NanoUsd[]
  worstAt: number
  tokens: number
  /** Until then the ledger wants holds, epoch ms. */
  syncUntilMs: number
  failOpenNanoUsd: NanoUsd
  /** Spent while the ledger was out of reach, and not yet booked. */
  awayNanoUsd: NanoUsd
  remainingNanoUsd: NanoUsd | null
  actions: readonly ('degrade' | 'clamp')[]
  limits: readonly LimitStanding[]
}

type Booking = Extract<Statement, { readonly kind: 'book' }>

/** Plain data of one isolate and one tenant, changed in place. Nothing in it is shared with another isolate. */
export interface HolderState {
  readonly settings: HolderSettings
  /** Drawn when the isolate starts; ids of asks begin with it, so it must never come twice. */
  readonly holder: string
  askCount: number
  ticketCount: number
  epoch: number | null
  killVersion: number
  /** When that was last said to be the latest, epoch ms. */
  confirmedAtMs: number
  /** The latest time seen: a clock that goes back does not give a deadline more time. */
  nowMs: number
  /** Whether a scope has a budget or a limit. Learned from grants, and forgotten when that may have changed. */
  readonly hasBudget: Map<ScopeId, boolean>
  /** Every route that has a budget or a limit; null: nobody has told. */
  keptRoutes: ReadonlySet<string> | null
  /** By all scopes of a request: the set of those that have. */
  readonly setOf: Map<string, string>
  readonly sets: Map<string, ScopeSet>
  readonly leases: Map<LeaseId, HeldLease>
  /** Of those the slices, by set: what `admit` looks through for every request. */
  readonly slices: Map<string, readonly HeldLease[]>
  readonly pending: Map<string, PendingAsk>
  /** Answers to holds, until their request takes them. */
  readonly answers: Map<string, Ticket | Denied>
  /** Asks whose answer nobody will use, and when the ledger was told so. */
  readonly voids: Map<string, number>
  /** The last asks that were denied or given up: only what is in here may be called unused when a lease comes of it. */
  readonly unused: Set<string>
  readonly bookings: Map<
    string,
    { readonly booking: Booking; readonly setKey: string; toldAtMs: number }
  >
  saidAtMs: number
  /** Some lease is for the first request, which has not come. */
  hasFirsts: boolean
  /** Somebody else may be waiting for what was given back: the ledger is told at once. */
  isUrgent: boolean
}

export function newHolder(settings: HolderSettings, holder: string): HolderState {
  return {
    settings,
    holder,
    askCount: 0,
    ticketCount: 0,
    epoch: null,
    killVersion: 0,
    confirmedAtMs: -Infinity,
    nowMs: -Infinity,
    hasBudget: new Map(),
    keptRoutes: null,
    setOf: new Map(),
    sets: new Map(),
    leases: new Map(),
    slices: new Map(),
    pending: new Map(),
    answers: new Map(),
    voids: new Map(),
    unused: new Set(),
    bookings: new Map(),
    saidAtMs: -Infinity,
    hasFirsts: false,
    isUrgent: false,
  }
}

/** The holder's clock: never earlier than it was. */
export function clock(state: HolderState, nowMs: number): number {
  if (nowMs > state.nowMs) state.nowMs = nowMs
  return state.nowMs
}

/** Nobody will use what comes of this ask. Forgetting that is safe: what may have been used stays charged. */
export function markUnused({ unused, settings }: HolderState, askId: string): void {
  unused.add(askId)
  if (unused.size <= settings.maxUnused) return
  for (const oldest of unused) {
    unused.delete(oldest)
    return
  }
}

/** Nobody waits for this ask any more: the ledger is told that it is void. */
export function abandon(state: HolderState, askId: string): void {
  if (!state.pending.delete(askId)) return
  markUnused(state, askId)
  state.voids.set(askId, -Infinity)
}

export function keepLease({ leases, slices }: HolderState, lease: HeldLease): void {
  leases.set(lease.id, lease)
  if (lease.kind === 'lease') slices.set(lease.setKey, [...(slices.get(lease.setKey) ?? []), lease])
}

export function dropLease({ leases, slices }: HolderState, { id, setKey }: HeldLease): void {
  leases.delete(id)
  const rest = slices.get(setKey)?.filter((slice) => slice.id !== id)
  if (rest === undefined) return
  if (rest.length === 0) slices.delete(setKey)
  else slices.set(setKey, rest)
}

/** By the list itself: requests of one key and route share it, and sorting it costs more than all else in `admit`. */
const keyOfScopes = new WeakMap<readonly ScopeId[], string>()

export function scopeKeyOf(scopes: readonly ScopeId[]): string {
  let key = keyOfScopes.get(scopes)
  if (key === undefined) keyOfScopes.set(scopes, (key = scopeSetKey(scopes)))
  return key
}

/** The set of a request, as far as it is known which of its scopes have budgets. */
export function setKeyOf(state: HolderState, scopes: readonly ScopeId[]): string {
  return knownKeyOf(state, scopes) ?? scopeKeyOf(scopes)
}

function knownKeyOf(state: HolderState, scopes: readonly ScopeId[]): string | null {
  const all = scopeKeyOf(scopes)
  const known = state.setOf.get(all)
  if (known !== undefined) return known
  const budgeted: ScopeId[] = []
  for (const scope of scopes) {
    const has = state.hasBudget.get(scope) ?? routeHas(state, scope)
    if (has === undefined) return null
    if (has) budgeted.push(scope)
  }
  const key = scopeSetKey(budgeted)
  state.setOf.set(all, key)
  return key
}

function routeHas({ keptRoutes }: HolderState, scope: ScopeId): boolean | undefined {
  return scope.startsWith('route:') ? keptRoutes?.has(scope.slice('route:'.length)) : undefined
}

/** The ledger said which of these scopes have a budget or a limit. */
export function learnBudgets(
  state: HolderState,
  asked: readonly ScopeId[],
  budgeted: readonly ScopeId[],
): void {
  const most = 4 * state.settings.maxSets
  if (state.setOf.size >= most || state.hasBudget.size >= most) forgetBudgets(state)
  for (const scope of asked) state.hasBudget.set(scope, budgeted.includes(scope))
}

export function forgetBudgets(state: HolderState): void {
  state.hasBudget.clear()
  state.setOf.clear()
  state.keptRoutes = null
}

/** How the budgets of a request stood when the ledger last spoke of them; null: it has not said which it has. */
export function knownSet(state: HolderState, scopes: readonly ScopeId[]): ScopeSet | null {
  const key = knownKeyOf(state, scopes)
  return key === null ? null : (state.sets.get(key) ?? null)
}

export function setNamed(state: HolderState, key: string, scopes: readonly ScopeId[]): ScopeSet {
  const known = state.sets.get(key)
  if (known !== undefined) return known
  const fresh: ScopeSet = {
    key,
    scopes,
    burned: 0,
    requests: 0,
    averagedAtMs: state.nowMs,
    bornAtMs: state.nowMs,
    usedAtMs: state.nowMs,
    worsts: [],
    worstAt: 0,
    tokens: 0,
    syncUntilMs: -Infinity,
    failOpenNanoUsd: zeroNanoUsd,
    awayNanoUsd: zeroNanoUsd,
    remainingNanoUsd: null,
    actions: [],
    limits: [],
  }
  forgetIdleSets(state)
  state.sets.set(key, fresh)
  return fresh
}

/** A tag with a value for each request must not fill the memory. */
function forgetIdleSets(state: HolderState): void {
  const { settings, sets, nowMs } = state
  if (sets.size < settings.maxSets) return
  for (const [key, set] of sets)
    if (set.usedAtMs + settings.idleMs < nowMs && set.awayNanoUsd === 0) sets.delete(key)
  forgetBudgets(state)
}

export function freeOf(lease: HeldLease): NanoUsd {
  return minus(lease.grantNanoUsd, plus(lease.spentNanoUsd, lease.heldNanoUsd))
}
