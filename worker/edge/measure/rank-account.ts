import type { Usage } from '../../canonical/usage.ts'
import type { StepMark } from '../../policy/ranking.ts'
import type { TrialTally } from '../health/trial-tally.ts'
import type { RankMemory } from './rank-memory.ts'
import type { TargetMeasure } from './target-measure.ts'

/** What a call of a route with options leaves behind for the calls after it. */
export interface RankedCall {
  readonly target: string
  readonly mark: StepMark | null
  /** Tokens set aside of the target's reserved capacity; null where it has none. */
  readonly setAsideTokens: number | null
  /** Where calls of its trial are counted; null when it is on none. */
  readonly tally: TrialTally | null
  /** The object of the trial has not been heard of for long. */
  readonly isAlone: boolean
}

/** Keeps account of one call for the memory of the isolate: its trial, its session, its route, the reserve it used. */
export class RankAccount {
  readonly #call: RankedCall
  readonly #memory: RankMemory
  readonly #measure: TargetMeasure

  constructor(call: RankedCall, memory: RankMemory) {
    this.#call = call
    this.#memory = memory
    this.#measure = memory.measure(call.target)
  }

  /** The call came to its end. `bad`: to none that is worth anything. `ttftMs`: null when it gave no token, or was not streamed. */
  ended(bad: boolean, ttftMs: number | null): void {
    const { mark, tally, isAlone } = this.#call
    const trial = mark?.trial ?? null
    if (tally === null || trial === null) return
    const isSlow = trial.slowAfterMs !== null && ttftMs !== null && ttftMs > trial.slowAfterMs
    tally.note(trial, bad || isSlow, isAlone)
  }

  /** It gave an answer that counts. */
  answered(usage: Usage | undefined, nowMs: number): void {
    const { target, mark, setAsideTokens } = this.#call
    const { inputTokens, outputTokens, cacheReadTokens = 0 } = usage ?? {}
    if (mark !== null && outputTokens !== undefined)
      this.#memory.wrote(mark.route, outputTokens, nowMs)
    if (mark?.affinityKey !== undefined && mark.affinityKey !== null) {
      const before = this.#memory.sessions.warmth(mark.affinityKey, nowMs)
      if (before?.target === target && inputTokens !== undefined && inputTokens > 0)
        this.#measure.cached(Math.min(1, cacheReadTokens / inputTokens), nowMs)
      this.#memory.sessions.answered(mark.affinityKey, target, nowMs)
    }
    if (setAsideTokens === null || inputTokens === undefined || outputTokens === undefined) return
    this.#memory.reserves.correct(target, inputTokens + outputTokens - setAsideTokens)
  }
}
