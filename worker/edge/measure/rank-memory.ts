import { expectedOutputTokens } from '../../policy/expected-cost.ts'
import type { StepMark } from '../../policy/ranking.ts'
import { Decaying } from './decaying.ts'
import { Reserves } from './reserves.ts'
import { TargetMeasure } from './target-measure.ts'
import { WarmSessions } from './warm-sessions.ts'

/** Tokens of a call, prompt and output, as they are set aside of a reserve: output as the route has it on average. */
export function foreseenTokens(
  promptTokens: number,
  mark: StepMark | null,
  memory: RankMemory,
  nowMs: number,
): number {
  const average = mark === null ? null : memory.outputTokens(mark.route, nowMs)
  return promptTokens + expectedOutputTokens(average, null)
}

const answersHalfLifeMs = 600_000

/** What one isolate remembers for the order of targets: how they answer, and what its routes' answers are like. Plain data. */
export class RankMemory {
  readonly sessions = new WarmSessions()
  readonly reserves = new Reserves()
  readonly #targets = new Map<string, TargetMeasure>()
  readonly #routes = new Map<string, Decaying>()

  measure(target: string): TargetMeasure {
    let measure = this.#targets.get(target)
    if (measure === undefined) this.#targets.set(target, (measure = new TargetMeasure()))
    return measure
  }

  /** An answer of a route had so many tokens of output. */
  wrote(route: string, outputTokens: number, nowMs: number): void {
    let answers = this.#routes.get(route)
    if (answers === undefined) this.#routes.set(route, (answers = new Decaying(answersHalfLifeMs)))
    answers.note(outputTokens, nowMs)
  }

  /** Tokens of output of the route's answers on average; null until there are some. */
  outputTokens(route: string, nowMs: number): number | null {
    const mean = this.#routes.get(route)?.mean(nowMs) ?? null
    return mean === null ? null : Math.ceil(mean)
  }
}
