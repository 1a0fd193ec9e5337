import type { Mutant } from './mutant.ts'

const storm = ['test/storm/storm.test.ts'] as const

/** What engine and isolate owe the ledger, seen from outside: by what the providers bill. */
export const stormMutants: readonly Mutant[] = [
  {
    id: 'storm-unknown-costs-nothing',
    invariant: 'I12 unknown means charged at the worst case',
    file: 'worker/edge/ledger/attempt-account.ts',
    find: "? { kind: 'unknown', facts }",
    replace: "? { kind: 'void' }",
    killedBy: storm,
    why: 'A call that broke is given back as if it had never been sent, and its provider bills it.',
    slow: true,
  },
  {
    id: 'storm-limit-not-sent',
    invariant: 'A1 an attempt costs at most its worst case',
    file: 'worker/engine/leg.ts',
    find: 'maxOutputTokens === null ? this.#request : { ...this.#request, maxOutputTokens }',
    replace: 'this.#request',
    killedBy: storm,
    why: 'A model says more than was set aside for it, because nobody told it the limit.',
    slow: true,
  },
  {
    id: 'storm-abort-is-free',
    invariant: 'I12 unknown means charged at the worst case',
    file: 'worker/edge/ledger/settlement.ts',
    find: "if (ending === 'aborted' && terms.abortBilling === 'stops') return fromReceived(call, terms)",
    replace: "if (ending === 'aborted') return free",
    killedBy: storm,
    why: 'Whoever leaves in the middle of an answer has it for nothing, as often as they like.',
    slow: true,
  },
  {
    id: 'storm-failure-not-settled',
    invariant: 'I10 every hold ends exactly once',
    file: 'worker/engine/leg.ts',
    find: '  account.settle({ ...seen, durationMs })\n',
    replace: '',
    killedBy: storm,
    why: 'What was set aside for a call that failed never comes back, until the budget is full of it.',
    slow: true,
  },
]
