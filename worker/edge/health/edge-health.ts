import { sizeClassOf } from '../../../durable-objects/provider-health/protocol.ts'
import type {
  HealthReply,
  HealthReport,
  SizeClass,
  Speed,
} from '../../../durable-objects/provider-health/protocol.ts'
import type { Attendance, HealthPort, Priority, Turn } from '../../engine/health-port.ts'
import type { MeasurePort } from '../../engine/measure-port.ts'
import type { StepMark } from '../../policy/ranking.ts'
import { providerOfTarget } from '../config.ts'
import { RankAccount } from '../measure/rank-account.ts'
import { foreseenTokens } from '../measure/rank-memory.ts'
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

  standing(target: Target, promptTokens: number, nowMs = this.#host.nowMs()): Standing {
    const { id } = target.provider
    if (!this.#seen.includes(id)) this.#seen.push(id)
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

  firstTokenP95Ms(target: Target, promptTokens: number): number | null {
    const watch = this.#book.watch(target.provider, this.#host.nowMs())
    return watch.speed(target.name)?.ttftP95Ms[sizeClassOf(promptTokens)] ?? null
  }

  begin(target: Target, promptTokens: number, priority?: Priority, mark?: StepMark): Attendance {
    const { provider, name } = target
    const nowMs = this.#host.nowMs()
    const watch = this.#book.watch(provider, nowMs)
    const size = sizeClassOf(promptTokens)
    const speed = watch.speed(name)
    const permits = watch.takePermits(name, nowMs)
    const fallbackAfterMs = armedAfterMs(speed, size, this.#book.settings.probeFallbackMs)
    const call = {
      target: name,
      size,
      credential: provider.credentialId,
      permits,
      abortAfterMs: speed?.abortAfterMs[size] ?? Infinity,
      fallbackAfterMs: permits.length === 0 ? null : fallbackAfterMs,
      measure: this.#book.memory.measure(name),
      account: this.#accountOf(target, promptTokens, mark ?? null, nowMs),
    }
    const attempt = new WatchedAttempt(
      watch,
      priority === undefined ? call : { ...call, priority },
      nowMs,
      () => this.#host.nowMs(),
      (notedMs) => this.#exchange(provider.id, watch, notedMs),
    )
    for (const id of this.#seen) this.#exchange(id, this.#book.known(id), nowMs)
    this.#seen = []
    return attempt
  }

  roomInMs({ name, provider, maxConcurrent }: Target, turn: Turn): number {
    const watch = this.#book.watch(provider, this.#host.nowMs())
    const shares = watch.shares(name)
    const limit =
      maxConcurrent === null ? shares.learned.limit : maxConcurrent / watch.activeIsolates
    return shares.roomInMs(turn, { limit, inFlight: watch.load(name).inFlight })
  }

  get measures(): MeasurePort {
    return this.#book.measures
  }

  validated({ name }: Target, isValid: boolean): void {
    this.#book.memory.measure(name).schema(isValid, this.#host.nowMs())
  }

  /** What a call of a route with options, or of a target with reserved capacity, leaves behind; null for most. */
  #accountOf(
    target: Target,
    promptTokens: number,
    mark: StepMark | null,
    nowMs: number,
  ): RankAccount | null {
    const { name, reserved, provider } = target
    if (mark === null && reserved === null) return null
    const { memory } = this.#book
    const setAsideTokens =
      reserved === null ? null : foreseenTokens(promptTokens, mark, memory, nowMs)
    if (reserved !== null && setAsideTokens !== null) {
      const isolates = this.#book.known(provider.id)?.activeIsolates ?? 1
      memory.reserves.take(name, reserved, setAsideTokens, isolates, nowMs)
    }
    const trial = mark?.trial ?? null
    const watch = trial === null ? undefined : this.#book.known(providerOfTarget(trial.target))
    const call = {
      target: name,
      mark,
      setAsideTokens,
      tally: watch?.trials ?? null,
      isAlone: watch?.isAlone(nowMs) ?? true,
    }
    return new RankAccount(call, memory)
  }

  /** Sends what is due, behind the response. */
  #exchange(provider: string, watch: ProviderWatch | undefined, nowMs: number): void {
    const { send } = this.#host
    if (send === null || watch === undefined) return
    if (watch.dueInMs(nowMs) === Infinity) return
    const errand = watch.claim(nowMs)
    if (errand === null) return
    const carry = (report: HealthReport) => send(provider, report)
    this.#host.waitUntil(this.#deliver(watch, errand, carry))
  }

  /** Carries reports as long as there is bad news: what fails while one is on its way must not wait for the next request. */
  async #deliver(
    watch: ProviderWatch,
    errand: number,
    send: (report: HealthReport) => Promise<HealthReply>,
  ): Promise<void> {
    try {
      for (let reports = 0; reports < reportsAnErrand;) {
        const nowMs = this.#host.nowMs()
        const inMs = watch.dueInMs(nowMs)
        if (inMs === Infinity || !watch.keep(errand, nowMs)) return
        if (inMs > 0) {
          await this.#pause(Math.min(inMs, this.#book.settings.lookEveryMs))
          continue
        }
        const report = watch.report(nowMs)
        reports += 1
        watch.received(await send(report), this.#host.nowMs(), report.sequence)
      }
    } catch {
      // No reply: the isolate goes on with what it has.
    } finally {
      watch.release(errand)
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

/**
 * When the fallback of a probe starts beside it: after `shortestMs`, or T_slow if that is sooner. A model that usually
 * thinks for longer has its usual time, p95: a probe that is overtaken says nothing, and one that always is would keep
 * a target that is well away for good.
 */
function armedAfterMs(speed: Speed | null, size: SizeClass, shortestMs: number): number {
  const slowAfterMs = speed?.slowAfterMs[size] ?? shortestMs
  const usualMs = Math.min(speed?.ttftP95Ms[size] ?? 0, slowAfterMs / 3)
  return Math.min(slowAfterMs, Math.max(shortestMs, usualMs))
}
