/** Work of an object that no call waits for. */
export class Background {
  readonly #running = new Set<Promise<void>>()
  readonly #waitUntil: (work: Promise<void>) => void
  readonly #failed: (fault: unknown) => void

  constructor(waitUntil: (work: Promise<void>) => void, failed: (fault: unknown) => void) {
    this.#waitUntil = waitUntil
    this.#failed = failed
  }

  run(work: () => Promise<void>): void {
    const running = work()
      .catch(this.#failed)
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
    this.#waitUntil(running)
  }

  /** When nothing runs any more. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }
}
