import type { SizeClass } from '../../../durable-objects/provider-health/protocol.ts'

/** How the limit of a target is found that nobody has declared; see `defaultLearning`. */
export interface LearningSettings {
  readonly start: number
  readonly least: number
  readonly most: number
  /** What is left of the limit when a call was turned away or timed out. */
  readonly cutWhenTurnedAway: number
  /** What is left of it when answers begin later than they used to. */
  readonly cutWhenLate: number
  readonly cutEveryMs: number
  /** Answers that begin later than this times their usual time are late. */
  readonly lateFactor: number
  /** Answers of a size before anything is made of their times. */
  readonly leastSamples: number
}

export const defaultLearning: LearningSettings = {
  start: 20,
  least: 4,
  most: 1000,
  cutWhenTurnedAway: 0.7,
  cutWhenLate: 0.9,
  cutEveryMs: 1000,
  lateFactor: 1.5,
  leastSamples: 20,
}

/** How much a new time says of what is usual now, and of what was usual before. */
const recentWeight = 0.1
const usualWeight = 0.001

interface Times {
  count: number
  recentMs: number
  usualMs: number
}

/**
 * How many calls at once one target takes from this isolate without anybody noticing. It grows quickly until it was too
 * much for the first time, and by one for each round of answers from then on; it shrinks when a call is turned away, and
 * when answers begin later than they used to at the same size of prompt: a provider that lets calls wait says nothing
 * else.
 */
export class LearnedLimit {
  readonly #settings: LearningSettings
  readonly #times: (Times | undefined)[] = []
  #limit: number
  #cutAtMs = -Infinity
  #hasBeenCut = false

  constructor(settings: LearningSettings = defaultLearning) {
    this.#settings = settings
    this.#limit = settings.start
  }

  get limit(): number {
    return this.#limit
  }

  /** An answer came, or began, while `inFlight` were on their way. `ttftMs` null: it came whole. */
  answered(size: SizeClass, ttftMs: number | null, inFlight: number, nowMs: number): void {
    if (ttftMs !== null && this.#isLate(size, ttftMs)) {
      this.#cut(this.#settings.cutWhenLate, nowMs)
      return
    }
    if (inFlight <= this.#limit / 2) return
    const step = this.#hasBeenCut ? 1 / this.#limit : 1
    this.#limit = Math.min(this.#settings.most, this.#limit + step)
  }

  turnedAway(nowMs: number): void {
    this.#cut(this.#settings.cutWhenTurnedAway, nowMs)
  }

  #cut(share: number, nowMs: number): void {
    if (nowMs - this.#cutAtMs < this.#settings.cutEveryMs) return
    this.#cutAtMs = nowMs
    this.#hasBeenCut = true
    this.#limit = Math.max(this.#settings.least, this.#limit * share)
  }

  /** What is usual falls at once and rises slowly: a target that has become slower for good is not held to what it was. */
  #isLate(size: SizeClass, ttftMs: number): boolean {
    const times = this.#times[size]
    if (times === undefined) {
      this.#times[size] = { count: 1, recentMs: ttftMs, usualMs: ttftMs }
      return false
    }
    times.count += 1
    times.recentMs += recentWeight * (ttftMs - times.recentMs)
    if (times.count < this.#settings.leastSamples || times.recentMs < times.usualMs)
      times.usualMs = times.recentMs
    else times.usualMs += usualWeight * (times.recentMs - times.usualMs)
    return times.recentMs > this.#settings.lateFactor * times.usualMs
  }
}
