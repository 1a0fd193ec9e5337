import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  append,
  claim,
  conclude,
  emptyJournal,
  type JournalState,
  swept,
} from '../../../durable-objects/settle-journal/journal.ts'
import type {
  AppendCall,
  JournalEntry,
  JournalHead,
} from '../../../durable-objects/settle-journal/protocol.ts'
import {
  entriesOf,
  maxPackCharacters,
  newStanding,
  packsOf,
  verdictOf,
  verdictOfReply,
} from '../../../durable-objects/tenant-ledger/core/journal.ts'
import type { RowChange } from '../../../durable-objects/tenant-ledger/rows.ts'

function ask(id: string, atMs = 1): RowChange {
  return { table: 'asks', id, row: { id, leaseId: null, atMs } }
}

function head(number: number, token = `token ${number}`): JournalHead {
  return { number, token }
}

function entry(number: number, ...changes: readonly RowChange[]): JournalEntry {
  return { ...head(number), atMs: 7, changes }
}

function call(after: JournalHead, entries: readonly JournalEntry[], more = {}): AppendCall {
  return { after, entries, isWhole: true, restarts: false, ...more }
}

const first = call(head(0, ''), [entry(2, ask('a'), ask('b'))])

function journalOf(...calls: readonly AppendCall[]): JournalState {
  return calls.reduce((state, one) => append(state, one).state, emptyJournal)
}

describe('append()', () => {
  it('takes entries behind exactly what the ledger knows to be there', () => {
    const { state, reply } = append(journalOf(first), call(head(2), [entry(3, ask('c'))]))
    expect(reply).toEqual({ isTaken: true, head: head(3) })
    expect(state.head).toEqual(head(3))
  })

  it.each([
    ['the same call again', first],
    ['another history of the same length', call(head(2, 'other'), [entry(3, ask('c'))])],
    ['a call with a gap', call(head(3), [entry(4, ask('c'))])],
    ['nothing', call(head(2), [])],
  ])('takes nothing of %s, and says what is there', (_, again) => {
    const state = journalOf(first)
    expect(append(state, again)).toEqual({
      state,
      reply: { isTaken: false, head: head(2) },
      clears: false,
      kept: [],
    })
  })

  it('keeps of each row the last change, with its number, in the order of last changes', () => {
    const { kept } = append(
      emptyJournal,
      call(head(0, ''), [entry(2, ask('a'), ask('b')), entry(3, ask('a', 9))]),
    )
    expect(kept).toEqual([
      { number: 2, change: ask('b'), atMs: 7 },
      { number: 3, change: ask('a', 9), atMs: 7 },
    ])
  })

  it('gives each change of a transaction a number of its own, which ends with that of the transaction', () => {
    const { kept } = append(
      emptyJournal,
      call(head(0, ''), [entry(3, ask('a'), ask('b'), ask('c'))]),
    )
    expect(kept.map(({ number, change }) => [number, change.id])).toEqual([
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
    ])
  })

  it('begins anew where it is told to, and then knows of nothing before', () => {
    const { state, clears } = append(
      journalOf(first),
      call(head(9), [entry(10, ask('c'))], { restarts: true, isWhole: false }),
    )
    expect([clears, state.head, state.coversBehind]).toEqual([true, head(10), 9])
  })
})

describe('claim()', () => {
  const concluded = conclude(journalOf(first), head(2)).state

  it('says that nothing is missing once, when the ledger has said that this is all', () => {
    const { state, reply } = claim(concluded, 0, 'new')
    expect(reply).toEqual({ head: head(2, 'new'), isComplete: true })
    expect(claim(state, 0, 'newer').reply.isComplete).toBe(false)
    expect(claim(journalOf(first), 0, 'new').reply.isComplete).toBe(false)
  })

  it('does not say so when more came behind, or rows of then are no longer there', () => {
    const more = append(concluded, call(head(2), [entry(3, ask('c'))])).state
    expect(claim(more, 0, 'new').reply.isComplete).toBe(false)
    expect(claim(swept(concluded, 2), 1, 'new').reply.isComplete).toBe(false)
    expect(claim(swept(concluded, 2), 2, 'new').reply.isComplete).toBe(true)
  })

  it('does not say so of a ledger that is older than its journal, before its first number', () => {
    const late = journalOf({ ...first, isWhole: false })
    expect(claim(conclude(late, head(2)).state, 0, 'new').reply.isComplete).toBe(false)
    expect(claim(conclude(late, head(2)).state, 1, 'new').reply.isComplete).toBe(true)
  })

  it('shuts out what the life that was taken back still has on its way', () => {
    const { state } = claim(journalOf(first), 0, 'new')
    const late = call(head(2), [entry(3, ask('late'))])
    expect(append(state, late).reply).toEqual({ isTaken: false, head: head(2, 'new') })
  })

  it('is not concluded with another head than the one that is there', () => {
    expect(conclude(journalOf(first), head(2, 'other')).reply.isTaken).toBe(false)
    expect(conclude(journalOf(first), head(1)).state.isConcluded).toBe(false)
  })
})

describe('verdictOf()', () => {
  const standing = { ...newStanding, acked: head(4) }
  const pending = [head(5), head(8)]

  it.each([
    ['what is known to be there', head(4), 'known'],
    ['what is there, and its answer was lost', head(8), 'known'],
    ['less than was acknowledged', head(3), 'journal_lost'],
    ['more than was written', head(9), 'rolled_back'],
    ['another history, shorter than this one', head(5, 'other'), 'rolled_back'],
    ['another history of the same length', head(8, 'other'), 'rolled_back'],
    ['another history since the last acknowledgement', head(4, 'other'), 'rolled_back'],
  ] as const)('%s: %o is %s', (_, there, kind) => {
    expect(verdictOf(standing, pending, there).kind).toBe(kind)
  })

  it('minds no other history once this one has taken its place', () => {
    const anew = { ...standing, restarts: true }
    expect(verdictOf(anew, pending, head(9))).toEqual({ kind: 'known', upTo: head(4) })
  })

  it('takes nothing from an answer that another has overtaken', () => {
    const sent = call(head(2), [entry(4, ask('a'), ask('b'))])
    const refused = { isTaken: false, head: head(3) }
    expect(verdictOfReply(standing, pending, sent, refused)).toEqual({
      kind: 'known',
      upTo: head(4),
    })
    expect(verdictOfReply(standing, pending, sent, { isTaken: true, head: head(4) })).toEqual({
      kind: 'known',
      upTo: head(4),
    })
  })
})

describe('packsOf() and entriesOf()', () => {
  const sizes = fc.array(fc.array(fc.constantFrom(10, 150_000, 500_000), { maxLength: 6 }), {
    maxLength: 4,
  })

  it('give back whole transactions, numbered without a gap, in rows that a database takes', () => {
    fc.assert(
      fc.property(sizes, (transactions) => {
        let last = head(0, '')
        const all = transactions.map((of, index) =>
          of.map((size, place) => ask(`${index} ${place} ${'x'.repeat(size)}`)),
        )
        const packs = all.flatMap((changes, index) => {
          const made = packsOf(last, changes, `token ${index}`, index)
          const end = made.at(-1)
          if (end !== undefined) last = { number: end.number, token: `token ${index}` }
          return made
        })
        for (const { changes, count } of packs)
          expect(count === 1 || changes.length <= maxPackCharacters + 100).toBe(true)
        const entries = entriesOf(packs)
        expect(entries.map(({ changes }) => changes)).toEqual(all.filter((one) => one.length > 0))
        let number = 0
        for (const { number: end, changes } of entries) {
          number += changes.length
          expect(end).toBe(number)
        }
        expect(entriesOf(packs.slice(0, -1)).length).toBe(Math.max(0, entries.length - 1))
      }),
      { numRuns: 30 },
    )
  })

  it('leave out what is no money', () => {
    const habit = { id: 'k', route: null, worstNanoUsd: 1 as never, atMs: 1 }
    expect(packsOf(head(0, ''), [{ table: 'habits', id: 'k', row: habit }], 't', 1)).toEqual([])
  })
})
