import type {
  DomainKey,
  DomainSnapshot,
  Evidence,
  HealthReply,
  Permit,
  Speed,
} from '../../../../durable-objects/provider-health/protocol.ts'
import { ProviderWatch, type WatchSetup } from '../../../../worker/edge/health/provider-watch.ts'
import type { NotedOutcome } from '../../../../worker/edge/health/pending-report.ts'

export const startMs = 1_800_000_000_000

export const a = 'a@acme'
export const b = 'b@acme'

export const speed: Speed = {
  slowAfterMs: [1500, 4000, 4000, 4000],
  abortAfterMs: [10_000, 12_000, 12_000, 12_000],
  ttftP50Ms: [400, null, null, null],
  ttftP95Ms: [900, null, null, null],
}

/** A closed domain about which there is nothing to say, but for what is said. */
export function domain(key: DomainKey, more: Partial<DomainSnapshot> = {}): DomainSnapshot {
  return {
    key,
    state: 'closed',
    epoch: 0,
    cause: null,
    openForMs: 0,
    sinceMs: 0,
    slow: false,
    failRate: 0,
    rampAgeMs: null,
    notBeforeForMs: 0,
    ratePerS: null,
    speed: null,
    evidence: null,
    forced: null,
    ...more,
  }
}

export function openDomain(key: DomainKey, more: Partial<DomainSnapshot> = {}): DomainSnapshot {
  return domain(key, {
    state: 'open',
    epoch: 1,
    cause: 'blackout',
    openForMs: 4000,
    evidence: evidence({ judged: 5, failed: 5 }),
    ...more,
  })
}

export function halfOpenDomain(key: DomainKey, more: Partial<DomainSnapshot> = {}): DomainSnapshot {
  return openDomain(key, { state: 'half_open', openForMs: 0, ...more })
}

export function evidence(counts: Partial<Evidence>): Evidence {
  return {
    windowMs: 6000,
    judged: 0,
    failed: 0,
    broken: 0,
    slow: 0,
    hung: 0,
    priced: 0,
    dear: 0,
    ...counts,
  }
}

export function reply(
  domains: readonly DomainSnapshot[] = [],
  more: Partial<HealthReply> = {},
): HealthReply {
  return {
    boot: 'life-1',
    version: 1,
    nextFlushMs: 1000,
    activeIsolates: 1,
    domains,
    permits: [],
    ...more,
  }
}

export function permit(key: DomainKey, permitId = `permit for ${key}`, forMs = 60_000): Permit {
  return { permitId, key, epoch: 1, forMs }
}

export function noted(
  outcome: NotedOutcome['outcome'],
  more: Partial<NotedOutcome> = {},
): NotedOutcome {
  return { target: a, size: 0, outcome, ...more }
}

/** One watch with a clock that is moved by hand. */
export class WatchWorld {
  nowMs = startMs
  random = 0.5
  readonly watch: ProviderWatch

  constructor(setup: Partial<WatchSetup> = {}) {
    this.watch = new ProviderWatch(
      { isolate: 'isolate-1', bootNonce: 'nonce-1', credential: 'key-1', ...setup },
      startMs,
      () => this.random,
    )
  }

  later(ms: number): this {
    this.nowMs += ms
    return this
  }

  told(...domains: readonly DomainSnapshot[]): this {
    return this.replied(reply(domains))
  }

  replied(said: HealthReply): this {
    this.watch.received(said, this.nowMs)
    return this
  }

  note(outcome: NotedOutcome['outcome'], more: Partial<NotedOutcome> = {}): this {
    this.watch.note(noted(outcome, more), [], this.nowMs)
    return this
  }

  /** So many failures of `a` in a row: the circuit of the isolate's own core opens with the fifth. */
  fail(times: number, outcome: NotedOutcome['outcome'] = 'malformed'): this {
    for (let failure = 0; failure < times; failure += 1) this.note(outcome)
    return this
  }

  standing(target = a) {
    return this.watch.standing(target, 0, this.nowMs)
  }

  state(target = a) {
    return this.standing(target).health?.state ?? 'closed'
  }

  /** A request would have tried `target` out. */
  want(target = a): this {
    this.watch.want(target, this.nowMs)
    return this
  }

  dueInMs(): number {
    return this.watch.dueInMs(this.nowMs)
  }

  report() {
    return this.watch.report(this.nowMs)
  }
}
