import type { FailureClass } from '../../../worker/canonical/failure.ts'
import type { Random } from '../kernel/random.ts'
import { fairNetwork, type NetworkWeather } from './network.ts'
import {
  fairWeather,
  ProviderModel,
  type Call,
  type Fault,
  type Upstream,
} from './provider-model.ts'
import { onsetOf, trace, type TraceCall, type TraceShape } from './traces.ts'
import { World, worldStartMs } from './world.ts'

export const primary = 'a@one'
const standby = 'b@two'

const routes = [
  { name: 'chat', tiers: [[{ name: primary, weight: 1 }], [{ name: standby, weight: 1 }]] },
]

export interface FleetTrial {
  readonly seed: string
  readonly isolates: number
  readonly network?: NetworkWeather
  readonly failureClass: FailureClass | 'silence'
  readonly shape: TraceShape
}

/**
 * A provider whose first attempts go as the trace says, so that every rule is judged on the same calls. What
 * only a fleet sends (retries, probes) is drawn with the same share of failures. The standby never fails.
 */
class TracedUpstream implements Upstream {
  next: TraceCall | null = null
  readonly #random: Random
  readonly #healthy: ProviderModel
  readonly #fault: Fault
  readonly #shape: TraceShape

  constructor(random: Random, { failureClass, shape }: FleetTrial) {
    this.#random = random
    this.#healthy = new ProviderModel(random.fork('healthy'), {
      ...fairWeather,
      backgroundErrors: 0,
    })
    this.#fault =
      failureClass === 'silence'
        ? { kind: 'silent', share: 1 }
        : { kind: 'failing', failureClass, share: 1 }
    this.#shape = shape
  }

  call(target: string, nowMs: number): Call {
    if (target !== primary) return this.#healthy.call(target, nowMs)
    const failed = this.next?.failed ?? this.#random.chance(this.#shape.failing(nowMs))
    this.next = null
    if (!failed) return this.#healthy.call(target, nowMs)
    const failing = new ProviderModel(this.#random)
    failing.add({ targets: [target], fromMs: nowMs, untilMs: Infinity, fault: this.#fault })
    return failing.call(target, nowMs)
  }
}

/** A fleet under a trace: the whole protocol, from the request to the object and back. */
export class TracedFleet {
  readonly world: World
  readonly #trace: Generator<TraceCall>
  readonly #upstream: TracedUpstream
  readonly #isolates: Random

  constructor(trial: FleetTrial) {
    let upstream: TracedUpstream | null = null
    this.world = new World({
      seed: trial.seed,
      routes,
      isolates: trial.isolates,
      network: trial.network ?? fairNetwork,
      upstream: (random) => (upstream = new TracedUpstream(random, trial)),
    })
    this.#upstream = upstream ?? new TracedUpstream(this.world.random, trial)
    this.#trace = trace(trial.seed, trial.shape)
    this.#isolates = this.world.random.fork('isolates')
    this.#arrive()
  }

  #arrive(): void {
    const next = this.#trace.next()
    if (next.done === true) return
    const call = next.value
    this.world.timeline.at(call.atMs, () => {
      const isolate = this.world.isolates[this.#isolates.below(this.world.isolates.length)]
      this.#upstream.next = call
      if (isolate !== undefined)
        this.world.request(isolate, {
          route: 'chat',
          stream: true,
          promptTokens: 100,
          leavesAfterMs: Infinity,
        })
      this.#upstream.next = null
      this.#arrive()
    })
  }
}

export interface Outage {
  /** All times count from the beginning of the fault, ms; null: not within the time that was watched. */
  readonly openedAfterMs: number | null
  /** When the last isolate that asked the provider in the first seconds was told. */
  readonly allKnowAfterMs: number | null
  /** First attempts at the target that failed, up to the opening, and over all that was watched (probes included). */
  readonly failedUntilOpen: number
  readonly failed: number
  /** Requests that got no answer. */
  readonly visible: number
}

/** An isolate carries traffic when it asks the provider within so long after the beginning, ms. */
const carriesWithinMs = 2500

/** One fault from its beginning on, watched for `watchMs` behind the opening. */
export async function outage(
  trial: FleetTrial,
  watchMs: number,
  longestMs: number,
): Promise<Outage> {
  const { world } = new TracedFleet(trial)
  const fromMs = onsetOf(trial.seed)
  const { timeline, hooks } = world
  await timeline.run(fromMs)
  let openedAtMs: number | null = null
  let failed = 0
  let failedUntilOpen = 0
  let visible = 0
  const carriers = new Set<string>()
  const toldAtMs = new Map<string, number>()
  hooks.onTransition = (provider, { to }) => {
    if (provider !== 'one' || to !== 'open' || openedAtMs !== null) return
    openedAtMs = timeline.nowMs
    failedUntilOpen = failed
  }
  hooks.onReply = ({ id }, provider, { domains }) => {
    if (provider === 'one' && domains.some(({ state }) => state !== 'closed') && !toldAtMs.has(id))
      toldAtMs.set(id, timeline.nowMs)
  }
  hooks.onCall = ({ id }, target) => {
    if (target === primary && timeline.nowMs < fromMs + carriesWithinMs) carriers.add(id)
  }
  hooks.onFailure = (_isolate, target, _failure, attempt) => {
    if (target === primary && attempt === 0) failed += 1
  }
  hooks.onOutcome = (outcome) => {
    if (outcome === 'failed' || outcome === 'shed') visible += 1
  }
  await timeline.run(fromMs + longestMs, () => openedAtMs !== null)
  await timeline.run(timeline.nowMs + watchMs)
  const told = [...carriers].map((id) => toldAtMs.get(id) ?? Infinity)
  const lastMs = Math.max(...told)
  return {
    openedAfterMs: openedAtMs === null ? null : openedAtMs - fromMs,
    allKnowAfterMs: lastMs === Infinity || carriers.size === 0 ? null : lastMs - fromMs,
    failedUntilOpen,
    failed,
    visible,
  }
}

/** How often the object opens anything although nothing is wrong but the usual. */
export async function fleetFalseTrips(
  trial: FleetTrial,
  hours: number,
  onHour: (hour: number) => void = () => undefined,
): Promise<number> {
  const { world } = new TracedFleet(trial)
  let trips = 0
  world.hooks.onTransition = (_provider, { to, cause }) => {
    if (to === 'open' && cause !== 'probe_failed' && cause !== 'probes_lost') trips += 1
  }
  for (let hour = 1; hour <= Math.ceil(hours); hour += 1) {
    await world.timeline.run(worldStartMs + Math.min(hour, hours) * 3_600_000)
    onHour(hour)
  }
  return trips
}

/** A total outage of ten minutes and what comes after it. */
export async function fleetLongOutage(
  trial: Omit<FleetTrial, 'shape'>,
  requestsPerS: number,
  outageMs: number,
): Promise<{
  readonly failed: number
  readonly visible: number
  readonly backAfterMs: number
  readonly wholeAfterMs: number
}> {
  const fromMs = onsetOf(trial.seed)
  const untilMs = fromMs + outageMs
  const failing = (atMs: number) => (atMs >= fromMs && atMs < untilMs ? 1 : 0)
  const { world } = new TracedFleet({ ...trial, shape: { requestsPerS, failing } })
  const { hooks, timeline } = world
  let failed = 0
  let visible = 0
  let closedAtMs = Infinity
  hooks.onFailure = (_isolate, target, _failure, attempt) => {
    if (target === primary && attempt === 0) failed += 1
  }
  hooks.onOutcome = (outcome) => {
    if (outcome === 'failed' || outcome === 'shed') visible += 1
  }
  hooks.onTransition = (provider, { to, key }) => {
    if (provider === 'one' && to === 'closed' && key.startsWith('target:'))
      closedAtMs = timeline.nowMs
  }
  await timeline.run(untilMs)
  closedAtMs = Infinity
  await timeline.run(untilMs + recoveryMs, () => closedAtMs !== Infinity)
  return {
    failed,
    visible,
    backAfterMs: closedAtMs - untilMs,
    wholeAfterMs: closedAtMs - untilMs + 30_000,
  }
}

const recoveryMs = 900_000
