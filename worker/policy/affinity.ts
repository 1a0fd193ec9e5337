import type { Candidate } from './candidate.ts'
import { stableUnitsBehind } from './stable-hash.ts'

/** Which requests stay together. */
export interface AffinityPolicy {
  readonly by: 'session' | 'tenant' | 'prefix'
  /**
   * Under an objective that scores: affinity chooses among the targets whose score is within this share of the
   * best (0.2: a fifth more), so that it never costs more than that.
   */
  readonly tolerance: number
}

/** Where the last call of the same key went from here, and how long ago. */
export interface Warmth {
  readonly target: string
  readonly agoMs: number
  /** The request asks providers that take cache marks to keep its prompt for so long, ms; absent: for their own lifetime. */
  readonly askedMs?: number
}

/** How long a prompt that went there stays in the provider's cache after its last use, ms; null: nobody says. */
function lifetimeOf({ cacheLifetimeMs, features }: Candidate, { askedMs }: Warmth): number | null {
  const own = cacheLifetimeMs ?? null
  if (own === null || askedMs === undefined || !features.has('cacheMarks')) return own
  return Math.max(own, askedMs)
}

/**
 * The order in which a key goes to the targets of a tier. While the provider's cache of its last call lives, that
 * target goes first, and the others as the key has them. Null: the lifetime has passed since, there is nothing left to
 * stay for, and the order is free. Where no lifetime or no last call is known, the key alone decides.
 */
export function heldOrder(
  candidates: readonly Candidate[],
  key: string,
  warmth: Warmth | null,
): Candidate[] | null {
  const last = lastOf(candidates, warmth)
  if (warmth === null || last === undefined || lifetimeOf(last, warmth) === null)
    return byRendezvous(candidates, key)
  if (hasRunOut(last, warmth)) return null
  const others = candidates.filter((candidate) => candidate !== last)
  return [last, ...byRendezvous(others, key)]
}

/** The cache of the last call has run out, and nothing holds a key to these targets: `heldOrder()` is null. */
export function isCold(candidates: readonly Candidate[], warmth: Warmth | null): boolean {
  const last = lastOf(candidates, warmth)
  return warmth !== null && last !== undefined && hasRunOut(last, warmth)
}

function hasRunOut(last: Candidate, warmth: Warmth): boolean {
  const lifetimeMs = lifetimeOf(last, warmth)
  return lifetimeMs !== null && warmth.agoMs > lifetimeMs
}

function lastOf(candidates: readonly Candidate[], warmth: Warmth | null): Candidate | undefined {
  return warmth === null ? undefined : candidates.find(({ target }) => target === warmth.target)
}

/**
 * The order in which a key goes to targets: weighted rendezvous hashing (Thaler and Ravishankar 1998; weights by
 * -w / ln u). Every target has a number for every key, and the highest stands first: a target that leaves takes only
 * its own keys with it, a new one takes its share of the keys and moves no others. Weight 0 stands behind.
 */
export function byRendezvous(candidates: readonly Candidate[], key: string): Candidate[] {
  if (candidates.length < 2) return [...candidates]
  const unitOf = stableUnitsBehind(`${key}\n`)
  return candidates
    .map((candidate) => ({ candidate, score: scoreOf(candidate, unitOf) }))
    .sort((a, b) => b.score - a.score || (a.candidate.target < b.candidate.target ? -1 : 1))
    .map(({ candidate }) => candidate)
}

function scoreOf({ target, weight }: Candidate, unitOf: (target: string) => number): number {
  return -weight / Math.log(unitOf(target))
}

/** What is in the provider's cache of a prompt, when nothing has been measured: most of it, where a session goes on. */
const usualCachedShare = 0.8

/**
 * Tokens of the prompt that are likely in the provider's cache: those of a session whose last call went to this
 * target within the lifetime of the provider's cache. 0 where any of this is unknown.
 */
export function likelyCachedTokens(
  candidate: Candidate,
  warmth: Warmth | null,
  promptTokens: number,
): number {
  if (warmth?.target !== candidate.target) return 0
  const lifetimeMs = lifetimeOf(candidate, warmth)
  if (lifetimeMs === null || warmth.agoMs > lifetimeMs) return 0
  return Math.floor(promptTokens * (candidate.measured?.cachedShare ?? usualCachedShare))
}

/** The same of a request that nothing holds together with others: as of all prompts there, by what usage reports say, else as declared. */
export function usuallyCachedTokens(
  { measured, declaredCachedShare = 0 }: Candidate,
  promptTokens: number,
): number {
  return Math.floor(promptTokens * (measured?.promptCachedShare ?? declaredCachedShare))
}
