import type {
  DomainKey,
  DomainSnapshot,
  HealthReply,
  Permit,
  Speed,
} from '../../../durable-objects/provider-health/protocol.ts'
import { isPlain, PermitPurse, type HealthSource } from './source.ts'

/** What the object of one provider last said, as it stands some time later. */
export class SharedView implements HealthSource {
  #domains = new Map<DomainKey, DomainSnapshot>()
  readonly #permits = new PermitPurse()
  #activeIsolates = 1
  #quiet = true
  /** By target: looked at by every request, so without a key to be put together. */
  readonly #speeds = new Map<string, Speed>()
  #receivedAtMs = -Infinity
  #boot = ''
  #version = 0

  get boot(): string {
    return this.#boot
  }

  get version(): number {
    return this.#version
  }

  /** Isolates that the object has heard of lately: each takes its share of a rate. */
  get activeIsolates(): number {
    return this.#activeIsolates
  }

  get quiet(): boolean {
    return this.#quiet
  }

  ageMs(nowMs: number): number {
    return nowMs - this.#receivedAtMs
  }

  received(reply: HealthReply, nowMs: number): void {
    if (reply.boot !== this.#boot) {
      this.#domains = new Map()
      this.#permits.clear()
      this.#speeds.clear()
    }
    // Ages of what did not change go on counting from when they were told.
    const passedMs = nowMs - this.#receivedAtMs
    if (this.#receivedAtMs !== -Infinity)
      for (const [key, domain] of this.#domains) this.#domains.set(key, aged(domain, passedMs))
    for (const domain of reply.domains) this.#take(domain)
    this.#permits.add(reply.permits, nowMs)
    this.#activeIsolates = Math.max(1, reply.activeIsolates)
    this.#quiet = [...this.#domains.values()].every(isPlain)
    this.#boot = reply.boot
    this.#version = reply.version
    this.#receivedAtMs = nowMs
  }

  domain(key: DomainKey, nowMs: number): DomainSnapshot | null {
    const domain = this.#domains.get(key)
    return domain === undefined ? null : aged(domain, nowMs - this.#receivedAtMs)
  }

  /**
   * The reply to a report that was not the latest to be answered. Of the same life of the object the version says which
   * is newer: a report may have been overtaken on its way there. Otherwise all that it says is known better, and its
   * permits are good all the same.
   */
  overtaken(reply: HealthReply, nowMs: number): void {
    if (reply.boot !== this.#boot) return
    if (reply.version > this.#version) this.received(reply, nowMs)
    else this.#permits.add(reply.permits, nowMs)
  }

  #take(domain: DomainSnapshot): void {
    this.#domains.set(domain.key, domain)
    if (domain.speed !== null) this.#speeds.set(domain.key.slice('target:'.length), domain.speed)
  }

  /** The speed of a target does not age. */
  speed(target: string): Speed | null {
    return this.#speeds.get(target) ?? null
  }

  hasPermit(key: DomainKey, nowMs: number): boolean {
    return this.#permits.has(key, nowMs)
  }

  takePermit(key: DomainKey, nowMs: number): Permit | null {
    return this.#permits.take(key, nowMs)
  }
}

/** `domain` when `byMs` more have passed. */
function aged(domain: DomainSnapshot, byMs: number): DomainSnapshot {
  const left = (ms: number) => Math.max(0, ms - byMs)
  const { forced } = domain
  return {
    ...domain,
    openForMs: left(domain.openForMs),
    notBeforeForMs: left(domain.notBeforeForMs),
    sinceMs: domain.sinceMs + byMs,
    rampAgeMs: domain.rampAgeMs === null ? null : domain.rampAgeMs + byMs,
    forced: forced === null ? null : { ...forced, forMs: left(forced.forMs) },
  }
}
