import type { Candidate, Exclusion } from './candidate.ts'
import { stableUnit } from './stable-hash.ts'

/** A target on trial: a share of a route's requests goes to it first. */
export interface CanaryPolicy {
  readonly target: string
  /** Of the requests, 0 to 1. */
  readonly share: number
  /** Which requests stay on their side together; a request without such a key is drawn by chance. */
  readonly by: 'session' | 'tenant'
  /** Names this trial: the counts and the stop belong to it. Another route, target, share or version is another trial. */
  readonly trial: string
  /** A first token later than this counts as a failure of either side, ms; null: only failures do. */
  readonly slowAfterMs: number | null
  /** It stands in the tiers of the route itself, and answers others in its place there. */
  readonly isListed: boolean
}

export type CanarySide = 'canary' | 'control'

/** Which side of a trial a call counts on, and the target on trial. */
export interface TrialMark {
  readonly trial: string
  readonly side: CanarySide
  readonly target: string
  readonly slowAfterMs: number | null
}

/**
 * The side of a request: the same key is always on the same side of a trial, and another trial deals anew. A larger
 * share keeps those that were on the canary's side only if it is the same trial by name; `random` deals where
 * there is no key.
 */
export function canarySide(
  { trial, share }: CanaryPolicy,
  key: string | null,
  random: () => number,
): CanarySide {
  const point = key === null ? random() : stableUnit(`${trial}\n${key}`)
  return point < share ? 'canary' : 'control'
}

/** Without the canary where it may not answer: on the other side, or after it was stopped, unless the route lists it anyway. */
export function withoutCanary(
  candidates: readonly Candidate[],
  { target, isListed }: CanaryPolicy,
  side: CanarySide,
  stopped: string | null,
): { readonly kept: readonly Candidate[]; readonly exclusions: readonly Exclusion[] } {
  if (side === 'canary' && stopped === null) return { kept: candidates, exclusions: [] }
  const isOut = (candidate: Candidate) =>
    candidate.target === target && (stopped !== null || !isListed)
  const kept = candidates.filter((candidate) => !isOut(candidate))
  // The last one stays: a trial never leaves a request without an answer.
  if (kept.length === 0 || kept.length === candidates.length)
    return { kept: candidates, exclusions: [] }
  const reason =
    stopped === null
      ? 'it is a canary, and this request is not on its side'
      : `the canary was stopped: ${stopped}`
  return { kept, exclusions: [{ target, reason }] }
}
