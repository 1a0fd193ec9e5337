import {
  type FailureClass,
  failureTable,
  type FailureRow,
} from '../../../worker/canonical/failure.ts'
import type { Outcome, OutcomeRow, SizeClass, SparseHistogram } from '../protocol.ts'
import type { HealthSettings } from '../settings.ts'

/** What an outcome says to each domain: `failureTable`, and what is no failure of a call. */
export type OutcomeVerdict = Pick<FailureRow, 'edge' | 'target' | 'quota' | 'credential'>

const whole: Omit<OutcomeVerdict, 'target'> = { edge: 'ok', quota: 'none', credential: 'ok' }

/** A map and not an object: `constructor` is no outcome. */
const verdicts: ReadonlyMap<Outcome, OutcomeVerdict> = new Map<Outcome, OutcomeVerdict>([
  ['ok', { ...whole, target: 'ok' }],
  ['broken_output', { ...whole, target: 'fail' }],
  ['priced', { edge: 'none', target: 'none', quota: 'none', credential: 'none' }],
  ...Object.entries(failureTable).map(([name, row]) => [name as FailureClass, row] as const),
])

/** Null for what is not an outcome. */
export function verdictOf(outcome: Outcome): OutcomeVerdict | null {
  return verdicts.get(outcome) ?? null
}

/** A row that may be counted: every number in its bounds. */
export interface SoundRow {
  readonly target: string
  readonly size: SizeClass
  readonly outcome: Outcome
  readonly verdict: OutcomeVerdict
  readonly count: number
  readonly atMs: number
  readonly ttft: SparseHistogram
  readonly cost: SparseHistogram
  readonly elapsedMs: number
  readonly retryAfterMs: number | undefined
  readonly isRamp: boolean
  readonly credential: string | null
}

const noHistogram: SparseHistogram = []

/** Checks what came over the wire, whatever its type says: null for a row that means nothing. */
export function readRow(row: OutcomeRow, nowMs: number, settings: HealthSettings): SoundRow | null {
  if (typeof row !== 'object' || row === null) return null
  const verdict = verdictOf(row.outcome)
  const { count, ageMs, elapsedMs, retryAfterMs, credential } = row
  if (verdict === null || !isName(row.target) || !isSize(row.size)) return null
  if (!Number.isInteger(count) || count < 1) return null
  if (typeof ageMs !== 'number' || Number.isNaN(ageMs)) return null
  return {
    target: row.target,
    size: row.size,
    outcome: row.outcome,
    verdict,
    count: Math.min(count, settings.maxRowCount),
    atMs: nowMs - Math.min(Math.max(ageMs, 0), settings.maxAgeMs),
    ttft: Array.isArray(row.ttft) ? row.ttft : noHistogram,
    cost: Array.isArray(row.cost) ? row.cost : noHistogram,
    elapsedMs: isWait(elapsedMs) ? elapsedMs : 0,
    retryAfterMs: isWait(retryAfterMs) ? retryAfterMs : undefined,
    isRamp: row.ramp === true,
    credential: isName(credential) ? credential : null,
  }
}

/** Calls `each` for the pairs that make sense, for no more than `limit` counts in all. */
export function eachBucket(
  histogram: SparseHistogram,
  bucketCount: number,
  limit: number,
  each: (bucket: number, count: number) => void,
): void {
  let left = limit
  for (let at = 0; at < histogram.length && at < bucketCount && left > 0; at += 1) {
    const pair = histogram[at]
    if (!Array.isArray(pair)) continue
    const [bucket, count] = pair as [unknown, unknown]
    if (!isIndex(bucket) || bucket >= bucketCount || !isIndex(count) || count === 0) continue
    each(bucket, Math.min(count, left))
    left -= count
  }
}

const namePattern = /^[\x21-\x7e]{1,200}$/

/** A target's name or a fingerprint. `*` is not one: `quota:*` is the gate of the whole credential. */
export function isName(name: unknown): name is string {
  return typeof name === 'string' && name !== '*' && namePattern.test(name)
}

export function isSize(size: unknown): size is SizeClass {
  return size === 0 || size === 1 || size === 2 || size === 3
}

/** A wait or a cost: a number from 0; endless is one too, because it is clamped where it is used. */
export function isWait(ms: unknown): ms is number {
  return typeof ms === 'number' && ms >= 0
}

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
