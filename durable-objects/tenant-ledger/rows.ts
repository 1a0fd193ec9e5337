import type { NanoUsd } from './money.ts'
import type {
  AttemptLine,
  Basis,
  LeaseId,
  LeaseState,
  LimitKind,
  ScopeId,
  ThresholdAction,
  Units,
} from './protocol.ts'

/**
 * The rows of the ledger, one interface for each table. A row is never changed, only replaced, so that a step can be
 * taken back. Every table has its key in `id`; lists are JSON columns.
 */

/** The one row of `meta`. */
export interface MetaRow {
  readonly id: 'ledger'
  /** Another one for each restore. */
  readonly epoch: number
  /** Of the leases of this epoch. */
  readonly lastNumber: number
  readonly killVersion: number
  /** Nothing is granted before, epoch ms. */
  readonly frozenUntilMs: number
  /** The last restore, when not everything granted before it is known; null otherwise. */
  readonly restoredAtMs: number | null
}

/** An epoch that a restore ended: leases of it up to `lastNumber` were known, later ones were not. */
export interface EpochRow {
  readonly id: string
  readonly lastNumber: number
}

export type PeriodKind = 'hour' | 'day' | 'week' | 'month' | 'total'

export interface Threshold {
  /** Of the cap. */
  readonly basisPoints: number
  readonly action: ThresholdAction
}

export interface BudgetRow {
  readonly id: string
  readonly scope: ScopeId
  readonly period: PeriodKind
  /** IANA name. */
  readonly zone: string
  readonly capNanoUsd: NanoUsd
  readonly mode: 'hard' | 'soft'
  readonly thresholds: readonly Threshold[]
  /** Soft budgets: what one isolate may spend while it cannot reach the ledger. */
  readonly failOpenNanoUsd: NanoUsd
}

/** One period of one budget. `id` is `budget@startsAtMs`. */
export interface AccountRow {
  readonly id: string
  readonly budgetId: string
  readonly startsAtMs: number
  /** Null: never. */
  readonly endsAtMs: number | null
  /** Sum of what its leases are charged. The provider has billed no more than this. */
  readonly chargedNanoUsd: NanoUsd
  /** Sum of the lines of attempts: what customers are billed. */
  readonly postedNanoUsd: NanoUsd
  /** Sum of the lines `lost` less `found`: charged, and nobody knows for what. */
  readonly phantomNanoUsd: NanoUsd
  /** Part of what is charged beyond what was granted. */
  readonly overrunNanoUsd: NanoUsd
  /** A restore has lost what was granted since a backup, and nobody has accounted for it: nothing more is granted. */
  readonly isUncertain: boolean
  /** Given back by the bounded policy. */
  readonly refundedNanoUsd: NanoUsd
  /** Thresholds that were told, basis points. */
  readonly fired: readonly number[]
}

/** A lease, or a hold: a lease for one attempt. */
export interface LeaseRow {
  readonly id: LeaseId
  readonly kind: 'lease' | 'hold'
  readonly askId: string
  readonly holder: string
  readonly scopes: readonly ScopeId[]
  readonly accounts: readonly string[]
  readonly state: LeaseState
  readonly grantNanoUsd: NanoUsd
  /** The least of the grant and of what the holder said it can cost. */
  readonly limitNanoUsd: NanoUsd
  /** Of its attempt lines, each at no more than was held for it. */
  readonly netNanoUsd: NanoUsd
  /** Of its attempt lines, what was more than held. */
  readonly overNanoUsd: NanoUsd
  /** `lost` less `found` lines. */
  readonly phantomNanoUsd: NanoUsd
  /** Last line taken. */
  readonly lineCount: number
  /** Spent and held, by the latest statement. */
  readonly reportedNanoUsd: NanoUsd | null
  readonly sequence: number
  /** What it was closed with, to notice another word. */
  readonly finalNanoUsd: NanoUsd | null
  readonly refundedNanoUsd: NanoUsd
  /** Of what the bounded policy gave back, what had been spent after all: charged again, as an overrun. */
  readonly cameBackNanoUsd: NanoUsd
  /** The latest when it was granted: a holder that knows a later one does not admit under it. */
  readonly killVersion: number
  /** It is lost then, if it has not moved on, epoch ms. */
  readonly expiresAtMs: number
  /** Closed or lost, epoch ms. */
  readonly endedAtMs: number | null
  readonly limits: readonly string[]
  readonly units: Units
  /** The part of the rate windows that its units were taken from, epoch ms. */
  readonly unitsAtMs: number
}

/** What an ask came to; `leaseId` null: it was voided before it came. */
export interface AskRow {
  readonly id: string
  readonly leaseId: LeaseId | null
  readonly atMs: number
}

/** A revoked key, a frozen tenant: nothing is granted to whoever names the scope. `id` is the scope. */
export interface KillRow {
  readonly id: ScopeId
  readonly reason: 'revoked' | 'frozen'
  readonly atMs: number
}

export interface LimitRow {
  readonly id: string
  readonly scope: ScopeId
  readonly kind: LimitKind
  readonly limit: number
  /** Requests and tokens; 0 for `concurrency`. */
  readonly windowMs: number
}

/** What of a limit is used. */
export interface UsageRow {
  readonly id: string
  /** Places taken (`concurrency`). */
  readonly inUse: number
  /** [start, count], oldest first. */
  readonly parts: readonly (readonly [startMs: number, count: number])[]
}

/** What requests of one key are like, by its lines: the size of the first credit of an isolate that has seen none. `id` is that of the key. */
export interface HabitRow {
  readonly id: string
  /** The last one that money or a limit is kept by; null: another. */
  readonly route: string | null
  /** Of a large request, lately. */
  readonly worstNanoUsd: NanoUsd
  /** Of the line that changed it last. */
  readonly atMs: number
}

/**
 * A ledger line: appended, never changed. `attempt`: a call and its cost. `lost`: charged, and not known for what.
 * `found`: takes as much of `lost` back. Attempts and lost less found are what is charged in the end.
 */
export interface LineRow {
  readonly id: string
  readonly leaseId: LeaseId
  readonly kind: 'attempt' | 'lost' | 'found'
  readonly accounts: readonly string[]
  readonly amountNanoUsd: NanoUsd
  readonly basis: Basis
  readonly attempt: AttemptLine | null
  readonly atMs: number
}

/** The tables that a step reads; `lines` is only appended to. */
export interface Tables {
  readonly meta: MetaRow
  readonly epochs: EpochRow
  readonly budgets: BudgetRow
  readonly accounts: AccountRow
  readonly leases: LeaseRow
  readonly asks: AskRow
  readonly kills: KillRow
  readonly limits: LimitRow
  readonly usage: UsageRow
  readonly habits: HabitRow
}

export type TableName = keyof Tables

/** One changed row; null: deleted. */
export type RowChange =
  | {
      [Name in TableName]: {
        readonly table: Name
        readonly id: string
        readonly row: Tables[Name] | null
      }
    }[TableName]
  | { readonly table: 'lines'; readonly id: string; readonly row: LineRow }
