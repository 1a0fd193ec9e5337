import type { AccessChange, ChunkRow, IdempotencyRow, StoredAnswer, Unstored } from './rows.ts'
import type { AccessSettings } from './settings.ts'

/**
 * One upstream call for each idempotency key (S5). A key is claimed before anything is sent, and is only given up by
 * the word that nothing was bought. Whoever falls silent leaves it claimed: his call may have been made.
 */

export interface BeginAsk {
  /** Digest of tenant, key id and the caller's idempotency key. */
  readonly id: string
  /** Digest of path and body. */
  readonly requestDigest: string
  /** The request that would run. */
  readonly runId: string
}

export type ConflictReason = 'other_request' | 'unknown_outcome' | Unstored

export type Begun =
  | { readonly kind: 'fresh'; readonly changes: readonly AccessChange[] }
  | { readonly kind: 'replay'; readonly answer: StoredAnswer; readonly runId: string }
  | { readonly kind: 'running'; readonly retryAfterMs: number; readonly runId: string }
  | { readonly kind: 'conflict'; readonly reason: ConflictReason; readonly runId: string }

export function begin(
  row: IdempotencyRow | null,
  { id, requestDigest, runId }: BeginAsk,
  settings: AccessSettings,
  nowMs: number,
): Begun {
  if (row === null || row.expiresAtMs <= nowMs) {
    const fresh: IdempotencyRow = {
      id,
      requestDigest,
      runId,
      state: 'running',
      unstored: null,
      answer: null,
      beganAtMs: nowMs,
      expiresAtMs: nowMs + settings.idempotencyMs,
    }
    const old = row === null ? [] : removal(row)
    return { kind: 'fresh', changes: [...old, put(fresh)] }
  }
  const conflict = (reason: ConflictReason): Begun => ({
    kind: 'conflict',
    reason,
    runId: row.runId,
  })
  if (row.requestDigest !== requestDigest) return conflict('other_request')
  switch (row.state) {
    case 'running':
      // The same run asks again: the first answer was lost on its way.
      if (row.runId === runId) return { kind: 'fresh', changes: [] }
      return nowMs - row.beganAtMs < settings.runMs
        ? { kind: 'running', retryAfterMs: settings.runningRetryMs, runId: row.runId }
        : conflict('unknown_outcome')
    case 'stored':
      return row.answer === null
        ? conflict('unknown_outcome')
        : { kind: 'replay', answer: row.answer, runId: row.runId }
    case 'unstored':
      return conflict(row.unstored ?? 'storage_off')
    case 'unknown':
      return conflict('unknown_outcome')
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Iterable<readonly [name: string, value: string]>
  /** The whole body as it was sent; null: it was larger than what is kept. */
  readonly body: Uint8Array | null
}

/** Headers that a replay carries. The rest is of the request that is answered, not of the one that ran. */
const keptHeaders = new Set([
  'content-type',
  // Where the job of a 202 is.
  'location',
  'preference-applied',
  'x-switchyard-config',
  'x-switchyard-degraded',
  'x-switchyard-model',
  'x-switchyard-provider',
  'x-switchyard-reason',
  'x-switchyard-region',
  'x-switchyard-route',
  'x-switchyard-warning',
])

/** What is kept of this tenant already, and whether anything may be. */
export interface Storage {
  readonly storedBytes: number
  readonly storesAnswers: boolean
}

/** The request was answered. A word of another run, or a second one, changes nothing. */
export function finish(
  row: IdempotencyRow | null,
  runId: string,
  answer: Answer,
  storage: Storage,
  settings: AccessSettings,
): readonly AccessChange[] {
  if (!isRunOf(row, runId)) return []
  const { body } = answer
  if (!storage.storesAnswers) return [put(ended(row, 'storage_off'))]
  if (body === null || body.length > settings.maxAnswerBytes) return [put(ended(row, 'too_large'))]
  if (storage.storedBytes + body.length > settings.maxStoredBytes)
    return [put(ended(row, 'storage_full'))]
  const chunks = chunksOf(row.id, body, settings.chunkBytes)
  const stored: IdempotencyRow = {
    ...row,
    state: 'stored',
    answer: {
      status: answer.status,
      headers: [...answer.headers]
        .map(([name, value]) => [name.toLowerCase(), value] as const)
        .filter(([name]) => keptHeaders.has(name)),
      bytes: body.length,
      chunkCount: chunks.length,
    },
  }
  return [
    ...chunks.map((chunk): AccessChange => ({ table: 'chunks', id: chunk.id, row: chunk })),
    put(stored),
  ]
}

/** Nothing was bought: no call went out, or every one was refused unbilled. The next with this key runs. */
export function abandon(row: IdempotencyRow | null, runId: string): readonly AccessChange[] {
  return isRunOf(row, runId) ? removal(row) : []
}

/** A call went out, and its answer broke off or nobody took it. */
export function lose(row: IdempotencyRow | null, runId: string): readonly AccessChange[] {
  return isRunOf(row, runId) ? [put({ ...row, state: 'unknown' })] : []
}

/** How a request ended, as far as its idempotency key goes. */
export interface RunEnding {
  readonly status: number
  /** The body was sent to its end, with the dialect's end mark. */
  readonly isComplete: boolean
  /** A call went out. */
  readonly wasSent: boolean
  /** It was, or may yet be, posted at more than nothing. */
  readonly isBilled: boolean
}

/** Statuses that say "try again": kept, they would make the key useless for what it is there for. */
const passing = new Set([408, 409, 425, 429])

export function endingOf(ending: RunEnding): 'finish' | 'abandon' | 'lose' {
  const { status, isComplete, wasSent, isBilled } = ending
  if (!wasSent) return 'abandon'
  if (isComplete && status < 500 && !passing.has(status)) return 'finish'
  return isBilled ? 'lose' : 'abandon'
}

/** What a change of an entry adds to `Storage.storedBytes`; negative when an answer goes. */
export function bytesAdded(before: IdempotencyRow | null, after: IdempotencyRow | null): number {
  return (after?.answer?.bytes ?? 0) - (before?.answer?.bytes ?? 0)
}

/** Those of `due` that one sweep forgets: pages of large answers take their time to be freed. */
export function swept(
  due: Iterable<IdempotencyRow>,
  { sweepBytes }: AccessSettings,
  nowMs: number,
): readonly IdempotencyRow[] {
  const rows: IdempotencyRow[] = []
  let bytes = 0
  for (const row of due) {
    if (row.expiresAtMs > nowMs || bytes >= sweepBytes) break
    rows.push(row)
    bytes += row.answer?.bytes ?? 0
  }
  return rows
}

/** The sentence of a 409. */
export function conflictMessage(reason: ConflictReason | 'running', runId: string): string {
  switch (reason) {
    case 'running':
      return `the first request with this idempotency key (${runId}) is still running`
    case 'other_request':
      return 'this idempotency key was used for another request: use a new one'
    case 'unknown_outcome':
      return `the first request with this idempotency key (${runId}) was sent to a provider and its outcome is not known: it may have been charged; send it again under a new key`
    case 'too_large':
    case 'storage_full':
    case 'storage_off':
      return `the request with this idempotency key (${runId}) was answered and the answer is not kept (${unkept[reason]}): send it again under a new key`
  }
}

const unkept: Readonly<Record<Unstored, string>> = {
  too_large: 'it is too large',
  storage_full: 'too much is kept for this tenant',
  storage_off: 'the tenant keeps no answers',
}

function ended(row: IdempotencyRow, unstored: Unstored): IdempotencyRow {
  return { ...row, state: 'unstored', unstored }
}

function isRunOf(row: IdempotencyRow | null, runId: string): row is IdempotencyRow {
  return row !== null && row.runId === runId && row.state === 'running'
}

function chunksOf(entryId: string, body: Uint8Array, chunkBytes: number): readonly ChunkRow[] {
  const chunks: ChunkRow[] = []
  for (let at = 0; at < body.length; at += chunkBytes) {
    const number = chunks.length
    chunks.push({
      id: `${entryId}/${number}`,
      entryId,
      number,
      body: body.slice(at, at + chunkBytes).buffer,
    })
  }
  return chunks
}

/** An entry and its chunks go. */
export function removal(row: IdempotencyRow): readonly AccessChange[] {
  const changes: AccessChange[] = [{ table: 'idempotency', id: row.id, row: null }]
  for (let number = 0; number < (row.answer?.chunkCount ?? 0); number++)
    changes.push({ table: 'chunks', id: `${row.id}/${number}`, row: null })
  return changes
}

function put(row: IdempotencyRow): AccessChange {
  return { table: 'idempotency', id: row.id, row }
}
