import { failureTable, type Failure } from '../../../worker/canonical/failure.ts'
import { EdgeHealth } from '../../../worker/edge/health/edge-health.ts'
import { candidates, type Runtime, type Target } from '../../../worker/edge/runtime.ts'
import type { Candidate } from '../../../worker/policy/candidate.ts'
import { isReady, rank } from '../../../worker/policy/rank.ts'
import { invariant } from '../kernel/broken.ts'
import type { Timeline } from '../kernel/timeline.ts'
import type { Branches } from './branches.ts'
import type { SimulatedIsolate } from './isolate.ts'
import { Leg, limitMsOf, retryDelayMs } from './leg.ts'
import type { Upstream } from './provider-model.ts'

/** What a request is like, drawn before it is sent, so that every rule sees the same ones. */
export interface RequestShape {
  readonly route: string
  readonly stream: boolean
  readonly promptTokens: number
  /** The caller hangs up after so long, ms; `Infinity`: stays. */
  readonly leavesAfterMs: number
}

/** `shed`: refused with 503 because no target is healthy. `cut`: broke off behind its first token. */
export type UserOutcome = 'answered' | 'failed' | 'shed' | 'cut' | 'left'

export interface RunWorld {
  readonly timeline: Timeline
  readonly runtime: Runtime
  readonly upstream: Upstream
  readonly branches: Branches
  /** A call leaves; `attempt` counts from 0 within its request. */
  readonly onCall: (isolate: SimulatedIsolate, target: string, attempt: number) => void
  readonly onPlan: (isolate: SimulatedIsolate, ordered: readonly Candidate[]) => void
  readonly onFailure: (
    isolate: SimulatedIsolate,
    target: string,
    failure: Failure,
    attempt: number,
  ) => void
}

/**
 * One request through the engine's rules (`run-plan.ts`, `race.ts`, `serve.ts`) in virtual time: the plan, the
 * retries, the fallbacks and the armed fallback of a probe. What the health of a target sees of it is the real
 * thing; only the calls themselves are drawn.
 */
export class RequestRun {
  readonly #world: RunWorld
  readonly #isolate: SimulatedIsolate
  readonly #shape: RequestShape
  readonly #health: EdgeHealth
  readonly #ended: (outcome: UserOutcome) => void
  readonly #deadlineAtMs: number
  readonly #live = new Set<Leg>()
  #cancelTimers: (() => void)[] = []
  #attempts = 0
  #failed = 0
  #fallbacks = 0
  #isOver = false

  constructor(
    world: RunWorld,
    isolate: SimulatedIsolate,
    shape: RequestShape,
    ended: (outcome: UserOutcome) => void,
  ) {
    this.#world = world
    this.#isolate = isolate
    this.#shape = shape
    this.#ended = ended
    this.#health = new EdgeHealth(isolate.book, isolate.host)
    this.#deadlineAtMs = isolate.nowMs + deadlineMs
  }

  begin(): void {
    const ordered = this.#plan()
    const [first] = ordered
    const target = first && this.#world.runtime.targets.get(first.target)
    if (first?.health?.state === 'barred' && target !== undefined) {
      if (!this.#health.admits(target)) {
        this.#reached('request shed by adaptive throttling')
        this.#end('shed')
        return
      }
      this.#reached('all targets barred, one asked all the same')
      if (first.health.slow) this.#reached('slow target asked because all others are barred')
    }
    this.#wantProbes(ordered)
    if (this.#shape.leavesAfterMs !== Infinity)
      this.#later(this.#shape.leavesAfterMs, () => this.#leave())
    this.#next(ordered)
  }

  /** As `wantProbes` of run-plan.ts. */
  #wantProbes([first, ...rest]: readonly Candidate[]): void {
    if (first === undefined) return
    const all = first.health?.state === 'barred'
    for (const { target, tier, health } of [first, ...rest]) {
      const known = this.#world.runtime.targets.get(target)
      if (health?.state === 'barred' && known !== undefined && (all || tier <= first.tier))
        this.#health.want(known)
    }
  }

  /** The isolate is gone, and everything in it. */
  vanish(): void {
    this.#isOver = true
    for (const cancel of this.#cancelTimers) cancel()
    for (const leg of this.#live) leg.stop()
    this.#live.clear()
  }

  #plan(): readonly Candidate[] {
    const { runtime } = this.#world
    const { nowMs } = this.#isolate
    const tiers = runtime.tiers.get(this.#shape.route) ?? []
    const found = candidates(runtime, tiers, (target) =>
      this.#health.standing(target, this.#shape.promptTokens),
    )
    const ordered = rank(found, {}, nowMs, this.#isolate.random)
    const names = (list: readonly Candidate[]) => list.map(({ target }) => target)
    invariant(
      ordered.length > 0 && names(ordered).toSorted().join() === names(found).toSorted().join(),
      'a plan loses no candidate',
      () => [names(found), names(ordered)],
    )
    const [first] = ordered
    if (first !== undefined && !isReady(first, nowMs))
      invariant(
        ordered.every((candidate) => !isReady(candidate, nowMs)),
        'what should not be asked stands behind all that may',
        () =>
          ordered.map(({ target, health, notBeforeMs }) => [target, health, notBeforeMs - nowMs]),
      )
    this.#world.onPlan(this.#isolate, ordered)
    return ordered
  }

  #next(queue: readonly Candidate[]): void {
    if (this.#isOver) return
    const [step, ...rest] = queue
    if (step === undefined || !this.#mayFallBack(step)) {
      this.#end('failed')
      return
    }
    const waitMs = step.notBeforeMs - this.#isolate.nowMs
    const nobodyElse = rest.length === 0 || this.#failed === 0
    if (nobodyElse && waitMs > 0 && waitMs <= longestGateWaitMs && waitMs < this.#leftMs) {
      this.#reached('short wait for a gate')
      this.#later(waitMs, () => this.#try(step, rest, 0))
    } else this.#try(step, rest, 0)
  }

  #try(step: Candidate, rest: readonly Candidate[], retries: number): void {
    if (this.#isOver) return
    const leg = this.#send(step, rest.length)
    const next = step.health?.state === 'probe' && retries === 0 ? rest[0] : undefined
    const { fallbackAfterMs } = leg.attendance
    if (next !== undefined && fallbackAfterMs !== null) {
      this.#probe(leg, next, rest.slice(1), fallbackAfterMs)
      return
    }
    leg.done = (failure) => {
      if (failure === null) this.#answered(leg)
      else {
        this.#note(leg, failure)
        this.#afterFailure(step, failure, rest, retries)
      }
    }
  }

  #afterFailure(
    step: Candidate,
    failure: Failure,
    rest: readonly Candidate[],
    retries: number,
  ): void {
    if (this.#finished) this.#end('failed')
    else if (this.#mayRetry(step, failure, retries, rest.length))
      this.#later(retryDelayMs(failure, this.#isolate.random()), () =>
        this.#try(step, rest, retries + 1),
      )
    else this.#next(failureTable[failure.class].fallback === 'no' ? [] : rest)
  }

  /** `race.ts`: the fallback starts beside a silent probe; the first to answer wins, the other is stopped. */
  #probe(leg: Leg, next: Candidate, rest: readonly Candidate[], afterMs: number): void {
    const legs = [leg]
    const failures = new Map<Leg, Failure>()
    const settle = (one: Leg, failure: Failure | null) => {
      if (failure === null) {
        cancel()
        for (const other of legs) if (other !== one) this.#supersede(other, failures.get(other))
        if (legs.length > 1)
          this.#reached(
            one === leg ? 'probe won against its fallback' : 'fallback won against its probe',
          )
        this.#answered(one)
        return
      }
      failures.set(one, failure)
      if (failures.size < legs.length) return
      cancel()
      for (const [failedLeg, why] of failures) this.#note(failedLeg, why)
      const last = legs.at(-1) ?? leg
      const lastFailure = failures.get(last) ?? failure
      if (this.#finished) this.#end('failed')
      else {
        const left = legs.length > 1 ? rest : [next, ...rest]
        this.#next(failureTable[lastFailure.class].fallback === 'no' ? [] : left)
      }
    }
    const cancel = this.#later(afterMs, () => {
      if (this.#isOver || failures.size > 0) return
      const other = this.#armed(next, rest.length)
      if (other === null) return
      this.#reached('fallback of a probe sent beside it')
      legs.push(other)
      other.done = (failure) => settle(other, failure)
    })
    leg.done = (failure) => settle(leg, failure)
  }

  #armed(step: Candidate, left: number): Leg | null {
    if (this.#attemptsLeft < 2) return null
    this.#fallbacks += 1
    if (this.#fallbacks > 1 && !this.#take(step)) return null
    return this.#send(step, left)
  }

  #supersede(leg: Leg, failure: Failure | undefined): void {
    leg.stop()
    this.#note(leg, failure ?? { class: 'cancelled', message: 'another target answered first' })
  }

  #send(step: Candidate, left: number): Leg {
    const { timeline, upstream, runtime } = this.#world
    const target = runtime.targets.get(step.target) as Target
    const attendance = this.#health.begin(target, this.#shape.promptTokens)
    const shareMs = this.#leftMs / Math.min(left + 1, this.#attemptsLeft)
    const limitMs = limitMsOf(this.#shape.stream, attendance.abortAfterMs, shareMs)
    this.#world.onCall(this.#isolate, step.target, this.#attempts)
    const call = upstream.call(step.target, timeline.nowMs)
    const leg = new Leg(step, this.#attempts, attendance, this.#isolate.nowMs)
    this.#attempts += 1
    this.#live.add(leg)
    leg.start(timeline, call, this.#shape.stream, limitMs, (failure) => {
      this.#live.delete(leg)
      leg.done(failure)
    })
    return leg
  }

  #answered(leg: Leg): void {
    const { step, attendance, sentAtMs } = leg
    this.#isolate.budget(step.provider).succeeded()
    if (this.#shape.stream) attendance.firstToken(this.#isolate.nowMs - sentAtMs)
    this.#carry(leg)
  }

  /** To the end of the answer, which the health of the target hears of, too. */
  #carry(leg: Leg): void {
    const { restMs, cutBy, result } = leg.answer
    const end = () => {
      this.#live.delete(leg)
      if (cutBy === null) leg.attendance.finished(result)
      else leg.attendance.failed(cutBy, this.#isolate.nowMs - leg.sentAtMs)
      this.#end(cutBy === null ? 'answered' : 'cut')
    }
    if (restMs <= 0) {
      end()
      return
    }
    this.#live.add(leg)
    leg.stop = this.#world.timeline.after(restMs, end)
  }

  #note(leg: Leg, failure: Failure): void {
    this.#live.delete(leg)
    this.#failed += 1
    leg.attendance.failed(failure, this.#isolate.nowMs - leg.sentAtMs)
    this.#world.onFailure(this.#isolate, leg.step.target, failure, leg.attempt)
  }

  #leave(): void {
    if (this.#isOver) return
    if (this.#live.size > 0) this.#reached('caller left before the first token')
    for (const leg of this.#live) {
      leg.stop()
      leg.attendance.failed(
        { class: 'cancelled', message: 'the client has gone' },
        this.#isolate.nowMs - leg.sentAtMs,
      )
    }
    this.#live.clear()
    this.#end('left')
  }

  #end(outcome: UserOutcome): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const cancel of this.#cancelTimers) cancel()
    this.#ended(outcome)
  }

  #mayFallBack(step: Candidate): boolean {
    if (this.#failed === 0) return true
    this.#fallbacks += 1
    return this.#fallbacks === 1 || this.#take(step)
  }

  #mayRetry(step: Candidate, failure: Failure, retries: number, alternatives: number): boolean {
    const row = failureTable[failure.class]
    if (retries >= row.sameTargetRetries) return false
    if (row.fallback === 'preferred' && alternatives > 0) return false
    if (this.#attemptsLeft <= alternatives) return false
    if (retryDelayMs(failure, 1) >= this.#leftMs) return false
    return this.#take(step)
  }

  #take({ provider }: Candidate): boolean {
    const taken = this.#isolate.budget(provider).take()
    if (!taken) this.#reached('retry budget refused')
    return taken
  }

  get #finished(): boolean {
    return this.#attemptsLeft <= 0 || this.#leftMs <= 0
  }

  get #attemptsLeft(): number {
    return maxAttempts - this.#failed
  }

  get #leftMs(): number {
    return this.#deadlineAtMs - this.#isolate.nowMs
  }

  #later(delayMs: number, run: () => void): () => void {
    const cancel = this.#world.timeline.after(delayMs, run)
    this.#cancelTimers.push(cancel)
    return cancel
  }

  #reached(branch: Parameters<Branches['reached']>[0]): void {
    this.#world.branches.reached(branch)
  }
}

/** Defaults of a route (`config-schema.ts`) and of `run-plan.ts`. */
const deadlineMs = 600_000
const maxAttempts = 3
const longestGateWaitMs = 2000
