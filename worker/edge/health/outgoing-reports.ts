import type {
  HealthReport,
  Outcome,
  ProbeOutcome,
} from '../../../durable-objects/provider-health/protocol.ts'
import { PendingReport, type NotedOutcome } from './pending-report.ts'
import type { WatchSettings } from './settings.ts'

/** What of a report is news; who sends it is known to the watch. */
export type News = Pick<HealthReport, 'sequence' | 'rows' | 'probes' | 'wants'>

/**
 * What an isolate has to tell the object of one provider, when it should be told, and which of the reports was
 * answered last. Plain data; nothing here waits.
 */
export class OutgoingReports {
  readonly #settings: WatchSettings
  readonly #pending: PendingReport
  readonly #wants = new Set<string>()
  #sequence = 0
  #answered = 0
  #sentAtMs = -Infinity
  /** Errands are numbered; 0 is nobody. */
  #errands = 0
  #errand = 0
  #keptAtMs = -Infinity
  /** Errands in a row that were given up. */
  #lost = 0
  #nextFlushMs: number
  #urgent = false
  #failedAtMs = -Infinity

  constructor(settings: WatchSettings) {
    this.#settings = settings
    this.#pending = new PendingReport(settings.maxPendingRows)
    this.#nextFlushMs = settings.flushMs
  }

  /** Of the report that left last. */
  get sequence(): number {
    return this.#sequence
  }

  note(noted: NotedOutcome, probes: readonly ProbeOutcome[], nowMs: number): void {
    this.#pending.note(noted, nowMs)
    for (const probe of probes) this.#pending.noteProbe(probe)
    if (probes.length > 0) this.#urgent = true
    if (isBadNews(noted.outcome)) this.#failed(nowMs)
  }

  want(target: string): void {
    this.#wants.add(target)
  }

  /**
   * In how many ms a report should leave, Infinity when there is no hurry: after
   * a failure at once (five a second at most) and for a while again, with news once a second or as the
   * object paces it, and without any when what the object said has grown old.
   */
  dueInMs(nowMs: number): number {
    const { urgentFlushMs, flushRows, snapshotTtlMs } = this.#settings
    const inMs = (afterMs: number) => Math.max(0, this.#sentAtMs + afterMs - nowMs)
    if (this.#urgent || this.#wants.size > 0 || this.#pending.rowCount >= flushRows)
      return inMs(urgentFlushMs)
    if (nowMs - this.#failedAtMs < this.#settings.anxiousForMs)
      return inMs(this.#nextFlushMs / this.#settings.anxiousPace)
    const waitMs = inMs(this.#pending.empty ? snapshotTtlMs : this.#nextFlushMs)
    // Somebody comes by when it is time: news that can wait need nobody who waits with them.
    return waitMs === 0 ? 0 : Infinity
  }

  /** Takes the errand of carrying reports, unless somebody is on it: its number, or null. Whoever takes it gives it back. */
  claim(nowMs: number): number | null {
    if (this.#errand !== 0) {
      if (nowMs - this.#keptAtMs < this.#patienceMs(nowMs)) return null
      this.#lost += 1
    }
    this.#errands += 1
    this.#errand = this.#errands
    this.#keptAtMs = nowMs
    return this.#errand
  }

  /** Whoever is on the errand says so before each step; false when it was given up for lost and is another's now. */
  keep(errand: number, nowMs: number): boolean {
    if (errand !== this.#errand) return false
    this.#keptAtMs = nowMs
    return true
  }

  release(errand: number): void {
    if (errand === this.#errand) this.#errand = 0
  }

  /** What the report that leaves now has to say; it is not kept: lost evidence is bearable, doubled is not. */
  take(nowMs: number): News {
    const { rows, probes } = this.#pending.take(nowMs)
    const wants = [...this.#wants]
    this.#wants.clear()
    this.#urgent = false
    this.#sentAtMs = nowMs
    this.#sequence += 1
    return { sequence: this.#sequence, rows, probes, wants }
  }

  /** The report of that number was answered: true unless a later one was before it. */
  answered(sequence: number, nextFlushMs: number): boolean {
    if (sequence < this.#answered) return false
    this.#answered = sequence
    this.#lost = 0
    // It came over the wire: what is no number paces nobody.
    if (nextFlushMs >= 0) this.#nextFlushMs = Math.max(this.#settings.urgentFlushMs, nextFlushMs)
    return true
  }

  /** How long a report may be without its reply: not long while others may already know, longer when the object is slow or away. */
  #patienceMs(nowMs: number): number {
    const { anxiousForMs, anxiousTimeoutMs, reportTimeoutMs } = this.#settings
    if (nowMs - this.#failedAtMs >= anxiousForMs) return reportTimeoutMs
    return Math.min(anxiousTimeoutMs * 2 ** this.#lost, reportTimeoutMs)
  }

  #failed(nowMs: number): void {
    this.#urgent = true
    this.#failedAtMs = nowMs
  }
}

/** Whatever went wrong: the others should hear of it at once. */
function isBadNews(outcome: Outcome): boolean {
  return outcome !== 'ok' && outcome !== 'cancelled' && outcome !== 'priced'
}
