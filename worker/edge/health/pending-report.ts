import {
  costBucketOf,
  ttftBucketOf,
  type Outcome,
  type OutcomeRow,
  type ProbeOutcome,
  type SizeClass,
} from '../../../durable-objects/provider-health/protocol.ts'

/** One outcome of one attempt, as the isolate saw it. */
export interface NotedOutcome {
  readonly target: string
  readonly size: SizeClass
  readonly outcome: Outcome
  /** Streams only: a whole answer has no first token to compare. */
  readonly ttftMs?: number
  readonly costNanoUsd?: number
  /** `cancelled` only: how long it had waited without a token, ms. */
  readonly elapsedMs?: number
  readonly retryAfterMs?: number
  readonly ramp?: true
  readonly credential?: string
}

interface Row extends Omit<NotedOutcome, 'retryAfterMs' | 'elapsedMs'> {
  readonly atMs: number
  count: number
  /** The longest. */
  retryAfterMs: number | undefined
  /** The shortest. */
  elapsedMs: number | undefined
  readonly ttftCounts: Map<number, number>
  readonly costCounts: Map<number, number>
}

/** Outcomes of about one moment that differ in nothing but their speed and price share a row, ms. */
const slotMs = 500

/** Outcomes since the last report. Rows add up, so that a busy isolate still sends a short report. */
export class PendingReport {
  readonly #maxRows: number
  #rows = new Map<string, Row>()
  /** The row of the last plain outcome: the next is mostly of its kind, and a key costs more than a look. */
  #last: { readonly row: Row; readonly slot: number } | null = null
  #probes: ProbeOutcome[] = []

  constructor(maxRows: number) {
    this.#maxRows = maxRows
  }

  get rowCount(): number {
    return this.#rows.size
  }

  get empty(): boolean {
    return this.#rows.size === 0 && this.#probes.length === 0
  }

  note(noted: NotedOutcome, nowMs: number): void {
    const row = this.#rowFor(noted, nowMs)
    row.count += 1
    if (noted.retryAfterMs !== undefined)
      row.retryAfterMs = Math.max(row.retryAfterMs ?? 0, noted.retryAfterMs)
    if (noted.elapsedMs !== undefined)
      row.elapsedMs = Math.min(row.elapsedMs ?? Infinity, noted.elapsedMs)
    if (noted.ttftMs !== undefined) add(row.ttftCounts, ttftBucketOf(noted.ttftMs))
    if (noted.costNanoUsd !== undefined) add(row.costCounts, costBucketOf(noted.costNanoUsd))
  }

  #rowFor(noted: NotedOutcome, nowMs: number): Row {
    const slot = Math.floor(nowMs / slotMs)
    const last = this.#last
    if (last?.slot === slot && isAlike(noted, last.row)) return last.row
    const row = this.#keyedRow(noted, nowMs)
    this.#last = isPlain(noted) ? { row, slot } : null
    return row
  }

  #keyedRow(noted: NotedOutcome, nowMs: number): Row {
    const key = keyOf(noted, nowMs)
    let row = this.#rows.get(key)
    if (row === undefined) {
      const { retryAfterMs, elapsedMs } = noted
      const counts = { count: 0, ttftCounts: new Map(), costCounts: new Map() }
      row = { ...noted, retryAfterMs, elapsedMs, atMs: nowMs, ...counts }
      this.#rows.set(key, row)
      const [oldest] = this.#rows.keys()
      if (this.#rows.size > this.#maxRows && oldest !== undefined) this.#rows.delete(oldest)
    }
    return row
  }

  noteProbe(probe: ProbeOutcome): void {
    this.#probes.push(probe)
  }

  /** Everything noted, with ages as of now; what was taken is not kept. */
  take(nowMs: number): { readonly rows: OutcomeRow[]; readonly probes: ProbeOutcome[] } {
    const taken = {
      rows: [...this.#rows.values()].map((row) => toWire(row, nowMs)),
      probes: this.#probes,
    }
    this.#rows = new Map()
    this.#last = null
    this.#probes = []
    return taken
  }
}

/** Nothing but a target, a size, an outcome and a credential tells it from others. */
function isPlain({ retryAfterMs, elapsedMs, ramp }: NotedOutcome): boolean {
  return retryAfterMs === undefined && elapsedMs === undefined && ramp === undefined
}

function isAlike(noted: NotedOutcome, row: Row): boolean {
  return (
    noted.outcome === row.outcome &&
    noted.target === row.target &&
    noted.size === row.size &&
    noted.credential === row.credential &&
    isPlain(noted)
  )
}

function keyOf(noted: NotedOutcome, nowMs: number): string {
  const { target, size, outcome, ramp, credential, retryAfterMs, elapsedMs } = noted
  const key = `${Math.floor(nowMs / slotMs)} ${target} ${size} ${outcome} ${credential ?? ''}`
  if (retryAfterMs === undefined && elapsedMs === undefined && ramp === undefined) return key
  return `${key} ${secondsOf(retryAfterMs)} ${secondsOf(elapsedMs)} ${ramp === true}`
}

function secondsOf(ms: number | undefined): string {
  return ms === undefined ? '' : String(Math.ceil(ms / 1000))
}

function add(counts: Map<number, number>, bucket: number): void {
  counts.set(bucket, (counts.get(bucket) ?? 0) + 1)
}

function toWire(row: Row, nowMs: number): OutcomeRow {
  const { target, size, outcome, count, elapsedMs, retryAfterMs, ramp, credential } = row
  return {
    target,
    size,
    outcome,
    count,
    ageMs: Math.max(0, Math.round(nowMs - row.atMs)),
    ...(row.ttftCounts.size === 0 ? {} : { ttft: [...row.ttftCounts] }),
    ...(row.costCounts.size === 0 ? {} : { cost: [...row.costCounts] }),
    ...(elapsedMs === undefined ? {} : { elapsedMs }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(ramp === undefined ? {} : { ramp }),
    ...(credential === undefined ? {} : { credential }),
  }
}
