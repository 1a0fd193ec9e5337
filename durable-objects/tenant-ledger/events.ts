import type { NanoUsd } from './money.ts'
import type { Exchange, ExchangeReply, LeaseId, ScopeId, ThresholdAction } from './protocol.ts'
import type { BudgetRow, LimitRow, RowChange } from './rows.ts'

/** What providers have billed in all for what counts in an account, by their own record. */
export interface Billed {
  readonly accountId: string
  readonly amountNanoUsd: NanoUsd
}

export type LedgerEvent =
  /** From an isolate; answered by a `reply`. */
  | { readonly kind: 'exchange'; readonly exchange: Exchange }
  /** The alarm rang. */
  | { readonly kind: 'tick' }
  /** Replaces all budgets and limits. */
  | {
      readonly kind: 'configure'
      readonly budgets: readonly BudgetRow[]
      readonly limits: readonly LimitRow[]
    }
  | { readonly kind: 'kill'; readonly scope: ScopeId; readonly reason: 'revoked' | 'frozen' }
  /** Takes a freeze back. A revoked key stays revoked. */
  | { readonly kind: 'revive'; readonly scope: ScopeId }
  /**
   * The state is that of an earlier moment. `epoch` was never used before: take the time of the restore. `journal`:
   * what a copy elsewhere says was written since, whole transactions, oldest first.
   */
  | {
      readonly kind: 'restored'
      readonly epoch: number
      readonly journal: readonly (readonly RowChange[])[]
      /** Nothing that was acknowledged is missing from the journal. */
      readonly isComplete: boolean
    }
  /** Somebody has accounted for everything granted before the last restore. */
  | { readonly kind: 'release'; readonly actor: string; readonly billed?: readonly Billed[] }
  /** Somebody has proof of what a lost lease cost. */
  | {
      readonly kind: 'reconcile'
      readonly leaseId: LeaseId
      readonly finalNanoUsd: NanoUsd
      readonly actor: string
    }

/** Something that only happens when somebody's code or price table is wrong, or when a person has to know. */
export type AlertCode =
  /** An attempt cost more than was held for it. */
  | 'overrun'
  /** A provider reported usage that cannot be true. */
  | 'impossible_usage'
  /** A second, different close. */
  | 'close_differs'
  /** A line came for a lease that was closed without it. */
  | 'line_after_close'
  /** A lease was closed for more than its lines say. */
  | 'lines_missing'
  /** A lease was not heard of again: it stays charged. */
  | 'lease_lost'
  /** A lease that this ledger does not remember granting was taken in after a restore. */
  | 'lease_adopted'
  /** A lease of this epoch that was never granted. */
  | 'foreign_lease'
  | 'bounded_refund'
  /** Spent while the ledger was out of reach, and counted in a hard budget. */
  | 'booked_beyond_budget'
  | 'malformed'

export type LedgerEffect =
  /** Store these in one transaction before anything else of this step is told to anybody. */
  | { readonly kind: 'write'; readonly changes: readonly RowChange[] }
  | { readonly kind: 'reply'; readonly reply: ExchangeReply }
  /** Send a `tick` then. It replaces the one asked for before. */
  | { readonly kind: 'wake'; readonly atMs: number }
  | {
      readonly kind: 'alert'
      readonly code: AlertCode
      readonly leaseId: LeaseId | null
      readonly amountNanoUsd: NanoUsd
      readonly detail: string
    }
  /** Told once for each period. `warn` is all the ledger does about it; other actions are also in its answers. */
  | {
      readonly kind: 'threshold'
      readonly budgetId: string
      readonly accountId: string
      readonly basisPoints: number
      readonly action: ThresholdAction
      readonly spentNanoUsd: NanoUsd
      readonly capNanoUsd: NanoUsd
    }
  /** A person moved money or rights. */
  | {
      readonly kind: 'audit'
      readonly action: 'reconcile' | 'release' | 'kill' | 'revive' | 'restored' | 'configure'
      readonly actor: string
      readonly subject: string
    }
  | { readonly kind: 'refused'; readonly reason: string }
