import { afterRamp, afterRateLimit } from '../rules/gate.ts'
import { afterRefusal } from '../rules/lockout.ts'
import { eachBucket, type SoundRow } from '../rules/outcomes.ts'
import { emptySlot, record } from '../rules/speed.ts'
import { count, isStale, noteWait, renewSlot, slotAt, tally } from '../rules/window.ts'
import { moveGate, moveLock } from './move.ts'
import { type CircuitDomain, isTarget, type TargetDomain } from './state.ts'
import { credentialNamed, targetNamed } from './targets.ts'
import type { Turn } from './turn.ts'

/** Adds one row to every domain that it is evidence about. Adding only: nothing is decided here. */
export function countRow(turn: Turn, row: SoundRow): void {
  const { state, nowMs } = turn
  countEdge(turn, row)
  const target = targetNamed(turn, row.target)
  if (target !== null) countTarget(turn, target, row)
  if (row.verdict.quota === 'disable')
    moveLock(turn, state.quota, afterRefusal(state.quota.lockout, nowMs, state.settings), 'quota')
  if (row.verdict.credential === 'disable' && row.credential !== null) {
    const lock = credentialNamed(turn, row.credential)
    moveLock(turn, lock, afterRefusal(lock.lockout, nowMs, state.settings), 'credential')
  }
}

function countEdge(turn: Turn, row: SoundRow): void {
  const { edge } = turn.state
  const { verdict } = row
  if (verdict.edge !== 'ok' && verdict.edge !== 'fail') return
  const slot = openSlot(turn, edge, row.atMs)
  if (slot < 0) return
  if (verdict.edge === 'ok') count(edge.window, slot, 'good', row.count)
  else countFailure(turn, edge, slot, row)
}

function countTarget(turn: Turn, target: TargetDomain, row: SoundRow): void {
  const { window } = target
  const slot = openSlot(turn, target, row.atMs)
  if (slot >= 0 && row.outcome === 'priced') countCosts(target, slot, row)
  else if (slot >= 0) {
    count(window, slot, 'seen', row.count)
    if (row.verdict.target === 'fail') countFailure(turn, target, slot, row)
    if (row.verdict.target === 'ok') countAnswers(target, slot, row)
    if (row.outcome === 'cancelled') countHung(target, slot, row)
  }
  if (row.verdict.quota === 'wait') limit(turn, target, row)
}

function countFailure(turn: Turn, { window }: CircuitDomain, slot: number, row: SoundRow): void {
  count(window, slot, 'failed', row.count)
  if (row.outcome === 'broken_output') count(window, slot, 'broken', row.count)
  if (row.retryAfterMs === undefined) return
  count(window, slot, 'waiting', row.count)
  const { retryAfterOpenMaxMs } = turn.state.settings
  noteWait(window, slot, row.atMs + Math.min(row.retryAfterMs, retryAfterOpenMaxMs))
}

function countAnswers(target: TargetDomain, slot: number, row: SoundRow): void {
  const { window, speed } = target
  const { size } = row
  count(window, slot, 'good', row.count)
  eachBucket(row.ttft, speed.ttft.scale.bucketCount, row.count, (bucket, answers) => {
    record(speed.ttft, slot, size, bucket, answers)
    count(window, slot, 'timed', answers)
    if (bucket >= speed.slowFromBucket[size]) count(window, slot, 'slow', answers)
  })
  countCosts(target, slot, row)
}

/** Known at the end of an answer only: with the row that counts it, or in a `priced` one of its own. */
function countCosts({ window, speed }: TargetDomain, slot: number, row: SoundRow): void {
  const { size } = row
  eachBucket(row.cost, speed.cost.scale.bucketCount, row.count, (bucket, answers) => {
    record(speed.cost, slot, size, bucket, answers)
    if (speed.dearFromBucket[size] === Infinity) return
    count(window, slot, 'priced', answers)
    if (bucket >= speed.dearFromBucket[size]) count(window, slot, 'dear', answers)
  })
}

/** A caller who left says nothing, unless the first token was overdue by then. */
function countHung({ window, speed }: TargetDomain, slot: number, row: SoundRow): void {
  if (row.elapsedMs < speed.slowAfterMs[row.size]) return
  count(window, slot, 'hung', row.count)
  count(window, slot, 'slow', row.count)
}

function limit(turn: Turn, target: TargetDomain, row: SoundRow): void {
  const { nowMs, random, state } = turn
  const { settings } = state
  if (!row.isRamp) {
    moveGate(
      turn,
      target,
      afterRateLimit(target.gate, row.atMs, row.retryAfterMs, random, settings),
    )
    return
  }
  const { seen, windowMs } = tally(target.window, nowMs, settings.shortWindowBuckets, settings)
  moveGate(
    turn,
    target,
    afterRamp(target.gate, Math.max(1, (seen * 1000) / windowMs), nowMs, settings),
  )
}

/** The slot of a moment, emptied first of what it held half a minute ago; -1 when the moment does not count. */
function openSlot(turn: Turn, domain: CircuitDomain, atMs: number): number {
  const { settings } = turn.state
  const { window } = domain
  domain.isDirty = true
  const slot = slotAt(window, atMs, settings)
  if (slot < 0 || !isStale(window, slot, atMs, settings)) return slot
  if (isTarget(domain)) {
    const teaches = mayTeach(domain, slot, settings.bucketMs)
    emptySlot(domain.speed.ttft, slot, teaches)
    emptySlot(domain.speed.cost, slot, teaches)
  }
  renewSlot(window, slot, atMs, settings)
  return slot
}

/**
 * A bucket teaches the baseline when it leaves the window, half a minute after it was filled, and only if
 * nothing was wrong from its beginning until now: by then an outage that began in it is known as one.
 */
function mayTeach({ window, fullWeightSinceMs }: TargetDomain, slot: number, bucketMs: number) {
  const fromMs = (window.stamps[slot] ?? 0) * bucketMs
  return fullWeightSinceMs !== null && fromMs >= fullWeightSinceMs
}
