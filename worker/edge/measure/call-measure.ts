import { failureTable, type FailureClass } from '../../canonical/failure.ts'
import type { SizeClass } from '../../../durable-objects/provider-health/protocol.ts'
import type { AttendedResult } from '../../engine/health-port.ts'
import type { RankAccount } from './rank-account.ts'
import type { TargetMeasure } from './target-measure.ts'

/** A call as the measurements of its target see it. */
export interface MeasuredCall {
  readonly size: SizeClass
  /** Absent where nobody measures. */
  readonly measure?: TargetMeasure
  /** Null or absent for a call of a route without options, to a target without reserved capacity. */
  readonly account?: RankAccount | null
}

/** Failures of a call that the model had begun to work on, whether a token came of it or not. */
const begun: ReadonlySet<FailureClass> = new Set(['timeout', 'truncated', 'malformed'])

/** The call failed, `ttftMs` (null: never) after it was sent having given its first token. A caller who left says nothing of the target. */
export function measureFailure(
  { measure, size, account }: MeasuredCall,
  ttftMs: number | null,
  failure: FailureClass,
  elapsedMs: number,
  nowMs: number,
): void {
  if (measure === undefined || failure === 'cancelled') return
  const isTargets = failureTable[failure].target === 'fail'
  const hasAnswered = ttftMs !== null
  // It would have come later than that, if at all.
  if (failure === 'timeout' && !hasAnswered) measure.firstToken(size, elapsedMs, nowMs)
  measure.ended(isTargets, isTargets && (hasAnswered || begun.has(failure)), nowMs)
  account?.ended(true, ttftMs)
}

/** The answer came to its end. `ttftMs`: null for one that was not streamed. */
export function measureAnswer(
  { measure, account }: MeasuredCall,
  ttftMs: number | null,
  { broken, usage, elapsedMs, soundness }: AttendedResult,
  nowMs: number,
): void {
  if (measure === undefined) return
  measure.ended(broken, broken, nowMs)
  if (elapsedMs !== undefined && ttftMs === null) measure.whole(elapsedMs, nowMs)
  if (elapsedMs !== undefined && usage?.outputTokens !== undefined)
    measure.wrote(usage.outputTokens, elapsedMs - (ttftMs ?? 0), nowMs)
  const { inputTokens = 0, cacheReadTokens } = usage ?? {}
  // A report that is silent of the cache says nothing of it.
  if (cacheReadTokens !== undefined && inputTokens > 0)
    measure.promptCached(Math.min(1, cacheReadTokens / inputTokens), nowMs)
  if (soundness !== undefined && soundness.schema !== null) measure.schema(soundness.schema, nowMs)
  if (soundness !== undefined && soundness.toolCalls !== null)
    measure.toolCalls(soundness.toolCalls, nowMs)
  account?.ended(broken, ttftMs)
  if (!broken) account?.answered(usage, nowMs)
}
