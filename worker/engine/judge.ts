import type { CanonicalEvent } from '../canonical/events.ts'
import { failure } from '../canonical/failure.ts'
import type { Target } from '../edge/runtime.ts'
import type { AttemptResult } from './attempt.ts'
import { seenOfAnswer, usageOf } from './call-seen.ts'
import type { CallSeen } from './money-port.ts'

/** Why an answer that came whole may not be given. Its message holds nothing of the answer. */
export interface Objection {
  readonly rule: 'schema' | 'empty' | 'finish' | 'error_text'
  readonly message: string
  /** It says something of the target; otherwise only of this request. */
  readonly isTargetFault: boolean
}

/** Looks at a whole answer of `target`; null: it may be given. */
export type Judge = (events: readonly CanonicalEvent[], target: Target) => Objection | null

/** An answer that was made, and is billed, and is not given. */
export interface Unfit {
  readonly isTargetFault: boolean
  readonly seen: CallSeen
}

/** A whole answer that `judge` objects to becomes a failure that another target may mend. */
export function judged(result: AttemptResult, target: Target, judge: Judge): AttemptResult {
  if (result.kind !== 'whole') return result
  const objection = judge(result.events, target)
  if (objection === null) return result
  const { rule, message, isTargetFault } = objection
  const providerCode = `answer:${rule}`
  return {
    kind: 'failed',
    failure: failure('malformed', message, { providerCode }),
    status: 200,
    usage: usageOf(result.events),
    unfit: {
      isTargetFault,
      seen: { ...seenOfAnswer(result.events, 'complete'), outcome: 'malformed', status: 200 },
    },
  }
}
