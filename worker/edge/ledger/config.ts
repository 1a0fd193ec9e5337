import * as z from 'zod'

const dayMs = 86_400_000

/** The longest that lines are kept, days: some ten years. */
const mostDays = 3660

/** Of `ledger` in `routes.json`, beside its mode. */
export const ledgerOptions = {
  /** Thirteen months: a statement can still be compared with that of a year ago. */
  keepLinesDays: z
    .int()
    .min(1)
    .max(mostDays)
    .default(400)
    .describe('Ledger lines are deleted after so many days; sums of budgets are kept.'),
  boundedRefundPercent: z
    .number()
    .multipleOf(0.01)
    .min(0.01)
    .max(5)
    .optional()
    .describe(
      'Absent: what an isolate that died had not accounted for stays charged until somebody proves less. Otherwise what it had not reported is given back after 16 minutes, in all at most this share of each cap and period: a budget may be overspent by as much.',
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
