import { type NanoUsd, plus, zeroNanoUsd } from '../../durable-objects/tenant-ledger/money.ts'
import type { TotalsReply } from '../../durable-objects/tenant-ledger/rpc.ts'
import { csvLine } from './csv.ts'
import type { StatementAsk } from './ledger-query.ts'
import { timeOf, usdOf } from './usd.ts'

export interface StatementGroup {
  /** Null: attempts that do not say. */
  readonly value: string | null
  readonly attempts: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly costUsd: string
  /** Part of it that is estimated, or the worst case. */
  readonly inexactUsd: string
}

/** What a time cost, by group. `groups` and `lost` less `found` are `totalUsd`: the sum of the lines of that time. */
export interface Statement {
  readonly object: 'statement'
  readonly tenant: string
  readonly period: string
  readonly zone: string
  readonly from: string
  readonly to: string
  readonly by: string
  readonly groups: readonly StatementGroup[]
  /** Charged for nobody knows what. */
  readonly lostUsd: string
  /** Of what was lost, accounted for since. */
  readonly foundUsd: string
  readonly totalUsd: string
}

export type Totals = Omit<TotalsReply, 'nextCursor'>

export function statementOf(tenant: string, ask: StatementAsk, totals: Totals): Statement {
  const { period, zone, by, fromMs, toMs } = ask
  const { groups, lostNanoUsd, foundNanoUsd } = totals
  const attemptsNanoUsd = groups.reduce((sum, group) => plus(sum, group.amountNanoUsd), zeroNanoUsd)
  return {
    object: 'statement',
    tenant,
    period,
    zone,
    from: timeOf(fromMs),
    to: timeOf(toMs),
    by,
    groups: groups.map(({ value, amountNanoUsd, inexactNanoUsd, ...counts }) => ({
      value,
      attempts: counts.attempts,
      inputTokens: counts.inputTokens,
      outputTokens: counts.outputTokens,
      costUsd: usdOf(amountNanoUsd),
      inexactUsd: usdOf(inexactNanoUsd),
    })),
    lostUsd: usdOf(lostNanoUsd),
    foundUsd: usdOf(foundNanoUsd),
    totalUsd: usdOf(totalOf(plus(attemptsNanoUsd, lostNanoUsd), foundNanoUsd)),
  }
}

/** Below zero where more was found than spent: what was lost in a period before. A safe integer, but no amount. */
function totalOf(chargedNanoUsd: NanoUsd, foundNanoUsd: NanoUsd): number {
  // oxlint-disable-next-line switchyard/integer-money -- the one sum of money that may be negative
  return chargedNanoUsd - foundNanoUsd
}

/** With a line for what was lost and one for what was found, so that the column of costs adds up to the total. */
export function csvOfStatement({
  tenant,
  period,
  by,
  groups,
  lostUsd,
  foundUsd,
}: Statement): string {
  const head = ['tenant', 'period', 'kind', 'by', 'value', 'attempts', 'inputTokens']
  const lines = [csvLine([...head, 'outputTokens', 'costUsd', 'inexactUsd'])]
  for (const group of groups)
    lines.push(
      csvLine([
        tenant,
        period,
        'attempts',
        by,
        group.value,
        group.attempts,
        group.inputTokens,
        group.outputTokens,
        { amount: group.costUsd },
        { amount: group.inexactUsd },
      ]),
    )
  const beside = (kind: string, amount: string) =>
    csvLine([tenant, period, kind, null, null, null, null, null, { amount }, null])
  lines.push(beside('lost', lostUsd))
  lines.push(beside('found', foundUsd === '0.00' ? foundUsd : `-${foundUsd}`))
  return lines.join('')
}
