import type {
  DomainSnapshot,
  HealthReply,
} from '../../../durable-objects/provider-health/protocol.ts'
import type { Failure } from '../../../worker/canonical/failure.ts'
import type { Candidate } from '../../../worker/policy/candidate.ts'
import { invariant } from '../kernel/broken.ts'
import type { Branches } from './branches.ts'
import { providerOf } from './fleet.ts'
import type { SimulatedIsolate } from './isolate.ts'

interface Told {
  boot: string
  readonly domains: Map<string, DomainSnapshot>
  readonly permits: Set<string>
}

/** An observer of isolates: what their plans must respect, and which rare ways they take. */
export class PlanChecks {
  readonly #branches: Branches
  /** Isolate and target -> until when the provider asked this isolate to wait, on the isolate's clock. */
  readonly #waitsUntilMs = new Map<string, number>()
  readonly #told = new Map<string, Told>()

  constructor(branches: Branches) {
    this.#branches = branches
  }

  failed(
    isolate: SimulatedIsolate,
    target: string,
    { class: name, retryAfterMs, ramp }: Failure,
  ): void {
    if (name !== 'rate_limited' || ramp === true) return
    const askedMs = Math.min(Math.max(retryAfterMs ?? 1000, 250), 300_000)
    const key = `${isolate.id} ${target}`
    const untilMs = isolate.nowMs + askedMs
    this.#waitsUntilMs.set(key, Math.max(untilMs, this.#waitsUntilMs.get(key) ?? 0))
  }

  replied(
    isolate: SimulatedIsolate,
    provider: string,
    { boot, domains, permits }: HealthReply,
  ): void {
    const key = `${isolate.id} ${provider}`
    let told = this.#told.get(key)
    if (told === undefined || told.boot !== boot)
      this.#told.set(key, (told = { boot, domains: new Map(), permits: new Set() }))
    for (const domain of domains) told.domains.set(domain.key, domain)
    for (const { permitId } of permits) told.permits.add(permitId)
  }

  holdsPermit(isolate: SimulatedIsolate): boolean {
    return [...this.#told].some(
      ([key, { permits }]) => key.startsWith(`${isolate.id} `) && permits.size > 0,
    )
  }

  planned(isolate: SimulatedIsolate, ordered: readonly Candidate[]): void {
    for (const candidate of ordered) {
      const { target, health, notBeforeMs } = candidate
      const untilMs = this.#waitsUntilMs.get(`${isolate.id} ${target}`) ?? 0
      invariant(
        untilMs <= isolate.nowMs || notBeforeMs >= untilMs,
        'a wait that a provider asked this isolate for holds in it',
        () => [isolate.id, target, untilMs - isolate.nowMs, notBeforeMs - isolate.nowMs],
      )
      if (health?.full === true) this.#branches.reached('target full')
      if (health?.state === 'barred') this.#barred(isolate, target, health.why)
      this.#paced(isolate, candidate)
    }
  }

  #barred(isolate: SimulatedIsolate, target: string, why: string | null): void {
    if (why?.startsWith('it has just failed') === true) {
      this.#branches.reached('target suspected by one isolate')
      return
    }
    const provider = providerOf(target)
    const silenceMs = isolate.silenceMs(provider)
    if (silenceMs < 15_000) return
    const told = this.#told.get(`${isolate.id} ${provider}`)?.domains
    const isTold = ['edge', `target:${target}`].some(
      (key) => (told?.get(key)?.state ?? 'closed') !== 'closed',
    )
    if (silenceMs >= 60_000) this.#branches.reached('isolate alone for a minute')
    if (isTold && silenceMs < 60_000)
      this.#branches.reached('word of the object older than 15 s still held')
    if (!isTold && isolate.isCutOff) this.#branches.reached('own core protected a cut-off isolate')
  }

  #paced(isolate: SimulatedIsolate, { target, notBeforeMs }: Candidate): void {
    if (notBeforeMs <= isolate.nowMs) return
    const told = this.#told
      .get(`${isolate.id} ${providerOf(target)}`)
      ?.domains.get(`quota:${target}`)
    if (told !== undefined && told.ratePerS !== null && told.notBeforeForMs <= 0)
      this.#branches.reached('rate-limited target paced')
  }
}
