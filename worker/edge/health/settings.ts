/** How an isolate deals with health, with its units; `defaultWatchSettings` has the values of the specification. */
export interface WatchSettings {
  /** What the object said holds for so long; then it is asked again, ms. */
  readonly snapshotTtlMs: number
  /** Older than this it counts no more: the isolate goes by its own outcomes alone, ms. */
  readonly snapshotMaxAgeMs: number
  /** Rows that make a report due before its time. */
  readonly flushRows: number
  /** Between two reports of an isolate with traffic, until the object says otherwise, ms. */
  readonly flushMs: number
  /** Between two reports that a failure has made urgent, ms. */
  readonly urgentFlushMs: number
  /** After a failure the object is asked so many times as often as it paces reports, for so long: it may have heard from others, ms. */
  readonly anxiousPace: number
  readonly anxiousForMs: number
  /** A report without a reply is given up, ms; what it said may be lost, never counted twice. */
  readonly reportTimeoutMs: number
  /** The same in that while after a failure; twice as long for each that was given up, up to `reportTimeoutMs`. */
  readonly anxiousTimeoutMs: number
  /** Whoever waits to send a report looks so often whether something made it more urgent, ms. */
  readonly lookEveryMs: number
  /** Rows that wait for a report, at most: the oldest go first. */
  readonly maxPendingRows: number

  /** Hard failures in a row with no success between them that make a target suspect here. */
  readonly suspectFailures: number
  readonly suspectWithinMs: number
  readonly suspectForMs: number
  /** A suspect is still asked so often, ms: evidence that stops would keep the others from knowing. */
  readonly suspectEveryMs: number

  /** Calls of one target on their way at once: what the guard starts from when the target struggles first, and its bounds. */
  readonly concurrencyStart: number
  readonly concurrencyMin: number
  readonly concurrencyMax: number
  readonly concurrencyCut: number
  readonly concurrencyCutEveryMs: number

  /** Time constant of the peak-sensitive average of the time to first token, ms. */
  readonly latencyTauMs: number

  /** A probe without a first token for so long gets its fallback beside it, ms; T_slow if that is shorter. */
  readonly probeFallbackMs: number
}

export const defaultWatchSettings: WatchSettings = {
  snapshotTtlMs: 15_000,
  snapshotMaxAgeMs: 60_000,
  flushRows: 50,
  flushMs: 1000,
  urgentFlushMs: 200,
  anxiousPace: 4,
  anxiousForMs: 3000,
  reportTimeoutMs: 1500,
  anxiousTimeoutMs: 500,
  lookEveryMs: 50,
  maxPendingRows: 200,
  suspectFailures: 3,
  suspectWithinMs: 2000,
  suspectForMs: 2000,
  suspectEveryMs: 200,
  concurrencyStart: 20,
  concurrencyMin: 4,
  concurrencyMax: 200,
  concurrencyCut: 0.7,
  concurrencyCutEveryMs: 1000,
  latencyTauMs: 10_000,
  probeFallbackMs: 2000,
}
