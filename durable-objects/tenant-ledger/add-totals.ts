import { plus } from './money.ts'
import type { TotalsGroup, TotalsReply } from './rpc.ts'

/** Two parts of a time as one. */
export function addTotals(a: TotalsReply, b: TotalsReply): TotalsReply {
  const groups = new Map(a.groups.map((group) => [group.value, group]))
  for (const group of b.groups) {
    const before = groups.get(group.value)
    groups.set(group.value, before === undefined ? group : addGroups(before, group))
  }
  return {
    groups: [...groups.values()],
    lostNanoUsd: plus(a.lostNanoUsd, b.lostNanoUsd),
    foundNanoUsd: plus(a.foundNanoUsd, b.foundNanoUsd),
    nextCursor: b.nextCursor,
  }
}

function addGroups(a: TotalsGroup, b: TotalsGroup): TotalsGroup {
  return {
    value: a.value,
    attempts: a.attempts + b.attempts,
    amountNanoUsd: plus(a.amountNanoUsd, b.amountNanoUsd),
    inexactNanoUsd: plus(a.inexactNanoUsd, b.inexactNanoUsd),
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
  }
}
