import { Random } from '../kernel/random.ts'
import { FiveInARowRule, LiteLlmRule, OwnRule, type TripRule } from './rules.ts'
import { onsetOf, onsetShape, trace } from './traces.ts'
import { worldStartMs } from './world.ts'

export interface Onset {
  /** From the beginning of the fault until the rule took the target out, ms; null: not within half an hour. */
  readonly afterMs: number | null
  readonly failed: number
}

export const ruleMakers: readonly ((seed: string) => TripRule)[] = [
  (seed) => new OwnRule(new Random(seed).next, worldStartMs),
  () => new LiteLlmRule(),
  () => new FiveInARowRule(),
]

/** When a rule notices that calls fail, and what that cost. A trip before the fault is none. */
export function onset(rule: TripRule, seed: string, requestsPerS: number, share: number): Onset {
  const fromMs = onsetOf(seed)
  let failed = 0
  for (const call of trace(seed, onsetShape(seed, requestsPerS, share))) {
    if (call.atMs > fromMs + longestMs) break
    if (!rule.admits(call.atMs)) continue
    const trips = rule.ended(call.atMs, call.failed)
    if (call.atMs < fromMs) continue
    if (call.failed) failed += 1
    if (trips) return { afterMs: call.atMs - fromMs, failed }
  }
  return { afterMs: null, failed }
}

/** How often a rule takes out a target that fails now and then as it always does. */
export function falseTrips(
  rule: TripRule,
  seed: string,
  requestsPerS: number,
  share: number,
  hours: number,
): number {
  let trips = 0
  for (const call of trace(seed, { requestsPerS, failing: () => share })) {
    if (call.atMs > worldStartMs + hours * 3_600_000) break
    if (rule.admits(call.atMs) && rule.ended(call.atMs, call.failed)) trips += 1
  }
  return trips
}

/** First attempts that failed in a total outage of ten minutes, and how long the target was shunned behind it, ms. */
export function longOutage(
  rule: TripRule,
  seed: string,
  requestsPerS: number,
): { readonly failed: number; readonly backAfterMs: number } {
  const fromMs = onsetOf(seed)
  const untilMs = fromMs + outageMsOf(seed)
  const failing = (atMs: number) => (atMs >= fromMs && atMs < untilMs ? 1 : 0)
  let failed = 0
  for (const call of trace(seed, { requestsPerS, failing })) {
    if (!rule.admits(call.atMs)) continue
    if (call.failed) failed += 1
    rule.ended(call.atMs, call.failed)
    if (call.atMs >= untilMs) return { failed, backAfterMs: call.atMs - untilMs }
  }
  return { failed, backAfterMs: 0 }
}

/** Ten minutes, and up to one more: a wait that divides them evenly would look quick. */
export function outageMsOf(seed: string): number {
  return 600_000 + new Random(`${seed}/length`).between(0, 60_000)
}

const longestMs = 1_800_000
