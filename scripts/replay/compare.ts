import { costNanoUsd } from '../../worker/catalog/index.ts'
import type { Runtime } from '../../worker/edge/runtime.ts'
import type { ReadRecord } from './read-records.ts'
import { replay } from './replay.ts'

/** What another configuration would make of requests that were answered before. */
export interface Comparison {
  readonly records: number
  /** Whose first target, or refusal, would be another one. */
  readonly changed: number
  readonly moves: readonly Move[]
  /** What answered requests would cost, nano-USD: those whose usage is known and that have a price before and after. */
  readonly cost: {
    readonly records: number
    readonly beforeNanoUsd: number
    readonly afterNanoUsd: number
  }
  /** Requests that would be processed somewhere else, by regions of the first target. */
  readonly regions: readonly RegionMove[]
  /** What would be refused that was not. */
  readonly refusals: readonly { readonly code: string; readonly records: number }[]
}

export interface Move {
  readonly from: string
  readonly to: string
  readonly records: number
}

export type RegionMove = Move

/** Stands for a request that no target was planned for. */
const nobody = 'nobody'

export function compare(
  records: readonly ReadRecord[],
  runtime: Runtime,
  onProgress: (done: number) => void = () => undefined,
): Comparison {
  const moves = new Counter()
  const regions = new Counter()
  const refusals = new Counter()
  const cost = { records: 0, beforeNanoUsd: 0, afterNanoUsd: 0 }
  let changed = 0
  for (const [index, one] of records.entries()) {
    onProgress(index + 1)
    const { planned } = replay(one.record, runtime)
    const before = one.record.steps[0] ?? nobody
    const after = planned.ok ? planned.value.plan.steps[0].target : nobody
    const price = priceAfter(one, runtime, after)
    if (one.costNanoUsd !== null && price !== null) {
      cost.records += 1
      cost.beforeNanoUsd += one.costNanoUsd
      cost.afterNanoUsd += after === before ? one.costNanoUsd : price
    }
    // A target may have moved although it is still the first.
    const [from, to] = [one.regions ?? regionsOf(runtime, before), regionsOf(runtime, after)]
    if (from !== to && before !== nobody && after !== nobody) regions.add(from, to)
    if (after === before) continue
    changed += 1
    moves.add(before, after)
    if (!planned.ok) refusals.add(planned.error.code, '')
  }
  return {
    records: records.length,
    changed,
    moves: moves.rows(),
    cost,
    regions: regions.rows(),
    refusals: refusals.rows().map(({ from, records: count }) => ({ code: from, records: count })),
  }
}

class Counter {
  readonly #counts = new Map<string, Move>()

  add(from: string, to: string): void {
    const key = JSON.stringify([from, to])
    const known = this.#counts.get(key)
    this.#counts.set(key, { from, to, records: (known?.records ?? 0) + 1 })
  }

  rows(): Move[] {
    return [...this.#counts.values()].toSorted((a, b) => b.records - a.records)
  }
}

function regionsOf(runtime: Runtime, target: string): string {
  const known = runtime.targets.get(target)
  if (known === undefined) return 'not configured'
  // As log lines have them.
  return known.standing.regions?.join(',') || 'undeclared'
}

/** The same usage at the prices of `target`; null where its price or the usage is unknown. */
function priceAfter(
  { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens }: ReadRecord,
  runtime: Runtime,
  target: string,
): number | null {
  const prices = runtime.targets.get(target)?.facts?.prices
  if (prices === undefined || prices === null) return null
  if (inputTokens === null || outputTokens === null) return null
  return costNanoUsd(
    {
      inputTokens,
      outputTokens,
      ...(cacheReadTokens === null ? {} : { cacheReadTokens }),
      ...(cacheWriteTokens === null ? {} : { cacheWriteTokens }),
    },
    prices,
  )
}
