import type { Cause } from '../protocol.ts'
import { afterLapse, afterWait, opened } from '../rules/circuit.ts'
import { rateAt } from '../rules/gate.ts'
import { lapsedPermits } from '../rules/permits.ts'
import { activeIsolates, nextFlushMs } from '../rules/senders.ts'
import { blackoutCause, isSlow, tripCause } from '../rules/trip-rules.ts'
import { evidenceOf, type Tally, tally } from '../rules/window.ts'
import { moveCircuit, moveForced } from './move.ts'
import { circuitNamed } from './named.ts'
import { nextVersion, publishCircuit, publishLock } from './publish.ts'
import {
  type CircuitDomain,
  circuitsOf,
  isTarget,
  locksOf,
  stateOf,
  type TargetDomain,
} from './state.ts'
import { forgetUnused } from './targets.ts'
import type { Turn } from './turn.ts'

/** Looks at every domain: times that are over, windows that ask for a change. */
export function evaluate(turn: Turn): void {
  const { state, nowMs } = turn
  takeLapsed(turn)
  for (const domain of circuitsOf(state)) {
    if (domain.forced !== null && nowMs >= domain.forced.untilMs)
      moveForced(turn, domain, null, 'force_over')
    evaluateCircuit(turn, domain)
    if (isTarget(domain)) liftRate(turn, domain)
  }
  for (const lock of locksOf(state)) publishLock(turn, lock)
  forgetUnused(turn)
  state.evaluateAtMs = nowMs + state.settings.evaluateEveryMs
  turn.mustSchedule = true
}

function evaluateCircuit(turn: Turn, domain: CircuitDomain): void {
  const { nowMs, state } = turn
  const { settings } = state
  moveCircuit(turn, domain, afterWait(domain.circuit, nowMs), 'wait_over', null)
  if (isQuiet(domain)) return
  if (stateOf(domain) === 'closed' && domain.forced === null) judge(turn, domain)
  if (nowMs >= domain.publishedAtMs + settings.publishEveryMs) publishCircuit(turn, domain)
}

/** Nothing new and nothing that time changes. */
function isQuiet(domain: CircuitDomain): boolean {
  return (
    !domain.isDirty && !domain.slow && domain.failRate === 0 && domain.fullWeightSinceMs !== null
  )
}

function judge(turn: Turn, domain: CircuitDomain): void {
  const { nowMs, state } = turn
  const { settings } = state
  const short = tally(domain.window, nowMs, settings.shortWindowBuckets, settings)
  const long = tally(domain.window, nowMs, settings.longWindowBuckets, settings)
  const settled = settledBucket(turn, domain)
  if (trips(turn, domain, settled, blackoutCause(settled, settings))) return
  if (trips(turn, domain, short, tripCause(short, settings))) return
  if (trips(turn, domain, long, tripCause(long, settings))) return
  const wasSlow = domain.slow
  domain.slow = isSlow(wasSlow, short, long, settings)
  if (domain.slow !== wasSlow) domain.publishedAtMs = -Infinity
  if (domain.slow || isRamping(domain, nowMs, settings.rampMs)) domain.fullWeightSinceMs = null
  else domain.fullWeightSinceMs ??= nowMs
}

/**
 * The newest bucket of which all is known. Failures are told at once and answers up to a flush later, so that a
 * younger one holds the failures of one isolate and not yet the answers of all others.
 */
function settledBucket({ nowMs, state }: Turn, { window }: CircuitDomain): Tally {
  const { senders, settings } = state
  const flushMs = nextFlushMs(activeIsolates(senders, nowMs, settings), settings)
  return tally(window, nowMs - flushMs, 1, settings)
}

function trips(turn: Turn, domain: CircuitDomain, of: Tally, cause: Cause | null): boolean {
  const { nowMs, random, state } = turn
  if (cause === null) return false
  const evidence = evidenceOf(of)
  const waitUntilMs = of.failed > 0 && of.waiting === of.failed ? of.waitUntilMs : 0
  const trouble = { cause, evidence }
  const next = opened(domain.circuit, trouble, waitUntilMs, nowMs, random, state.settings)
  moveCircuit(turn, domain, next, cause, evidence)
  return true
}

export function isRamping(
  { circuit: { phase } }: CircuitDomain,
  nowMs: number,
  rampMs: number,
): boolean {
  return phase.kind === 'closed' && phase.afterOutage && nowMs < phase.sinceMs + rampMs
}

function takeLapsed(turn: Turn): void {
  const { state, nowMs, random } = turn
  for (const held of lapsedPermits(state.permits, nowMs)) {
    const domain = circuitNamed(state, held.key)
    if (domain === null || domain.circuit.epoch !== held.epoch) continue
    const next = afterLapse(domain.circuit, nowMs, random, state.settings)
    moveCircuit(turn, domain, next, 'probes_lost', null)
  }
}

function liftRate(turn: Turn, target: TargetDomain): void {
  const { state, nowMs } = turn
  if (target.gate.rate === null || rateAt(target.gate, nowMs, state.settings) !== null) return
  target.gate = { ...target.gate, rate: null }
  target.gateVersion = nextVersion(state)
}
