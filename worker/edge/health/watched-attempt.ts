import type { Failure } from '../../canonical/failure.ts'
import type {
  Outcome,
  Permit,
  ProbeOutcome,
  SizeClass,
} from '../../../durable-objects/provider-health/protocol.ts'
import type { AttendedResult, Attendance } from '../../engine/health-port.ts'
import type { ProviderWatch } from './provider-watch.ts'
import type { TargetLoad } from './target-load.ts'

export interface WatchedCall {
  readonly target: string
  readonly size: SizeClass
  readonly credential: string | null
  readonly permits: readonly Permit[]
  readonly abortAfterMs: number
  readonly fallbackAfterMs: number | null
}

/**
 * One attempt and what it says of its target. A stream is good with its first
 * token, because waiting for its end would make everybody learn late; what goes
 * wrong behind it is counted as a failure of its own. Ends once: what comes later
 * says nothing.
 */
export class WatchedAttempt implements Attendance {
  readonly abortAfterMs: number
  readonly fallbackAfterMs: number | null
  readonly #watch: ProviderWatch
  readonly #call: WatchedCall
  readonly #load: TargetLoad
  readonly #nowMs: () => number
  readonly #noted: () => void
  #permits: readonly Permit[]
  #answered = false
  #ended = false

  constructor(watch: ProviderWatch, call: WatchedCall, nowMs: () => number, noted: () => void) {
    this.abortAfterMs = call.abortAfterMs
    this.fallbackAfterMs = call.fallbackAfterMs
    this.#watch = watch
    this.#call = call
    this.#permits = call.permits
    this.#nowMs = nowMs
    this.#noted = noted
    this.#load = watch.load(call.target)
    this.#load.began(nowMs())
  }

  firstToken(ttftMs: number): void {
    this.#answered = true
    this.#load.answered()
    this.#load.measured(this.#call.size, ttftMs, this.#nowMs())
    this.#note({ outcome: 'ok', ttftMs })
  }

  failed(failure: Failure, elapsedMs: number): void {
    if (!this.#end()) return
    const { retryAfterMs, targetFault } = failure
    // A model that is not there, or not for this account, says nothing of the credential.
    const outcome = failure.class === 'auth' && targetFault === true ? 'bad_request' : failure.class
    if (outcome === 'overloaded' || outcome === 'timeout') this.#load.struggled(this.#nowMs())
    // A client who left after the first token says nothing at all.
    if (outcome === 'cancelled' && this.#answered) return
    this.#note({
      outcome,
      ...(outcome === 'cancelled' ? { elapsedMs } : {}),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(failure.ramp === true ? { ramp: true as const } : {}),
    })
  }

  finished({ broken, costNanoUsd }: AttendedResult): void {
    if (!this.#end()) return
    const cost = costNanoUsd === null ? {} : { costNanoUsd }
    if (!this.#answered) {
      this.#load.answered()
      this.#note(broken ? { outcome: 'broken_output' } : { outcome: 'ok', ...cost })
    } else if (broken) this.#note({ outcome: 'broken_output' })
    else if (costNanoUsd !== null) this.#note({ outcome: 'priced', ...cost })
  }

  #end(): boolean {
    if (this.#ended) return false
    this.#ended = true
    this.#load.ended()
    return true
  }

  /** The first word about a call that carried permits answers them. */
  #note(said: {
    readonly outcome: Outcome
    readonly ttftMs?: number
    readonly costNanoUsd?: number
    readonly elapsedMs?: number
    readonly retryAfterMs?: number
    readonly ramp?: true
  }): void {
    const { target, size, credential } = this.#call
    const probes = this.#permits.map(({ permitId }): ProbeOutcome => {
      const { outcome, ttftMs, costNanoUsd, retryAfterMs } = said
      return {
        permitId,
        outcome,
        size,
        ...(ttftMs === undefined ? {} : { ttftMs }),
        ...(costNanoUsd === undefined ? {} : { costNanoUsd }),
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      }
    })
    this.#permits = []
    const who = credential === null ? {} : { credential }
    this.#watch.note({ target, size, ...who, ...said }, probes, this.#nowMs())
    this.#noted()
  }
}
