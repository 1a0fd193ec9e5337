import type { Table } from '../../test/simulation/circuits/statistics.ts'

export interface SuiteOptions {
  readonly seeds: readonly number[]
  /** One seed, to be looked at: nothing that needs many. */
  readonly isReplay: boolean
  /** Simulated hours behind whatever is counted by the day. */
  readonly hours: number
  readonly keepsLog: boolean
  readonly progress: (text: string) => void
}

export interface SuiteFailure {
  readonly what: string
  /** The seed that shows it again; null where it needs the whole run. */
  readonly seed: number | null
  /** What happened last. */
  readonly log: readonly string[]
}

export interface SuiteReport {
  readonly failures: readonly SuiteFailure[]
  readonly tables: readonly Table[]
  /** Everything that happened, when it was kept. */
  readonly log: readonly string[]
  /** For the last line. */
  readonly checks: number
}

/** One half of the system in virtual time. Another is a file of its own and a line in `suites.ts`. */
export interface Suite {
  readonly name: string
  run(options: SuiteOptions): Promise<SuiteReport>
}
