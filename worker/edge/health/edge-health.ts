import { sizeClassOf } from '../../../durable-objects/provider-health/protocol.ts'
import type {
  HealthReply,
  HealthReport,
} from '../../../durable-objects/provider-health/protocol.ts'
import type { Attendance, HealthPort } from '../../engine/health-port.ts'
import type { Target } from '../runtime.ts'
import type { HealthBook } from './health-book.ts'
import type { ProviderWatch, Standing } from './provider-watch.ts'
import { WatchedAttempt } from './watched-attempt.ts'

/** Takes a report to the object of a provider in this region, and its reply back; null where there is no such object. */
export type SendReport = ((provider: string, report: HealthReport) => Promise<HealthReply>) | null

export interface HealthHost {
  nowMs(): number
  after(delayMs: number, then: () => void): () => void
  waitUntil(work: Promise<unknown>): void
  readonly send: SendReport
}

/** The health of targets as one request sees it: the isolate's book, and reports that leave behind the response. */
export class EdgeHealth implements HealthPort {
  readonly #book: HealthBook
  readonly #host: HealthHost
  #seen: string[] = []

  constructor(book: HealthBook, host: HealthHost) {
    this.#book = book
    this.#host = host
  }

  standing(target: Target, promptTokens: number): Standing {
    const { id } = target.provider
    if (!this.#seen.includes(id)) this.#seen.push(id)
    const nowMs = this.#host.nowMs()
    const watch = this.#book.watch(target.provider, nowMs)
    return watch.standing(target.name, sizeClassOf(promptTokens), nowMs)
  }

  want(target: Target): void {
    const nowMs = this.#host.nowMs()
    this.#book.watch(target.provider, nowMs).want(target.name, nowMs)
  }

  admits(target: Target): boolean {
    const nowMs = this.#host.nowMs()
    return this.#book.watch(target.provider, nowMs).admits(target.name, nowMs)
  }

  begin(target: Target, promptTokens: number): Attendance {
    const { provider, name } = target
    const nowMs = this.#host.nowMs()
    const watch = this.#book.watch(provider, nowMs)
    const size = sizeClassOf(promptTokens)
    const speed = watch.speed(name)
    const permits = watch.takePermits(name, nowMs)
    const { probeFallbackMs } = this.#book.settings
    const fallbackAfterMs = Math.min(speed?.slowAfterMs[size] ?? probeFallbackMs, probeFallbackMs)
    const call = {
      target: name,
      size,
      credential: provider.credentialId,
      permits,
      abortAfterMs: speed?.abortAfterMs[size] ?? Infinity,
      fallbackAfterMs: permits.length === 0 ? null : fallbackAfterMs,
    }
    const attempt = new WatchedAttempt(
      watch,
      call,
      () => this.#host.nowMs(),
      () => this.#exchange(provider.id, watch),
    )
    for (const id of this.#seen) this.#exchange(id, this.#book.known(id))
    this.#seen = []
    return attempt
  }

  /** Sends what is due, behind the response. */
  #exchange(provider: string, watch: ProviderWatch | undefined): void {
    const { send } = this.#host
    if (send === null || watch === undefined) return
    const nowMs = this.#host.nowMs()
    if (watch.dueInMs(nowMs) === Infinity || !watch.claim(nowMs)) return
    this.#host.waitUntil(this.#deliver(provider, watch, send))
  }

  /** Carries reports as long as there is bad news: what fails while one is on its way must not wait for the next request. */
  async #deliver(
    provider: string,
    watch: ProviderWatch,
    send: NonNullable<SendReport>,
  ): Promise<void> {
    try {
      for (let reports = 0; reports < reportsAnErrand; reports++) {
        const inMs = watch.dueInMs(this.#host.nowMs())
        if (inMs === Infinity) return
        if (inMs > 0) await this.#pause(inMs)
        const report = watch.report(this.#host.nowMs())
        const reply = await send(provider, report)
        watch.received(reply, this.#host.nowMs(), report.sequence)
      }
    } catch {
      // No reply: the isolate goes on with what it has.
    } finally {
      watch.release()
    }
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#host.after(delayMs, resolve)
    })
  }
}

/** One request does not carry everybody's news for ever. */
const reportsAnErrand = 10
