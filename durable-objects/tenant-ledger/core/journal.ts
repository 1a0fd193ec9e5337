import { isSameHead } from '../../settle-journal/journal.ts'
import type {
  AppendCall,
  AppendReply,
  JournalEntry,
  JournalHead,
} from '../../settle-journal/protocol.ts'
import type { RowChange } from '../rows.ts'

/** The ledger's side of its journal: what is written down to be sent, and what an answer means. Pure. */

/** A part of a transaction, as large as one row of a database may be. */
export interface Pack {
  /** Of its last change. */
  readonly number: number
  readonly count: number
  /** Null: the transaction goes on in the next pack. */
  readonly token: string | null
  readonly atMs: number
  /** JSON. */
  readonly changes: string
}

/** A row holds 2 MB; characters of a text may take three bytes. */
export const maxPackCharacters = 400_000

/** What an isolate's guess for a key is made of is no money, and is learned again. */
export function isJournaled({ table }: RowChange): boolean {
  return table !== 'habits'
}

/** The changes of one transaction, in packs, numbered on from `head`. None for a transaction that changes no money. */
export function packsOf(
  head: JournalHead,
  changes: readonly RowChange[],
  token: string,
  atMs: number,
): readonly Pack[] {
  const texts = changes.filter(isJournaled).map((change) => JSON.stringify(change))
  const packs: Pack[] = []
  let { number } = head
  let part: string[] = []
  let size = 0
  const close = (ends: boolean): void => {
    number += part.length
    const text = `[${part.join(',')}]`
    packs.push({ number, count: part.length, token: ends ? token : null, atMs, changes: text })
    part = []
    size = 0
  }
  for (const text of texts) {
    if (part.length > 0 && size + text.length > maxPackCharacters) close(false)
    part.push(text)
    size += text.length
  }
  if (part.length > 0) close(true)
  return packs
}

/** Whole transactions out of packs; what the last packs begin and do not end is left for the next time. */
export function entriesOf(packs: Iterable<Pack>): readonly JournalEntry[] {
  const entries: JournalEntry[] = []
  let changes: RowChange[] = []
  for (const { number, token, atMs, changes: text } of packs) {
    changes.push(...(JSON.parse(text) as readonly RowChange[]))
    if (token === null) continue
    entries.push({ number, token, atMs, changes })
    changes = []
  }
  return entries
}

/** What the ledger knows of its journal; stored, and so rolled back with it. */
export interface JournalStanding {
  /** Known to be in the journal. */
  readonly acked: JournalHead
  readonly isWhole: boolean
  /** The journal is to begin anew behind `acked`. */
  readonly restarts: boolean
  /**
   * `whole`, `part`: it was rolled back, is reading on from its journal, and serves nobody before that is done; whether
   * that is all there was. `forked`: it wrote on after a rollback before it could ask: the journal keeps what it has,
   * and nothing more is written down for it.
   */
  readonly restoring: 'whole' | 'part' | 'forked' | null
}

export const newStanding: JournalStanding = {
  acked: { number: 0, token: '' },
  isWhole: true,
  restarts: false,
  restoring: null,
}

export type Verdict =
  /** Everything up to this is in the journal. */
  | { readonly kind: 'known'; readonly upTo: JournalHead }
  /** The journal has lost what it had acknowledged. */
  | { readonly kind: 'journal_lost' }
  /** The journal knows of a future that this ledger does not. */
  | { readonly kind: 'rolled_back' }

/** What the head of the journal says of this ledger; `pending`: what it has written since. */
export function verdictOf(
  { acked, restarts }: JournalStanding,
  pending: Iterable<JournalHead>,
  head: JournalHead,
): Verdict {
  if (isSameHead(acked, head)) return { kind: 'known', upTo: head }
  for (const one of pending) if (isSameHead(one, head)) return { kind: 'known', upTo: head }
  // Another history was given up for this one, and the journal has not heard of it yet.
  if (restarts) return { kind: 'known', upTo: acked }
  return head.number < acked.number ? { kind: 'journal_lost' } : { kind: 'rolled_back' }
}

export function appendCallOf(
  { acked, isWhole, restarts }: JournalStanding,
  entries: readonly JournalEntry[],
): AppendCall {
  return { after: acked, entries, isWhole, restarts }
}

/** What an answer means that comes to the life that sent `call`; one that was overtaken by another means nothing. */
export function verdictOfReply(
  standing: JournalStanding,
  pending: Iterable<JournalHead>,
  { after, entries }: AppendCall,
  { isTaken, head }: AppendReply,
): Verdict {
  const { acked } = standing
  const last = entries.at(-1)
  if (isTaken && last !== undefined && last.number > acked.number)
    return { kind: 'known', upTo: { number: last.number, token: last.token } }
  if (isTaken || !isSameHead(acked, after)) return { kind: 'known', upTo: acked }
  return verdictOf(standing, pending, head)
}
