import type { RowChange } from '../tenant-ledger/rows.ts'

/**
 * What a ledger and its journal say to each other. Plain JSON. Changes are numbered by the ledger, from 1 and without
 * a gap; an entry is one transaction of it.
 */
export const journalVersion = 1

/** The last entry of a history. The token tells two histories apart that have grown to the same number. */
export interface JournalHead {
  /** Of its last change; 0: nothing was written. */
  readonly number: number
  /** Random, of the entry; empty with 0. */
  readonly token: string
}

export const noHead: JournalHead = { number: 0, token: '' }

export interface JournalEntry extends JournalHead {
  /** By the clock of the ledger, epoch ms. */
  readonly atMs: number
  /** At least one; the last has the number of the entry. */
  readonly changes: readonly RowChange[]
}

export interface AppendCall {
  /** What the ledger knows to be here. Entries are taken only behind exactly that. */
  readonly after: JournalHead
  /** Oldest first. */
  readonly entries: readonly JournalEntry[]
  /** The first entry of all was the first transaction of the ledger: nothing is older than the journal. */
  readonly isWhole: boolean
  /** What is here is of another history, or was lost: it is forgotten, and the journal begins behind `after`. */
  readonly restarts: boolean
}

export interface AppendReply {
  readonly isTaken: boolean
  readonly head: JournalHead
}

/** A ledger that went back asks for what it has forgotten. */
export interface ClaimReply {
  readonly head: JournalHead
  /** Nothing that was acknowledged is missing: the ledger was rewound by plan, and all of it is here. Said once. */
  readonly isComplete: boolean
}

export interface ReadCall {
  /** Changes up to this number are known. */
  readonly behind: number
  /** At most so many. */
  readonly limit: number
}

export interface NumberedChange {
  readonly number: number
  readonly change: RowChange
}

export interface ReadReply {
  /** Of each row the last change, in the order of their numbers. */
  readonly changes: readonly NumberedChange[]
  /** Null: that was all. */
  readonly nextBehind: number | null
}

/** The methods of the object, as they are called over RPC. */
export interface SettleJournalRpc {
  head(version: number): Promise<JournalHead>
  append(version: number, call: AppendCall): Promise<AppendReply>
  /** All that the ledger has acknowledged is here, and nothing will follow before it is rewound. */
  conclude(version: number, head: JournalHead): Promise<AppendReply>
  claim(version: number, behind: number): Promise<ClaimReply>
  read(version: number, call: ReadCall): Promise<ReadReply>
}

/** One tenant's journal, from its ledger. */
export interface SettleJournalStub {
  head(): Promise<JournalHead>
  append(call: AppendCall): Promise<AppendReply>
  conclude(head: JournalHead): Promise<AppendReply>
  claim(behind: number): Promise<ClaimReply>
  read(call: ReadCall): Promise<ReadReply>
}
