import type { ScopeId } from '../protocol.ts'
import type { Grant } from './grant.ts'

/** The digest of a key under one version of the pepper. */
export interface Proof {
  readonly pepperVersion: string
  /** HMAC-SHA-256, lower-case hex. */
  readonly digest: string
}

export interface KeySecret extends Proof {
  /** An old secret is good until then, epoch ms; null: the current one. */
  readonly validUntilMs: number | null
}

/** One key. Its text is nowhere: `secrets` prove it. */
export interface KeyRow {
  readonly id: string
  readonly name: string
  readonly grant: Grant
  /** The key that made it; null: an admin did. */
  readonly madeBy: string | null
  readonly createdAtMs: number
  readonly revokedAtMs: number | null
  /** The current one first, and the one before it while both are good. */
  readonly secrets: readonly KeySecret[]
}

/** The one row of the tenant. */
export interface TenantRow {
  readonly id: 'tenant'
  readonly tenantId: string
  /** Pinned to a macro-region; null: anywhere. */
  readonly residency: string | null
  /** Worst cases by bytes, and nothing without a bound, also where all budgets are soft. */
  readonly isStrict: boolean
  /** Null: all of the configuration. */
  readonly routes: readonly string[] | null
  readonly tier: string | null
  /** On every request; a key's own may add to them and never change them. */
  readonly tags: Readonly<Record<string, string>>
  /** Answers may be kept for idempotent retries. */
  readonly storesAnswers: boolean
  readonly changedAtMs: number
}

/** A stored answer is in its chunks; `headers` are on the allow-list. */
export interface StoredAnswer {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly bytes: number
  readonly chunkCount: number
}

/** Why there is no answer to replay though the request has ended. */
export type Unstored = 'too_large' | 'storage_full' | 'storage_off'

/**
 * One idempotency key. `running`: somebody works on it, or died. `stored`: answered. `unstored`: answered, and the
 * answer was not kept. `unknown`: a call went out and nobody can say what came of it.
 */
export interface IdempotencyRow {
  /** Digest of tenant, key and the caller's idempotency key. */
  readonly id: string
  readonly requestDigest: string
  /** The request that runs, or ran. */
  readonly runId: string
  readonly state: 'running' | 'stored' | 'unstored' | 'unknown'
  readonly unstored: Unstored | null
  readonly answer: StoredAnswer | null
  readonly beganAtMs: number
  readonly expiresAtMs: number
}

/** A slice of a stored answer. `id` is `entry/number`, from 0. */
export interface ChunkRow {
  readonly id: string
  readonly entryId: string
  readonly number: number
  readonly body: ArrayBuffer
}

export interface AccessTables {
  readonly keys: KeyRow
  readonly tenant: TenantRow
  readonly idempotency: IdempotencyRow
  readonly chunks: ChunkRow
}

export type AccessTable = keyof AccessTables

/** One changed row; null: deleted. Stored in one transaction with the ledger's. */
export type AccessChange = {
  [Name in AccessTable]: {
    readonly table: Name
    readonly id: string
    readonly row: AccessTables[Name] | null
  }
}[AccessTable]

export type AccessEffect =
  /** Give it to the ledger in the same transaction: leases are sealed, and nothing more is granted. */
  | { readonly kind: 'kill'; readonly scope: ScopeId; readonly reason: 'revoked' }
  | {
      readonly kind: 'audit'
      readonly action: 'key_created' | 'key_rotated' | 'key_revoked' | 'tenant_changed'
      readonly actor: string
      readonly subject: string
    }

export interface Done<Value> {
  readonly kind: 'done'
  readonly value: Value
  readonly changes: readonly AccessChange[]
  readonly effects: readonly AccessEffect[]
}

/** `field` is that of the caller's body; null: none of it is at fault. */
export interface Refused {
  readonly kind: 'refused'
  readonly code: 'invalid_request' | 'route_forbidden' | 'not_found'
  readonly field: string | null
  readonly message: string
}
