import { failure, type Failure } from '../canonical/failure.ts'
import type { Ports } from './ports.ts'

type StopCause = 'first-token' | 'answer' | 'idle' | 'deadline' | 'client-gone' | 'superseded'

/**
 * The one place that stops an upstream call: the client has gone, or a limit
 * has passed. Remembers why, so that an aborted read can be named. The timer is
 * disarmed at the first token; `AbortSignal.timeout` would go on to kill the body.
 *
 * A call that is `alone` is asked for a whole answer, and nobody overtakes it: one
 * limit holds from its sending to its last byte, so that the host's own signal will do.
 */
export class AttemptControl {
  #controller: AbortController | null = null
  /** Of a call that is alone, where the host has such a signal. */
  #expiry: AbortSignal | null = null
  #expiryCause: StopCause = 'answer'
  readonly #isAlone: boolean
  readonly #ports: Ports
  readonly #onGone = () => this.stop('client-gone')
  /** The call may have left: from here on it may be billed. Said by whoever sends it, just before. */
  isSent = false
  #cause: StopCause | null = null
  #disarm: () => void = () => undefined

  constructor(ports: Ports, isAlone = false) {
    this.#ports = ports
    this.#isAlone = isAlone
    if (ports.clientGone.aborted) this.stop('client-gone')
    else ports.clientGone.addEventListener('abort', this.#onGone)
  }

  get signal(): AbortSignal {
    if (this.#expiry !== null) return this.#expiry
    this.#controller ??= new AbortController()
    // Stopped before it was asked for: the client had gone.
    if (this.#cause !== null) this.#controller.abort()
    return this.#controller.signal
  }

  get stopped(): boolean {
    return this.#cause !== null || this.#expiry?.aborted === true
  }

  get clientGone(): boolean {
    return this.#cause === 'client-gone'
  }

  /** Stops the call in `delayMs`, unless disarmed or armed anew before. */
  arm(delayMs: number, cause: StopCause): void {
    this.#disarm()
    const limitMs = Math.max(0, delayMs)
    this.#expiry = this.#isAlone ? (this.#ports.expiry?.(limitMs) ?? null) : null
    this.#expiryCause = cause
    if (this.#expiry === null) this.#disarm = this.#ports.after(limitMs, () => this.stop(cause))
  }

  disarm(): void {
    this.#disarm()
    this.#disarm = () => undefined
  }

  /** Ends the upstream call now. The first cause stands. */
  stop(cause: StopCause): void {
    this.#cause ??= cause
    this.disarm()
    this.#controller?.abort()
  }

  /** Lets go of the timer and of the client's signal; the call itself is left as it is. */
  release(): void {
    this.disarm()
    this.#ports.clientGone.removeEventListener('abort', this.#onGone)
  }

  /** Why a read or a fetch came to nothing. */
  failure(fallback: Failure): Failure {
    const cause = this.#cause ?? (this.#expiry?.aborted === true ? this.#expiryCause : null)
    return cause === null ? fallback : stopFailures[cause]
  }
}

const stopFailures: Readonly<Record<StopCause, Failure>> = {
  'first-token': failure('timeout', 'the provider sent no token in time'),
  answer: failure('timeout', 'the provider did not finish its answer in time'),
  idle: failure('timeout', 'the provider stopped sending in the middle of its answer'),
  deadline: failure('timeout', 'the deadline of the request has passed'),
  superseded: failure('cancelled', 'another target answered first'),
  'client-gone': failure('cancelled', 'the client has gone'),
}
