import type { Ports } from './ports.ts'

/**
 * Notices silence without a timer a chunk: one timer stands for the whole
 * stream and, when it fires, looks how long ago the last sign of life was.
 */
export class SilenceWatch {
  readonly #ports: Ports
  readonly #limitMs: number
  readonly #onSilence: () => void
  #lastMs: number
  #cancel: () => void = () => undefined

  /** Calls `onSilence` each time `limitMs` have passed without `touch()`. */
  constructor(ports: Ports, limitMs: number, onSilence: () => void) {
    this.#ports = ports
    this.#limitMs = limitMs
    this.#onSilence = onSilence
    this.#lastMs = ports.nowMs()
    this.#arm(limitMs)
  }

  touch(): void {
    this.#lastMs = this.#ports.nowMs()
  }

  stop(): void {
    this.#cancel()
  }

  #arm(delayMs: number): void {
    this.#cancel = this.#ports.after(delayMs, () => {
      const leftMs = this.#limitMs - (this.#ports.nowMs() - this.#lastMs)
      if (leftMs > 0) return this.#arm(leftMs)
      this.touch()
      this.#arm(this.#limitMs)
      this.#onSilence()
    })
  }
}
