/**
 * What providers asked for: "not before". One entry a target; a later answer
 * never shortens an earlier one (a burst of short `retry-after` after a long
 * one is the known trap).
 */
export class Gates {
  readonly #notBeforeMs = new Map<string, number>()

  /** Epoch ms before which `target` is not asked if there is another; 0 when it may be. */
  notBeforeMs(target: string): number {
    return this.#notBeforeMs.get(target) ?? 0
  }

  /** The provider asked for `retryAfterMs`; spread by up to 20 % so that callers do not come back at once. */
  close(target: string, nowMs: number, retryAfterMs: number, random: () => number): void {
    const waitMs = Math.min(Math.max(retryAfterMs, minWaitMs), maxWaitMs) * (1 + 0.2 * random())
    this.#notBeforeMs.set(target, Math.max(this.notBeforeMs(target), nowMs + waitMs))
  }
}

/** Bounds of a provider's `retry-after` that we believe, ms (`reliability.md` 1.3, RATE). */
const minWaitMs = 250
const maxWaitMs = 300_000

/** How long a provider whose quota is spent is left alone when it does not say, ms (`reliability.md` 1.3, QUOTA_HARD: first probe). */
export const quotaWaitMs = 300_000

/** How long a rate limit without `retry-after` is believed, ms. */
export const rateWaitMs = 1000
