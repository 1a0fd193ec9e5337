import type { Transition } from '../../../durable-objects/provider-health/health.ts'
import type { HealthReply } from '../../../durable-objects/provider-health/protocol.ts'
import type { HealthSettings } from '../../../durable-objects/provider-health/settings.ts'
import type { Failure } from '../../../worker/canonical/failure.ts'
import type { Runtime } from '../../../worker/edge/runtime.ts'
import type { Candidate } from '../../../worker/policy/candidate.ts'
import { EventLog } from '../kernel/event-log.ts'
import { Random } from '../kernel/random.ts'
import { Timeline } from '../kernel/timeline.ts'
import { newBranches, type Branches } from './branches.ts'
import { fleetRuntime, providersOf, type FleetRoute } from './fleet.ts'
import { SimulatedIsolate } from './isolate.ts'
import { Network, type NetworkWeather } from './network.ts'
import { ObjectHost } from './object-host.ts'
import { PlanChecks } from './plan-checks.ts'
import type { Upstream } from './provider-model.ts'
import { RequestRun, type RequestShape, type RunWorld, type UserOutcome } from './request-run.ts'

export interface WorldSetup {
  readonly seed: string
  readonly routes: readonly FleetRoute[]
  readonly isolates: number
  readonly network: NetworkWeather
  readonly upstream: (random: Random) => Upstream
  readonly observeOnly?: boolean
  readonly settings?: HealthSettings
  /** Isolates' and objects' clocks are wrong by up to so much, ms. */
  readonly maxSkewMs?: number
  /** Checks every step against the rules, sends messages as JSON, and writes requests into the log. */
  readonly isChecked?: boolean
  /** Log lines to keep. */
  readonly keptLines?: number
}

export interface WorldHooks {
  onCall: (isolate: SimulatedIsolate, target: string, attempt: number) => void
  onPlan: (isolate: SimulatedIsolate, ordered: readonly Candidate[]) => void
  onFailure: (isolate: SimulatedIsolate, target: string, failure: Failure, attempt: number) => void
  onTransition: (provider: string, transition: Transition) => void
  onReply: (isolate: SimulatedIsolate, provider: string, reply: HealthReply) => void
  onOutcome: (outcome: UserOutcome) => void
}

/** A round moment, far from zero: the beginning of a minute. */
export const worldStartMs = 1_800_000_000_000

/** Isolates, objects, a network between them, and providers: everything in virtual time and from one seed. */
export class World {
  readonly timeline = new Timeline(worldStartMs)
  readonly log: EventLog
  readonly branches: Branches = newBranches()
  readonly runtime: Runtime
  readonly random: Random
  readonly upstream: Upstream
  readonly network: Network
  readonly objects: ReadonlyMap<string, ObjectHost>
  readonly isolates: SimulatedIsolate[] = []
  readonly hooks: Partial<WorldHooks> = {}
  readonly outcomes = new Map<UserOutcome, number>()
  readonly #setup: WorldSetup
  readonly #runs = new Map<RequestRun, SimulatedIsolate>()
  readonly #planChecks: PlanChecks
  readonly #runWorld: RunWorld
  #born = 0
  #requests = 0

  constructor(setup: WorldSetup) {
    this.#setup = setup
    this.log = new EventLog(setup.keptLines ?? 0)
    this.random = new Random(setup.seed)
    this.runtime = fleetRuntime(setup.routes, setup.observeOnly)
    this.upstream = setup.upstream(this.random.fork('upstream'))
    const isChecked = setup.isChecked === true
    this.network = new Network(this.timeline, this.random.fork('network'), setup.network, isChecked)
    this.objects = new Map(providersOf(setup.routes).map((id) => [id, this.#object(id)]))
    this.#planChecks = new PlanChecks(this.branches)
    this.#runWorld = this.#worldOfRuns()
    for (let isolate = 0; isolate < setup.isolates; isolate += 1) this.bear()
  }

  /** Requests that have not ended. */
  get underWay(): number {
    return this.#runs.size
  }

  bear(): SimulatedIsolate {
    this.#born += 1
    const id = `isolate-${this.#born}`
    const random = this.random.fork(id)
    const { observeOnly = false, maxSkewMs = 0 } = this.#setup
    const isolate = new SimulatedIsolate({
      id,
      timeline: this.timeline,
      random,
      network: this.network,
      branches: this.branches,
      observeOnly,
      skewMs: Math.round(random.between(-maxSkewMs, maxSkewMs)),
      takeReport: (provider) => (report) => this.objects.get(provider)?.report(report) ?? null,
      onReply: (one, provider, reply) => {
        this.#planChecks.replied(one, provider, reply)
        this.hooks.onReply?.(one, provider, reply)
      },
    })
    this.isolates.push(isolate)
    return isolate
  }

  /** Everything in it is gone at once, and nobody is told. */
  kill(isolate: SimulatedIsolate): void {
    isolate.isAlive = false
    this.isolates.splice(this.isolates.indexOf(isolate), 1)
    for (const [run, owner] of this.#runs) {
      if (owner !== isolate) continue
      run.vanish()
      this.#runs.delete(run)
    }
    if (this.#planChecks.holdsPermit(isolate)) this.branches.reached('isolate died with a permit')
    this.write(`${isolate.id} dies`)
  }

  request(isolate: SimulatedIsolate, shape: RequestShape): void {
    this.#requests += 1
    const number = this.#requests
    const run = new RequestRun(this.#runWorld, isolate, shape, (outcome) => {
      this.#runs.delete(run)
      this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
      if (this.#setup.isChecked === true) this.write(`request ${number}: ${outcome}`)
      this.hooks.onOutcome?.(outcome)
    })
    this.#runs.set(run, isolate)
    run.begin()
  }

  write(line: string): void {
    this.log.write(`${this.timeline.nowMs.toFixed(0)} ${line}`)
  }

  #object(provider: string): ObjectHost {
    const { settings, isChecked = false } = this.#setup
    return new ObjectHost({
      provider,
      timeline: this.timeline,
      random: this.random.fork(`object ${provider}`),
      log: this.log,
      branches: this.branches,
      upstream: this.upstream,
      ...(settings === undefined ? {} : { settings }),
      isChecked,
      onTransition: (transition) => this.hooks.onTransition?.(provider, transition),
    })
  }

  #worldOfRuns(): RunWorld {
    const { isChecked = false } = this.#setup
    return {
      timeline: this.timeline,
      runtime: this.runtime,
      upstream: this.upstream,
      branches: this.branches,
      onCall: (isolate, target, attempt) => {
        if (isChecked) this.write(`${isolate.id} asks ${target}, attempt ${attempt + 1}`)
        this.hooks.onCall?.(isolate, target, attempt)
      },
      onPlan: (isolate: SimulatedIsolate, ordered: readonly Candidate[]) => {
        if (isChecked) this.#planChecks.planned(isolate, ordered)
        this.hooks.onPlan?.(isolate, ordered)
      },
      onFailure: (isolate, target, failure, attempt) => {
        if (isChecked) {
          this.write(`${isolate.id} has ${failure.class} of ${target}`)
          this.#planChecks.failed(isolate, target, failure)
        }
        this.hooks.onFailure?.(isolate, target, failure, attempt)
      },
    }
  }
}
