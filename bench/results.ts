/** What one entrant of one case measured: each list has one value a round. */
export interface Measures {
  /** CPU of the gateway for one request, microseconds. */
  readonly cpuPerRequestUs: number[]
  /** The same shared out over the chunks (or megabytes) of the answer, microseconds. */
  readonly cpuPerUnitUs: number[]
  readonly latencyP50Ms: number[]
  readonly latencyP99Ms: number[]
  readonly firstTokenP50Ms: number[]
  readonly firstTokenP99Ms: number[]
  readonly requestsPerSecond: number[]
  /** Resident memory while the case ran, and how far above the idle process that was, MiB. */
  readonly peakMiB: number[]
  readonly growthMiB: number[]
}

export interface EntrantResult {
  readonly label: string
  readonly measures: Measures
  readonly failures: string[]
}

export interface CaseResult {
  readonly name: string
  readonly title: string
  readonly unit: 'request' | 'chunk' | 'megabyte'
  readonly entrants: EntrantResult[]
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly kernel: string
  readonly memoryGiB: number
  readonly node: string
  readonly workerd: string
  readonly pinned: boolean
  readonly loadBefore: string
  readonly loadAfter: string
}

export interface StartUp {
  /** `wrangler check startup`: active time before the first request, ms, one for each run. */
  readonly cpuMs: readonly number[]
  /** CPU of a whole workerd process until it waits, less that of one with an empty Worker, ms. */
  readonly processMs: readonly number[]
  readonly bundleBytes: number
  readonly gzipBytes: number
}

/** How an SDK's streams went, by upstream. */
export interface SdkShare {
  readonly sdk: string
  readonly sends: string
  readonly upstream: 'openai' | 'anthropic'
  readonly plumbing: string
}

/** How long one plan took, a value a round, microseconds. */
export interface PlanTimes {
  readonly name: string
  readonly p50Us: readonly number[]
  readonly p99Us: readonly number[]
}

export interface BenchReport {
  readonly date: string
  readonly command: string
  readonly seed: number
  readonly rounds: number
  readonly quick: boolean
  readonly machine: Machine
  readonly cases: readonly CaseResult[]
  readonly startUp: StartUp | null
  readonly sdks: readonly SdkShare[]
  /** Absent in reports of earlier versions. */
  readonly plans?: readonly PlanTimes[]
}

export function emptyMeasures(): Measures {
  return {
    cpuPerRequestUs: [],
    cpuPerUnitUs: [],
    latencyP50Ms: [],
    latencyP99Ms: [],
    firstTokenP50Ms: [],
    firstTokenP99Ms: [],
    requestsPerSecond: [],
    peakMiB: [],
    growthMiB: [],
  }
}

export function measuresOf(
  report: Pick<BenchReport, 'cases'>,
  caseName: string,
  label: string,
): Measures | null {
  const found = report.cases.find(({ name }) => name === caseName)
  return found?.entrants.find((entrant) => entrant.label === label)?.measures ?? null
}
