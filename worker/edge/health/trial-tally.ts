import type { TrialRow, TrialState } from '../../../durable-objects/provider-health/protocol.ts'
import {
  newCourse,
  trialSentence,
  withCalls,
  type TrialCourse,
} from '../../../durable-objects/provider-health/rules/trial.ts'
import type { TrialMark } from '../../policy/canary.ts'

const noCalls = { canary: { calls: 0, bad: 0 }, control: { calls: 0, bad: 0 } }

/**
 * What an isolate sees of the trials of one provider's targets: counts that wait for the next report, and what its
 * object has stopped. While the object is away the isolate judges by its own counts. A stop is for good: a trial that
 * is changed in the configuration has another name.
 */
export class TrialTally {
  #pending = new Map<string, TrialRow>()
  readonly #own = new Map<string, TrialCourse>()
  readonly #stopped = new Map<string, string>()

  /** Counts one call. `isAlone`: the object has not been heard of for long. */
  note({ trial, target, side }: TrialMark, bad: boolean, isAlone: boolean): void {
    const one = { calls: 1, bad: bad ? 1 : 0 }
    const more = { ...noCalls, [side]: one }
    const before = this.#pending.get(trial) ?? { trial, target, ...noCalls }
    this.#pending.set(trial, {
      ...before,
      [side]: { calls: before[side].calls + 1, bad: before[side].bad + one.bad },
    })
    const own = withCalls(this.#own.get(trial) ?? newCourse, more)
    this.#own.set(trial, own)
    if (isAlone && own.isWorse && !this.#stopped.has(trial))
      this.#stopped.set(trial, trialSentence(own))
  }

  /** What goes with the next report; it is not kept. */
  take(): readonly TrialRow[] | null {
    if (this.#pending.size === 0) return null
    const rows = [...this.#pending.values()]
    this.#pending = new Map()
    return rows
  }

  received(stopped: readonly TrialState[] | undefined): void {
    for (const { trial, stopped: why } of stopped ?? []) this.#stopped.set(trial, why)
  }

  /** Why a trial was stopped; null while it runs. */
  stopped(trial: string): string | null {
    return this.#stopped.get(trial) ?? null
  }
}
