import { costNanoUsd } from '../../worker/catalog/index.ts'
import type { Runtime } from '../../worker/edge/runtime.ts'
import type { DecisionRecord } from '../../worker/engine/decision.ts'
import type { PlannedOrRefused } from '../../worker/engine/plan-request.ts'
import type { ReadRecord } from './read-records.ts'
import { replay } from './replay.ts'

/** What another configuration would make of requests that were decided before. */
export interface Comparison {
  readonly records: number
  /** Whose first target, or refusal, would be another one. */
  readonly changed: number
  readonly moves: readonly Move[]
  /** Answered requests that another route would answer, where their lines name the one that did. */
  readonly routes: readonly Move[]
  /** What answered requests would cost, nano-USD: those whose usage is known and that have a price before and after. */
  readonly cost: {
    readonly records: number
    readonly beforeNanoUsd: number
    readonly afterNanoUsd: number
  }
  /** Requests that would be processed somewhere else, by regions of the first target. */
  readonly regions: readonly Move[]
  /** Requests whose tenant would be pinned to another place, or by this file to none. */
  readonly residency: readonly Move[]
  /** What would be refused that was not. */
  readonly refusals: readonly Refusals[]
  /** What would be answered that was refused, by the code of that refusal. */
  readonly admitted: readonly Refusals[]
  /** What would be refused still, and with another code. */
  readonly otherRefusals: readonly Move[]
}

export interface Move {
  readonly from: string
  readonly to: string
  readonly records: number
}

export interface Refusals {
  readonly code: string
  readonly records: number
}

/** Stands for a request that no target was planned for. */
const nobody = 'nobody'

export function compare(
  records: readonly ReadRecord[],
  runtime: Runtime,
  onProgress: (done: number) => void = () => undefined,
): Comparison {
  const counts = new Counts()
  for (const [index, one] of records.entries()) {
    onProgress(index + 1)
    const { planned } = replay(pinnedBy(runtime, one.record), runtime)
    counts.add(one, planned, runtime)
  }
  return counts.all(records.length)
}

class Counts {
  readonly #moves = new Counter()
  readonly #routes = new Counter()
  readonly #regions = new Counter()
  readonly #residency = new Counter()
  readonly #refusals = new Counter()
  readonly #admitted = new Counter()
  readonly #otherRefusals = new Counter()
  readonly #cost = { records: 0, beforeNanoUsd: 0, afterNanoUsd: 0 }
  #changed = 0

  add(one: ReadRecord, planned: PlannedOrRefused, runtime: Runtime): void {
    const { record } = one
    const before = record.steps[0] ?? nobody
    const after = planned.ok ? planned.value.plan.steps[0].target : nobody
    this.#addCost(one, before, after, runtime)
    this.#addPlaces(one, before, after, runtime)
    const { route } = one
    const to = planned.ok ? (planned.value.route ?? 'no route') : null
    if (route !== null && to !== null && to !== route) this.#routes.add(route, to)
    const isMoved = after !== before
    if (isMoved) this.#moves.add(before, after)
    const codes = [codeOf(record), planned.ok ? null : planned.error.code] as const
    const isOther = this.#addRefusal(...codes)
    if (isMoved || isOther) this.#changed += 1
  }

  /** True: it was refused, and would be for something else. Null in place of a code: a target was planned. */
  #addRefusal(before: string | null, after: string | null): boolean {
    if (before === after) return false
    if (before === null) this.#refusals.add(after ?? '', '')
    else if (after === null) this.#admitted.add(before, '')
    else this.#otherRefusals.add(before, after)
    return before !== null && after !== null
  }

  #addCost(one: ReadRecord, before: string, after: string, runtime: Runtime): void {
    const price = priceAfter(one, runtime, after)
    if (one.costNanoUsd === null || price === null) return
    this.#cost.records += 1
    this.#cost.beforeNanoUsd += one.costNanoUsd
    this.#cost.afterNanoUsd += after === before ? one.costNanoUsd : price
  }

  #addPlaces(one: ReadRecord, before: string, after: string, runtime: Runtime): void {
    const [from, to] = [regionsBefore(one, before, runtime), regionsOf(runtime, after)]
    if (from !== to && before !== nobody && after !== nobody) this.#regions.add(from, to)
    const pinned = one.record.key?.residency ?? null
    const declared = runtime.config.tenants[one.record.tenant]?.residency ?? null
    if (pinned !== declared)
      this.#residency.add(pinned ?? 'not pinned', declared ?? 'not pinned by this file')
  }

  all(records: number): Comparison {
    const codes = (counter: Counter) =>
      counter.rows().map(({ from, records: count }) => ({ code: from, records: count }))
    return {
      records,
      changed: this.#changed,
      moves: this.#moves.rows(),
      routes: this.#routes.rows(),
      cost: this.#cost,
      regions: this.#regions.rows(),
      residency: this.#residency.rows(),
      refusals: codes(this.#refusals),
      admitted: codes(this.#admitted),
      otherRefusals: this.#otherRefusals.rows(),
    }
  }
}

/** Of the refusal that a record is; null where a target was planned. */
function codeOf({ steps, refused }: DecisionRecord): string | null {
  return steps.length > 0 ? null : (refused?.code ?? 'no target')
}

/** A pinned request as it would be under this file: where that pins its tenant to another place, it runs there. */
function pinnedBy({ config }: Runtime, record: DecisionRecord): DecisionRecord {
  const { key, tenant } = record
  const declared = config.tenants[tenant]?.residency
  if (key === undefined || key.residency === null || declared === undefined) return record
  if (key.residency === declared) return record
  const grant = { ...key.grant, regions: [declared] }
  return { ...record, key: { ...key, residency: declared, grant } }
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

/**
 * Where the first target was. A line knows it where the first answered, and the target may have moved since although it
 * is still the first. Of one that another answered for, it is what the new file says.
 */
function regionsBefore({ target, regions }: ReadRecord, first: string, runtime: Runtime): string {
  return (target === first ? regions : null) ?? regionsOf(runtime, first)
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
