import {
  type AppendCall,
  type AppendReply,
  type ClaimReply,
  type JournalEntry,
  type JournalHead,
  noHead,
  type NumberedChange,
} from './protocol.ts'

/**
 * The copy of a ledger that a rollback of the ledger does not reach. Pure. Kept is the last change of each row, so
 * reading on from any number makes the rows of then those of the head, and a hundred changes of a budget are one.
 */
export interface JournalState {
  readonly head: JournalHead
  /** Whoever went back further than this number does not find everything here. */
  readonly coversBehind: number
  readonly isConcluded: boolean
}

export const emptyJournal: JournalState = { head: noHead, coversBehind: 0, isConcluded: false }

export interface Appended {
  readonly state: JournalState
  readonly reply: AppendReply
  /** Everything that is kept is to be deleted first. */
  readonly clears: boolean
  /** To be kept; each takes the place of an earlier change of its row. */
  readonly kept: readonly (NumberedChange & { readonly atMs: number })[]
}

export function isSameHead(one: JournalHead, other: JournalHead): boolean {
  return one.number === other.number && one.token === other.token
}

/** Takes entries in behind exactly what the ledger knows to be here, or none and says what is. */
export function append(state: JournalState, call: AppendCall): Appended {
  const { after, entries, isWhole, restarts } = call
  const before = restarts ? restarted(after, isWhole) : opened(state, isWhole)
  const last = entries.at(-1)
  if (!isSameHead(before.head, after) || last === undefined)
    return { state, reply: { isTaken: false, head: state.head }, clears: false, kept: [] }
  const head = { number: last.number, token: last.token }
  return {
    state: { ...before, head, isConcluded: false },
    reply: { isTaken: true, head },
    clears: restarts,
    kept: lastOfEach(entries),
  }
}

/** A ledger that is older than its journal has rows that are not here, and numbers from 1. */
function opened(state: JournalState, isWhole: boolean): JournalState {
  return state.head.number > 0 || isWhole ? state : { ...state, coversBehind: 1 }
}

function restarted(after: JournalHead, isWhole: boolean): JournalState {
  const covered = isWhole && after.number === 0 ? 0 : Math.max(1, after.number)
  return { head: after, coversBehind: covered, isConcluded: false }
}

function lastOfEach(entries: readonly JournalEntry[]): Appended['kept'] {
  const kept = new Map<string, Appended['kept'][number]>()
  for (const { number, atMs, changes } of entries)
    for (const [index, change] of changes.entries()) {
      const key = `${change.table} ${change.id}`
      // Anew at the end: rows are read in the order of their last change.
      kept.delete(key)
      kept.set(key, { number: number - changes.length + 1 + index, change, atMs })
    }
  return [...kept.values()]
}

export function conclude(
  state: JournalState,
  head: JournalHead,
): { readonly state: JournalState; readonly reply: AppendReply } {
  const isTaken = isSameHead(state.head, head)
  return {
    state: isTaken ? { ...state, isConcluded: true } : state,
    reply: { isTaken, head: state.head },
  }
}

/**
 * Said once: what the ledger grants after it has read on is not here before the next entry. The head gets another
 * token, so that a call of the life that was taken back, still on its way, finds another head.
 */
export function claim(
  state: JournalState,
  behind: number,
  token: string,
): { readonly state: JournalState; readonly reply: ClaimReply } {
  const { isConcluded, coversBehind } = state
  const head = { number: state.head.number, token }
  return {
    state: { ...state, head, isConcluded: false },
    reply: { head, isComplete: isConcluded && behind >= coversBehind },
  }
}

/** Changes up to this number were deleted for their age. */
export function swept(state: JournalState, through: number): JournalState {
  return { ...state, coversBehind: Math.max(state.coversBehind, through) }
}
