/**
 * Adaptive throttling for a target that is asked although its circuit is open,
 * because there is no other: `p(reject) = max(0, (requests - 2 accepts) / (requests + 1))`
 * (Google SRE, "Handling overload"), over about two minutes, and never fewer
 * than one request a second from all isolates together.
 */
export class AdaptiveThrottle {
  #requests = 0
  #accepts = 0
  #decayedAtMs = 0
  #admittedAtMs = -Infinity

  /** `everyMs`: one request may always pass when the last did so long ago. */
  admits(nowMs: number, everyMs: number, random: () => number): boolean {
    this.#decay(nowMs)
    const rejected = Math.max(0, (this.#requests - 2 * this.#accepts) / (this.#requests + 1))
    this.#requests += 1
    const due = nowMs - this.#admittedAtMs >= everyMs
    if (!due && random() < rejected) return false
    this.#admittedAtMs = nowMs
    return true
  }

  accepted(nowMs: number): void {
    this.#decay(nowMs)
    this.#accepts += 1
  }

  /** The window slides by forgetting gradually. */
  #decay(nowMs: number): void {
    const kept = Math.exp(-Math.max(0, nowMs - this.#decayedAtMs) / windowMs)
    this.#decayedAtMs = nowMs
    this.#requests *= kept
    this.#accepts *= kept
  }
}

const windowMs = 120_000
