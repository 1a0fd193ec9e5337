/** Every number of the way to a journal, with its unit. */
export interface JournalSettings {
  /** Between two deliveries, ms: what comes meanwhile travels together. */
  readonly pauseMs: number
  /** After a delivery that failed, ms. */
  readonly retryMs: number
  /** Of one delivery: what is reached with its last transaction. */
  readonly mostCharacters: number
  /** A person is told when something waits for so long, ms. */
  readonly alertAfterMs: number
  /** How long an object that starts waits for its journal, ms. */
  readonly proveTimeoutMs: number
  /** Changes of one page of a restore. */
  readonly pageChanges: number
}

export const defaultJournalSettings: JournalSettings = {
  pauseMs: 500,
  retryMs: 5000,
  mostCharacters: 2_000_000,
  alertAfterMs: 300_000,
  proveTimeoutMs: 1000,
  pageChanges: 2000,
}
