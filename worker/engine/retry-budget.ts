/**
 * Bounds what retries add to a provider's load: one token bucket for each
 * provider in an isolate. Numbers as gRPC A6 (`reliability.md` 1.3).
 *
 * The first fallback of a request to another provider is not charged: without
 * that, a dead primary and no open circuit would empty the bucket, and users
 * would see the outage that the second provider could have hidden.
 */
export class RetryBudget {
  #tokens = capacity

  get tokens(): number {
    return this.#tokens
  }

  succeeded(): void {
    this.#tokens = Math.min(capacity, this.#tokens + refillPerSuccess)
  }

  get mayTake(): boolean {
    return this.#tokens > floor
  }

  /** Takes one token; false when the bucket is half empty, and nothing is taken. */
  take(): boolean {
    if (this.#tokens <= floor) return false
    this.#tokens -= 1
    return true
  }
}

const capacity = 10
const refillPerSuccess = 0.1
const floor = 5
