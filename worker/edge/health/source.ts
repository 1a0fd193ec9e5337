import type {
  DomainKey,
  DomainSnapshot,
  Permit,
} from '../../../durable-objects/provider-health/protocol.ts'

/** Whoever can say how the failure domains of one provider stand: its object, or the isolate's own core. */
export interface HealthSource {
  /** Nothing is out of the ordinary: the common case, which costs nothing to look at. */
  readonly quiet: boolean
  /** The domain as it is now; null when nothing was ever said of it: closed. */
  domain(key: DomainKey, nowMs: number): DomainSnapshot | null
  hasPermit(key: DomainKey, nowMs: number): boolean
  /** Takes a permit for `key`: it is used once. */
  takePermit(key: DomainKey, nowMs: number): Permit | null
}

/** Permits that have come and not been used. */
export class PermitPurse {
  #permits: { readonly permit: Permit; readonly untilMs: number }[] = []

  add(permits: readonly Permit[], nowMs: number): void {
    for (const permit of permits) this.#permits.push({ permit, untilMs: nowMs + permit.forMs })
  }

  clear(): void {
    this.#permits = []
  }

  has(key: DomainKey, nowMs: number): boolean {
    return this.#permits.some(({ permit, untilMs }) => permit.key === key && untilMs > nowMs)
  }

  take(key: DomainKey, nowMs: number): Permit | null {
    this.#permits = this.#permits.filter(({ untilMs }) => untilMs > nowMs)
    const index = this.#permits.findIndex(({ permit }) => permit.key === key)
    return index === -1 ? null : (this.#permits.splice(index, 1)[0]?.permit ?? null)
  }
}

/** Nothing about it changes what a request does. */
export function isPlain(domain: DomainSnapshot): boolean {
  return (
    domain.state === 'closed' &&
    !domain.slow &&
    domain.failRate === 0 &&
    domain.rampAgeMs === null &&
    domain.notBeforeForMs <= 0 &&
    domain.ratePerS === null
  )
}
