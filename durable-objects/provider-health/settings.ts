/** Every number of the rules, with its unit; `defaultHealthSettings` has the values of the specification. */
export interface HealthSettings {
  /** Quantile of the Wilson bounds: 1.645 is one-sided 95 %. */
  readonly z: number
  readonly bucketMs: number
  /** Buckets in the ring: the long window. */
  readonly longWindowBuckets: number
  readonly shortWindowBuckets: number

  readonly blackoutMinOutcomes: number
  readonly blackoutBound: number
  readonly brownoutMinOutcomes: number
  readonly brownoutBound: number
  readonly slowMinOutcomes: number
  /** Slow: a tenth of the weight. */
  readonly slowBound: number
  /** Slow enough to open. */
  readonly slowOpenBound: number
  readonly costMinOutcomes: number
  readonly costBound: number
  /** An answer is dear above so many times the baseline of its size class. */
  readonly costBandFactor: number
  /** Fewer outcomes than this are filled up with good ones for `failRate`: one failure alone says little. */
  readonly failRateMinOutcomes: number

  readonly openBaseMs: number
  readonly openMaxMs: number
  readonly maxMultiplier: number
  readonly multiplierDecayMs: number
  /** Of a Retry-After that every failure carried. */
  readonly retryAfterOpenMaxMs: number

  /** Permits that may be out at stage 0, 1 and 2. */
  readonly stagePermits: readonly [number, number, number]
  /** Clean probes with which stages 1 and 2 begin. */
  readonly stageFromClean: readonly [number, number]
  readonly cleanToClose: number
  /** Answers over T_slow that close a circuit as slow, unless it opened for slowness. */
  readonly slowAnswersToClose: number
  /** Permits in a row of which nothing was heard before it opens again. */
  readonly lapsesToOpen: number
  /** A permit lives for T_ttft_abort and this. */
  readonly permitExtraMs: number

  readonly rampMs: number
  readonly rampMinWeight: number
  readonly slowWeight: number

  /** T_slow = clamp(slowFactor x baseline p95). */
  readonly slowFactor: number
  readonly slowMinMs: number
  /** Also T_slow while there is no baseline: calling a target slow needs to know its usual speed. */
  readonly slowMaxMs: number
  /** T_ttft_abort = clamp(abortFactor x T_slow). */
  readonly abortFactor: number
  readonly abortMinMs: number
  readonly abortMaxMs: number
  readonly baselineMinSamples: number
  readonly baselineUpHalfLifeMs: number
  readonly baselineDownHalfLifeMs: number
  /** At most so much time counts between two updates, so that one batch after a quiet week does not decide alone. */
  readonly baselineMaxGapMs: number
  /** Fixed times by target, in place of the adaptive ones: a model that thinks for a minute first. */
  readonly speedOverrides: Readonly<Record<string, SpeedOverride>>

  /** Without a Retry-After. */
  readonly rateWaitDefaultMs: number
  readonly rateWaitMinMs: number
  readonly rateWaitMaxMs: number
  /** The wait is stretched by up to this share, so that isolates do not come back together. */
  readonly rateWaitJitter: number
  /** A wait that grew by less since it was last stored is not worth a write. */
  readonly rateWaitPersistMs: number
  readonly rampCutFactor: number
  /** At most one cut in so long: a burst of 429s is one message. */
  readonly rampCutEveryMs: number
  readonly rampGrowthPerS: number
  readonly rampMinRatePerS: number
  /** The limit is lifted when it has grown to so many times the rate that was too much. */
  readonly rampEndFactor: number

  /** Spent quota or refused credential: wait before the first probe, doubling to the last. */
  readonly lockoutFirstMs: number
  readonly lockoutMaxMs: number

  readonly forceMaxMs: number

  readonly syntheticProbes: boolean
  readonly syntheticEveryMs: number
  /** A target is without traffic when nobody asked for it for so long. */
  readonly syntheticIdleMs: number

  /** Windows are looked at when an event comes at least so long after the last look. */
  readonly evaluateEveryMs: number
  /** Rates and quantiles are made new at most so often; transitions at once. */
  readonly publishEveryMs: number
  readonly maxAgeMs: number
  readonly flushMinMs: number
  readonly flushMaxMs: number
  /** Reports per second that one object should get. */
  readonly reportsPerS: number

  readonly maxIsolates: number
  readonly isolateTtlMs: number
  readonly maxTargets: number
  readonly maxCredentials: number
  /** A target that nobody mentions for so long is forgotten, open or not: it left the config. */
  readonly forgetAfterMs: number
  readonly maxRows: number
  readonly maxRowCount: number
  readonly maxProbes: number
  readonly maxWants: number
}

export interface SpeedOverride {
  readonly slowAfterMs?: number
  readonly abortAfterMs?: number
}

export const defaultHealthSettings: HealthSettings = {
  z: 1.645,
  bucketMs: 2000,
  longWindowBuckets: 15,
  shortWindowBuckets: 3,

  blackoutMinOutcomes: 5,
  blackoutBound: 0.6,
  brownoutMinOutcomes: 8,
  brownoutBound: 0.25,
  slowMinOutcomes: 20,
  slowBound: 0.5,
  slowOpenBound: 0.8,
  costMinOutcomes: 20,
  costBound: 0.5,
  costBandFactor: 4,
  failRateMinOutcomes: 8,

  openBaseMs: 5000,
  openMaxMs: 120_000,
  maxMultiplier: 6,
  multiplierDecayMs: 60_000,
  retryAfterOpenMaxMs: 120_000,

  stagePermits: [1, 3, 6],
  stageFromClean: [1, 4],
  cleanToClose: 10,
  slowAnswersToClose: 10,
  lapsesToOpen: 3,
  permitExtraMs: 5000,

  rampMs: 30_000,
  rampMinWeight: 0.1,
  slowWeight: 0.1,

  slowFactor: 3,
  slowMinMs: 2000,
  slowMaxMs: 30_000,
  abortFactor: 2,
  abortMinMs: 10_000,
  abortMaxMs: 120_000,
  baselineMinSamples: 100,
  baselineUpHalfLifeMs: 86_400_000,
  baselineDownHalfLifeMs: 3_600_000,
  baselineMaxGapMs: 3_600_000,
  speedOverrides: {},

  rateWaitDefaultMs: 1000,
  rateWaitMinMs: 250,
  rateWaitMaxMs: 300_000,
  rateWaitJitter: 0.2,
  rateWaitPersistMs: 10_000,
  rampCutFactor: 0.7,
  rampCutEveryMs: 1000,
  rampGrowthPerS: 0.05,
  rampMinRatePerS: 0.1,
  rampEndFactor: 2,

  lockoutFirstMs: 300_000,
  lockoutMaxMs: 3_600_000,

  forceMaxMs: 86_400_000,

  syntheticProbes: true,
  syntheticEveryMs: 60_000,
  syntheticIdleMs: 10_000,

  evaluateEveryMs: 100,
  publishEveryMs: 1000,
  maxAgeMs: 10_000,
  flushMinMs: 1000,
  flushMaxMs: 10_000,
  reportsPerS: 500,

  maxIsolates: 20_000,
  isolateTtlMs: 300_000,
  maxTargets: 256,
  maxCredentials: 32,
  forgetAfterMs: 86_400_000,
  maxRows: 256,
  maxRowCount: 1000,
  maxProbes: 64,
  maxWants: 64,
}
