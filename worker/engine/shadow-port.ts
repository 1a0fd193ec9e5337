import type { FailureClass } from '../canonical/failure.ts'
import type { MoneyPort } from './money-port.ts'

/** What shadows need of the place they are cast in. */
export interface ShadowPort {
  /** Of the payers of shadows; that of a request belongs to its tenant. */
  readonly money: MoneyPort
  /** Sees to it that `payer` has this budget and no other, in a ledger of its own. False: it cannot be had now. */
  open(payer: string, budgetUsdPerDay: number): Promise<boolean>
  /** Writes a comparison down. */
  compared(record: ShadowRecord): void
}

/** One answer of a request, as far as it is compared. Null: not known. */
export interface ComparedAnswer {
  readonly target: string
  readonly finish: string | null
  readonly outputTokens: number | null
  /** What was asked for in a form came in it; null where no form was asked for. */
  readonly isWellFormed: boolean | null
  readonly costNanoUsd: number | null
  readonly firstTokenMs: number | null
  readonly durationMs: number
}

/** What became of a shadow, beside the answer that the caller got. No text of either. */
export interface ShadowRecord {
  readonly requestId: string
  readonly tenant: string
  readonly route: string
  /** `unpaid`: its budget of the day is spent, or could not be asked. */
  readonly outcome: 'ok' | FailureClass | 'unpaid'
  readonly answer: ComparedAnswer
  readonly shadow: ComparedAnswer
  readonly sameFinish: boolean | null
  /** Output tokens of the shadow over those of the answer. */
  readonly lengthRatio: number | null
}
