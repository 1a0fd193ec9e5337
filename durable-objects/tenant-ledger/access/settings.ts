/** Every number of keys and idempotency, with its unit. */
export interface AccessSettings {
  /** How long an isolate may believe what it was told of a key. */
  readonly profileValidMs: number
  readonly overlapDefaultMs: number
  readonly overlapMostMs: number
  readonly maxKeys: number
  /** A key made by a key made by a key made by an admin. */
  readonly maxDepth: number
  /** Revoked and expired keys are listed so long. */
  readonly keepDeadKeysMs: number
  readonly idempotencyMs: number
  /** The longest a request may run: after that nobody waits for its answer. */
  readonly runMs: number
  /** When to ask again while the first request runs. */
  readonly runningRetryMs: number
  /** The largest answer that is kept, bytes of its body. */
  readonly maxAnswerBytes: number
  /** All answers that are kept for one tenant. */
  readonly maxStoredBytes: number
  /** A row of SQLite in an object holds 2 MB. */
  readonly chunkBytes: number
  /** Entries, or keys, that one sweep forgets. */
  readonly sweepSlice: number
  /** After so many bytes of answers a sweep forgets no more entries. */
  readonly sweepBytes: number
}

export const defaultAccessSettings: AccessSettings = {
  profileValidMs: 30_000,
  overlapDefaultMs: 86_400_000,
  overlapMostMs: 30 * 86_400_000,
  maxKeys: 10_000,
  maxDepth: 3,
  keepDeadKeysMs: 40 * 86_400_000,
  idempotencyMs: 86_400_000,
  runMs: 960_000,
  runningRetryMs: 2000,
  maxAnswerBytes: 2_097_152,
  maxStoredBytes: 268_435_456,
  chunkBytes: 1_048_576,
  sweepSlice: 500,
  sweepBytes: 16_777_216,
}
