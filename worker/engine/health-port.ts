import type { Failure } from '../canonical/failure.ts'
import type { Target } from '../edge/runtime.ts'
import type { TargetHealth } from '../policy/candidate.ts'

/** What the engine asks and tells of the health of targets. Nothing here waits for anybody. */
export interface HealthPort {
  /** How `target` stands for a prompt of about `promptTokens`. */
  standing(
    target: Target,
    promptTokens: number,
  ): { readonly health: TargetHealth | undefined; readonly notBeforeMs: number }
  /** `target` would have been asked, were it not barred: if it may be tried out, the next request shall have leave to. */
  want(target: Target): void
  /** Whether a request may try `target` although it is barred, because there is no other. */
  admits(target: Target): boolean
  /** One attempt begins. Whoever begins it ends it, once, on every path. */
  begin(target: Target, promptTokens: number): Attendance
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
}

/** Where nobody watches: an object that makes a single call of its own. */
export const unattended: Attendance = {
  abortAfterMs: Infinity,
  fallbackAfterMs: null,
  firstToken: () => undefined,
  failed: () => undefined,
  finished: () => undefined,
}
