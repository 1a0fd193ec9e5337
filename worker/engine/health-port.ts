import type { Failure } from '../canonical/failure.ts'
import type { Target } from '../edge/runtime.ts'
import type { Usage } from '../canonical/usage.ts'
import type { TargetHealth } from '../policy/candidate.ts'
import type { StepMark } from '../policy/ranking.ts'
import type { MeasurePort } from './measure-port.ts'

/** What the engine asks and tells of the health of targets. Nothing here waits for anybody. */
export interface HealthPort {
  /** How `target` stands for a prompt of about `promptTokens`, at `nowMs` where whoever asks has looked at the clock. */
  standing(
    target: Target,
    promptTokens: number,
    nowMs?: number,
  ): { readonly health: TargetHealth | undefined; readonly notBeforeMs: number }
  /** `target` would have been asked, were it not barred: if it may be tried out, the next request shall have leave to. */
  want(target: Target): void
  /** Whether a request may try `target` although it is barred, because there is no other. */
  admits(target: Target): boolean
  /** How late its first token usually is at this size of prompt, 95th percentile, ms; null while nobody has said. */
  firstTokenP95Ms(target: Target, promptTokens: number): number | null
  /**
   * In how many ms `target` is likely to have room for work of this priority; 0 when it has now. Absent where capacity
   * is not shared out.
   */
  roomInMs?(target: Target, turn: Turn): number
  /** What the order of targets goes by; absent where nobody measures. */
  readonly measures?: MeasurePort
  /** An answer of `target` was held against a schema. */
  validated?(target: Target, isValid: boolean): void
  /** One attempt begins. Whoever begins it ends it, once, on every path. */
  begin(target: Target, promptTokens: number, priority?: Priority, mark?: StepMark): Attendance
}

/** Whose work goes first when targets are full. */
export type Priority = 'premium' | 'standard' | 'batch'

/** A priority, and how capacity is shared out between all of them: shares, 0 to 1. */
export interface Turn {
  readonly priority: Priority
  /** Of the calls a target takes at once; for premium work alone. */
  readonly premiumReserve: number
  /** Of what interactive work leaves free; for batch work. */
  readonly batchShare: number
}

/** One attempt, as the health of its target sees it. */
export interface Attendance {
  /** A call without a token for so long is given up, ms. */
  readonly abortAfterMs: number
  /** It is a probe: its fallback starts beside it when no token came for so long, ms; null for an ordinary call. */
  readonly fallbackAfterMs: number | null
  /** A stream has given its first meaningful token, `ttftMs` after it was sent. */
  firstToken(ttftMs: number): void
  /** It failed, before or after its first token, `elapsedMs` after it was sent. */
  failed(failure: Failure, elapsedMs: number): void
  /** The answer has come to its end. `broken`: a tool call or a schema in it does not parse. */
  finished(result: AttendedResult): void
}

export interface AttendedResult {
  readonly broken: boolean
  /** Null when the model has no price or the provider no counts. */
  readonly costNanoUsd: number | null
  /** What the provider counted. */
  readonly usage?: Usage | undefined
  /** From sending it to the end of the answer, ms. */
  readonly elapsedMs?: number
  /** Which of what had to parse did. */
  readonly soundness?: Soundness | undefined
}

/** True: it parses; false: it does not; null: there was nothing of that kind. */
export interface Soundness {
  readonly schema: boolean | null
  readonly toolCalls: boolean | null
}

/** Where nobody watches: an object that makes a single call of its own. */
export const unattended: Attendance = {
  abortAfterMs: Infinity,
  fallbackAfterMs: null,
  firstToken: () => undefined,
  failed: () => undefined,
  finished: () => undefined,
}
