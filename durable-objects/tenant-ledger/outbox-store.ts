import { type JournalHead } from '../settle-journal/protocol.ts'
import { type JournalStanding, newStanding, type Pack, packsOf } from './core/journal.ts'
import type { RowChange } from './rows.ts'

type PackRecord = Record<'number' | 'count' | 'token' | 'at_ms' | 'changes', SqlStorageValue>
type StandingRecord = Record<
  'number' | 'token' | 'is_whole' | 'restarts' | 'restoring',
  SqlStorageValue
>

/** Rows that, while there are none, the journal has known the ledger from its beginning. */
const firstRows = ['meta', 'budgets', 'accounts', 'leases', 'kills', 'lines'] as const

/**
 * What is still to be told to the journal: one row written for each transaction of money and one when it is deleted,
 * one more for each delivery (cloudflare.md: $1.00 for a million rows). Everything here is synchronous.
 */
export class OutboxStore {
  readonly #sql: SqlStorage
  readonly #nowMs: () => number
  /** Null: to be read again. */
  #standing: JournalStanding | null = null
  #last: JournalHead | null = null

  constructor(sql: SqlStorage, nowMs: () => number) {
    this.#sql = sql
    this.#nowMs = nowMs
  }

  get standing(): JournalStanding {
    this.#standing ??= this.#read()
    return this.#standing
  }

  /** The last transaction that was written down, sent or not. */
  get last(): JournalHead {
    this.#last ??= this.#readLast()
    return this.#last
  }

  isEmpty(): boolean {
    return this.last.number === this.standing.acked.number
  }

  /** Memory may be ahead of what is stored. */
  forget(): void {
    this.#standing = null
    this.#last = null
  }

  /** In the transaction of these changes. The first one after it has read on from its journal ends the restore. */
  append(changes: readonly RowChange[]): void {
    const { standing } = this
    if (standing.restoring === 'forked') return
    const packs = packsOf(this.last, changes, crypto.randomUUID(), this.#nowMs())
    if (packs.length > 0 && standing.restoring !== null) this.put({ ...standing, restoring: null })
    for (const { number, count, token, atMs, changes: text } of packs) {
      this.#sql.exec(
        'INSERT INTO outbox (number, count, token, at_ms, changes) VALUES (?, ?, ?, ?, ?)',
        number,
        count,
        token,
        atMs,
        text,
      )
      if (token !== null) this.#last = { number, token }
    }
  }

  /** Oldest first, whole transactions, of about so many characters: one more than fits, so that each fits some time. */
  *packs(mostCharacters: number): Generator<Pack> {
    let size = 0
    for (const record of this.#sql.exec<PackRecord>('SELECT * FROM outbox ORDER BY number')) {
      const { number, count, token, at_ms, changes } = record
      const text = String(changes)
      size += text.length
      yield {
        number: Number(number),
        count: Number(count),
        token: token === null ? null : String(token),
        atMs: Number(at_ms),
        changes: text,
      }
      if (token !== null && size >= mostCharacters) return
    }
  }

  /** Ends of the transactions that are waiting. */
  heads(): readonly JournalHead[] {
    const found = this.#sql.exec<{ number: number; token: string }>(
      'SELECT number, token FROM outbox WHERE token IS NOT NULL ORDER BY number',
    )
    return found.toArray()
  }

  /** When the oldest that waits was written, epoch ms; null: nothing waits. */
  oldestAtMs(): number | null {
    const [first] = this.#sql
      .exec<{ at_ms: number }>('SELECT at_ms FROM outbox ORDER BY number LIMIT 1')
      .toArray()
    return first?.at_ms ?? null
  }

  /** Deletes what the journal has, and stores what is known of it. */
  put(standing: JournalStanding): void {
    const { acked, isWhole, restarts, restoring } = standing
    this.#sql.exec('DELETE FROM outbox WHERE number <= ?', acked.number)
    this.#sql.exec(
      'INSERT OR REPLACE INTO journal (id, number, token, is_whole, restarts, restoring) VALUES (1, ?, ?, ?, ?, ?)',
      acked.number,
      acked.token,
      isWhole ? 1 : 0,
      restarts ? 1 : 0,
      restoring,
    )
    this.forget()
  }

  /** Forgets what waits, whatever its numbers: it is of a history that was taken back. */
  clear(): void {
    this.#sql.exec('DELETE FROM outbox')
    this.forget()
  }

  #read(): JournalStanding {
    const [record] = this.#sql.exec<StandingRecord>('SELECT * FROM journal').toArray()
    if (record === undefined) return this.#first()
    const { number, token, is_whole, restarts, restoring } = record
    return {
      acked: { number: Number(number), token: String(token) },
      isWhole: is_whole === 1,
      restarts: restarts === 1,
      restoring: restoring as JournalStanding['restoring'],
    }
  }

  /** Asked before the first change is written, so a ledger that has rows by then is older than its journal. */
  #first(): JournalStanding {
    const isWhole = firstRows.every(
      // oxlint-disable-next-line switchyard/bound-sql -- a name of this file
      (table) => this.#sql.exec(`SELECT 1 FROM "${table}" LIMIT 1`).toArray().length === 0,
    )
    const standing = { ...newStanding, isWhole }
    this.put(standing)
    return standing
  }

  #readLast(): JournalHead {
    const [last] = this.#sql
      .exec<{ number: number; token: string }>(
        'SELECT number, token FROM outbox WHERE token IS NOT NULL ORDER BY number DESC LIMIT 1',
      )
      .toArray()
    return last ?? this.standing.acked
  }
}
