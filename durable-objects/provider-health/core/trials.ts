import type { TrialRow, TrialState } from '../protocol.ts'
import { isName } from '../rules/outcomes.ts'
import {
  newCourse,
  trialSentence,
  withCalls,
  type SideCounts,
  type TrialCourse,
} from '../rules/trial.ts'
import type { Turn } from './turn.ts'

/** The trial of a canary as the object has it. */
export interface Trial {
  readonly target: string
  readonly course: TrialCourse
  /** Why it was stopped; null while it runs. It never starts again: another trial has another name. */
  readonly stopped: string | null
  readonly heardAtMs: number
}

/** More trials of one provider are none that anybody runs: the one that was heard of least lately goes. */
const maxTrials = 50

/** Counts what isolates saw of trials, and stops those whose canary is worse. */
export function takeTrials(turn: Turn, rows: readonly TrialRow[]): void {
  const { trials, settings } = turn.state
  for (const row of rows.slice(0, maxTrials)) {
    if (!isRow(row, settings.maxRowCount)) continue
    const before = trials.get(row.trial)
    if (before !== undefined && before.stopped !== null) {
      trials.set(row.trial, { ...before, heardAtMs: turn.nowMs })
      continue
    }
    const course = withCalls(before?.course ?? newCourse, row)
    const stopped = course.isWorse ? trialSentence(course) : null
    if (before === undefined) makeRoom(turn)
    trials.set(row.trial, { target: row.target, course, stopped, heardAtMs: turn.nowMs })
    if (stopped === null) continue
    turn.mustPersist = true
    const { canary, control } = course
    const counts = { canary, control }
    turn.effects.push({ kind: 'trial_stopped', trial: row.trial, target: row.target, counts })
  }
}

/** Those that were stopped: every isolate has to know, also one that has just begun. */
export function stoppedTrials({ state }: Turn): readonly TrialState[] {
  if (state.trials.size === 0) return noTrials
  return [...state.trials].flatMap(([trial, { stopped }]) =>
    stopped === null ? [] : [{ trial, stopped }],
  )
}

const noTrials: readonly TrialState[] = []

/** A trial that runs goes before one that was stopped: a stop that is forgotten would start it again. */
function makeRoom({ state: { trials } }: Turn): void {
  if (trials.size < maxTrials) return
  const oldest = [...trials].sort(
    ([, a], [, b]) =>
      Number(a.stopped !== null) - Number(b.stopped !== null) || a.heardAtMs - b.heardAtMs,
  )[0]
  if (oldest !== undefined) trials.delete(oldest[0])
}

/** Checks what came over the wire, whatever its type says. */
function isRow(row: TrialRow, most: number): boolean {
  if (typeof row !== 'object' || row === null) return false
  return (
    isName(row.trial) && isName(row.target) && isSide(row.canary, most) && isSide(row.control, most)
  )
}

function isSide(side: SideCounts, most: number): boolean {
  if (typeof side !== 'object' || side === null) return false
  const { calls, bad } = side
  return (
    Number.isInteger(calls) && Number.isInteger(bad) && bad >= 0 && bad <= calls && calls <= most
  )
}
