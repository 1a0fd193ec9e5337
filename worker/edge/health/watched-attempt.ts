import type { Failure } from '../../canonical/failure.ts'
import type {
  Outcome,
  Permit,
  ProbeOutcome,
} from '../../../durable-objects/provider-health/protocol.ts'
import type { AttendedResult, Attendance, Priority } from '../../engine/health-port.ts'
import { measureAnswer, measureFailure, type MeasuredCall } from '../measure/call-measure.ts'
import type { CapacityShares } from './capacity-shares.ts'
import type { ProviderWatch } from './provider-watch.ts'
import type { TargetLoad } from './target-load.ts'

export interface WatchedCall extends MeasuredCall {
  readonly target: string
  readonly credential: string | null
  readonly permits: readonly Permit[]
  readonly abortAfterMs: number
  readonly fallbackAfterMs: number | null
  /** Whose work it is, where capacity is shared out. */
  readonly priority?: Priority
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
  readonly #noted: (nowMs: number) => void
  #permits: readonly Permit[]
  readonly #beganAtMs: number
  /** Null where capacity is not shared out. */
  readonly #shares: CapacityShares | null
  #answered = false
  #ttftMs: number | null = null
  #ended = false

  constructor(
    watch: ProviderWatch,
    call: WatchedCall,
    beganAtMs: number,
    nowMs: () => number,
    noted: (nowMs: number) => void,
  ) {
    this.abortAfterMs = call.abortAfterMs
    this.fallbackAfterMs = call.fallbackAfterMs
    this.#watch = watch
    this.#call = call
    this.#permits = call.permits
    this.#nowMs = nowMs
    this.#noted = noted
    this.#load = watch.load(call.target)
    this.#beganAtMs = beganAtMs
    this.#load.began(beganAtMs)
    const { priority, target } = call
    this.#shares = priority === undefined ? null : watch.shares(target)
    if (priority !== undefined) this.#shares?.began(priority)
  }

  firstToken(ttftMs: number): void {
    this.#answered = true
    this.#load.answered()
    this.#load.measured(this.#call.size, ttftMs, this.#nowMs())
    this.#learn(ttftMs)
    this.#ttftMs = ttftMs
    this.#call.measure?.firstToken(this.#call.size, ttftMs, this.#nowMs())
    this.#note({ outcome: 'ok', ttftMs })
  }

  failed(failure: Failure, elapsedMs: number): void {
    if (!this.#end()) return
    const { retryAfterMs, targetFault } = failure
    measureFailure(this.#call, this.#ttftMs, failure.class, elapsedMs, this.#nowMs())
    // A model that is not there, or not for this account, says nothing of the credential.
    const outcome = failure.class === 'auth' && targetFault === true ? 'bad_request' : failure.class
    if (outcome === 'overloaded' || outcome === 'timeout') {
      this.#load.struggled(this.#nowMs())
      this.#shares?.learned.turnedAway(this.#nowMs())
    }
    // A client who left after the first token says nothing at all.
    if (outcome === 'cancelled' && this.#answered) return
    this.#note({
      outcome,
      ...(outcome === 'cancelled' ? { elapsedMs } : {}),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(failure.ramp === true ? { ramp: true as const } : {}),
    })
  }

  finished(result: AttendedResult): void {
    if (!this.#end()) return
    const { broken, costNanoUsd } = result
    const nowMs = this.#nowMs()
    measureAnswer(this.#call, this.#ttftMs, result, nowMs)
    const cost = costNanoUsd === null ? {} : { costNanoUsd }
    if (!this.#answered) {
      this.#load.answered()
      this.#learn(null)
      this.#note(broken ? { outcome: 'broken_output' } : { outcome: 'ok', ...cost }, nowMs)
    } else if (broken) this.#note({ outcome: 'broken_output' }, nowMs)
    else if (costNanoUsd !== null) this.#note({ outcome: 'priced', ...cost }, nowMs)
  }

  #learn(ttftMs: number | null): void {
    const { inFlight } = this.#load
    this.#shares?.learned.answered(this.#call.size, ttftMs, inFlight, this.#nowMs())
  }

  #end(): boolean {
    if (this.#ended) return false
    this.#ended = true
    this.#load.ended()
    const { priority } = this.#call
    if (priority !== undefined) this.#shares?.ended(priority, this.#nowMs() - this.#beganAtMs)
    return true
  }

  /** The first word about a call that carried permits answers them. */
  #note(
    said: {
      readonly outcome: Outcome
      readonly ttftMs?: number
      readonly costNanoUsd?: number
      readonly elapsedMs?: number
      readonly retryAfterMs?: number
      readonly ramp?: true
    },
    nowMs = this.#nowMs(),
  ): void {
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
    this.#watch.note({ target, size, ...who, ...said }, probes, nowMs)
    this.#noted(nowMs)
  }
}
