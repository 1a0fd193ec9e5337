import {
  append,
  claim,
  conclude,
  emptyJournal,
  type JournalState,
} from '../../../durable-objects/settle-journal/journal.ts'
import type {
  AppendCall,
  AppendReply,
  JournalHead,
  NumberedChange,
} from '../../../durable-objects/settle-journal/protocol.ts'
import {
  appendCallOf,
  entriesOf,
  isJournaled,
  type JournalStanding,
  newStanding,
  type Pack,
  packsOf,
  type Verdict,
  verdictOf,
  verdictOfReply,
} from '../../../durable-objects/tenant-ledger/core/journal.ts'
import type { RowChange } from '../../../durable-objects/tenant-ledger/rows.ts'
import { invariant } from '../kernel/broken.ts'
import type { LedgerBranches } from './branches.ts'

/** What of it lies in the ledger's database, and is rolled back with that. */
export interface JournalBackup {
  readonly standing: JournalStanding
  readonly outbox: readonly Pack[]
  readonly last: JournalHead
}

/** What a ledger reads on from. */
export interface ReadOn {
  readonly changes: readonly RowChange[]
  readonly isComplete: boolean
}

/** Entries of one delivery: small, so that much is under way when things go wrong. */
const mostEntries = 5

/** The outbox of a simulated ledger, its journal, and what a perfect memory would know. */
export class JournalSide {
  /** Another one after each eviction: an object hears no answers to calls of an earlier life. */
  life = 0
  #standing: JournalStanding = newStanding
  #outbox: Pack[] = []
  #last: JournalHead = newStanding.acked
  #journal: JournalState = emptyJournal
  readonly #kept = new Map<string, NumberedChange>()
  /** Every transaction of the history that holds. */
  #written: { readonly number: number; readonly changes: readonly RowChange[] }[] = []
  #tokens = 0
  readonly #branches: LedgerBranches

  constructor(branches: LedgerBranches) {
    this.#branches = branches
  }

  write(changes: readonly RowChange[], nowMs: number): void {
    const packs = packsOf(this.#last, changes, this.#token(), nowMs)
    this.#outbox.push(...packs)
    for (const { number, token } of packs) if (token !== null) this.#last = { number, token }
    if (packs.length > 0) this.#written.push({ number: this.#last.number, changes })
  }

  #token(): string {
    this.#tokens += 1
    return `token ${this.#tokens}`
  }

  #heads(): readonly JournalHead[] {
    return this.#outbox.flatMap(({ number, token }) => (token === null ? [] : [{ number, token }]))
  }

  /** The next delivery; null when everything has arrived. */
  call(): AppendCall | null {
    const entries = entriesOf(this.#outbox).slice(0, mostEntries)
    return entries.length === 0 ? null : appendCallOf(this.#standing, entries)
  }

  /** At the journal. */
  arrive(call: AppendCall): AppendReply {
    const { state, reply, clears, kept } = append(this.#journal, call)
    this.#journal = state
    if (clears) this.#kept.clear()
    for (const { number, change } of kept) {
      const key = `${change.table} ${change.id}`
      this.#kept.delete(key)
      this.#kept.set(key, { number, change })
    }
    if (reply.isTaken) this.#branches.reached('journal took a delivery')
    return reply
  }

  /** At the ledger, in the life that sent `call`. */
  hear(reply: AppendReply, call: AppendCall): void {
    if (!reply.isTaken) this.#branches.reached('journal refused a delivery')
    this.#agree(verdictOfReply(this.#standing, this.#heads(), call, reply), !reply.isTaken)
  }

  #agree(verdict: Verdict, isNews: boolean): void {
    invariant(verdict.kind === 'known', 'A4 a journal is of one history', () => verdict)
    if (verdict.upTo.number <= this.#standing.acked.number) return
    if (isNews) this.#branches.reached('answer of the journal was lost')
    this.#know(verdict.upTo)
  }

  #know(acked: JournalHead): void {
    this.#standing = { ...this.#standing, acked, restarts: false }
    this.#outbox = this.#outbox.filter(({ number }) => number > acked.number)
  }

  /** Everything is sent, and the journal knows that it has it: the ledger is rewound by plan. */
  conclude(): void {
    for (let call = this.call(); call !== null; call = this.call())
      this.hear(this.arrive(call), call)
    const { state, reply } = conclude(this.#journal, this.#last)
    invariant(reply.isTaken, 'A4 a drained ledger has a whole journal', () => reply)
    this.#journal = state
  }

  backUp(): JournalBackup {
    return { standing: this.#standing, outbox: [...this.#outbox], last: this.#last }
  }

  /**
   * The ledger's database is that of `backup`, and its object starts. Null: its journal knows no more than it does.
   * `expected` gets every transaction that the ledger has to know of again.
   */
  readOn(
    { standing, outbox, last }: JournalBackup,
    expected: (changes: readonly RowChange[]) => void,
  ): ReadOn | null {
    this.life += 1
    if (this.#journal.head.number < this.#last.number)
      this.#branches.reached('end was not delivered')
    this.#standing = standing
    this.#outbox = [...outbox]
    this.#last = last
    const verdict = verdictOf(standing, this.#heads(), this.#journal.head)
    if (verdict.kind !== 'rolled_back') {
      this.#agree(verdict, true)
      this.#forgetFrom(last.number)
      this.#branches.reached('rolled back, and the journal knew no more')
      return null
    }
    const behind = standing.acked.number
    const { state, reply } = claim(this.#journal, behind, this.#token())
    this.#journal = state
    this.#outbox = []
    this.#last = reply.head
    this.#standing = { ...standing, acked: reply.head }
    this.#forgetFrom(reply.head.number)
    for (const { number, changes } of this.#written)
      if (number > last.number) expected(changes.filter(isJournaled))
    this.#branches.reached(reply.isComplete ? 'rewound by plan' : 'read on from the journal')
    const changes = [...this.#kept.values()].filter(({ number }) => number > behind)
    return { changes: changes.map(({ change }) => change), isComplete: reply.isComplete }
  }

  #forgetFrom(number: number): void {
    this.#written = this.#written.filter((one) => one.number <= number)
  }
}
