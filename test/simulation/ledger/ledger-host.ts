import {
  emptyLedger,
  type LedgerEvent,
  type LedgerState,
  loadLedger,
  rowsOf,
  step,
} from '../../../durable-objects/tenant-ledger/ledger.ts'
import type { Exchange, ExchangeReply } from '../../../durable-objects/tenant-ledger/protocol.ts'
import type { LineRow, RowChange } from '../../../durable-objects/tenant-ledger/rows.ts'
import type { LedgerSettings } from '../../../durable-objects/tenant-ledger/settings.ts'
import { isJournaled } from '../../../durable-objects/tenant-ledger/core/journal.ts'
import { invariant } from '../kernel/broken.ts'
import { BookKeeper } from './book-keeper.ts'
import type { LedgerBranches } from './branches.ts'
import { checkAnswers, noteStatements } from './exchange-checks.ts'
import { type JournalBackup, JournalSide } from './journal-side.ts'
import type { Truth } from './truth.ts'

interface Stored {
  readonly rows: Map<string, RowChange>
  readonly lines: Map<string, LineRow>
}

interface Backup extends Stored {
  readonly journal: JournalBackup
  readonly journalAt: number
}

/** The object around the ledger: it stores what a step changed, and dies at the worst moments. */
export class LedgerHost {
  state: LedgerState
  readonly books: BookKeeper
  readonly journal: JournalSide
  readonly leaseOfAsk = new Map<
    string,
    { readonly epoch: number; readonly leaseId: string; readonly atMs: number }
  >()
  wakeAtMs = Infinity
  /** Leases that were lost, ever: their money may be a phantom. */
  lost = 0
  restores = 0
  readonly #settings: LedgerSettings
  readonly #branches: LedgerBranches
  readonly #log: (line: string) => void
  #stored: Stored = { rows: new Map(), lines: new Map() }
  /** One entry for each transaction. */
  readonly #journal: (readonly RowChange[])[] = []
  #backup: Backup | null = null
  #steps = 0

  constructor(
    settings: LedgerSettings,
    truth: Truth,
    branches: LedgerBranches,
    log: (line: string) => void,
  ) {
    this.#settings = settings
    this.#branches = branches
    this.#log = log
    this.journal = new JournalSide(branches)
    this.state = emptyLedger(settings)
    this.books = new BookKeeper(truth, settings.lostPolicy !== 'strict')
  }

  /** Null: the object died before its write was stored, so nobody hears anything. */
  exchange(exchange: Exchange, nowMs: number, dies: boolean): ExchangeReply | null {
    noteStatements(this, exchange, this.#branches)
    let reply: ExchangeReply | null = null
    const isStored = this.take({ kind: 'exchange', exchange }, nowMs, dies, (answered) => {
      reply = answered
    })
    if (!isStored || reply === null) return null
    checkAnswers(this, exchange, reply, nowMs, this.#branches)
    return reply
  }

  take(
    event: LedgerEvent,
    nowMs: number,
    dies = false,
    answer: (reply: ExchangeReply) => void = () => undefined,
  ): boolean {
    const { effects } = step(this.state, event, nowMs)
    const [first] = effects
    if (dies && first?.kind === 'write') {
      this.#branches.reached('ledger died before its write')
      // What is told before its write is told for good: the step has to put the write first.
      this.#load()
      return false
    }
    this.books.adoptedNanoUsd = 0
    for (const effect of effects)
      if (effect.kind === 'alert' && effect.code === 'lease_adopted')
        this.books.adoptedNanoUsd += effect.amountNanoUsd
    if (event.kind === 'release')
      for (const { amountNanoUsd } of event.billed ?? []) this.books.adoptedNanoUsd += amountNanoUsd
    const replyAt = effects.findIndex(({ kind }) => kind === 'reply')
    for (const [at, effect] of effects.entries()) {
      if (effect.kind === 'write') {
        invariant(replyAt === -1 || at < replyAt, 'A3 stored before it is told', () => event.kind)
        this.#store(effect.changes, event.kind === 'restored')
        this.journal.write(effect.changes, nowMs)
      } else if (effect.kind === 'wake') this.wakeAtMs = effect.atMs
      else if (effect.kind === 'reply') answer(effect.reply)
      else this.#note(effect)
    }
    this.#steps += 1
    if (this.#steps % 64 === 0) this.books.audit()
    return true
  }

  #store(changes: readonly RowChange[], isRestore: boolean): void {
    this.#journal.push(changes)
    for (const change of changes) keep(this.#stored, change)
    if (!isRestore) this.books.step(changes)
  }

  #note(effect: ReturnType<typeof step>['effects'][number]): void {
    if (effect.kind === 'threshold') this.#branches.reached('threshold told')
    if (effect.kind !== 'alert') return
    this.#log(`alert ${effect.code} ${effect.leaseId} ${effect.amountNanoUsd} ${effect.detail}`)
    switch (effect.code) {
      case 'lease_lost':
        this.lost += 1
        this.#branches.reached('lease lost')
        return
      case 'overrun':
        this.#branches.reached('overrun')
        return
      case 'lease_adopted':
        this.#branches.reached('lease adopted')
        return
      case 'bounded_refund':
        this.#branches.reached('bounded refund')
        return
      case 'close_differs':
      case 'line_after_close':
      case 'foreign_lease':
      case 'malformed':
        // An honest holder gives no cause, whatever the network does; after a restore lines may be missing.
        invariant(
          this.restores > 0 && effect.code !== 'malformed',
          `no ${effect.code}`,
          () => effect,
        )
        return
      default:
    }
  }

  /** Out of memory and in again: nobody can tell (I22). */
  evict(): void {
    this.journal.life += 1
    const before = fingerprint(this.state)
    this.#load()
    invariant(fingerprint(this.state) === before, 'I22 an eviction changes nothing', () => 'rows')
    this.#branches.reached('ledger evicted')
  }

  #load(): void {
    // The row that every ledger begins with is not stored before it changes.
    this.state = loadLedger(this.#settings, this.#stored.rows.values())
    this.wakeAtMs = Math.min(this.wakeAtMs, 0)
  }

  backUp(): void {
    const { rows, lines } = this.#stored
    this.#backup = {
      rows: new Map(rows),
      lines: new Map(lines),
      journalAt: this.#journal.length,
      journal: this.journal.backUp(),
    }
  }

  /** Back to the backup, without a word to anybody; `isPlanned`: after everything was sent. */
  rollBack(nowMs: number, isPlanned: boolean): void {
    const backup = this.#backup
    if (backup === null) return
    if (isPlanned) this.journal.conclude()
    const copy = (): Stored => ({ rows: new Map(backup.rows), lines: new Map(backup.lines) })
    this.#stored = copy()
    const expected = copy()
    const read = this.journal.readOn(backup.journal, (changes) => {
      for (const change of changes) keep(expected, change)
    })
    for (const change of read?.changes ?? []) keep(this.#stored, change)
    invariant(
      textOf(this.#stored) === textOf(expected),
      'A4 nothing that reached the journal is lost',
      () => ({ stored: textOf(this.#stored), expected: textOf(expected) }),
    )
    this.#goOn(nowMs, [], read?.isComplete ?? false)
    this.#log(`rolled back, read ${read?.changes.length ?? 0} rows`)
  }

  /** Back to the backup, with as much of the journal as was copied elsewhere. */
  restore(nowMs: number, share: number): void {
    const backup = this.#backup
    if (backup === null) return
    const all = this.#journal.splice(backup.journalAt)
    const journal = all.slice(0, Math.floor(all.length * share))
    const isComplete = journal.length === all.length
    this.#stored = { rows: new Map(backup.rows), lines: new Map(backup.lines) }
    this.#goOn(nowMs, journal, isComplete)
    this.#branches.reached(
      isComplete
        ? 'ledger restored with a whole journal'
        : 'ledger restored with a part of its journal',
    )
    this.#log(`restored ${journal.length} of ${all.length}`)
  }

  #goOn(nowMs: number, journal: readonly (readonly RowChange[])[], isComplete: boolean): void {
    this.restores += 1
    this.#load()
    // The time of the restore, which no other restore has.
    const epoch = Math.floor(nowMs) + this.restores
    this.take({ kind: 'restored', epoch, journal, isComplete }, nowMs)
    this.books.restart(rowsOf(this.state), this.#stored.lines.values())
    this.#backup = null
  }
}

function keep({ rows, lines }: Stored, change: RowChange): void {
  if (change.table === 'lines') lines.set(change.id, change.row)
  else if (change.row === null) rows.delete(`${change.table} ${change.id}`)
  else rows.set(`${change.table} ${change.id}`, change)
}

function textOf({ rows, lines }: Stored): string {
  const kept = [...rows.values()].filter(isJournaled)
  return JSON.stringify([
    kept.map((change) => JSON.stringify(change)).sort(),
    [...lines.values()].map((row) => JSON.stringify(row)).sort(),
  ])
}

function fingerprint(state: LedgerState): string {
  return JSON.stringify(
    [...rowsOf(state)].map(({ table, id, row }) => `${table} ${id} ${JSON.stringify(row)}`).sort(),
  )
}
