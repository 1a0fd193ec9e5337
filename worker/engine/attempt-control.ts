import { failure, type Failure } from '../canonical/failure.ts'
import type { Ports } from './ports.ts'

type StopCause = 'first-token' | 'answer' | 'idle' | 'deadline' | 'client-gone' | 'superseded'

/**
 * The one place that stops an upstream call: the client has gone, or a limit
 * has passed. Remembers why, so that an aborted read can be named. The timer is
 * disarmed at the first token; `AbortSignal.timeout` would go on to kill the body.
 */
export class AttemptControl {
  readonly #controller = new AbortController()
  readonly #ports: Ports
  readonly #onGone = () => this.stop('client-gone')
  /** The call may have left: from here on it may be billed. Said by whoever sends it, just before. */
  isSent = false
  #cause: StopCause | null = null
  #disarm: () => void = () => undefined

  constructor(ports: Ports) {
    this.#ports = ports
    if (ports.clientGone.aborted) this.stop('client-gone')
    else ports.clientGone.addEventListener('abort', this.#onGone)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get stopped(): boolean {
    return this.#cause !== null
  }

  get clientGone(): boolean {
    return this.#cause === 'client-gone'
  }

  /** Stops the call in `delayMs`, unless disarmed or armed anew before. */
  arm(delayMs: number, cause: StopCause): void {
    this.#disarm()
    this.#disarm = this.#ports.after(Math.max(0, delayMs), () => this.stop(cause))
  }

  disarm(): void {
    this.#disarm()
    this.#disarm = () => undefined
  }

  /** Ends the upstream call now. The first cause stands. */
  stop(cause: StopCause): void {
    this.#cause ??= cause
    this.disarm()
    this.#controller.abort()
  }

  /** Lets go of the timer and of the client's signal; the call itself is left as it is. */
  release(): void {
    this.disarm()
    this.#ports.clientGone.removeEventListener('abort', this.#onGone)
  }

  /** Why a read or a fetch came to nothing. */
  failure(fallback: Failure): Failure {
    return this.#cause === null ? fallback : stopFailures[this.#cause]
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
