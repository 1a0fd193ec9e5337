import {
  emptyHealth,
  step,
  type HealthEffect,
  type HealthState,
} from '../../durable-objects/provider-health/health.ts'
import type { HealthReply, HealthReport } from '../../durable-objects/provider-health/protocol.ts'
import { defaultHealthSettings } from '../../durable-objects/provider-health/settings.ts'
import type { FailureClass } from '../../worker/canonical/failure.ts'
import type { CanonicalRequest } from '../../worker/canonical/request.ts'
import type { Tags } from '../../worker/edge/access/tags.ts'
import type { Runtime } from '../../worker/edge/runtime.ts'
import { planRequest, plainChat } from '../../worker/engine/plan-request.ts'
import { wantProbes } from '../../worker/engine/want-probes.ts'
import type { PlannedStep } from '../../worker/policy/plan.ts'
import { seededRandom } from '../../worker/policy/seeded-random.ts'
import { chatRequest, FakeClock, FakeHost } from './fake-host.ts'

/** What a call of a target comes to in this world. */
export type Behaviour = (
  nowMs: number,
  random: () => number,
) =>
  /** `sound`: an answer with a schema that holds to it, or not. */
  | { readonly ttftMs: number; readonly outputTokens?: number; readonly sound?: boolean }
  | { readonly fails: FailureClass; readonly retryAfterMs?: number; readonly afterMs?: number }

/** One request as it went: the targets that were called, in order, and how long the first token took. */
export interface Served {
  readonly called: readonly string[]
  readonly answeredBy: string | null
  readonly firstTokenMs: number
  readonly steps: readonly PlannedStep[]
}

/**
 * Isolates of one region with the real plan, the real health and the real core of every provider's object; only
 * providers and time are made up. Requests come one after another, `everyMs` apart, and go to the isolates by turns.
 */
export class RankingWorld {
  readonly clock = new FakeClock()
  readonly random: () => number
  readonly stops: Extract<HealthEffect, { kind: 'trial_stopped' }>[] = []
  readonly #hosts: FakeHost[]
  readonly #objects = new Map<string, HealthState>()
  readonly #behaviours = new Map<string, Behaviour>()
  #turn = 0

  constructor(runtime: Runtime, { isolates = 1, seed = 1, hasObject = true } = {}) {
    this.random = seededRandom(seed)
    this.#hosts = Array.from({ length: isolates }, (_, index) => {
      const send = (provider: string, report: HealthReport) =>
        this.#report(provider, { ...report, isolate: `isolate-${index}` })
      const host = new FakeHost(runtime, hasObject ? send : null, undefined, this.clock)
      return host
    })
  }

  on(target: string, behaviour: Behaviour): this {
    this.#behaviours.set(target, behaviour)
    return this
  }

  /** A cold isolate in the place of the others. */
  restart(runtime: Runtime): void {
    const send = (provider: string, report: HealthReport) =>
      this.#report(provider, { ...report, isolate: 'isolate-cold' })
    this.#hosts.splice(0, this.#hosts.length, new FakeHost(runtime, send, undefined, this.clock))
  }

  /** One request after another. */
  async serve(
    count: number,
    everyMs: number,
    tagsOf: (index: number) => Tags = () => ({}),
    request: CanonicalRequest = chatRequest({ model: 'chat', stream: true }),
  ): Promise<Served[]> {
    const all: Served[] = []
    for (let index = 0; index < count; index += 1) {
      all.push(this.#one(request, tagsOf(index)))
      await this.clock.advance(everyMs)
    }
    return all
  }

  #one(request: CanonicalRequest, tags: Tags): Served {
    this.#turn += 1
    const host = this.#hosts[this.#turn % this.#hosts.length]
    if (host === undefined) throw new Error('a world without isolates')
    host.random = this.random()
    const caller = { tenant: 'demo', keyId: 'k', profile: null }
    const planned = planRequest(request, caller, host.ports, { ...plainChat, tags })
    if (!planned.ok) throw new Error(planned.error.message)
    const { steps } = planned.value.plan
    wantProbes(steps, host.ports)
    const called: string[] = []
    let waitedMs = 0
    for (const step of steps.slice(0, 3)) {
      called.push(step.target)
      const outcome = this.#call(host, step, planned.value.input.facts.promptTokens)
      waitedMs += outcome.tookMs
      if (outcome.isAnswered)
        return { called, answeredBy: step.target, firstTokenMs: waitedMs, steps }
    }
    return { called, answeredBy: null, firstTokenMs: waitedMs, steps }
  }

  #call(host: FakeHost, step: PlannedStep, promptTokens: number) {
    const target = host.ports.runtime.targets.get(step.target)
    const behave = this.#behaviours.get(step.target)
    if (target === undefined || behave === undefined) throw new Error(`nobody plays ${step.target}`)
    const attendance = host.health.begin(target, promptTokens, undefined, step.mark)
    const outcome = behave(this.clock.nowMs, this.random)
    if ('fails' in outcome) {
      const { fails, retryAfterMs, afterMs = 20 } = outcome
      const wait = retryAfterMs === undefined ? {} : { retryAfterMs }
      attendance.failed({ class: fails, message: 'made up', ...wait }, afterMs)
      return { isAnswered: false, tookMs: afterMs }
    }
    const { ttftMs, outputTokens = 100, sound } = outcome
    const soundness = sound === undefined ? {} : { soundness: { schema: sound, toolCalls: null } }
    attendance.firstToken(ttftMs)
    const usage = { inputTokens: promptTokens, outputTokens }
    attendance.finished({
      broken: sound === false,
      costNanoUsd: 1000,
      usage,
      elapsedMs: ttftMs + 1000,
      ...soundness,
    })
    return { isAnswered: true, tookMs: ttftMs }
  }

  /** The object of a provider, as the real core has it. */
  async #report(provider: string, report: HealthReport): Promise<HealthReply> {
    let state = this.#objects.get(provider)
    if (state === undefined) {
      state = emptyHealth(defaultHealthSettings, `boot-${provider}`, this.clock.nowMs)
      this.#objects.set(provider, state)
    }
    const { effects } = step(state, { kind: 'report', report }, this.clock.nowMs, this.random)
    for (const effect of effects) if (effect.kind === 'trial_stopped') this.stops.push(effect)
    const reply = effects.find((one) => one.kind === 'reply')
    if (reply === undefined) throw new Error('the object refused a report')
    return reply.reply
  }
}
