import { learn, measureQuantiles, speedOf } from '../rules/speed.ts'
import { failRateOf } from '../rules/trip-rules.ts'
import { isLive, tally } from '../rules/window.ts'
import {
  type CircuitDomain,
  type HealthState,
  isTarget,
  type LockDomain,
  lockStateOf,
  stateOf,
  type TargetDomain,
} from './state.ts'
import type { Turn } from './turn.ts'

/** Makes rates, quantiles and baselines new; a face that isolates have not seen is a new version. */
export function publishCircuit(turn: Turn, domain: CircuitDomain): void {
  const { state, nowMs } = turn
  const { settings } = state
  const { window } = domain
  const short = tally(window, nowMs, settings.shortWindowBuckets, settings)
  const long = tally(window, nowMs, settings.longWindowBuckets, settings)
  domain.failRate = Math.round(failRateOf(short, long, settings) * 100) / 100
  if (isTarget(domain)) publishSpeed(turn, domain)
  domain.publishedAtMs = nowMs
  domain.isDirty = false
  const face = circuitFace(domain)
  if (face === domain.face) return
  domain.face = face
  domain.version = nextVersion(state)
}

function publishSpeed(turn: Turn, { name, speed, window }: TargetDomain): void {
  const { nowMs, state } = turn
  const { settings } = state
  const before = String([speed.slowAfterMs, speed.dearFromBucket])
  learn(speed, name, nowMs, settings)
  // Two digits are published, so a baseline that creeps is stored a few times an hour and not each second.
  if (String([speed.slowAfterMs, speed.dearFromBucket]) !== before) turn.mustPersist = true
  measureQuantiles(speed, (slot) =>
    isLive(window, slot, nowMs, settings.longWindowBuckets, settings),
  )
}

/** What of a circuit changes what isolates do. Times of day, because waits change by themselves. */
function circuitFace(domain: CircuitDomain): string {
  const { circuit, slow, failRate, forced } = domain
  const { phase, epoch } = circuit
  const untilMs = phase.kind === 'open' ? phase.untilMs : phase.sinceMs
  const speed = isTarget(domain) ? speedOf(domain.speed) : null
  return JSON.stringify([stateOf(domain), epoch, untilMs, slow, failRate, forced?.untilMs, speed])
}

export function publishLock(turn: Turn, lock: LockDomain): void {
  const face = `${lockStateOf(lock, turn.nowMs)} ${lock.lockout.epoch}`
  if (face === lock.face) return
  lock.face = face
  lock.version = nextVersion(turn.state)
}

export function nextVersion(state: HealthState): number {
  state.version += 1
  return state.version
}
