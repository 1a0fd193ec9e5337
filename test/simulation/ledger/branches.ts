import { Sometimes } from '../kernel/sometimes.ts'

/** Branches that a run over many seeds must have taken, each at least once. */
export const ledgerBranches = [
  // Answers.
  'lease granted',
  'advance granted',
  'same ask, lease of an older kill version',
  'hold granted',
  'hold granted for a shorter answer',
  'same ask, same lease',
  'denied: budget_exceeded',
  'denied: budget_reserved',
  'denied: budget_blocked',
  'denied: rate_limited',
  'denied: revoked',
  'denied: frozen',
  'denied: restoring',
  'denied: use_holds',
  'denied: voided',
  'threshold told',
  // Lives of leases.
  'sealed with holds out',
  'closed',
  'close said twice',
  'seal after close',
  'lease lost',
  'sealed lease lost',
  'seal after it was lost',
  'close after it was lost',
  'line after it was lost',
  'void before its ask',
  'void of a granted hold',
  'answer that nobody waited for',
  'lease outlived its period',
  'lost lease reconciled',
  'bounded refund',
  'bounded refund that had been spent',
  // What goes wrong.
  'overrun',
  'margin kept after an overrun',
  'cap lowered below the charge',
  'isolate died with credit',
  'isolate left clean',
  'ledger evicted',
  'ledger died before its write',
  'ledger restored with a whole journal',
  'ledger restored with a part of its journal',
  'journal took a delivery',
  'journal refused a delivery',
  'answer of the journal was lost',
  'end was not delivered',
  'read on from the journal',
  'rewound by plan',
  'rolled back, and the journal knew no more',
  'lease adopted',
  'uncertain accounts released',
  'clock frozen',
  'outcome unknown',
  'hold given up',
  'attempt booked while the ledger was away',
  'admitted after the first sending of an ask again',
  'advance given up',
  'first hold granted',
  'first request paid from its hold',
  'first hold paid for a shorter answer',
  'first hold of no use',
  'first hold given back unused',
  'guess of another route given back',
  'isolate died with a first hold',
  'first request paid in advance',
] as const

export type LedgerBranch = (typeof ledgerBranches)[number]
export type LedgerBranches = Sometimes<LedgerBranch>

export function newLedgerBranches(): LedgerBranches {
  return new Sometimes(ledgerBranches)
}
