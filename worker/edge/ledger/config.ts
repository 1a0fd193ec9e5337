import * as z from 'zod/mini'
import { described, toolText } from '../../../durable-objects/described.ts'

const dayMs = 86_400_000

/** The longest that lines are kept, days: some ten years. */
const mostDays = 3660

/** Of `ledger` in `routes.json`, beside its mode. */
export const ledgerOptions = {
  /** Thirteen months: a statement can still be compared with that of a year ago. */
  keepLinesDays: described(
    z._default(z.int().check(z.minimum(1), z.maximum(mostDays)), 400),
    toolText('Ledger lines are deleted after so many days; sums of budgets are kept.'),
  ),
  boundedRefundPercent: described(
    z.optional(z.number().check(z.multipleOf(0.01), z.minimum(0.01), z.maximum(5))),
    toolText(
      'Absent: what an isolate that died had not accounted for stays charged until somebody proves less. Otherwise what it had not reported is given back after 16 minutes, in all at most this share of each cap and period: a budget may be overspent by as much.',
    ),
  ),
} as const

interface LedgerOptions {
  readonly keepLinesDays: number
  readonly boundedRefundPercent?: number | undefined
}

/** The same as the ledger's rules have it. */
export function optionsOf({ keepLinesDays, boundedRefundPercent }: LedgerOptions) {
  return {
    keepLinesMs: keepLinesDays * dayMs,
    lostPolicy:
      boundedRefundPercent === undefined
        ? ('strict' as const)
        : { boundedBasisPoints: Math.round(boundedRefundPercent * 100) },
  }
}
