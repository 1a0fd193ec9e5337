import type { Candidate } from './candidate.ts'
import { stableUnit } from './stable-hash.ts'

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
}

/**
 * The order in which a key goes to targets: weighted rendezvous hashing (Thaler and Ravishankar 1998; weights by
 * -w / ln u). Every target has a number for every key, and the highest stands first: a target that leaves takes only
 * its own keys with it, a new one takes its share of the keys and moves no others. Weight 0 stands behind.
 */
export function byRendezvous(candidates: readonly Candidate[], key: string): Candidate[] {
  if (candidates.length < 2) return [...candidates]
  return candidates
    .map((candidate) => ({ candidate, score: scoreOf(candidate, key) }))
    .sort((a, b) => b.score - a.score || (a.candidate.target < b.candidate.target ? -1 : 1))
    .map(({ candidate }) => candidate)
}

function scoreOf({ target, weight }: Candidate, key: string): number {
  return -weight / Math.log(stableUnit(`${key}\n${target}`))
}

/** What is in the provider's cache of a prompt, when nothing has been measured: most of it, where a session goes on. */
const usualCachedShare = 0.8

/**
 * Tokens of the prompt that are likely in the provider's cache: those of a session whose last call went to this
 * target within the lifetime of the provider's cache. 0 where any of this is unknown.
 */
export function likelyCachedTokens(
  { target, measured, cacheLifetimeMs }: Candidate,
  warmth: Warmth | null,
  promptTokens: number,
): number {
  if (warmth?.target !== target) return 0
  if (cacheLifetimeMs === undefined || cacheLifetimeMs === null) return 0
  if (warmth.agoMs > cacheLifetimeMs) return 0
  return Math.floor(promptTokens * (measured?.cachedShare ?? usualCachedShare))
}
