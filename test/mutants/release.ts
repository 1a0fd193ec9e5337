import type { Mutant } from './mutant.ts'

const core = 'durable-objects/tenant-ledger/core/release.ts'
const truth = 'I24 a restore keeps the truth'
const restore = ['test/unit/tenant-ledger/restore.test.ts'] as const

/** What a restore lost is accounted for by bills. */
export const releaseMutants: readonly Mutant[] = [
  {
    id: 'release-by-what-is-charged',
    invariant: truth,
    file: core,
    find: 'minusOrZero(amountNanoUsd, firmOf(turn.state, account))',
    replace: 'minusOrZero(amountNanoUsd, account.chargedNanoUsd)',
    killedBy: restore,
    why: 'A lost lease seems to cover what a forgotten one spent, until it is closed for less.',
  },
  {
    id: 'release-by-what-is-lost',
    invariant: truth,
    file: core,
    find: 'if (lease.accounts.includes(id)) mayFall',
    replace: 'if (lease.id === id) mayFall',
    killedBy: restore,
    why: 'The same, by the sum that an account is charged for nobody knows what.',
  },
  {
    id: 'release-charges-nothing',
    invariant: truth,
    file: core,
    find: 'for (const one of billed) chargeMissing(turn, one)',
    replace: '',
    killedBy: restore,
    why: 'A hard budget grants again what its provider has billed already.',
  },
  {
    id: 'release-charges-twice',
    invariant: 'I17 charges are what was spent',
    file: core,
    find: 'return plus(postedNanoUsd, minusOrZero(phantomNanoUsd, mayFall))',
    replace: 'return postedNanoUsd',
    killedBy: restore,
    why: 'What a closed lease cost beyond its lines is charged again.',
  },
  {
    id: 'release-while-it-is-spent',
    invariant: truth,
    file: core,
    find: 'if (leftMs > 0)',
    replace: 'if (leftMs > Infinity)',
    killedBy: restore,
    why: 'Somebody adds up a bill that still grows.',
  },
  {
    id: 'release-of-any-account',
    invariant: 'I14 an account is its leases',
    file: core,
    find: 'return periodAt(budget.period, budget.zone, startsAtMs).startsAtMs === startsAtMs',
    replace: 'return true',
    killedBy: restore,
    why: 'A bill of a period that never was opens an account that nothing is granted from.',
  },
]
