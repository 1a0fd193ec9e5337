import type { Usage } from '../canonical/usage.ts'

/** UTF-8 bytes of a token, roughly. What a call is settled at does not depend on it. */
const bytesPerToken = 4

/**
 * What a call that broke has used, to be told beside what the second one says: most providers count at the end, which
 * did not come. The larger of what was said and what was seen.
 */
export function usageOfPart(
  said: Usage | undefined,
  receivedBytes: number,
  promptTokens: number,
): Usage {
  return {
    ...said,
    inputTokens: said?.inputTokens ?? promptTokens,
    outputTokens: Math.max(said?.outputTokens ?? 0, Math.ceil(receivedBytes / bytesPerToken)),
  }
}

/** Both together, field by field; a total and a cost only where both say one. */
export function addUsage(first: Usage, second: Usage): Usage {
  const sum: Record<string, number> = {}
  for (const field of new Set([...keysOf(first), ...keysOf(second)])) {
    const isOfBoth = first[field] !== undefined && second[field] !== undefined
    if (isOfBoth || !needsBoth.has(field)) sum[field] = (first[field] ?? 0) + (second[field] ?? 0)
  }
  return sum
}

const needsBoth: ReadonlySet<keyof Usage> = new Set(['totalTokens', 'providerCostUsd'])

function keysOf(usage: Usage): (keyof Usage)[] {
  return Object.keys(usage) as (keyof Usage)[]
}
