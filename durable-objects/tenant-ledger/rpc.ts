import type { BeginAsk, ConflictReason } from './access/idempotency.ts'
import type { ListedKey } from './access/keys.ts'
import type { Problem } from './access/problems.ts'
import type { IdempotencyRow, Proof, Refused, TenantRow } from './access/rows.ts'
import type { KeyAsk, KeyProfile, Rejection } from './access/verify.ts'
import type { Exchange, ExchangeReply, LeaseId, LimitStanding, ScopeId } from './protocol.ts'
import type { Advance, AdvanceCall } from './advance-call.ts'
import type { NanoUsd } from './money.ts'
import type { BudgetRow, LimitRow, LineRow, PeriodKind, RowChange, Threshold } from './rows.ts'

export type { Advance, AdvanceCall } from './advance-call.ts'

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
  /** As it was configured. */
  readonly row: BudgetRow
}

export interface JournalLag {
  /** Changes that wait to be sent. */
  readonly pendingChanges: number
  /** For how long the oldest of them has, ms. */
  readonly behindMs: number
  /** It has another history, and nothing is sent before `restore`. Left out by an object of the version before. */
  readonly isForked?: boolean
}

export interface LedgerStanding {
  readonly epoch: number
  readonly killVersion: number
  /** After a restore: nothing is granted for so long, ms. */
  readonly frozenForMs: number
  readonly openLeases: number
  /** How far the journal is behind; left out where there is none. */
  readonly journal?: JournalLag
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

/** The database as it was then, and what the journal knows of since: `rewind.ts`. */
export interface RewindCall extends ByActor {
  readonly atMs: number
}

export type RewindRefusal =
  | 'no_journal'
  | 'out_of_window'
  /** The journal has another history than the ledger. */
  | 'other_history'
  | 'journal_away'
  /** The platform does not go back: no point-in-time recovery here (local workerd), or it failed. */
  | 'no_recovery'

export interface RewindReply extends LedgerAdminReply {
  /** Left out when it was done, and by an object of the version before. */
  readonly code?: RewindRefusal
}

/** What providers billed in all, by their own record, in a period of a hard budget that a restore has made uncertain. */
export interface BilledPeriod {
  readonly budgetId: string
  readonly startsAtMs: number
  readonly amountNanoUsd: NanoUsd
}

/** Everything that was granted before the last restore is accounted for: by the ledger, or with `billed`. */
export interface ReleaseCall extends ByActor {
  /** What the ledger has not firmly charged of it, it charges for good. */
  readonly billed?: readonly BilledPeriod[]
}

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

/** A ledger inside a jurisdiction has a digest for a name, and is told whose it is. */
interface OfTenant {
  readonly tenantId?: string
}

export interface PinCall extends ByActor {
  /** A jurisdiction: where the ledger proper is. */
  readonly residency: string
}

export interface PinReply extends LedgerAdminReply {
  /** Where the tenant is pinned to, whoever asked for it first; null: nowhere. */
  readonly residency: string | null
}

export interface PutTenantCall extends ByActor, OfTenant {
  /** Body of `PUT /admin/v1/tenants/{id}` as it came: `tenantBody` is what it is held against. */
  readonly tenant: unknown
}

export interface TenantReply extends LedgerAdminReply {
  /** What of the body breaks which rule; none when it was done. */
  readonly problems: readonly Problem[]
  /** As it is now; null when it was refused. */
  readonly tenant: TenantRow | null
}

/** Why a key is not made or changed: the status, the field and the sentence of an answer. */
export type Refusal = Omit<Refused, 'kind'>

export interface KeyReply {
  /** Null when it was done. */
  readonly refused: Refusal | null
  /** What of the body breaks which rule. */
  readonly problems: readonly Problem[]
  /** As it is now; null when it was refused. */
  readonly key: ListedKey | null
}

export interface CreateKeyCall extends ByActor, OfTenant {
  /** Drawn by whoever mints the key. The same id with the same proof again is the same key. */
  readonly keyId: string
  /** Body of `POST /admin/v1/tenants/{id}/keys` as it came: `keyBody` is what it is held against. */
  readonly asked: unknown
  readonly proof: Proof
  readonly maker: { readonly kind: 'admin' } | { readonly kind: 'key'; readonly keyId: string }
}

export interface RotateKeyCall extends ByActor {
  readonly keyId: string
  /** Of the new secret. The same again changes nothing. */
  readonly proof: Proof
  /** How long the secret of before stays good; left out: 24 h. */
  readonly overlapMs?: number
}

export interface RevokeKeyCall extends ByActor {
  readonly keyId: string
}

export interface OpenCall extends OfTenant {
  /** `isProven`: one of the deployment's own keys, whose secret was looked at already. */
  readonly key: KeyAsk | { readonly keyId: string; readonly isProven: true }
  /** Credit for the request that brings the key. Left out: none is wanted. */
  readonly advance?: AdvanceCall
}

export type OpenReply =
  | {
      readonly kind: 'verified'
      readonly profile: KeyProfile
      /** As in an exchange: leases of another epoch or of before are no longer good. */
      readonly epoch: number
      readonly killVersion: number
      /** Of the tightest hard budget of the tenant, the team and the keys; null when there is none. */
      readonly remainingNanoUsd: NanoUsd | null
      /** Of the same scopes. */
      readonly limits: readonly LimitStanding[]
      /** Left out where none was asked for, where none can be, and by a ledger of the version before. */
      readonly advance?: Advance
    }
  | { readonly kind: 'rejected'; readonly reason: Rejection }

/** The tenant is pinned: its ledger is inside that jurisdiction, and nothing of it is here. */
export interface Elsewhere {
  readonly kind: 'elsewhere'
  readonly residency: string
}

export type BeginCall = BeginAsk

/** An answer as it was sent. */
export interface WholeAnswer {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** The body, in order. */
  readonly chunks: readonly Uint8Array[]
}

export type BeginReply =
  /** The caller's to run: it ends it with `finishOnce`, `abandonOnce` or `loseOnce`. */
  | { readonly kind: 'fresh' }
  | { readonly kind: 'replay'; readonly answer: WholeAnswer; readonly runId: string }
  | { readonly kind: 'running'; readonly retryAfterMs: number; readonly runId: string }
  | { readonly kind: 'conflict'; readonly reason: ConflictReason; readonly runId: string }

/** `runId` is that of `beginOnce`: the word of another run changes nothing. */
export interface RunCall {
  readonly id: string
  readonly runId: string
}

export interface FinishCall extends RunCall {
  readonly answer: Omit<WholeAnswer, 'chunks'> & {
    /** Null: it was larger than what is kept. */
    readonly chunks: readonly Uint8Array[] | null
  }
}

export interface OnceReply {
  /** Of the entry now; null: there is none, and the next request runs. */
  readonly state: IdempotencyRow['state'] | null
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
  rewind(version: number, call: RewindCall): Promise<RewindReply>
  /** Of the ledger outside of any jurisdiction: pins a tenant that has nothing there yet, once and for good. */
  pin(version: number, call: PinCall): Promise<PinReply>
  pinned(version: number): Promise<string | null>
  putTenant(version: number, call: PutTenantCall): Promise<TenantReply>
  /** Null: nobody has put it, and `plainTenant` rules. */
  tenant(version: number): Promise<TenantRow | null>
  createKey(version: number, call: CreateKeyCall): Promise<KeyReply>
  rotateKey(version: number, call: RotateKeyCall): Promise<KeyReply>
  revokeKey(version: number, call: RevokeKeyCall): Promise<KeyReply>
  keys(version: number): Promise<readonly ListedKey[]>
  open(version: number, call: OpenCall): Promise<OpenReply | Elsewhere>
  beginOnce(version: number, call: BeginCall): Promise<BeginReply>
  finishOnce(version: number, call: FinishCall): Promise<OnceReply>
  abandonOnce(version: number, call: RunCall): Promise<OnceReply>
  loseOnce(version: number, call: RunCall): Promise<OnceReply>
}
