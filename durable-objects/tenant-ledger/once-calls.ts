import { abandon, bytesAdded, finish, lose, type Storage } from './access/idempotency.ts'
import type { AccessChange, IdempotencyRow } from './access/rows.ts'
import type { AccessSettings } from './access/settings.ts'
import type { FinishCall, OnceReply } from './rpc.ts'

/** How a claimed idempotency key ends. */
export interface OnceTurn {
  readonly changes: readonly AccessChange[]
  readonly storedBytes: number
  readonly reply: OnceReply
}

export function finished(
  entry: IdempotencyRow | null,
  runId: string,
  { status, headers, chunks }: FinishCall['answer'],
  storage: Storage,
  settings: AccessSettings,
): OnceTurn {
  const body = chunks === null ? null : joined(chunks, settings.maxAnswerBytes)
  return ended(entry, finish(entry, runId, { status, headers, body }, storage, settings))
}

export function abandoned(entry: IdempotencyRow | null, runId: string): OnceTurn {
  return ended(entry, abandon(entry, runId))
}

export function lost(entry: IdempotencyRow | null, runId: string): OnceTurn {
  return ended(entry, lose(entry, runId))
}

function ended(before: IdempotencyRow | null, changes: readonly AccessChange[]): OnceTurn {
  const after = changes.reduce<IdempotencyRow | null>(
    (row, change) => (change.table === 'idempotency' ? change.row : row),
    before,
  )
  return {
    changes,
    storedBytes: bytesAdded(before, after),
    reply: { state: after?.state ?? null },
  }
}

/** One piece of memory; null when it is more than what is kept. */
function joined(chunks: readonly Uint8Array[], mostBytes: number): Uint8Array | null {
  const bytes = chunks.reduce((sum, { length }) => sum + length, 0)
  if (bytes > mostBytes) return null
  const body = new Uint8Array(bytes)
  let at = 0
  for (const chunk of chunks) {
    body.set(chunk, at)
    at += chunk.length
  }
  return body
}
