import type { Target } from '../edge/runtime.ts'
import type { Warmth } from '../policy/affinity.ts'
import type { Measured } from '../policy/measured.ts'

/** What the order of targets goes by, as this isolate knows it. Nothing here waits, and nothing is asked of it where no option goes by it. */
export interface MeasurePort {
  /** How `target` answers prompts of about this size from here. */
  measured(target: Target, promptTokens: number, nowMs: number): Measured
  /** Whether a call of so many tokens fits into the reserved capacity of `target` now; false when it has none. */
  hasRoom(target: Target, tokens: number, nowMs: number): boolean
  /** Where the last answer of a session came from. */
  warmth(affinityKey: string, nowMs: number): Warmth | null
  /** Tokens of output of a route's answers on average. */
  outputTokens(route: string, nowMs: number): number | null
  /** Why the trial of a target of that provider was stopped; null while it runs. */
  stopped(trial: string, provider: string): string | null
}
