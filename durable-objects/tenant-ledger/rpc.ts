import type { LeaseId, LimitStanding, ScopeId, Exchange, ExchangeReply } from './protocol.ts'
import type { NanoUsd } from './money.ts'
import type { BudgetRow, LimitRow, LineRow, PeriodKind, RowChange, Threshold } from './rows.ts'

/**
 * What the ledger of a tenant answers to. Plain JSON.
 *
 * A Worker and its objects change version minutes apart (developers.cloudflare.com/durable-objects/deployments/
 * durable-objects-code-updates, read 2026-11-20), so every call says by which version of this file it is made, and an
 * object serves its own, the one before and the one after. What is added is optional; what is taken away is unused for
 * one version first; fields that nobody knows are left alone.
 */
export const rpcVersion = 1

export interface BudgetStanding {
  readonly budgetId: string
  readonly scope: ScopeId
  readonly period: PeriodKind
  readonly zone: string
  readonly mode: 'hard' | 'soft'
  readonly capNanoUsd: NanoUsd
  readonly startsAtMs: number
  /** Null: never. */
  readonly resetsAtMs: number | null
  /** Attempts, as far as they are known. */
  readonly spentNanoUsd: NanoUsd
  /** Set aside by leases and holds that are out. */
  readonly heldNanoUsd: NanoUsd
  /** Charged to leases that ended, and nobody knows for what. */
  readonly lostNanoUsd: NanoUsd
  /** Part of these that was more than what had been set aside. */
  readonly overrunNanoUsd: NanoUsd
  /** What may still be granted; zero while `isUncertain`. */
  readonly remainingNanoUsd: NanoUsd
  /** A restore lost what was granted in this period: nothing is granted until `release`. */
  readonly isUncertain: boolean
  /** Those that are crossed. */
  readonly thresholds: readonly Threshold[]
}

export interface LedgerStanding {
  readonly epoch: number
  readonly killVersion: number
  /** After a restore: nothing is granted for so long, ms. */
  readonly frozenForMs: number
  readonly openLeases: number
  readonly budgets: readonly BudgetStanding[]
  readonly limits: readonly LimitStanding[]
  readonly kills: readonly { readonly scope: ScopeId; readonly reason: 'revoked' | 'frozen' }[]
}

/** Who did it, for the log. */
interface ByActor {
  readonly actor: string
}

export interface ConfigureCall extends ByActor {
  readonly budgets: readonly BudgetRow[]
  readonly limits: readonly LimitRow[]
}

export interface FreezeCall extends ByActor {
  readonly scope: ScopeId
  /** What is revoked stays so. */
  readonly reason: 'revoked' | 'frozen'
}

export interface ThawCall extends ByActor {
  readonly scope: ScopeId
}

export interface ReconcileCall extends ByActor {
  readonly leaseId: LeaseId
  readonly finalNanoUsd: NanoUsd
}

export interface RestoreCall extends ByActor {
  /** What a copy elsewhere says was written since: whole transactions, oldest first. */
  readonly journal: readonly (readonly RowChange[])[]
  /** Nothing that was acknowledged is missing from it. */
  readonly isComplete: boolean
}

/** Everything that was granted before the last restore is accounted for. */
export interface ReleaseCall extends ByActor {}

/** Null when it was done. */
export interface LedgerAdminReply {
  readonly refused: string | null
}

/** Lines of a time, by the clock of the ledger: `fromMs` included, `toMs` not. */
interface Span {
  readonly fromMs: number
  readonly toMs: number
  /** Where the reply before this one ended; null for the beginning. */
  readonly cursor: string | null
}

export interface LinesCall extends Span {
  /** At most so many. */
  readonly limit: number
}

export interface LinesReply {
  /** In the order of time, and of ids within a millisecond. */
  readonly lines: readonly LineRow[]
  /** Null: that was all. */
  readonly nextCursor: string | null
}

export type TotalsBy = 'target' | 'route' | 'key' | `tag:${string}`

export interface TotalsCall extends Span {
  readonly by: TotalsBy
}

export interface TotalsGroup {
  /** Null: attempts that do not say. */
  readonly value: string | null
  readonly attempts: number
  readonly amountNanoUsd: NanoUsd
  /** Part of it that is estimated, or the worst case. */
  readonly inexactNanoUsd: NanoUsd
  readonly inputTokens: number
  readonly outputTokens: number
}

export interface TotalsReply {
  readonly groups: readonly TotalsGroup[]
  /** Charged for nobody knows what: no attempt, so in no group. */
  readonly lostNanoUsd: NanoUsd
  /** Of it, what was accounted for since. */
  readonly foundNanoUsd: NanoUsd
  /** A call adds up a bounded number of lines. Null: that was all. */
  readonly nextCursor: string | null
}

export interface RequestLinesCall {
  readonly requestId: string
}

/** The methods of the object, as they are called over RPC. `stub.ts` gives the version. */
export interface TenantLedgerRpc {
  exchange(version: number, exchange: Exchange): Promise<ExchangeReply>
  configure(version: number, call: ConfigureCall): Promise<LedgerAdminReply>
  freeze(version: number, call: FreezeCall): Promise<LedgerAdminReply>
  thaw(version: number, call: ThawCall): Promise<LedgerAdminReply>
  budgets(version: number): Promise<LedgerStanding>
  lines(version: number, call: LinesCall): Promise<LinesReply>
  lineTotals(version: number, call: TotalsCall): Promise<TotalsReply>
  requestLines(version: number, call: RequestLinesCall): Promise<readonly LineRow[]>
  reconcile(version: number, call: ReconcileCall): Promise<LedgerAdminReply>
  restore(version: number, call: RestoreCall): Promise<LedgerAdminReply>
  release(version: number, call: ReleaseCall): Promise<LedgerAdminReply>
}
